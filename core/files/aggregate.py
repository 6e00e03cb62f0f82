"""Several records of one customer and product come to one quantity (shapes S and D, aggregates, rounding)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.domain.file_settings import Aggregate, FileSettings, Rounding
from core.files.cells import Column, Mask, Rows
from core.files.numbers import plain
from core.files.quantities import Scaled
from core.files.records import Records

AVERAGE_DIGITS = 4
SMALL = 4_000_000
"""Up to so many possible keys are numbered by a table, more by hashing."""
Exact = Fraction | Decimal
Numbers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Groups:
    """Records by line: for each record its line; for each line how many records, its first, and the one that speaks for it
    (the last, where the last one counts).
    """

    of: Numbers
    counts: Rows
    first: Rows
    chosen: Rows

    def __len__(self) -> int:
        return len(self.first)

    def pairs_with(self, column: Column, among: Mask) -> tuple[Rows, Rows]:
        """The different (line, distinct value) pairs among some records."""
        size = max(len(column.values), 1)
        pairs = pd.unique((self.of.astype(np.int64) * size + column.codes)[among])
        return pairs // size, pairs % size


def grouped(records: Records, keys: Sequence[Column], settings: FileSettings) -> Groups:
    """Lines in the order in which they first appear: records whose keys are all equal are of one line."""
    combined: Numbers = np.zeros(len(records), dtype=np.int32)
    size = 1
    for column in keys:
        different = len(column.values)
        if different < 2:
            continue
        if size == 1:
            combined, size = column.codes, different
        elif size * different <= SMALL:
            combined, size = combined * np.int32(different) + column.codes, size * different
        else:
            combined = pd.factorize(combined.astype(np.int64) * different + column.codes)[0]
            size = int(combined.max()) + 1
    of, first = _renumbered(combined, size)
    chosen = _last_ones(records, of, len(first)) if settings.combine is Aggregate.LAST else first
    return Groups(of, np.bincount(of, minlength=len(first)), first, chosen)


def _renumbered(combined: Numbers, size: int) -> tuple[Numbers, Rows]:
    """Keys below `size` as line numbers in order of appearance, and where each line first appears."""
    first = np.full(size, -1, dtype=np.int64)
    first[combined[::-1]] = np.arange(len(combined) - 1, -1, -1, dtype=np.int32)
    present = np.flatnonzero(first >= 0)
    in_order = present[np.argsort(first[present])]
    number = np.empty(size, dtype=np.int32)
    number[in_order] = np.arange(len(in_order), dtype=np.int32)
    return number[combined], first[in_order]


def _last_ones(records: Records, of: Numbers, lines: int) -> Rows:
    """For each line its record of the last date, or the last of the file where there are no dates."""
    chosen = np.empty(lines, dtype=np.int64)
    order = np.arange(len(of))
    dates = records.columns.get("date")
    if dates is not None:
        order = np.lexsort((order, ranks(dates)))
    chosen[of[order]] = order
    return chosen


def ranks(column: Column) -> Rows:
    """For each row the place of its value among the sorted distinct ones; -1 where there is no value."""
    present = sorted({value for value in column.values if isinstance(value, datetime | Decimal)})
    rank = {value: place for place, value in enumerate(present)}
    return np.array([rank.get(value, -1) for value in column.values], dtype=np.int64)[column.codes]


def quantities(records: Records, groups: Groups, settings: FileSettings) -> list[Exact]:
    """The quantity of each line before rounding, exactly."""
    column = records.columns["quantity"]
    if settings.distinct:
        return list(_distinct(records.columns["distinct"], groups))
    match settings.combine:
        case Aggregate.COUNT:
            return [Decimal(count) for count in groups.counts.tolist()]
        case Aggregate.LAST:
            return [column.at(row) for row in groups.chosen.tolist()]
        case Aggregate.MAX:
            return list(_largest(column, groups))
        case Aggregate.AVERAGE:
            sums = _sums(column, groups)
            return [Fraction(total) / count for total, count in zip(sums, groups.counts.tolist(), strict=True)]
    return list(_sums(column, groups))


def money(column: Column, groups: Groups) -> list[Decimal | None]:
    """The sum of an amount for each line, exactly; None where a record of the line has none that can be read."""
    unread = np.zeros(len(groups), dtype=np.bool_)
    unread[groups.of[column.where(lambda value: not isinstance(value, Decimal))]] = True
    filled = Column([value if isinstance(value, Decimal) else Decimal(0) for value in column.values], column.codes)
    return [None if bad else total for bad, total in zip(unread.tolist(), _sums(filled, groups), strict=True)]


def _sums(column: Column, groups: Groups) -> list[Decimal]:
    """Sums of the lines. With few lines and few different numbers it is counted how often each line has each number."""
    scaled = Scaled.of(column.values, len(column))
    different = len(column.values)
    if len(groups) * different <= SMALL:
        often = np.bincount(groups.of * np.int32(different) + column.codes, minlength=len(groups) * different)
        totals = often.reshape(len(groups), different) @ scaled.ints
    else:
        totals = np.zeros(len(groups), dtype=scaled.ints.dtype)
        np.add.at(totals, groups.of, scaled.ints[column.codes])
    return [scaled.back(total) for total in totals.tolist()]


def _largest(column: Column, groups: Groups) -> list[Decimal]:
    order = np.lexsort((ranks(column),))
    best = np.empty(len(groups), dtype=np.int64)
    best[groups.of[order]] = order
    return [column.at(row) for row in best.tolist()]


def _distinct(column: Column, groups: Groups) -> list[Decimal]:
    """How many different values each line has; rows without a value are not counted."""
    lines, _ = groups.pairs_with(column, ~column.where(lambda text: text == ""))
    return [Decimal(count) for count in np.bincount(lines, minlength=len(groups)).tolist()]


def last_date_conflicts(records: Records, groups: Groups, settings: FileSettings) -> list[tuple[int, int]]:
    """Pairs of records of one line and its last date that differ in quantity: nobody can tell which is the last (M9)."""
    dates, column = records.columns.get("date"), records.columns["quantity"]
    if dates is None or settings.combine is not Aggregate.LAST:
        return []
    spokesman = groups.chosen[groups.of]
    differing = (dates.codes == dates.codes[spokesman]) & (column.codes != column.codes[spokesman])
    pairs = ((row, int(spokesman[row])) for row in np.flatnonzero(differing).tolist())
    return [(row, other) for row, other in pairs if column.at(row) != column.at(other)]


def agreed(column: Column, groups: Groups, settings: FileSettings) -> tuple[list[object], int]:
    """The value of each line in a column whose records agree (None where they do not), and how many lines disagree.

    Where the last record counts, its value does.
    """
    if settings.combine is Aggregate.LAST:
        return [column.at(row) for row in groups.chosen.tolist()], 0
    lines, codes = groups.pairs_with(column, column.where(lambda value: value is not None and value != ""))
    differing = np.bincount(lines, minlength=len(groups)) > 1
    values: list[object] = [None] * len(groups)
    for line, code in zip(lines.tolist(), codes.tolist(), strict=True):
        values[line] = None if differing[line] else column.values[code]
    return values, int(differing.sum())


def latest(column: Column, groups: Groups) -> list[datetime | None]:
    """The latest date of each line."""
    return _dates(column, groups, np.lexsort((ranks(column),)))


def earliest(column: Column, groups: Groups) -> list[datetime | None]:
    """The first date of each line; rows without one do not count."""
    order = np.lexsort((ranks(column),))[::-1]
    dated = column.where(lambda value: isinstance(value, datetime))[order]
    return _dates(column, groups, np.concatenate((order[~dated], order[dated])))


def _dates(column: Column, groups: Groups, order: Rows) -> list[datetime | None]:
    """For each line the date of its record that comes last in this order."""
    best = np.empty(len(groups), dtype=np.int64)
    best[groups.of[order]] = order
    found = (column.at(row) for row in best.tolist())
    return [moment if isinstance(moment, datetime) else None for moment in found]


def rounded(exact: Exact, rounding: Rounding) -> Decimal:
    """A quantity as the mapping wants it; averages keep four decimals where nothing is rounded."""
    if rounding is Rounding.UP:
        return Decimal(math.ceil(exact))
    if rounding is Rounding.NEAREST:
        return Decimal(math.floor(abs(Fraction(exact)) + Fraction(1, 2))) * (-1 if exact < 0 else 1)
    if isinstance(exact, Fraction):
        whole = exact * 10**AVERAGE_DIGITS
        exact = Decimal(f"{math.floor(whole + Fraction(1, 2))}E-{AVERAGE_DIGITS}")
    return plain(exact)
