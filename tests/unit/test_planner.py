"""From targets to changes, by example: dates, posted periods, drift, guards, prices, what people decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from core.domain.contract import ContractLine, ContractState, ItemRef, LineKind, LineRef, PeriodType, UnitRow
from core.domain.plan import Change, ChangeKind, ChangeStatus, Decisions, LineMemory, Plan
from core.domain.planner import make_plan
from core.domain.policy import Mode, Otherwise, Policy, When
from core.domain.target import Target, Targets, TargetSource
from tests.unit.builders import (
    AT_ONCE,
    MFA,
    NEXT_MONTH,
    THIS_MONTH,
    TODAY,
    contract,
    line,
    one_line,
    period_rows,
    target,
    used,
    world,
)

START = date(2026, 1, 1)
LATER = date(2027, 2, 1)
LINE = line(100)


def plan_for(
    wanted: Target | list[Target],
    state: ContractState,
    memory: LineMemory | None = None,
    decisions: Decisions | None = None,
    today: date = TODAY,
) -> Plan:
    targets = tuple(wanted) if isinstance(wanted, list) else (wanted,)
    return make_plan(Targets(targets, ()), state, {LINE: memory} if memory else {}, decisions or Decisions(), today)


def steps(plan: Plan) -> list[tuple[date, int, int]]:
    return [(change.effective_date, change.from_units, change.to_units) for change in plan.changes]


def policy(**fields: object) -> Policy:
    return AT_ONCE.model_copy(update=fields)


def kinds(plan: Plan) -> list[str]:
    return [finding.kind.value for finding in plan.findings]


def status(plan: Plan) -> ChangeStatus:
    (change,) = plan.changes
    return change.status


# --- M1, M7: steps and dates -------------------------------------------------------------------------------------------


def test_m1_a_line_that_is_right_is_left_alone_and_counted() -> None:
    plan = plan_for(target(10), one_line(10))
    assert (plan.changes, plan.findings, plan.unchanged) == ((), (), 1)


@pytest.mark.parametrize(
    ("units", "increase", "decrease", "expected"),
    [
        (15, When.TODAY, When.NEXT_PERIOD, [(TODAY, 10, 15)]),
        (15, When.THIS_PERIOD, When.NEXT_PERIOD, [(THIS_MONTH, 10, 15)]),
        (15, When.NEXT_PERIOD, When.TODAY, [(NEXT_MONTH, 10, 15)]),
        (4, When.TODAY, When.NEXT_PERIOD, [(NEXT_MONTH, 10, 4)]),
        (4, When.TODAY, When.TODAY, [(TODAY, 10, 4)]),
        (4, When.TODAY, When.PORTAL, [(date(2026, 12, 24), 10, 4)]),
    ],
)
def test_m7_each_direction_has_its_own_date(
    units: int, increase: When, decrease: When, expected: list[tuple[date, int, int]]
) -> None:
    wanted = target(units, policy(increase=increase, decrease=decrease), portal_date=date(2026, 12, 24))
    assert steps(plan_for(wanted, one_line(10))) == expected


def test_reference_15_a_booked_increase_is_taken_back_where_it_begins() -> None:
    plan = plan_for(target(15, policy(drift=Otherwise.OVERWRITE)), one_line({START: 10, LATER: 20}))
    assert steps(plan) == [(TODAY, 10, 15), (LATER, 25, 15)]


def test_reference_15_a_booked_decrease_to_the_target_is_kept() -> None:
    ours = LineMemory(our_dates=frozenset({NEXT_MONTH}))
    plan = plan_for(target(4, policy(decrease=When.NEXT_PERIOD)), one_line({START: 10, NEXT_MONTH: 4}), ours)
    assert (plan.changes, plan.findings, plan.unchanged) == ((), (), 1)


def test_m1_a_decrease_of_ours_that_is_still_to_come_is_taken_back_when_seats_return() -> None:
    ours = LineMemory(verified_units=4, verified_on=NEXT_MONTH, our_dates=frozenset({NEXT_MONTH}))
    plan = plan_for(target(12, policy(decrease=When.NEXT_PERIOD)), one_line({START: 10, NEXT_MONTH: 4}), ours)
    assert steps(plan) == [(TODAY, 10, 12), (NEXT_MONTH, 6, 12)]
    assert {change.status for change in plan.changes} == {ChangeStatus.READY}


def test_a_later_day_is_never_brought_below_zero() -> None:
    """10 now, 3 booked for February; 5 wanted. By date the first step (-5) would make February -2, which Autotask refuses."""
    plan = plan_for(target(5, policy(drift=Otherwise.OVERWRITE)), one_line({START: 10, LATER: 3}))
    assert steps(plan) == [(LATER, 3, 10), (TODAY, 10, 5)]
    assert [change.unit_change for change in plan.changes] == [7, -5]
    assert all("In use: 5" in str(change.reason) for change in plan.changes)


def test_a_day_that_would_be_below_zero_all_the_same_is_held() -> None:
    """The increase cannot be on the day on which 3 are booked: on that day the decrease of 5 would leave -2."""
    refused = LineMemory(refused={LATER: "same_day"}, our_dates=frozenset({LATER}))
    plan = plan_for(target(5), one_line({START: 10, LATER: 3}), refused)
    assert [change.effective_date for change in plan.changes] == [date(2027, 2, 2), TODAY]
    assert {change.status for change in plan.changes} == {ChangeStatus.HELD}
    assert "below 0" in str(plan.changes[0].holds[0])


def test_what_is_booked_beyond_the_decrease_date_stays_until_then() -> None:
    """20 are booked from tomorrow; fewer count from next month only: tomorrow's 20 stay until then."""
    tomorrow = date(2026, 11, 21)
    wanted = target(15, policy(decrease=When.NEXT_PERIOD, drift=Otherwise.OVERWRITE))
    plan = plan_for(wanted, one_line({START: 10, tomorrow: 20}))
    assert steps(plan) == [(TODAY, 10, 15), (tomorrow, 25, 20), (NEXT_MONTH, 20, 15)]
    assert str(plan.changes[1].reason) == "20 units were booked from 2026-11-21 on: that stays."


def test_m7_a_contract_that_ends_before_the_change_could_count_is_a_finding() -> None:
    ending = contract(end=date(2026, 11, 30))
    plan = plan_for(target(4, policy(decrease=When.NEXT_PERIOD)), one_line(10, home=ending))
    assert plan.changes == ()
    assert plan.unchanged == 0
    assert "ends on 2026-11-30" in str(plan.findings[0].message)
    fine = plan_for(target(10, policy(decrease=When.NEXT_PERIOD)), one_line(10, home=ending))
    assert (fine.findings, fine.unchanged) == ((), 1)


def test_m7_a_contract_that_starts_later_counts_from_its_start() -> None:
    coming = contract(start=date(2027, 1, 1), end=date(2027, 12, 31))
    plan = plan_for(target(7), one_line(0, home=coming))
    assert steps(plan) == [(date(2027, 1, 1), 0, 7)]


def test_m7_a_contract_without_a_grid_has_no_next_period() -> None:
    once = contract(period=PeriodType.ONCE)
    state = one_line(10, home=once)
    assert steps(plan_for(target(12, policy(increase=When.TODAY)), state)) == [(TODAY, 10, 12)]
    assert kinds(plan_for(target(4, policy(decrease=When.NEXT_PERIOD)), state)) == ["held"]


# --- M5 ---------------------------------------------------------------------------------------------------------------


def test_m5_two_targets_for_one_line_are_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="two targets"):
        plan_for([target(1), target(2)], one_line())


# --- M8: posted periods -----------------------------------------------------------------------------------------------


def test_m8_a_change_moves_out_of_a_posted_period_and_says_so() -> None:
    plan = plan_for(target(15), one_line(10, posted_until=NEXT_MONTH))
    assert steps(plan) == [(NEXT_MONTH, 10, 15)]
    (change,) = plan.changes
    assert "Counts from 2026-12-01: the period of 2026-11-20 is already posted." in [str(t) for t in change.explanation]
    assert change.status is ChangeStatus.READY


def test_m8_a_posted_row_that_ended_posts_nothing_after_it() -> None:
    posted = UnitRow(START, TODAY, 10, posted=True)
    ends_today = replace(one_line(10), units={LINE: (posted,)})
    assert steps(plan_for(target(15), ends_today)) == [(NEXT_MONTH, 10, 15)]
    ended = replace(one_line(10), units={LINE: (posted._replace(end=date(2026, 11, 19)),)})
    assert steps(plan_for(target(15), ended)) == [(TODAY, 10, 15)]


def test_m8_or_it_is_held() -> None:
    plan = plan_for(target(15, policy(posted=Otherwise.HOLD)), one_line(10, posted_until=NEXT_MONTH))
    assert steps(plan) == [(TODAY, 10, 15)]
    assert status(plan) is ChangeStatus.HELD
    assert kinds(plan) == ["held"]


def test_m8_posted_to_the_end_of_the_contract_leaves_no_day() -> None:
    plan = plan_for(target(15), one_line(10, posted_until=date(2030, 1, 1)))
    assert plan.changes == ()
    assert kinds(plan) == ["held"]


def test_m8_a_refusal_because_of_posting_counts_as_posted() -> None:
    refused = LineMemory(refused={TODAY: "posted"})
    assert steps(plan_for(target(15), one_line(10), refused)) == [(NEXT_MONTH, 10, 15)]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_reference_7_4_a_second_change_on_one_day_moves_to_the_next_free_day() -> None:
    refused = LineMemory(refused={TODAY: "same_day", date(2026, 11, 21): "same_day"})
    assert steps(plan_for(target(15), one_line(10), refused)) == [(date(2026, 11, 22), 10, 15)]
    held = plan_for(target(15, policy(same_day=Otherwise.HOLD)), one_line(10), refused)
    assert steps(held) == [(TODAY, 10, 15)]
    assert status(held) is ChangeStatus.HELD


def test_reference_7_3_a_line_that_may_not_go_to_zero_is_held_with_the_reason() -> None:
    refused = LineMemory(refused={date(2026, 11, 19): "zero"})
    plan = plan_for(target(0), one_line(10), refused)
    assert status(plan) is ChangeStatus.HELD
    assert "refused to bring this line to 0" in str(plan.changes[0].holds[0])
    assert status(plan_for(target(1), one_line(10), refused)) is ChangeStatus.READY


def test_what_autotask_refused_is_not_sent_again_by_itself() -> None:
    plan = plan_for(target(15), one_line(10), LineMemory(refused={TODAY: "inactive_reference"}))
    assert status(plan) is ChangeStatus.HELD
    approved = Decisions(approved={plan.changes[0].id: "ann"})
    again = plan_for(target(15), one_line(10), LineMemory(refused={TODAY: "inactive_reference"}), approved)
    assert status(again) is ChangeStatus.APPROVED


# --- M10: drift -------------------------------------------------------------------------------------------------------


def verified(units: int, day: date, *ours: date) -> LineMemory:
    return LineMemory(verified_units=units, verified_on=day, our_dates=frozenset(ours))


@pytest.mark.parametrize(
    ("memory", "booked", "drifts"),
    [
        (verified(10, date(2026, 11, 10)), {START: 10}, False),
        (verified(12, date(2026, 11, 10)), {START: 10}, True),
        # Changed after it was verified.
        (verified(8, date(2026, 11, 10)), {START: 8, date(2026, 11, 15): 10}, True),
        (verified(8, date(2026, 11, 10), date(2026, 11, 15)), {START: 8, date(2026, 11, 15): 10}, False),
        # A change of ours that is still to come was verified; today's units are what is left of it.
        (verified(4, NEXT_MONTH, NEXT_MONTH), {START: 10, NEXT_MONTH: 4}, False),
        (verified(4, NEXT_MONTH, NEXT_MONTH), {START: 10, NEXT_MONTH: 5}, True),
        # Booked ahead by somebody else.
        (verified(10, TODAY), {START: 10, LATER: 20}, True),
        (verified(10, TODAY), {START: 10, LATER: 15}, False),
        (LineMemory(), {START: 10, LATER: 20}, True),
        (LineMemory(), {START: 10}, False),
    ],
)
def test_m10_drift(memory: LineMemory, booked: Mapping[date, int], drifts: bool) -> None:
    state = one_line(booked)
    plan = plan_for(target(15), state, memory)
    assert ("drift" in kinds(plan)) == drifts
    assert all((change.status is ChangeStatus.HELD) == drifts for change in plan.changes)
    overwritten = plan_for(target(15, policy(drift=Otherwise.OVERWRITE)), state, memory)
    assert ("drift" in kinds(overwritten)) == drifts
    assert all(change.status is ChangeStatus.READY for change in overwritten.changes)
    told = [str(text) for change in overwritten.changes for text in change.explanation]
    assert any("Somebody else" in text for text in told) == drifts


def test_m10_rows_that_were_read_from_this_period_on_are_enough() -> None:
    long_ago = date(2026, 9, 3)
    rows = [row for row in period_rows(contract(), {START: 10, date(2026, 11, 3): 12}) if row.start >= THIS_MONTH]
    state = replace(one_line(), units={LINE: tuple(rows)})
    assert kinds(plan_for(target(15), state, verified(10, long_ago))) == ["drift"]
    assert kinds(plan_for(target(15), state, verified(10, long_ago, date(2026, 11, 3)))) == []
    assert kinds(plan_for(target(15), state, verified(9, long_ago))) == ["drift"]
    # What we changed between then and the first row cannot be judged, and is not called drift.
    assert kinds(plan_for(target(15), state, verified(9, long_ago, date(2026, 10, 1), date(2026, 11, 3)))) == []


def test_m10_units_that_vanished_are_drift_too() -> None:
    state = replace(one_line(), units={LINE: ()})
    assert kinds(plan_for(target(15), state, verified(10, TODAY))) == ["drift"]


def test_m10_somebody_who_changed_a_line_to_what_it_should_be_is_left_in_peace() -> None:
    plan = plan_for(target(15), one_line(15), verified(10, TODAY))
    assert (plan.changes, plan.findings, plan.unchanged) == ((), (), 1)


# --- M6: guards -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "had", "units", "held"),
    [
        ({"max_change": 5}, 10, 15, False),
        ({"max_change": 5}, 10, 16, True),
        ({"max_change": 5}, 10, 4, True),
        ({"max_change_percent": 50}, 10, 15, False),
        ({"max_change_percent": 50}, 10, 16, True),
        ({"max_change_percent": 50}, 10, 4, True),
        # One seat more on a line of one is no spike, unless a limit was set for all lines.
        ({"max_change_percent": 50, "percent_from_units": 10}, 1, 2, False),
        ({"max_change_percent": 50, "percent_from_units": 10}, 5, 500, True),
        ({"max_change_percent": 50}, 1, 2, True),
        # Nothing is a percentage of no units.
        ({"max_change_percent": 50}, 0, 12, False),
        ({"max_change_percent": 0}, 10, 11, True),
        ({"hold_to_zero": True}, 10, 0, True),
        ({"hold_to_zero": True}, 10, 1, False),
        ({"hold_to_zero": False}, 10, 0, False),
        ({}, 10, 10000, False),
    ],
)
def test_m6_limits(limits: dict[str, object], had: int, units: int, held: bool) -> None:
    plan = plan_for(target(units, policy(**limits)), one_line(had))
    assert (status(plan) is ChangeStatus.HELD) == held
    assert bool(plan.changes[0].holds) == held
    assert kinds(plan) == (["held"] if held else [])
    assert bool(plan.applicable()) != held


def many(count: int, down: int, limit: int | None = 30, up: int = 0) -> tuple[list[Target], ContractState]:
    homes = [contract(n, company_id=n) for n in range(1, count + 1)]
    entries = [ContractLine(line(n), n, MFA) for n in range(1, count + 1)]
    state = world(entries, homes, {line(n): period_rows(homes[n - 1], {START: 10}) for n in range(1, count + 1)})
    wanted = [
        target(
            9 if n <= down else 11 if n <= down + up else 10,
            policy(max_lines_down_percent=limit),
            line=line(n),
            contract_id=n,
            company_id=n,
            sources=(TargetSource("Duo", used(9), 1, "users"),),
        )
        for n in range(1, count + 1)
    ]
    return wanted, state


@pytest.mark.parametrize(
    ("count", "down", "limit", "held"),
    [
        (20, 6, 30, False),
        (20, 7, 30, True),
        (9, 9, 30, False),
        (10, 4, 30, True),
        (10, 10, None, False),
        (10, 1, 0, True),
    ],
)
def test_m6_a_portal_of_which_too_many_lines_go_down_is_held_as_a_whole(
    count: int, down: int, limit: int | None, held: bool
) -> None:
    plan = plan_for(*many(count, down, limit, up=1 if down < count else 0))
    lowered = [change for change in plan.changes if change.unit_change < 0]
    assert all((change.status is ChangeStatus.HELD) == held for change in lowered)
    assert all(change.status is ChangeStatus.READY for change in plan.changes if change.unit_change > 0)
    assert [finding.key for finding in plan.findings] == (["held|Duo"] if held else [])


def test_m6_each_decrease_of_a_landslide_can_be_approved() -> None:
    wanted, state = many(10, 10)
    plan = plan_for(wanted, state)
    decisions = Decisions(approved={plan.changes[3].id: "ann"})
    again = plan_for(wanted, state, decisions=decisions)
    assert [change.id for change in again.applicable()] == [plan.changes[3].id]


# --- modes and decisions ----------------------------------------------------------------------------------------------


def test_a_portal_in_review_waits_for_a_person() -> None:
    assert status(plan_for(target(15, mode=Mode.REVIEW), one_line(10))) is ChangeStatus.NEEDS_APPROVAL
    held = plan_for(target(15, policy(max_change=1), mode=Mode.REVIEW), one_line(10))
    assert status(held) is ChangeStatus.HELD


def test_an_approval_is_worth_for_exactly_this_change() -> None:
    careful = policy(max_change=1)
    plan = plan_for(target(15, careful), one_line(10))
    approved = Decisions(approved={plan.changes[0].id: "ann"})
    settled = plan_for(target(15, careful), one_line(10), decisions=approved)
    assert status(settled) is ChangeStatus.APPROVED
    assert settled.findings == ()
    assert status(plan_for(target(16, careful), one_line(10), decisions=approved)) is ChangeStatus.HELD
    assert status(plan_for(target(15, careful), one_line(11), decisions=approved)) is ChangeStatus.HELD
    tomorrow = date(2026, 11, 21)
    assert status(plan_for(target(15, careful), one_line(10), decisions=approved, today=tomorrow)) is ChangeStatus.HELD


def test_a_dismissal_is_worth_for_this_target_on_any_day() -> None:
    plan = plan_for(target(15), one_line(10))
    dismissed = Decisions(dismissed={plan.changes[0].dismissal_key: "free seats"}, approved={plan.changes[0].id: "ann"})
    tomorrow = date(2026, 11, 21)
    assert status(plan_for(target(15), one_line(10), decisions=dismissed, today=tomorrow)) is ChangeStatus.DISMISSED
    assert status(plan_for(target(15), one_line(10), decisions=dismissed)) is ChangeStatus.DISMISSED
    assert status(plan_for(target(16), one_line(10), decisions=dismissed)) is ChangeStatus.READY


# --- prices -----------------------------------------------------------------------------------------------------------


def price_plan(units: int, had: int = 10, memory: LineMemory | None = None, **fields: object) -> Plan:
    wanted = target(units, policy(**fields), unit_price=Decimal(3), unit_cost=Decimal("1.10"))
    return plan_for(wanted, one_line(had), memory)


def only(plan: Plan) -> Change:
    (change,) = plan.changes
    return change


def test_a_new_price_goes_with_the_units_of_the_same_day() -> None:
    change = only(price_plan(15))
    assert (change.kind, change.unit_price, change.unit_cost) == (ChangeKind.UNITS, Decimal(3), None)
    assert change.money_per_period == 15 * Decimal(3) - 10 * Decimal("2.50")


def test_m12_a_price_with_more_decimals_than_a_line_keeps_is_written_once() -> None:
    wanted = target(10, unit_price=Decimal("3.123456"))
    assert only(plan_for(wanted, one_line(10))).unit_price == Decimal("3.1235")
    state = one_line(10)
    kept = replace(state, lines={ref: replace(one, unit_price=Decimal("3.1235")) for ref, one in state.lines.items()})
    assert plan_for(wanted, kept).changes == ()


def test_a_new_price_alone_is_a_change_of_its_own() -> None:
    change = only(price_plan(10))
    assert (change.kind, change.from_units, change.to_units) == (ChangeKind.PRICE, 10, 10)
    assert change.unit_change == 0
    assert change.money_per_period == 10 * Decimal("0.50")
    assert change.effective_date == TODAY


def test_a_new_price_before_a_later_decrease() -> None:
    plan = price_plan(4, decrease=When.NEXT_PERIOD)
    assert [(c.kind, c.effective_date, c.from_units, c.to_units) for c in plan.changes] == [
        (ChangeKind.PRICE, TODAY, 10, 10),
        (ChangeKind.UNITS, NEXT_MONTH, 10, 4),
    ]


def test_m1_a_price_that_is_there_or_on_its_way_is_not_written_again() -> None:
    same = target(10, unit_price=Decimal("2.5"), unit_cost=Decimal("1.1"))
    assert plan_for(same, one_line(10)).changes == ()
    assert price_plan(10, memory=LineMemory(unit_price=Decimal(3))).changes == ()
    assert price_plan(10, memory=LineMemory(unit_price=Decimal(4))).changes != ()


def test_m12_money_is_exact_and_none_where_no_price_is_known() -> None:
    assert only(plan_for(target(13), one_line(10))).money_per_period == Decimal("7.50")
    entry = ContractLine(LINE, 1, MFA)
    state = world([entry], [contract()], {LINE: period_rows(contract(), {START: 10})})
    assert only(plan_for(target(13), state)).money_per_period is None


# --- what is not known ------------------------------------------------------------------------------------------------


def test_m2_a_line_whose_units_were_not_read_is_not_planned() -> None:
    state = replace(one_line(10), units_known=frozenset())
    plan = plan_for(target(0), state)
    assert (plan.changes, plan.unchanged) == ((), 0)
    assert kinds(plan) == ["failed"]


def test_a_line_that_is_gone_is_told() -> None:
    gone: LineRef = line(999)
    plan = plan_for(target(5, line=gone), one_line(10))
    assert plan.changes == ()
    assert kinds(plan) == ["no_line"]


def test_a_line_without_rows_has_no_units() -> None:
    state = replace(one_line(10), units={})
    assert steps(plan_for(target(5), state)) == [(TODAY, 0, 5)]
    assert plan_for(target(0), state).unchanged == 1


def test_changes_stand_in_a_stable_order() -> None:
    wanted, state = many(12, 3, None)
    plan = plan_for(wanted[::-1], state)
    assert [change.company_id for change in plan.changes] == [1, 2, 3]
    assert plan.checksum == plan_for(wanted, state).checksum


def test_m6_a_price_that_jumps_is_held() -> None:
    def held(price: str, **limits: object) -> bool:
        wanted = target(10, policy(**limits), unit_price=Decimal(price))
        return status(plan_for(wanted, one_line(10))) is ChangeStatus.HELD

    assert not held("250")
    assert held("250", max_change_percent=50)
    assert held("1.20", max_change_percent=50)
    assert not held("3.75", max_change_percent=50)
    assert held("0", hold_to_zero=True)
    assert held("-1", hold_to_zero=True)


def test_m6_what_was_dismissed_does_not_make_a_landslide() -> None:
    wanted, state = many(10, 4)
    plan = plan_for(wanted, state)
    assert plan.applicable() == ()
    dismissed = Decisions(dismissed={change.dismissal_key: "free seats" for change in plan.changes[:2]})
    again = plan_for(wanted, state, decisions=dismissed)
    assert [change.status for change in again.changes] == [*["dismissed"] * 2, *["ready"] * 2]
    assert again.findings == ()


def test_m8_a_line_is_not_added_in_a_period_that_is_posted() -> None:
    """The new line has no rows yet: the other lines of the contract tell what is posted."""
    home = contract()
    entry = ContractLine(line(200), home.id, ItemRef(LineKind.SERVICE, 777))
    state = world([entry], [home], {entry.ref: period_rows(home, {START: 1}, posted_until=NEXT_MONTH)})
    change = only(plan_for(target(7, line=None), state))
    assert (change.kind, change.effective_date) == (ChangeKind.ADD_LINE, NEXT_MONTH)
    assert "already posted" in str(change.explanation[-1])
    held = plan_for(target(7, policy(posted=Otherwise.HOLD), line=None), state)
    assert (only(held).effective_date, status(held)) == (TODAY, ChangeStatus.HELD)


def test_m8_the_line_that_is_posted_furthest_tells_for_a_new_one() -> None:
    home = contract()
    entries = [ContractLine(line(number), home.id, ItemRef(LineKind.SERVICE, number)) for number in (200, 201, 202)]
    ends = {200: None, 201: date(2027, 1, 1), 202: NEXT_MONTH}
    rows = {line(number): period_rows(home, {START: 1}, posted_until=end) for number, end in ends.items()}
    assert only(plan_for(target(7, line=None), world(entries, [home], rows))).effective_date == date(2027, 1, 1)


def test_m8_the_next_open_row_may_begin_within_the_period() -> None:
    rows = (
        UnitRow(THIS_MONTH, date(2026, 11, 24), 10, posted=True),
        UnitRow(date(2026, 11, 25), date(2026, 11, 30), 10),
    )
    assert steps(plan_for(target(15), replace(one_line(10), units={LINE: rows}))) == [(date(2026, 11, 25), 10, 15)]
