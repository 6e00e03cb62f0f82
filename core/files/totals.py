"""Totals rows: recognised and left out, without losing a customer called "Totaal Techniek" (import rules 3.8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np

from core.files.cells import Column, Mask, Rows
from core.files.quantities import Scaled, Values
from core.files.table import Table, first_texts

TOTALS = re.compile(
    r"^(grand )?(sub[- ]?)?tota+l(s|en|e)?\b|^summe\b|^gesamt|^zwischensumme|^eindtotaal", re.IGNORECASE
)


def totals_rows(table: Table, values: Sequence[Values]) -> Mask:
    """The rows of a table that repeat a sum. `values` are the numbers of each of its quantity columns."""
    found = np.zeros(table.body.rows, dtype=np.bool_)
    nameless, no_product = _nameless(table), _empty(table, "product")
    worded = table.names["customer"].where(_is_worded) | table.body.column(0).where(_is_worded)
    suspects = np.flatnonzero(table.keep & (worded | nameless))
    if not len(suspects):
        return found
    says_total = [TOTALS.search(text) is not None for text in first_texts(table, suspects)]
    sums = _RunningSums(table, values, suspects) if table.quantities[0].index is not None else None
    for row, says_so in zip(suspects.tolist(), says_total, strict=True):
        if says_so and no_product is not None and no_product[row]:
            found[row] = True
        elif sums is not None and (says_so or nameless[row]):
            found[row] = sums.repeated_by(row, even_nothing=bool(nameless[row]))
        if sums is not None and not found[row]:
            sums.counts(row)
    return found


def _is_worded(value: object) -> bool:
    return isinstance(value, str) and TOTALS.search(value.strip()) is not None


def _empty(table: Table, role: str) -> Mask | None:
    """The rows where a role's column is empty; None where it reads no column."""
    if not table.reads(role) and not table.reads({"customer": "customer_id", "product": "product_key"}[role]):
        return None
    return table.names[role].where(lambda name: name == "")


def _nameless(table: Table) -> Mask:
    """The rows where neither customer nor product is told, as far as columns tell them."""
    told = [mask for mask in (_empty(table, "customer"), _empty(table, "product")) if mask is not None]
    return np.logical_and.reduce(told) if told else np.zeros(table.body.rows, dtype=np.bool_)


class _RunningSums:
    """Sums of the rows above a row, of each quantity column: of the filtered rows, of all rows, and since the last totals row."""

    def __init__(self, table: Table, values: Sequence[Values], suspects: Rows) -> None:
        self.columns = [(quantity.cells, numbers) for quantity, numbers in zip(table.quantities, values, strict=True)]
        steady = np.ones(table.body.rows, dtype=np.bool_)
        steady[suspects] = False
        masks = [table.keep & steady, table.unfiltered & steady]
        self.sums = [[_prefix(cells, numbers, mask) for cells, numbers in self.columns] for mask in masks]
        self.extra = [Decimal(0) for _ in self.columns]
        self.at_last_total: list[list[Decimal]] = []

    def repeated_by(self, row: int, *, even_nothing: bool) -> bool:
        """Whether each quantity of this row equals the sum above it; a sum of nothing counts only where asked."""
        own = [numbers[cells.codes[row]] for cells, numbers in self.columns]
        above = [self._at(kind, row) for kind in range(len(self.sums))]
        since = [
            [now - then for now, then in zip(at, before, strict=True)]
            for at, before in zip(above, self.at_last_total, strict=False)
        ]
        if not any(_equal(own, sums, even_nothing) for sums in above + since):
            return False
        self.at_last_total = above
        return True

    def counts(self, row: int) -> None:
        """A suspect that is no totals row is data: it belongs to the sums of the rows below."""
        for place, (cells, numbers) in enumerate(self.columns):
            self.extra[place] += numbers[cells.codes[row]] or 0

    def _at(self, kind: int, row: int) -> list[Decimal]:
        return [prefix(row) + extra for prefix, extra in zip(self.sums[kind], self.extra, strict=True)]


def _equal(own: Values, sums: Sequence[Decimal], even_nothing: bool) -> bool:
    pairs = [(number, total) for number, total in zip(own, sums, strict=True) if number is not None]
    return (
        bool(pairs) and all(number == total for number, total in pairs) and (even_nothing or any(t for _, t in pairs))
    )


def _prefix(cells: Column, numbers: Values, mask: Mask) -> Callable[[int], Decimal]:
    """A function that tells the exact sum of the masked rows above a row."""
    scaled = Scaled.of(numbers, len(cells))
    running = np.cumsum(np.where(mask, scaled.ints[cells.codes], 0))

    def above(row: int) -> Decimal:
        return scaled.back(running[row - 1]) if row else Decimal(0)

    return above
