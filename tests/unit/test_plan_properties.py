"""What holds for every plan, whatever Autotask holds and portals say: random lines, policies, bookings and postings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from core.domain.contract import ContractLine, ContractState, PeriodType
from core.domain.period import effective_date, period_start
from core.domain.plan import ChangeStatus, Decisions, LineMemory, Plan
from core.domain.planner import make_plan
from core.domain.policy import Mode, Otherwise, Policy, When
from core.domain.reverse import AppliedChange, reversal_targets
from core.domain.target import Target, Targets
from core.domain.timeline import covering
from tests.looking import tries
from tests.unit.autotask_model import ModelLine, apply
from tests.unit.builders import MFA, TODAY, contract, line, target, world

LINE = line(100)
FREE = Policy(
    max_change_percent=None,
    hold_to_zero=False,
    max_lines_down_percent=None,
    drift=Otherwise.OVERWRITE,
    posted=Otherwise.NEXT,
)

days = st.dates(date(2026, 6, 1), date(2027, 9, 30))
counts = st.integers(0, 40)
grids = st.sampled_from([PeriodType.MONTHLY, PeriodType.QUARTERLY, PeriodType.SEMIANNUAL, PeriodType.YEARLY])


@st.composite
def model_lines(draw: st.DrawFn, posted: bool = False) -> ModelLine:
    home = contract(
        start=draw(st.dates(date(2025, 1, 1), TODAY)), end=draw(st.dates(TODAY, date(2028, 6, 30))), period=draw(grids)
    )
    booked = {home.start: draw(counts), **draw(st.dictionaries(days, counts, max_size=3))}
    inside = {day: units for day, units in booked.items() if home.start <= day <= home.end}
    until = (
        draw(st.one_of(st.none(), st.dates(TODAY - timedelta(days=60), TODAY + timedelta(days=60)))) if posted else None
    )
    return ModelLine(home, inside, until)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return FREE.model_copy(update={"increase": draw(st.sampled_from(When)), "decrease": draw(st.sampled_from(When))})


def state_of(model: ModelLine) -> ContractState:
    entry = ContractLine(LINE, model.home.id, MFA)
    return world([entry], [model.home], {LINE: model.rows()})


def plan_for(
    model: ModelLine, wanted: Target, memory: LineMemory | None = None, decisions: Decisions | None = None
) -> Plan:
    known = {LINE: memory} if memory else {}
    return make_plan(Targets((wanted,), ()), state_of(model), known, decisions or Decisions(), TODAY)


@given(model_lines(), policies(), counts, st.none() | days)
def test_m1_an_applied_plan_reaches_the_target_and_a_second_one_is_empty(
    model: ModelLine, policy: Policy, units: int, given_date: date | None
) -> None:
    wanted = target(units, policy, portal_date=given_date)
    before = {day: model.units(day) for day in model.days()}
    increase = effective_date(policy.increase, model.home, TODAY, given_date)
    decrease = effective_date(policy.decrease, model.home, TODAY, given_date)

    plan = plan_for(model, wanted)
    apply(plan.changes, {LINE: model})

    for day, had in before.items():
        start = increase if had < units else decrease
        expected = units if start is not None and day >= start else had
        assert model.units(day) == expected, f"on {day}"
    again = plan_for(model, wanted)
    assert again.changes == ()


@given(model_lines(posted=True), policies(), counts)
def test_m5_one_change_a_line_and_day(model: ModelLine, policy: Policy, units: int) -> None:
    plan = plan_for(model, target(units, policy))
    dates = [change.effective_date for change in plan.changes]
    assert len(dates) == len(set(dates))
    assert all(change.unit_change for change in plan.changes)


@given(model_lines(posted=True), policies(), counts)
def test_m8_no_change_counts_inside_a_posted_period(model: ModelLine, policy: Policy, units: int) -> None:
    rows = model.rows()
    wanted = target(units, policy)
    plan = plan_for(model, wanted)
    for change in plan.changes:
        row = covering(rows, change.effective_date)
        assert row is None or not row.posted
    apply(plan.changes, {LINE: model})
    assert plan_for(model, wanted).changes == ()


@given(model_lines(posted=True), policies(), counts)
def test_m8_hold_leaves_the_date_and_waits(model: ModelLine, policy: Policy, units: int) -> None:
    plan = plan_for(model, target(units, policy.model_copy(update={"posted": Otherwise.HOLD})))
    for change in plan.changes:
        row = covering(model.rows(), change.effective_date)
        if row is not None and row.posted:
            assert change.status is ChangeStatus.HELD
            assert change.holds


@given(model_lines(), policies(), counts, st.integers(0, 5))
def test_reference_15_a_refused_same_day_change_moves_to_a_free_day(
    model: ModelLine, policy: Policy, units: int, run_of_days: int
) -> None:
    first = plan_for(model, target(units, policy))
    assume(first.changes)
    start = first.changes[0].effective_date
    refused = {start + timedelta(days=shift): "same_day" for shift in range(run_of_days + 1)}
    plan = plan_for(model, target(units, policy), LineMemory(refused=refused))
    assert not {change.effective_date for change in plan.changes} & set(refused)
    writable = tuple(change for change in plan.changes if change.status is not ChangeStatus.HELD)
    apply(writable, {LINE: model})
    assert plan_for(model, target(units, policy), LineMemory(refused=refused)).changes == plan.changes[len(writable) :]


@given(
    model_lines(posted=True),
    policies(),
    counts,
    st.sampled_from(Mode),
    st.integers(0, 100) | st.none(),
    st.integers(0, 30) | st.none(),
)
def test_m6_what_a_guard_holds_is_never_applicable(
    model: ModelLine, policy: Policy, units: int, mode: Mode, percent: int | None, most: int | None
) -> None:
    careful = policy.model_copy(
        update={"max_change_percent": percent, "max_change": most, "hold_to_zero": True, "drift": Otherwise.HOLD}
    )
    plan = plan_for(model, target(units, careful, mode))
    applicable = plan.applicable()
    assert not [change for change in applicable if change.holds]
    for change in applicable:
        assert mode is Mode.AUTOMATIC
        assert most is None or abs(change.unit_change) <= most
        assert change.to_units > 0 or change.from_units == 0
    # The changes of a line stand or fall together.
    assert len({change.status for change in plan.changes}) <= 1


@given(model_lines(), policies(), counts)
def test_m6_approval_and_dismissal_are_about_whole_lines(model: ModelLine, policy: Policy, units: int) -> None:
    careful = policy.model_copy(update={"max_change": 0})
    plan = plan_for(model, target(units, careful))
    assume(plan.changes)
    everything = Decisions(approved={change.id: "ann" for change in plan.changes})
    assert {c.status for c in plan_for(model, target(units, careful), decisions=everything).changes} == {
        ChangeStatus.APPROVED
    }
    part = Decisions(approved={plan.changes[0].id: "ann"})
    if len(plan.changes) > 1:
        assert not plan_for(model, target(units, careful), decisions=part).applicable()
    dismissed = Decisions(approved=everything.approved, dismissed={plan.changes[-1].dismissal_key: "no"})
    assert {c.status for c in plan_for(model, target(units, careful), decisions=dismissed).changes} == {
        ChangeStatus.DISMISSED
    }


@given(model_lines(), policies(), st.none() | counts)
def test_m2_without_a_quantity_nothing_is_written(model: ModelLine, policy: Policy, units: int | None) -> None:
    assert plan_for(model, target(None, policy)).changes == ()
    state = state_of(model)
    unread = replace(state, units_known=frozenset(), units={})
    plan = make_plan(Targets((target(units, policy),), ()), unread, {}, Decisions(), TODAY)
    assert plan.changes == ()
    assert plan.unchanged == 0


@given(model_lines(), policies(), counts, st.integers(-20, 20))
def test_m10_units_somebody_changed_are_held_and_told(model: ModelLine, policy: Policy, units: int, by: int) -> None:
    memory = LineMemory(verified_units=model.units(TODAY), verified_on=TODAY, our_dates=frozenset(model.deltas))
    assume(by != 0 and all(row.units + by >= 0 for row in model.rows()))
    model.deltas[model.home.start] += by
    holding = policy.model_copy(update={"drift": Otherwise.HOLD})
    plan = plan_for(model, target(units, holding), memory)
    assert all(change.status is ChangeStatus.HELD for change in plan.changes)
    overwriting = plan_for(model, target(units, policy), memory)
    assert all(change.status is ChangeStatus.READY for change in overwriting.changes)
    for each in (plan, overwriting):
        assert ("drift" in {finding.kind for finding in each.findings}) == bool(each.changes)


@given(model_lines(), policies(), counts)
def test_m14_the_reversal_of_a_run_restores_every_day(model: ModelLine, policy: Policy, units: int) -> None:
    this_period = period_start(model.home, TODAY)
    before = {day: model.units(day) for day in model.days()}
    plan = plan_for(model, target(units, policy))
    assume(plan.changes)
    apply(plan.changes, {LINE: model})
    applied = [
        AppliedChange(
            line=LINE,
            contract_id=c.contract_id,
            effective_date=c.effective_date,
            from_units=c.from_units,
            to_units=c.to_units,
        )
        for c in plan.changes
    ]
    # Reversed the next day, when Autotask takes another change of the same date again.
    model.written.clear()
    memory = LineMemory(our_dates=frozenset(model.deltas))
    state = state_of(model)
    back = make_plan(reversal_targets(applied, state, "7"), state, {LINE: memory}, Decisions(), TODAY)
    if back.findings:
        # Something else is booked among the dates of the run: who did that cannot be told, so a person looks.
        assert back.changes == ()
        assert len(plan.changes) > 1
        return
    assert {change.status for change in back.changes} == {ChangeStatus.NEEDS_APPROVAL}
    apply(back.changes, {LINE: model})
    for day, had in before.items():
        if day >= this_period:
            assert model.units(day) == had, f"on {day}"


@given(model_lines(), policies(), counts)
def test_m14_a_line_that_was_changed_again_is_not_reversed(model: ModelLine, policy: Policy, units: int) -> None:
    plan = plan_for(model, target(units, policy))
    assume(plan.changes)
    apply(plan.changes, {LINE: model})
    model.deltas[plan.changes[0].effective_date] += 1
    applied = [
        AppliedChange(
            line=LINE,
            contract_id=c.contract_id,
            effective_date=c.effective_date,
            from_units=c.from_units,
            to_units=c.to_units,
        )
        for c in plan.changes
    ]
    targets = reversal_targets(applied, state_of(model), "7")
    assert targets.targets == ()
    assert [finding.kind for finding in targets.findings] == ["drift"]


@tries(50)
@given(st.lists(st.tuples(model_lines(), counts), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_what_goes_in_does_not_matter(given_lines: list[tuple[ModelLine, int]], random: object) -> None:
    entries = []
    contracts = []
    units = {}
    targets = []
    for number, (model, wanted) in enumerate(given_lines, start=1):
        home = replace(model.home, id=number, company_id=number)
        entry = ContractLine(line(100 + number), number, MFA)
        entries.append(entry)
        contracts.append(home)
        units[entry.ref] = model.rows()
        targets.append(target(wanted, FREE, line=entry.ref, contract_id=number, company_id=number))
    state = world(entries, contracts, units)
    plan = make_plan(Targets(tuple(targets), ()), state, {}, Decisions(), TODAY)
    random.shuffle(targets)  # type: ignore[attr-defined]
    turned = world(entries[::-1], contracts[::-1], dict(reversed(units.items())))
    again = make_plan(Targets(tuple(targets), ()), turned, {}, Decisions(), TODAY)
    assert again == plan
    assert again.checksum == plan.checksum
