"""Billing periods of a contract: they step from its start date by its period type (Autotask reference §7.2)."""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from connectors.autotask.sandbox.values import Record, ordinal, shift

MONTHS = {1: 0, 2: 1, 3: 3, 4: 6, 5: 12}
"""contractPeriodType → length in months; 0 is one period for the whole contract."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Periods in order: first day, last day (cut at the end of the contract) and length in days when not cut."""

    starts: tuple[str, ...]
    lasts: tuple[str, ...]
    full_days: tuple[int, ...]

    def index(self, day: str) -> int:
        """The period that a day falls in; -1 before the first, the last one after the end."""
        return bisect_right(self.starts, day) - 1


def grid_of(contract: Record) -> Grid:
    """The grid of a contract record; without period type it is one period."""
    return _grid(contract["startDate"], contract["endDate"], MONTHS.get(contract.get("contractPeriodType") or 1, 0))


@lru_cache(maxsize=4096)
def _grid(start: str, end: str, months: int) -> Grid:
    first = date.fromisoformat(start)
    starts: list[str] = []
    step = 0
    while (day := plus_months(first, step * months).isoformat()) <= end:
        starts.append(day)
        step += 1
        if not months:
            break
    after = plus_months(first, step * months).isoformat() if months else shift(end, 1)
    nexts = [*starts[1:], after]
    return Grid(
        starts=tuple(starts),
        lasts=tuple(min(shift(day, -1), end) for day in nexts),
        full_days=tuple(ordinal(day) - ordinal(begin) for begin, day in zip(starts, nexts, strict=True)),
    )


def plus_months(day: date, months: int) -> date:
    """So many months later, on the last day of the month where that day does not exist."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
