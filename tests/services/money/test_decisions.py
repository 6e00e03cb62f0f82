"""What people decide about changes holds: nothing held is written, nothing dismissed comes back, a reversal stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.domain.errors import AccessDenied, InputError
from core.domain.policy import Mode, Policy, When
from core.services import decisions, planning, reversing, sync
from core.services.access import SYSTEM, Actor, Role
from core.services.paging import PageQuery
from core.store import audit
from tests.services.money.world import BOLD, SandboxData, World

ANN = Actor(1, "Ann", Role.OPERATOR)
VIC = Actor(2, "Vic", Role.VIEWER)
Make = Callable[[Mode, Policy], World]


@pytest.fixture
def make(make_world: Callable[..., World], data: SandboxData) -> Make:
    """One company with one line of 10 units, and a portal of this mode and policy."""

    def build(mode: Mode = Mode.REVIEW, policy: Policy = BOLD) -> World:
        company = data.company("Acme BV")
        mfa = data.service("MFA per user")
        assert data.line(data.contract(company), mfa, 10) == 8001
        world = make_world(data)
        world.portal(mode=mode, policy=policy)
        world.map({"Acme": company}, {"users": mfa})
        return world

    return build


def only(world: World) -> planning.ChangeRow:
    [row] = planning.changes(world.ctx, SYSTEM, PageQuery()).rows
    return row


def test_review_writes_nothing_before_somebody_approves(make: Make) -> None:
    world = make(Mode.REVIEW, BOLD)
    world.says({("Acme", "users"): 12})
    summary = world.sync()
    assert (summary.status, summary.changes["waiting"], summary.changes["applied"]) == ("partly", 1, 0)
    assert world.units(8001) == 10
    assert only(world).status == "needs_approval"
    assert decisions.approve(world.ctx, ANN, [only(world).id]) == 1
    assert only(world).status == "approved"
    applied = sync.apply_now(world.ctx, ANN)
    assert (applied.status, applied.changes["applied"]) == ("done", 1)
    assert world.units(8001) == 12
    assert planning.changes(world.ctx, SYSTEM, PageQuery()).total == 0


def test_m6_a_spike_is_held_also_from_the_schedule(make: Make) -> None:
    world = make(Mode.AUTOMATIC, Policy(increase=When.TODAY, max_change_percent=50))
    world.says({("Acme", "users"): 100})
    for _ in range(2):
        assert world.sync().changes["held"] == 1
    assert world.adjustments() == []
    decisions.approve_all(world.ctx, ANN)
    assert sync.apply_now(world.ctx, ANN).changes["applied"] == 1
    assert world.units(8001) == 100


def test_an_approval_is_worth_for_exactly_this_change(make: Make) -> None:
    """The line was changed by hand after the approval: what was approved is another change now."""
    world = make(Mode.REVIEW, BOLD)
    world.says({("Acme", "users"): 12})
    world.sync()
    decisions.approve_all(world.ctx, ANN)
    world.server.sandbox.adjust(8001, 5, world.clock.today())
    summary = sync.apply_now(world.ctx, ANN)
    assert summary.changes["applied"] == 0
    assert world.adjustments() == []
    assert world.units(8001) == 15
    assert only(world).status in ("needs_approval", "held")
    assert only(world).from_units == 15


def test_a_viewer_decides_nothing(make: Make) -> None:
    world = make(Mode.REVIEW, BOLD)
    world.says({("Acme", "users"): 12})
    world.sync()
    change = only(world).id
    for attempt in (
        lambda: decisions.approve(world.ctx, VIC, [change]),
        lambda: decisions.dismiss(world.ctx, VIC, [change], "no"),
        lambda: decisions.hold(world.ctx, VIC, [change]),
        lambda: sync.apply_now(world.ctx, VIC),
        lambda: world.sync(actor=VIC),
        lambda: reversing.reverse_run(world.ctx, VIC, 1),
    ):
        with pytest.raises(AccessDenied):
            attempt()
    assert only(world).status == "needs_approval"


def test_a_dismissal_needs_a_reason_and_lasts_until_the_target_changes(make: Make) -> None:
    world = make(Mode.AUTOMATIC, BOLD.model_copy(update={"max_change": 1}))
    world.says({("Acme", "users"): 12})
    world.sync()
    with pytest.raises(InputError):
        decisions.dismiss(world.ctx, ANN, [only(world).id], "  ")
    decisions.dismiss(world.ctx, ANN, [only(world).id], "agreed with the customer")
    assert world.sync().changes["dismissed"] == 1
    assert world.sync().changes["applied"] == 0
    world.clock.move(hours=1)
    world.says({("Acme", "users"): 11})
    assert world.sync().changes["applied"] == 1
    assert world.units(8001) == 11


def test_a_hold_by_a_person_stops_the_schedule_until_taken_back(make: Make) -> None:
    world = make(Mode.AUTOMATIC, BOLD)
    world.says({("Acme", "users"): 12})
    world.sync(apply=False)
    decisions.hold(world.ctx, ANN, [only(world).id], "asking the customer")
    summary = world.sync()
    assert (summary.changes["held"], summary.changes["applied"]) == (1, 0)
    assert "asking the customer" in str(only(world).holds[-1])
    decisions.restore(world.ctx, ANN, [only(world).id])
    assert world.sync().changes["applied"] == 1


def test_withdrawing_an_approval_puts_the_change_back(make: Make) -> None:
    world = make(Mode.REVIEW, BOLD)
    world.says({("Acme", "users"): 12})
    world.sync()
    change = only(world).id
    decisions.approve(world.ctx, ANN, [change])
    decisions.withdraw(world.ctx, ANN, [change])
    assert only(world).status == "needs_approval"
    assert sync.apply_now(world.ctx, ANN).changes["applied"] == 0
    with world.database.session() as session:
        events = [entry.event for entry in audit.export(session) if entry.event.startswith("change.")]
    assert events == ["change.approved", "change.withdrawn"]


def test_a_change_that_is_not_in_the_plan_is_named(make: Make) -> None:
    world = make(Mode.REVIEW, BOLD)
    with pytest.raises(InputError, match="nonsense"):
        decisions.approve(world.ctx, ANN, ["nonsense"])


def test_m13_a_change_leads_back_to_its_reading_and_forward_to_the_read_back(make: Make) -> None:
    world = make(Mode.AUTOMATIC, BOLD)
    world.says({("Acme", "users"): 12})
    world.sync(apply=False)
    change = only(world).id
    world.sync()
    detail = planning.change_detail(world.ctx, VIC, change)
    assert detail.row.status == "applied"
    assert [step.event for step in detail.steps] == ["intended", "sent", "answered", "verified"]
    [source] = detail.change.sources
    assert (source.line.usage.origin.source, source.line.usage.origin.place) == ("test", "Acme/users")
    assert detail.steps[-1].data["units"] == 12


def test_m14_a_run_is_reversed_through_approval_and_stays_reversed(make: Make) -> None:
    world = make(Mode.AUTOMATIC, BOLD)
    world.says({("Acme", "users"): 12})
    run = world.sync().run_id
    world.clock.move(days=1)
    assert reversing.reverse_run(world.ctx, ANN, run) == 1
    assert (only(world).from_units, only(world).to_units, only(world).status) == (12, 10, "needs_approval")
    assert world.sync().changes["applied"] == 0, "a reversal waits for a person"
    decisions.approve_all(world.ctx, ANN)
    assert sync.apply_now(world.ctx, ANN).changes["applied"] == 1
    assert world.units(8001) == 10
    again = world.sync()
    assert (again.changes["applied"], again.changes["dismissed"]) == (0, 1)
    assert world.units(8001) == 10
    world.clock.move(days=1)
    world.says({("Acme", "users"): 13})
    assert world.sync().changes["applied"] == 1
    assert world.units(8001) == 13


def test_m14_a_reversal_that_is_dismissed_is_given_up(make: Make) -> None:
    world = make(Mode.AUTOMATIC, BOLD)
    world.says({("Acme", "users"): 12})
    run = world.sync().run_id
    world.clock.move(days=1)
    reversing.reverse_run(world.ctx, ANN, run)
    decisions.dismiss(world.ctx, ANN, [only(world).id], "it was right after all")
    assert world.sync().changes["planned"] == 0
    assert world.units(8001) == 12


def test_m14_a_line_changed_since_is_left_alone(make: Make) -> None:
    world = make(Mode.AUTOMATIC, BOLD)
    world.says({("Acme", "users"): 12})
    run = world.sync().run_id
    world.clock.move(days=1)
    world.says({("Acme", "users"): 20})
    world.sync()
    assert reversing.reverse_run(world.ctx, ANN, run) == 0
    assert planning.findings(world.ctx, VIC, PageQuery(status="drift")).total == 1
    assert world.sync().changes["planned"] == 0


def test_a_run_that_wrote_nothing_cannot_be_reversed(make: Make) -> None:
    world = make(Mode.AUTOMATIC, BOLD)
    run = world.sync().run_id
    with pytest.raises(InputError):
        reversing.reverse_run(world.ctx, ANN, run)
