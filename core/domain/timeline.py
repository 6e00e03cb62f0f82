"""Units of one contract line over time, and the signed steps that turn them into what they should be.

Autotask adds signed deltas up: a step on a day moves every later quantity too (reference §15). So the wish is drawn over
time first, and the steps are the places where its distance to the present units changes:

    units in Autotask   10 ──────────── 10 ──────── 20 (booked by somebody) ──
    wish, target 15          15 ─────── 15 ──────── 15 ───────────────────────
    distance                 +5         +5          -5
    steps                    +5 here                -10 here
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from core.domain.contract import UnitRow, units_on


@dataclass(frozen=True, slots=True)
class Step:
    """One signed change. `before` are the units in force on `day` with the steps ahead of this one already made, `after`
    those with it; `aim` is what the day has when all steps are made.
    """

    day: date
    before: int
    after: int
    aim: int

    @property
    def delta(self) -> int:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Wish:
    """The target, and from which day a line that has less (`increase_from`) or more (`decrease_from`) may follow it.

    None: not at all. `later` are other targets from later days on, in order (a reversal restores what was booked ahead).
    """

    target: int
    increase_from: date | None
    decrease_from: date | None
    later: tuple[tuple[date, int], ...] = ()

    def target_on(self, day: date) -> int:
        target = self.target
        for start, units in self.later:
            if start > day:
                break
            target = units
        return target

    def on(self, day: date, units: int) -> int:
        """The units that a day should have which has `units` now."""
        target = self.target_on(day)
        start = self.increase_from if units < target else self.decrease_from
        return target if start is not None and day >= start else units


def always_has(units: int, rows: Sequence[UnitRow], first: date) -> bool:
    """Whether a line has these units on each day from `first` on."""
    for row in reversed(rows):
        if row.units != units:
            return False
        if row.start <= first:
            return True
    return units == 0


OpenDay = Callable[[date], date | None]
"""Moves a day on which no step can be made to the next one on which it can; None: there is none."""


def steps_to(wish: Wish, rows: Sequence[UnitRow], open_day: OpenDay = lambda day: day) -> list[Step]:
    """The steps that make the units follow the wish, in the order in which they must be made; none when they do already."""
    rows = booked_steps(rows)
    deltas = _deltas(wish, rows, open_day)
    if not deltas:
        return []
    by_date = _in_order(deltas, deltas, rows)
    if _stays_positive(by_date, rows):
        return by_date
    # By date, an earlier decrease would bring a later day below 0 before the later increase is there: Autotask refuses that.
    return _in_order(sorted(deltas, key=lambda pair: pair[1] < 0), deltas, rows)


def _deltas(wish: Wish, rows: Sequence[UnitRow], open_day: OpenDay) -> list[tuple[date, int]]:
    """(day, signed change), by day: at most one a day (M5)."""
    done = 0
    deltas: list[tuple[date, int]] = []
    for day in _breakpoints(wish, rows, open_day):
        units = units_on(rows, day)
        distance = wish.on(day, units) - units
        if distance != done:
            deltas.append((day, distance - done))
            done = distance
    return deltas


def _breakpoints(wish: Wish, rows: Sequence[UnitRow], open_day: OpenDay) -> list[date]:
    """Days on which the distance between units and wish can change, each moved to an open day."""
    starts = [day for day in (wish.increase_from, wish.decrease_from) if day is not None]
    if not starts:
        return []
    first = min(starts)
    days = {*starts, *(row.start for row in rows), *(day for day, _ in wish.later)}
    days = {day for day in days if day >= first}
    return sorted({moved for moved in map(open_day, days) if moved is not None})


def booked_steps(rows: Sequence[UnitRow]) -> list[UnitRow]:
    """The rows that start with other units than those before them: they tell as much. The first row counts as one."""
    return [
        row for before, row in zip((None, *rows), rows, strict=False) if before is None or before.units != row.units
    ]


def _in_order(
    order: Sequence[tuple[date, int]], deltas: Sequence[tuple[date, int]], rows: Sequence[UnitRow]
) -> list[Step]:
    steps: list[Step] = []
    for day, delta in order:
        units = units_on(rows, day)
        before = units + sum(step.delta for step in steps if step.day <= day)
        steps.append(Step(day, before, before + delta, aim=units + sum(d for other, d in deltas if other <= day)))
    return steps


def _stays_positive(steps: Sequence[Step], rows: Sequence[UnitRow]) -> bool:
    return all(lowest_after(steps[: count + 1], rows) >= 0 for count in range(len(steps)))


def lowest_after(steps: Sequence[Step], rows: Sequence[UnitRow]) -> int:
    """The fewest units of any day on or after the first step, when these steps are made. 0 without steps."""
    if not steps:
        return 0
    first = min(step.day for step in steps)
    days = {*(step.day for step in steps), *(row.start for row in rows if row.start > first)}
    return min(units_on(rows, day) + sum(step.delta for step in steps if step.day <= day) for day in days)


def covering(rows: Sequence[UnitRow], day: date) -> UnitRow | None:
    """The row that holds a day; None before the first one and after one whose end is known to be past."""
    position = bisect_right(rows, day, key=lambda row: row.start) - 1
    if position < 0:
        return None
    row = rows[position]
    return row if position + 1 < len(rows) or row.end >= day else None
