"""What changed between the plan and the write, or between two writes: nothing is written that nobody would ask for now."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.domain.contract import LineKind, LineRef
from core.domain.errors import InputError
from core.domain.policy import Mode, Otherwise, Policy, When
from core.domain.target import Target, Targets
from core.domain.usage import Reading
from core.services import decisions, directory, plan_making, planning, products, reversing, sync
from core.services.access import Actor, Role
from core.services.journal import Journal
from core.services.paging import PageQuery
from core.services.rules import draft_of
from core.store import decisions as stored_decisions
from core.store import history, mappings, portals
from core.store.mappings import Author
from tests.services.money.world import BOLD, SandboxData, SandboxSwitches, World, reading

ANN = Actor(1, "Ann", Role.OPERATOR)
OVERWRITE = BOLD.model_copy(update={"drift": Otherwise.OVERWRITE})
UNITS: dict[str, Any] = {"entity": "ContractServiceUnits", "operation": "query"}
DECEMBER = date(2026, 12, 1)
Make = Callable[..., World]


@pytest.fixture
def make(make_world: Make, data: SandboxData) -> Make:
    """Acme (company 1001) has a line of 10 units, 8001; so has Other (1002), 8002, whom nobody mentions."""

    def build(mode: Mode = Mode.AUTOMATIC, policy: Policy = BOLD, switches: SandboxSwitches | None = None) -> World:
        mfa = data.service("MFA per user", price=1000.0)
        for name in ("Acme BV", "Other BV"):
            data.line(data.contract(data.company(name)), mfa, 10)
        world = make_world(data, switches)
        world.portal(mode=mode, policy=policy)
        world.map({"Acme": 1001}, {"users": mfa})
        return world

    return build


def rows(world: World) -> tuple[planning.ChangeRow, ...]:
    return planning.changes(world.ctx, ANN, PageQuery()).rows


def booked_ahead(make: Make, mode: Mode, same_day: str) -> World:
    """10 units now, 20 from December on by somebody who may be overruled, 15 in use: two changes of one line."""
    world = make(mode, OVERWRITE, SandboxSwitches(same_day=same_day))
    world.says({("Acme", "users"): 10})
    world.sync()
    world.server.sandbox.adjust(8001, 10, DECEMBER)
    world.clock.move(days=1)
    world.says({("Acme", "users"): 15})
    return world


def test_m1_a_line_of_which_one_day_is_taken_is_read_again_before_it_is_planned_again(make: Make) -> None:
    """The first change went through, the second was refused for its day: the first one is not made once more."""
    world = booked_ahead(make, Mode.AUTOMATIC, "fail")
    summary = world.sync()
    assert (summary.changes["planned"], summary.changes["applied"]) == (2, 2)
    fired = [entry.values for entry in world.adjustments(8001)]
    assert [(one["effectiveDate"], one["unitChange"]) for one in fired] == [("2026-11-21", 5), ("2026-12-02", -10)]
    sent = world.server.sandbox.request_counts()["ContractServiceAdjustments"]["create"]
    assert sent == 3, "each once, and the one that was refused"


def test_m6_one_change_of_a_line_is_never_applied_without_the_others(make: Make) -> None:
    world = booked_ahead(make, Mode.REVIEW, "merge")
    world.sync()
    first, second = rows(world)
    assert (first.to_units, second.to_units) == (15, 15)
    decisions.approve(world.ctx, ANN, [first.id])
    assert sync.apply_now(world.ctx, ANN, [first.id]).changes["applied"] == 2
    assert (world.units(8001), world.units(8001, date(2026, 12, 2))) == (15, 15)


def test_m8_a_period_that_is_posted_after_the_approval_is_left_alone(make: Make) -> None:
    """What was approved was the size of the change, not a change in a posted period."""
    world = make(policy=Policy(increase=When.TODAY, max_change_percent=50))
    world.says({("Acme", "users"): 100})
    world.sync()
    decisions.approve_all(world.ctx, ANN)
    world.server.sandbox.post_period(world.clock.today())
    sync.apply_now(world.ctx, ANN)
    assert world.adjustments() == []
    assert [(row.status, row.effective_date) for row in rows(world)] == [("held", DECEMBER)]


def test_m4_m14_a_reversal_of_which_the_answer_was_lost_stays_reversed(make: Make) -> None:
    world = make()
    world.says({("Acme", "users"): 12})
    run = world.sync().run_id
    world.clock.move(days=1)
    reversing.reverse_run(world.ctx, ANN, run)
    decisions.approve_all(world.ctx, ANN)
    world.server.faults.add(action="status", status=500, when="before", nth=3, times=None, **UNITS)
    sync.apply_now(world.ctx, ANN)
    assert len(world.adjustments(8001)) == 2
    world.server.faults.clear()
    for _ in range(2):
        world.clock.move(days=1)
        assert world.sync().changes["applied"] == 0
    assert world.units(8001) == 10


def test_m4_an_approval_is_used_up_when_the_write_is_found_later(make: Make) -> None:
    world = make(Mode.REVIEW, BOLD.model_copy(update={"increase": When.NEXT_PERIOD}))
    world.says({("Acme", "users"): 12})
    world.sync()
    decisions.approve_all(world.ctx, ANN)
    world.server.faults.add(action="status", status=500, when="before", nth=3, times=None, **UNITS)
    sync.apply_now(world.ctx, ANN)
    world.server.faults.clear()
    world.clock.move(hours=1)
    world.sync()
    assert world.units(8001, DECEMBER) == 12
    with world.database.session() as session:
        assert stored_decisions.load(session, world.clock.today()).approved == {}


def test_a_dismissal_ends_when_the_line_is_brought_to_something_else(make: Make) -> None:
    """12 was dismissed while 10 were billed; then 13 were. That 12 are in use again was never dismissed."""
    world = make()
    world.says({("Acme", "users"): 12})
    world.sync(apply=False)
    decisions.dismiss(world.ctx, ANN, [rows(world)[0].id], "agreed with the customer")
    for users in (13, 12):
        world.clock.move(days=1)
        world.says({("Acme", "users"): users})
        world.sync()
        assert world.units(8001) == users


def test_m14_a_reversal_can_be_reversed(make: Make) -> None:
    world = make()
    world.says({("Acme", "users"): 12})
    run = world.sync().run_id
    for units in (10, 12, 10):
        world.clock.move(days=1)
        assert reversing.reverse_run(world.ctx, ANN, run) == 1
        assert [row.status for row in rows(world)] == ["needs_approval"]
        decisions.approve_all(world.ctx, ANN)
        run = sync.apply_now(world.ctx, ANN).run_id
        assert world.units(8001) == units
        world.sync()
        assert world.units(8001) == units


def linked_elsewhere(world: World) -> None:
    world.map({"Acme": 1002}, {})


def other_formula(world: World) -> None:
    with world.database.write() as session:
        [rule] = mappings.load_mapping(session).rules
        mappings.save_rules(session, [replace(rule, formula="quantity + 1")], Author("Ann", world.clock.now()))


def into_review(world: World) -> None:
    with world.database.write() as session:
        portal = portals.by_name(session, "Duo")
        assert portal is not None
        portals.save(session, replace(portal, mode=Mode.REVIEW), world.clock.now())


def told_otherwise(world: World) -> None:
    """A file or a webhook came in: another quantity is known, and nobody has planned with it yet."""
    with world.database.write() as session:
        portal = portals.by_name(session, "Duo")
        assert portal is not None
        world.clock.move(hours=1)
        history.record_reading(session, portal.id, reading("Duo", world.clock.now(), {("Acme", "users"): 11}))


def grown_old(world: World) -> None:
    """The quantity was read longer ago than the portal's limit allows (M2); still in the same period."""
    world.clock.move(days=4)


@pytest.mark.parametrize("mode", [Mode.REVIEW, Mode.AUTOMATIC], ids=["approved", "ready"])
@pytest.mark.parametrize("happens", [linked_elsewhere, other_formula, into_review, told_otherwise, grown_old])
def test_m1_m2_what_a_stored_plan_no_longer_stands_for_is_planned_again(
    make: Make, happens: Callable[[World], None], mode: Mode
) -> None:
    world = make(mode)
    world.says({("Acme", "users"): 12})
    world.sync(apply=False)
    if mode is Mode.REVIEW:
        decisions.approve_all(world.ctx, ANN)
    happens(world)
    summary = sync.apply_now(world.ctx, ANN)
    approved_anyway = happens is into_review and mode is Mode.REVIEW
    assert summary.changes["applied"] == (1 if approved_anyway else 0)
    assert (world.units(8001), world.units(8002)) == (12 if approved_anyway else 10, 10)


def test_m7_what_was_approved_in_a_period_that_is_over_is_planned_again(make: Make) -> None:
    world = make(Mode.REVIEW, BOLD.model_copy(update={"stale_after_days": None}))
    world.says({("Acme", "users"): 12})
    world.sync()
    decisions.approve_all(world.ctx, ANN)
    world.clock.move(days=11)
    assert sync.apply_now(world.ctx, ANN).changes["applied"] == 0
    assert world.adjustments() == []
    assert [(row.to_units, row.effective_date) for row in rows(world)] == [(12, world.clock.today())]


def test_what_is_still_wanted_is_written_days_later(make: Make) -> None:
    world = make(Mode.REVIEW)
    world.says({("Acme", "users"): 12})
    world.sync()
    decisions.approve_all(world.ctx, ANN)
    world.clock.move(days=2)
    assert sync.apply_now(world.ctx, ANN).changes["applied"] == 1
    assert world.units(8001) == 12


@pytest.mark.parametrize("used", ["3000000000", "9000000000000"])
def test_m12_a_quantity_that_no_line_can_have_is_a_finding_and_stops_nobody_else(make: Make, used: str) -> None:
    """Bytes where seats were meant: once it was a number too large for the database, and no customer was brought up to date."""
    world = make()
    world.map({"Other": 1002}, {})
    world.says({("Acme", "users"): used, ("Other", "users"): 12})
    summary = world.sync()
    assert (summary.changes["applied"], summary.findings) == (1, {"formula": 1})
    assert (world.units(8001), world.units(8002)) == (10, 12)


def test_m12_the_largest_quantity_of_a_line_goes_through_both_databases(make: Make) -> None:
    world = make(Mode.REVIEW)
    world.says({("Acme", "users"): 2**31 - 1})
    assert world.sync().changes["planned"] == 1
    [row] = rows(world)
    assert (row.to_units, row.money) == (2**31 - 1, Decimal(2**31 - 11) * 1000)


def test_the_units_of_a_bundle_follow_although_its_cost_cannot(make_world: Make, data: SandboxData) -> None:
    """The portal tells a cost. Autotask takes none for a bundle: once that kept its units from being written, too."""
    bundle = data.bundle("Workplace", [data.service("MFA per user", price=3.0)], price=40.0)
    line = data.bundle_line(data.contract(data.company("Acme BV")), bundle, 5)
    world = make_world(data)
    world.portal(policy=BOLD.model_copy(update={"update_cost": True}))
    world.map({"Acme": 1001}, {"users": bundle}, kind=LineKind.BUNDLE)

    def say(now: datetime) -> Reading:
        whole = reading("Duo", now, {("Acme", "users"): 8})
        return replace(whole, lines=(replace(whole.lines[0], unit_cost=Decimal(30), currency="EUR"),))

    world.said["Duo"] = say
    assert world.sync().changes["applied"] == 1
    assert world.units(line, kind="bundle") == 8
    assert world.sync().changes["planned"] == 0


def test_m10_a_plan_made_beside_a_run_does_not_take_its_writes_for_somebody_elses(make: Make) -> None:
    """Somebody plans while the first run of all writes: what the plan saw is older than what the run verified."""
    world = make(policy=BOLD)
    world.says({("Acme", "users"): 12})
    facts = plan_making.gather(world.ctx)
    with closing(world.autotask()) as target:
        state = directory.refresh(world.ctx, target, {1001})
        planned = plan_making.make(world.ctx, target, facts, state)
        assert world.sync().changes["applied"] == 1
        world.clock.move(hours=1)
        planned = replace(planned, targets=targets_of_all(planned, 10))
        with world.database.write() as session:
            plan_making.keep(session, world.ctx, planned, facts, None)
    world.clock.move(days=1)
    world.says({("Acme", "users"): 13})
    summary = world.sync()
    assert (summary.changes["applied"], summary.findings) == (1, {})
    assert world.units(8001) == 13


def targets_of_all(planned: plan_making.Planned, units: int) -> Targets:
    """As if the portal had told what the lines have."""
    ref = LineRef(LineKind.SERVICE, 8001)
    line = planned.state.lines[ref]
    policy, mode = BOLD, Mode.AUTOMATIC
    target = Target(
        company_id=1001, item=line.item, line=ref, contract_id=line.contract_id, units=units, policy=policy, mode=mode, sources=()
    )  # fmt: skip
    return Targets((target,), ())


def test_m9_a_mapping_that_is_made_twice_is_refused_and_bills_nothing_twice(make: Make) -> None:
    world = make()
    world.says({("Acme", "users"): 12})
    world.sync(apply=False)
    with world.database.session() as session:
        [rule] = mappings.load_mapping(session).rules
    with pytest.raises(InputError, match="twice"):
        products.save_rule(world.ctx, ANN, replace(draft_of(rule), id=None))
    with world.database.write() as session:
        # Two people at the same instant, on two machines.
        mappings.save_rules(session, [replace(rule, id=0)], Author("Bob", world.clock.now()))
    summary = world.sync()
    assert (summary.changes["planned"], summary.findings) == (0, {"formula": 1})
    assert world.units(8001) == 10


def killed(*_: object) -> None:
    """Stands for the end of the process after Autotask answered."""
    raise KeyboardInterrupt


def test_m10_units_that_neither_we_nor_the_plan_made_are_seen_also_when_a_lost_answer_is_settled(make: Make) -> None:
    world = make()
    world.says({("Acme", "users"): 10})
    world.sync()
    world.clock.move(days=1)
    world.says({("Acme", "users"): 15})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "ended", killed)
        with pytest.raises(KeyboardInterrupt):
            world.sync()
    world.server.sandbox.switches.same_day = "merge"
    world.server.sandbox.adjust(8001, 2, world.clock.today())
    summary = world.sync()
    assert (summary.changes["applied"], summary.changes["held"], summary.findings) == (0, 1, {"drift": 1})
    assert world.units(8001) == 17
