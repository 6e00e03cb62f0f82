"""From the tables of a file to records: one for each quantity, and an error for each row that cannot be read (Part 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from core.domain.file_settings import Aggregate, FileSettings, NumberFormat, Shape
from core.domain.text import T
from core.files.cells import Cell, Column, Mask, display, is_blank, joined
from core.files.dates import DateReader, Moment
from core.files.findings import Findings
from core.files.issues import ImportIssue, NoteKind, column_letter, shown
from core.files.messages import Said, about_date, about_name, about_pair, about_quantity
from core.files.numbers import NotAPair, Number, side_of_pair
from core.files.quantities import file_format, read_amount, read_quantities, usable
from core.files.roles import DATE_ROLES, MONEY_ROLES
from core.files.table import Quantities, Table
from core.files.totals import totals_rows

IDENTIFIERS = ("customer_id", "customer", "product_key", "product", "subscription_id")
COUNTED = -1
"""In `Records.letters`: rows are counted, no column holds the quantity."""
UNCOUNTED = "uncounted"
"""Marks the records of a file of amounts that tell no quantity."""
Whole = npt.NDArray[np.integer[Any]]


@dataclass(slots=True)
class Records:
    """Quantities with whose and what they are, as columns of one length."""

    columns: dict[str, Column]
    """Names (text), quantity and amounts (Decimal), dates (datetime or None), by role."""
    rows: Whole
    tables: Whole
    """Which table of the file a record is of."""
    letters: Whole
    """The index of its quantity's column."""

    def __len__(self) -> int:
        return len(self.rows)

    def taken(self, rows: Mask) -> Records:
        """Some of the records."""
        columns = {role: column.take(rows) for role, column in self.columns.items()}
        return Records(columns, self.rows[rows], self.tables[rows], self.letters[rows])


def unread(role: str) -> str:
    """The column that marks the records whose price or amount cannot be read."""
    return f"unread {role}"


def read_records(tables: Sequence[Table], settings: FileSettings, findings: Findings) -> Records:
    """All records of a file. Rows that cannot be read are told to `findings` and are not among them."""
    sign = file_format(tables, settings)
    dates = DateReader(settings.date_format, _date_texts(tables))
    parts: list[Records] = []
    for number, table in enumerate(tables):
        parts.extend(_TableReader(table, number, settings, findings, sign, dates).read())
    roles = {role for part in parts for role in part.columns}
    return Records(
        {
            role: joined([part.columns.get(role) or Column.constant("", len(part)) for part in parts])
            for role in sorted(roles)
        },
        *(_below_each_other([getattr(part, name) for part in parts]) for name in ("rows", "tables", "letters")),
    )


def _below_each_other(parts: list[Whole]) -> Whole:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _date_texts(tables: Iterable[Table]) -> list[str]:
    columns = [table.others[role] for table in tables for role in DATE_ROLES if role in table.others]
    return [cell for column in columns for cell in column.values if isinstance(cell, str)]


@dataclass(slots=True)
class _TableReader:
    """Reads one table; the columns of what it needs are looked at by their distinct values."""

    table: Table
    number: int
    settings: FileSettings
    findings: Findings
    sign: NumberFormat
    dates: DateReader

    def read(self) -> list[Records]:
        table = self.table
        for issue in table.body.issues:
            self._tell_unread(issue)
        numbers = [read_quantities(quantity.cells, self.settings, self.sign) for quantity in table.quantities]
        table.keep &= ~self._totals(numbers)
        charged = self._charged()
        told = [
            charged | ~quantity.cells.marked([n is None for n in read])
            for quantity, read in zip(table.quantities, numbers, strict=True)
        ]
        self._tell_silent(int((table.keep & ~np.logical_or.reduce(told)).sum()))
        blank = self._blank()
        active = [table.keep & (blank | mask) for mask in told]
        some = np.logical_or.reduce(active)
        bad = self._bad_names(some)
        bad |= self._bad_dates(some & ~bad)
        shared = self._shared_columns()
        return [
            self._records(quantity, read, mask & ~bad, shared)
            for quantity, read, mask in zip(table.quantities, numbers, active, strict=True)
        ]

    def _charged(self) -> Mask:
        """Rows that tell an amount: they count for it also without a quantity."""
        amount = self.table.others.get("amount")
        if amount is None or self.settings.counts_money:
            return np.zeros(len(self.table.keep), dtype=np.bool_)
        return ~amount.where(is_blank)

    def _blank(self) -> Mask:
        """Rows that name a customer and a product, of files that tell amounts by row: also one that tells neither a quantity nor an
        amount is kept, as one without an amount. What it had until now became blank, and is not gone (M2).
        """
        settings, names = self.settings, self.table.names
        by_row = settings.tells_amounts and settings.combine is Aggregate.SUM and not settings.distinct
        if not by_row or settings.shape in (Shape.WIDE, Shape.GROUPED):
            return np.zeros(len(self.table.keep), dtype=np.bool_)
        named = [column.where(lambda name: isinstance(name, str) and name != "") for column in self._naming(names)]
        found: Mask = np.logical_and.reduce(named)
        return found

    @staticmethod
    def _naming(names: Mapping[str, Column]) -> list[Column]:
        """The columns that a row cannot be without: the number of the customer and product, or their name."""
        pairs = (("customer_id", "customer"), ("product_key", "product"))
        return [names[key if key in names else name] for key, name in pairs]

    def _records(self, quantity: Quantities, numbers: list[Number], mask: Mask, shared: dict[str, Column]) -> Records:
        wrong = mask & quantity.cells.marked([n is not None and not isinstance(n, Decimal) for n in numbers])
        for row in np.flatnonzero(wrong).tolist():
            self._tell_quantity(quantity, numbers[quantity.cells.codes[row]], row)
        kept = mask & ~wrong
        good = slice(None) if kept.all() else np.flatnonzero(kept)
        values = [Decimal(0) if number is None else number for number in usable(numbers)]
        columns = {role: column.take(good) for role, column in shared.items()}
        columns["quantity"] = Column(values, quantity.cells.codes[good])
        if self.settings.tells_amounts and any(number is None for number in numbers):
            columns[UNCOUNTED] = Column([number is None for number in numbers], quantity.cells.codes[good])
        rows = self.table.numbers[good]
        if quantity.product is not None:
            columns["product"] = Column.constant(quantity.product, len(rows))
        return Records(
            columns,
            rows,
            np.full(len(rows), self.number, dtype=np.int16),
            np.full(len(rows), COUNTED if quantity.index is None else quantity.index, dtype=np.int32),
        )

    def _shared_columns(self) -> dict[str, Column]:
        """What all quantities of a row have in common: names, amounts, dates, what is counted distinctly."""
        columns = dict(self.table.names)
        for role, column in self.table.others.items():
            if role in MONEY_ROLES:
                self._tell_unreadable_prices(column)
                columns[role] = column.mapped(self._amount)
                if any(odd := [self._is_unread(cell) for cell in column.values]):
                    columns[unread(role)] = Column(odd, column.codes)
            elif role in DATE_ROLES:
                columns[role] = column.mapped(self._moment)
            else:
                columns[role] = column.mapped(display)
        return columns

    def _tell_unreadable_prices(self, column: Column) -> None:
        odd = [self._is_unread(cell) for cell in column.values]
        count = int((self.table.keep & column.marked(odd)).sum())
        if count:
            message = T("{count} prices could not be read; none is taken for those lines.", count=count)
            self.findings.note(NoteKind.PRICE_UNREADABLE, message, self.table.sheet)

    def _is_unread(self, cell: Cell) -> bool:
        return not isinstance(read_amount(cell, self.sign), Decimal | None)

    def _amount(self, cell: Cell) -> Decimal | None:
        amount = read_amount(cell, self.sign)
        return amount if isinstance(amount, Decimal) else None

    def _read_date(self, cell: Cell) -> Moment:
        return self.dates.read(cell, since_1904=self.table.located.grid.since_1904)

    def _moment(self, cell: Cell) -> datetime | None:
        moment = self._read_date(cell)
        return moment if isinstance(moment, datetime) else None

    def _totals(self, numbers: Sequence[list[Number]]) -> Mask:
        found = totals_rows(self.table, [usable(read) for read in numbers])
        count = int(found.sum())
        if count:
            row = int(self.table.numbers[int(np.flatnonzero(found)[0])])
            message = (
                T("One totals row (row {row}) was left out.", row=row)
                if count == 1
                else T("{count} totals rows were left out, the first in row {row}.", count=count, row=row)
            )
            self.findings.note(NoteKind.TOTALS_SKIPPED, message, self.table.sheet, row)
        return found

    def _tell_silent(self, count: int) -> None:
        if count and self.settings.shape not in (Shape.WIDE, Shape.GROUPED):
            self.findings.note(
                NoteKind.NO_VALUE, T("{count} rows without a quantity were left out.", count=count), self.table.sheet
            )

    def _tell_unread(self, issue: ImportIssue) -> None:
        self.findings.add(issue)
        self.findings.unplaced = True

    def _key(self, kind: str, row: int) -> object:
        """The customer or product of a row, by its number where the file numbers it."""
        numbered = {"customer": "customer_id", "product": "product_key"}[kind]
        return self.table.names.get(numbered, self.table.names[kind]).at(row)

    def _bad_names(self, rows: Mask) -> Mask:
        """Tell the rows whose customer, product or number is missing or unusable."""
        bad = np.zeros_like(rows)
        for role in IDENTIFIERS:
            column = self.table.names.get(role)
            if column is None:
                continue
            needed = self._is_needed(role)
            wrong = [not isinstance(name, str) or (needed and not name) for name in column.values]
            if not any(wrong):
                continue
            found = rows & ~bad & column.marked(wrong)
            for row in np.flatnonzero(found).tolist():
                self._tell_name(role, column.at(row), row)
            bad |= found
        return bad

    def _is_needed(self, role: str) -> bool:
        """Which identifiers may not be empty: the number where there is one, else the name."""
        if role == "product" and self.table.quantities[0].product is not None:
            return False
        numbered = {"customer": "customer_id", "product": "product_key"}
        return role in numbered.values() or (role in numbered and numbered[role] not in self.table.names)

    def _bad_dates(self, rows: Mask) -> Mask:
        """Tell the rows whose date matters and cannot be read: the date a quantity counts from, or by which the last is found."""
        bad = np.zeros_like(rows)
        for role in DATE_ROLES:
            column = self.table.others.get(role)
            if column is None or (role == "date" and self.settings.combine is not Aggregate.LAST):
                continue
            moments = [self._read_date(cell) for cell in column.values]
            wrong = [not isinstance(m, datetime) and not (m is None and role != "date") for m in moments]
            found = rows & ~bad & column.marked(wrong)
            for row in np.flatnonzero(found).tolist():
                said = about_date(moments[column.codes[row]], column.at(row))
                self._tell(said, row, self.table.located.layout.roles[role], column.at(row))
                self._taint(row, said)
            bad |= found
        return bad

    def _tell_name(self, role: str, name: object, row: int) -> None:
        said = about_name(role, name, self.settings)
        index = self.table.located.layout.roles.get(role)
        cell = "" if index is None else self.table.body.column(index).at(row)
        self._tell(said, row, index, cell)
        if role.startswith("customer"):
            self.findings.unplaced = True
        else:
            self.findings.taint(self._key("customer", row), "", said[1])

    def _tell_quantity(self, quantity: Quantities, number: Number, row: int) -> None:
        cell = quantity.cells.at(row)
        is_pair = self.settings.shape is Shape.PAIR and isinstance(side_of_pair(cell, self.settings.pair), NotAPair)
        said = about_pair(cell) if is_pair else about_quantity(number, cell)
        self._tell(said, row, quantity.index, cell)
        self._taint(row, said, quantity.product)

    def _taint(self, row: int, said: Said, product: str | None = None) -> None:
        self.findings.taint(self._key("customer", row), product or self._key("product", row), said[1])

    def _tell(self, said: Said, row: int, index: int | None, cell: Cell) -> None:
        kind, message, remedy = said
        self.findings.add(
            ImportIssue(
                kind=kind,
                message=message,
                remedy=remedy,
                sheet=self.table.sheet,
                row=int(self.table.numbers[row]),
                column="" if index is None else column_letter(index),
                text=shown(display(cell)),
            )
        )
