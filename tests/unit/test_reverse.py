"""The opposite of a run (M14), by example."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from core.domain.contract import ContractState, UnitRow
from core.domain.plan import ChangeKind, ChangeStatus, Decisions, LineMemory, Plan
from core.domain.planner import make_plan
from core.domain.reverse import AppliedChange, reversal_targets
from tests.unit.builders import NEXT_MONTH, TODAY, line, one_line

START = date(2026, 1, 1)
LINE = line(100)


def applied(before: int, after: int, day: date = TODAY, **fields: object) -> AppliedChange:
    values: dict[str, object] = {
        "line": LINE,
        "contract_id": 1,
        "effective_date": day,
        "from_units": before,
        "to_units": after,
    }
    return AppliedChange(**(values | fields))  # type: ignore[arg-type]


def reverse(state: ContractState, *changes: AppliedChange, memory: LineMemory | None = None) -> Plan:
    ours = memory or LineMemory(our_dates=frozenset(change.effective_date for change in changes))
    return make_plan(reversal_targets(changes, state, "7"), state, {LINE: ours}, Decisions(), TODAY)


def test_m14_the_opposite_counts_from_the_same_day_and_waits_for_a_person() -> None:
    (change,) = reverse(one_line({START: 10, TODAY: 15}), applied(10, 15)).changes
    assert (change.effective_date, change.from_units, change.to_units) == (TODAY, 15, 10)
    assert change.status is ChangeStatus.NEEDS_APPROVAL
    assert str(change.reason) == "Back to what it was before run 7."


def test_m14_a_decrease_that_is_still_to_come_is_taken_back_on_its_day() -> None:
    (change,) = reverse(one_line({START: 10, NEXT_MONTH: 4}), applied(10, 4, NEXT_MONTH)).changes
    assert (change.effective_date, change.from_units, change.to_units) == (NEXT_MONTH, 4, 10)


def test_m14_what_was_booked_ahead_comes_back() -> None:
    """The run made 15 of 10, and kept 15 where 20 were booked."""
    later = date(2027, 2, 1)
    plan = reverse(one_line({START: 10, TODAY: 15}), applied(10, 15), applied(25, 15, later))
    assert [(c.effective_date, c.from_units, c.to_units) for c in plan.changes] == [(TODAY, 15, 10), (later, 10, 20)]


def test_m14_changes_that_were_written_increases_first() -> None:
    later = date(2027, 2, 1)
    plan = reverse(one_line({START: 10, TODAY: 5}), applied(3, 10, later), applied(10, 5))
    assert sorted((c.effective_date, c.unit_change) for c in plan.changes) == [(TODAY, 5), (later, -7)]


def test_m14_a_line_that_the_run_added_goes_to_zero() -> None:
    (change,) = reverse(one_line({TODAY: 8}), applied(0, 8)).changes
    assert change.to_units == 0


def test_m14_prices_go_back_too() -> None:
    plan = reverse(one_line(10), applied(10, 10, unit_price_before=Decimal(2)))
    (change,) = plan.changes
    assert (change.kind, change.unit_price, change.status) == (
        ChangeKind.PRICE,
        Decimal(2),
        ChangeStatus.NEEDS_APPROVAL,
    )


def test_m14_a_later_change_of_the_line_is_not_undone_with_it() -> None:
    changed_again = one_line({START: 10, TODAY: 15, date(2026, 11, 25): 17})
    plan = reverse(changed_again, applied(10, 15))
    assert plan.changes == ()
    assert [finding.kind for finding in plan.findings] == ["drift"]
    assert reverse(one_line({START: 10, TODAY: 16}), applied(10, 15)).changes == ()


def test_m14_a_line_that_cannot_be_read_is_told() -> None:
    unread = replace(one_line(10), units_known=frozenset())
    assert [finding.kind for finding in reverse(unread, applied(5, 10)).findings] == ["failed"]
    gone = reverse(one_line(10), applied(5, 10, line=line(999)))
    assert [finding.kind for finding in gone.findings] == ["failed"]


def test_m8_a_reversal_respects_posted_periods_too() -> None:
    state = one_line({START: 10, TODAY: 15}, posted_until=NEXT_MONTH)
    (change,) = reverse(state, applied(10, 15)).changes
    assert change.effective_date == NEXT_MONTH


def test_m14_reversed_once_there_is_nothing_left_to_reverse() -> None:
    rows = (UnitRow(START, date(2027, 12, 31), 10),)
    state = replace(one_line(10), units={LINE: rows})
    plan = reverse(state, applied(10, 15))
    assert plan.changes == ()
    assert [finding.kind for finding in plan.findings] == ["drift"]
