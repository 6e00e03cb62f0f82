"""Several records of one customer and product come to one quantity (shapes S and D, aggregates, rounding)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.domain.file_settings import Aggregate, FileSettings, Rounding
from core.files.cells import Column, Rows
from core.files.numbers import plain
from core.files.quantities import Scaled
from core.files.records import Records

AVERAGE_DIGITS = 4
SMALL = 4_000_000
"""Up to so many possible keys are numbered by a table, more by hashing."""
Exact = Fraction | Decimal


@dataclass(frozen=True, slots=True)
class Groups:
    """Records by line: for each record its line; for each line how many records, its first, and the one that speaks for it."""

    of: npt.NDArray[np.int64]
    counts: Rows
    first: Rows
    chosen: Rows

    def __len__(self) -> int:
        return len(self.first)


def grouped(records: Records, keys: Sequence[Column], settings: FileSettings) -> Groups:
    """Lines in the order in which they first appear: records whose keys are all equal are of one line."""
    combined, size = np.zeros(len(records), dtype=np.int64), 1
    for column in keys:
        if len(column.values) > 1:
            combined, size = combined * len(column.values) + column.codes, size * len(column.values)
        if size > SMALL:
            combined = pd.factorize(combined)[0].astype(np.int64)
            size = int(combined.max()) + 1
    of, first = _renumbered(combined, size)
    return Groups(of, np.bincount(of, minlength=len(first)), first, _chosen(records, of, len(first), settings))


def _renumbered(combined: npt.NDArray[np.int64], size: int) -> tuple[npt.NDArray[np.int64], Rows]:
    """Keys below `size` as line numbers in order of appearance, and where each line first appears."""
    first = np.full(size, -1, dtype=np.int64)
    first[combined[::-1]] = np.arange(len(combined) - 1, -1, -1)
    present = np.flatnonzero(first >= 0)
    in_order = present[np.argsort(first[present])]
    number = np.empty(size, dtype=np.int64)
    number[in_order] = np.arange(len(in_order))
    return number[combined], first[in_order]


def _chosen(records: Records, of: npt.NDArray[np.int64], lines: int, settings: FileSettings) -> Rows:
    """For each line its record of the last date, or the last of the file where dates do not matter."""
    chosen = np.empty(lines, dtype=np.int64)
    order = np.arange(len(of))
    dates = records.columns.get("date")
    if dates is not None and settings.combine is Aggregate.LAST:
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


def _sums(column: Column, groups: Groups) -> list[Decimal]:
    scaled = Scaled.of(column.values, len(column))
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
    size = max(len(column.values), 1)
    filled = ~column.where(lambda text: text == "")
    pairs = pd.unique((groups.of * size + column.codes)[filled])
    return [Decimal(count) for count in np.bincount(pairs // size, minlength=len(groups)).tolist()]


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
    size = max(len(column.values), 1)
    filled = column.where(lambda value: value is not None and value != "")
    pairs = pd.unique((groups.of * size + column.codes)[filled])
    lines = pairs // size
    differing = np.bincount(lines, minlength=len(groups)) > 1
    values: list[object] = [None] * len(groups)
    for line, code in zip(lines.tolist(), (pairs % size).tolist(), strict=True):
        values[line] = None if differing[line] else column.values[code]
    return values, int(differing.sum())


def latest(column: Column, groups: Groups) -> list[datetime | None]:
    """The latest date of each line."""
    order = np.lexsort((ranks(column),))
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
