"""Every kind of change goes the same way: bundles, added lines, prices, and the same while things fail."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from threading import Event
from typing import Any

import pytest

from core.domain.contract import LineKind
from core.domain.policy import Mode, Otherwise, Policy, When
from core.domain.usage import Reading
from core.services import decisions, reversing, sync
from core.services.access import SYSTEM
from core.services.owners import new_owner
from core.services.running import begin
from core.store import ledger
from core.store.runs import NewRun
from tests.services.money.world import BOLD, SandboxData, SandboxSwitches, World, reading
from tests.waiting import until

ADDING = BOLD.model_copy(update={"add_missing_lines": True})
PRICING = BOLD.model_copy(update={"update_price": True, "update_cost": True})


@pytest.fixture
def make(make_world: Callable[..., World], data: SandboxData) -> Callable[..., World]:
    """Acme with a contract of nothing yet (7001), service 301, bundle 401."""

    def build(policy: Policy = BOLD, mode: Mode = Mode.AUTOMATIC, switches: SandboxSwitches | None = None) -> World:
        company = data.company("Acme BV")
        service = data.service("MFA per user", price=3.0, cost=2.0)
        data.bundle("Workplace", [service], price=40.0)
        data.contract(company)
        world = make_world(data, switches)
        world.portal(policy=policy, mode=mode)
        return world

    return build


def lines(world: World) -> list[dict[str, Any]]:
    return world.server.sandbox.records("ContractServices")


def priced(price: str, cost: str, quantity: int = 10) -> Callable[..., Reading]:
    def say(now: Any) -> Reading:
        from dataclasses import replace

        whole = reading("Duo", now, {("Acme", "users"): quantity})
        told = replace(whole.lines[0], unit_price=Decimal(price), unit_cost=Decimal(cost), currency="EUR")
        return replace(whole, lines=(told,))

    return say


def test_a_bundle_is_adjusted_like_a_service(make: Callable[..., World], data: SandboxData) -> None:
    world = make()
    assert world.server.sandbox.records("ServiceBundles")[0]["id"] == 401
    bundle_line = data.bundle_line(7001, 401, 5)
    world.server.sandbox.reset(data)
    world.map({"Acme": 1001}, {"users": 401}, kind=LineKind.BUNDLE)
    world.says({("Acme", "users"): 8})
    assert world.sync().changes["applied"] == 1
    assert world.units(bundle_line, kind="bundle") == 8
    assert world.sync().changes["planned"] == 0


def test_a_missing_line_is_added_once_with_its_units(make: Callable[..., World]) -> None:
    world = make(ADDING)
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 7})
    assert world.sync().changes["applied"] == 1
    [line] = lines(world)
    assert world.units(line["id"]) == 7
    assert world.sync().changes["planned"] == 0


@pytest.mark.parametrize(
    ("action", "when"), [("drop", "before"), ("drop", "after"), ("status", "after"), ("malformed", "after")]
)
@pytest.mark.parametrize("entity", ["ContractServices", "ContractServiceAdjustments"])
def test_m4_never_a_second_line(make: Callable[..., World], entity: str, action: str, when: str) -> None:
    world = make(ADDING)
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 7})
    world.server.faults.add(action=action, when=when, entity=entity, operation="create")
    world.sync()
    world.sync()
    [line] = lines(world)
    assert world.units(line["id"]) == 7
    assert len(world.adjustments()) == 1


@pytest.mark.parametrize("entity", ["ContractServices", "ContractServiceAdjustments"])
def test_m4_what_autotask_commits_after_the_connection_broke_is_there_once(
    make: Callable[..., World], entity: str
) -> None:
    """The first look back finds nothing: sent again then, it would count twice."""
    world = make(ADDING)
    world.ctx = replace(world.ctx, pace=replace(world.ctx.pace, settle=0.2))
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 7})
    world.server.faults.add(action="late", seconds=0.7, entity=entity, operation="create")
    assert world.sync().changes["applied"] == 1
    assert until(lambda: world.server.faults.landed == 1)
    [line] = lines(world)
    assert (world.units(line["id"]), len(world.adjustments())) == (7, 1)
    assert world.sync().changes["planned"] == 0


def test_m4_a_run_that_is_stopped_before_it_is_certain_leaves_it_to_the_next(make: Callable[..., World]) -> None:
    world = make(ADDING)
    world.ctx = replace(world.ctx, pace=replace(world.ctx.pace, settle=3.0))
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 7})
    world.server.faults.add(action="drop", entity="ContractServiceAdjustments", operation="create")
    stop, run = Event(), begin(world.ctx, NewRun(kind="sync", options={"apply": True}), new_owner())
    with ThreadPoolExecutor(1) as pool:
        carried_out = pool.submit(sync.carry_out, world.ctx, run, stop=stop)
        assert until(lambda: bool(world.server.faults.fired))
        stop.set()
        carried_out.result(60)
    with world.database.session() as session:
        assert len(ledger.open_intents(session)) == 1
    world.ctx = replace(world.ctx, pace=replace(world.ctx.pace, settle=0.0))
    world.sync()
    [line] = lines(world)
    assert (world.units(line["id"]), len(world.adjustments())) == (7, 1)


def test_m4_an_approved_line_that_was_half_added_is_finished(make: Callable[..., World]) -> None:
    """Killed between adding the line and giving it units: the approval is still worth it."""
    world = make(ADDING, Mode.REVIEW)
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 7})
    world.sync()
    decisions.approve_all(world.ctx, SYSTEM)
    world.server.faults.add(
        action="status", status=401, entity="ContractServiceAdjustments", operation="create", times=None
    )
    assert sync.apply_now(world.ctx, SYSTEM).changes["applied"] == 0
    world.server.faults.clear()
    [line] = lines(world)
    assert world.units(line["id"]) == 0
    assert sync.apply_now(world.ctx, SYSTEM).changes["applied"] == 1
    assert (len(lines(world)), world.units(line["id"])) == (1, 7)


def test_prices_are_carried_and_read_back(make: Callable[..., World], data: SandboxData) -> None:
    world = make(PRICING)
    line = data.line(7001, 301, 10)
    world.server.sandbox.reset(data)
    world.map({"Acme": 1001}, {"users": 301})
    world.said["Duo"] = priced("3.50", "2.10")
    summary = world.sync()
    assert summary.changes["applied"] == 1, world.log(summary.run_id)
    record = world.server.sandbox.record("ContractServices", line)
    assert record is not None
    assert world.units(line) == 10
    assert world.sync().changes["planned"] == 0
    world.clock.move(days=1)
    world.said["Duo"] = priced("3.75", "2.10", 12)
    assert world.sync().changes["applied"] == 1
    assert world.units(line) == 12
    assert world.sync().changes["planned"] == 0
    assert len(world.adjustments()) == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_m4_a_price_is_not_written_twice(make: Callable[..., World], data: SandboxData, when: str) -> None:
    world = make(PRICING)
    line = data.line(7001, 301, 10)
    world.server.sandbox.reset(data)
    world.map({"Acme": 1001}, {"users": 301})
    world.said["Duo"] = priced("3.50", "2.10")
    world.server.faults.add(action="drop", when=when, entity="ContractServiceAdjustments", operation="create")
    assert world.sync().changes["applied"] == 1
    assert world.sync().changes["planned"] == 0
    assert len(world.adjustments(line)) == 1


def test_m7_a_decrease_counts_from_the_next_period(make: Callable[..., World], data: SandboxData) -> None:
    world = make(BOLD.model_copy(update={"decrease": When.NEXT_PERIOD}))
    line = data.line(7001, 301, 10)
    world.server.sandbox.reset(data)
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 6})
    assert world.sync().changes["applied"] == 1
    assert (world.units(line), world.units(line, date(2026, 12, 1))) == (10, 6)
    world.clock.move(days=1)
    again = world.sync()
    assert (again.changes["planned"], again.changes["unchanged"]) == (0, 1)


def test_m1_a_booked_decrease_is_taken_back_when_usage_returns(make: Callable[..., World], data: SandboxData) -> None:
    """Nothing differs today; what we booked for the next period is seen all the same."""
    world = make(BOLD.model_copy(update={"decrease": When.NEXT_PERIOD}))
    line = data.line(7001, 301, 10)
    world.server.sandbox.reset(data)
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 6})
    world.sync()
    world.clock.move(days=3)
    world.says({("Acme", "users"): 10})
    world.sync()
    assert {world.units(line, date(2026, 12, day)) for day in (2, 15)} == {10}


def test_m8_a_posted_period_moves_the_change(make: Callable[..., World], data: SandboxData) -> None:
    world = make(BOLD)
    line = data.line(7001, 301, 10)
    world.server.sandbox.reset(data)
    world.server.sandbox.post_period(world.clock.today())
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 12})
    assert world.sync().changes["applied"] == 1
    assert (world.units(line), world.units(line, date(2026, 12, 1))) == (10, 12)


@pytest.mark.parametrize(("drift", "units"), [(Otherwise.HOLD, 3), (Otherwise.OVERWRITE, 10)])
def test_m10_what_somebody_else_changed_is_seen(
    make: Callable[..., World], data: SandboxData, drift: Otherwise, units: int
) -> None:
    world = make(BOLD.model_copy(update={"drift": drift}))
    line = data.line(7001, 301, 10)
    world.server.sandbox.reset(data)
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 10})
    world.sync()
    world.clock.move(days=1)
    world.server.sandbox.adjust(line, -7, world.clock.today())
    world.clock.move(days=1)
    summary = world.sync()
    assert summary.findings.get("drift", 0) == (1 if drift is Otherwise.HOLD else 0)
    assert world.units(line) == units


def test_m14_an_added_line_goes_back_to_nothing(make: Callable[..., World]) -> None:
    world = make(ADDING)
    world.map({"Acme": 1001}, {"users": 301})
    world.says({("Acme", "users"): 7})
    run = world.sync().run_id
    world.clock.move(days=2)
    assert reversing.reverse_run(world.ctx, SYSTEM, run) == 1
    decisions.approve_all(world.ctx, SYSTEM)
    sync.apply_now(world.ctx, SYSTEM)
    [line] = lines(world)
    assert world.units(line["id"]) == 0
    assert world.sync().changes["applied"] == 0


def test_m3_a_line_of_two_portals_waits_for_both(make: Callable[..., World], data: SandboxData) -> None:
    world = make(BOLD)
    line = data.line(7001, 301, 10)
    world.server.sandbox.reset(data)
    world.portal("Pax8")
    world.map({"Acme": 1001}, {"users": 301})
    world.map({"Acme": 1001}, {"users": 301}, name="Pax8")
    world.says({("Acme", "users"): 6})
    world.says({("Acme", "users"): 4}, "Pax8")
    assert world.sync().changes["unchanged"] == 1
    world.clock.move(days=5)
    world.says({("Acme", "users"): 2})
    world.fails(RuntimeError("down"), "Pax8")
    summary = world.sync()
    assert {portal.name: portal.status for portal in summary.portals} == {"Duo": "ok", "Pax8": "failed"}
    assert world.units(line) == 10
    world.says({("Acme", "users"): 5}, "Pax8")
    world.sync()
    assert world.units(line) == 7


def test_m3_a_second_portal_that_was_never_read_holds_the_line_too(
    make: Callable[..., World], data: SandboxData
) -> None:
    world = make(BOLD)
    line = data.line(7001, 301, 10)
    world.server.sandbox.reset(data)
    world.portal("Pax8")
    for name in ("Duo", "Pax8"):
        world.map({"Acme": 1001}, {"users": 301}, name=name)
    world.says({("Acme", "users"): 6})
    world.fails(RuntimeError("down"), "Pax8")
    assert world.sync().changes["applied"] == 0
    assert world.units(line) == 10
