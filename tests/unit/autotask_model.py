"""The simplest Autotask that is still true: signed deltas by date, which add up (reference §7.3, §15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from core.domain.contract import Contract, ContractState, LineRef, UnitRow, units_on
from core.domain.period import ONE_DAY, next_period_start
from core.domain.plan import Change, ChangeKind
from tests.unit.builders import period_rows


class RefusedByModel(AssertionError):
    """Autotask would answer 500 with an errors body."""


def grid(home: Contract, extra: Iterable[date] = ()) -> list[date]:
    starts = {home.start, *extra}
    step = next_period_start(home, home.start)
    while step is not None and step <= home.end:
        starts.add(step)
        step = next_period_start(home, step)
    return sorted(starts)


class ModelLine:
    """One line as the dates and sizes of its adjustments."""

    def __init__(self, home: Contract, booked: Mapping[date, int], posted_until: date | None = None) -> None:
        self.home = home
        self.posted_until = posted_until
        self.deltas: dict[date, int] = {}
        units = 0
        for day in sorted(booked):
            self.deltas[day] = booked[day] - units
            units = booked[day]
        self.written: list[date] = []

    def rows(self) -> list[UnitRow]:
        totals: dict[date, int] = {}
        units = 0
        for day in sorted(self.deltas):
            units += self.deltas[day]
            totals[day] = units
        return period_rows(self.home, totals, self.posted_until)

    def units(self, day: date) -> int:
        return units_on(self.rows(), day)

    def adjust(self, day: date, change: int) -> None:
        if not self.home.start <= day <= self.home.end:
            raise RefusedByModel(f"{day} lies outside the contract")
        if day in self.written:
            raise RefusedByModel(f"a second adjustment on {day}")
        self.deltas[day] = self.deltas.get(day, 0) + change
        self.written.append(day)
        if any(row.units < 0 for row in self.rows()):
            raise RefusedByModel(f"{change} on {day} brings a later day below 0")

    def days(self) -> list[date]:
        """Days worth looking at: every day on which something can differ, and the days around it."""
        starts = grid(self.home, self.deltas)
        around = {day + shift for day in starts for shift in (-ONE_DAY, ONE_DAY - ONE_DAY, ONE_DAY)}
        return sorted(day for day in {*around, self.home.end} if self.home.start <= day <= self.home.end)


def apply(changes: Iterable[Change], lines: Mapping[LineRef, ModelLine]) -> None:
    """Write changes as Autotask takes them, in the plan's order."""
    for change in changes:
        assert change.line is not None
        assert change.kind is not ChangeKind.PRICE
        model = lines[change.line]
        assert model.units(change.effective_date) == change.from_units, "`from` is what is there when it is written"
        model.adjust(change.effective_date, change.unit_change)
        assert model.units(change.effective_date) == change.to_units


def observed(state: ContractState, lines: Mapping[LineRef, ModelLine]) -> ContractState:
    """The state as it is read back."""
    return ContractState(
        companies=state.companies,
        items=state.items,
        contracts=state.contracts,
        lines=state.lines,
        units={ref: tuple(model.rows()) for ref, model in lines.items()},
        units_known=state.units_known,
    )
