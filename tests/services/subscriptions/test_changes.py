"""What happens to subscriptions becomes changes of contract lines: real requests to a sandbox Autotask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from core.domain.policy import Mode, PolicyOverride, Prices, Suspended, When
from core.services import decisions, planning, portals, subscriptions, sync
from core.services.access import SYSTEM
from core.services.paging import PageQuery
from core.store import audit
from core.store.audit import AuditFilter
from tests.services.money.world import BOLD, SandboxData, World
from tests.services.subscriptions.seats import events, kinds, price_of, rule, says, sent, sub

FOLLOW = BOLD.model_copy(update={"prices": Prices.FOLLOW})
DAY = date(2026, 11, 20)


@pytest.fixture
def make(make_world: Callable[..., World], data: SandboxData) -> Callable[..., World]:
    """Acme (1001) with contract 7001 since January: 10 seats of Basic (line 8001) at 3.00, 0 of Premium (line 8002) at 9.00."""

    def build(policy: object = BOLD, mode: Mode = Mode.AUTOMATIC, **more: object) -> World:
        company = data.company("Acme BV")
        basic = data.service("Basic", price=3.0, cost=2.0)
        premium = data.service("Premium", price=9.0, cost=7.0)
        contract = data.contract(company, start=date(2026, 1, 1), end=date(2027, 12, 31))
        data.line(contract, basic, 10)
        data.line(contract, premium, 0)
        world = make_world(data)
        world.portal(policy=policy, mode=mode, **more)  # type: ignore[arg-type]
        world.map({"Acme": 1001}, {"basic": 301, "premium": 302})
        says(world, sub("basic", 10))
        return world

    return build


def ids(world: World) -> tuple[int, int]:
    lines = world.server.sandbox.records("ContractServices")
    return lines[0]["id"], lines[1]["id"]


def next_day(world: World, days: int = 1) -> None:
    world.clock.move(days=days)


def finding_kinds(world: World) -> set[str]:
    return {row.kind for row in planning.findings(world.ctx, SYSTEM, PageQuery()).rows}


def test_s5_01_a_quantity_counts_from_the_day_on_which_it_changed(make: Callable[..., World]) -> None:
    """Approved three days later, it still counts from the day of the change."""
    world = make(BOLD.model_copy(update={"increase": When.CHANGE, "decrease": When.CHANGE}), Mode.REVIEW)
    basic, _ = ids(world)
    world.sync()
    next_day(world)
    says(world, sub("basic", 12))
    world.sync()
    next_day(world, 2)
    world.sync()
    decisions.approve_all(world.ctx, SYSTEM)
    sync.apply_now(world.ctx, SYSTEM)
    assert sent(world, basic) == [(date(2026, 11, 21), 2, None)]
    assert kinds(events(world)) == ["quantity"]
    assert events(world)[0].effective_date == date(2026, 11, 21)


def test_s5_01_the_portals_own_date_goes_before_the_day_of_the_reading(make: Callable[..., World]) -> None:
    world = make(BOLD.model_copy(update={"increase": When.CHANGE}))
    basic, _ = ids(world)
    world.sync()
    next_day(world)
    says(world, sub("basic", 12, effective_date=date(2026, 11, 18)))
    world.sync()
    assert sent(world, basic) == [(date(2026, 11, 18), 2, None)]
    assert events(world)[0].effective_date == date(2026, 11, 18)


def test_s5_02_of_several_changes_on_one_day_the_last_wins(make: Callable[..., World]) -> None:
    world = make(mode=Mode.REVIEW)
    basic, _ = ids(world)
    world.sync()
    for quantity in (15, 8, 12):
        world.clock.move(minutes=10)
        says(world, sub("basic", quantity))
        world.sync()
    decisions.approve_all(world.ctx, SYSTEM)
    sync.apply_now(world.ctx, SYSTEM)
    assert sent(world, basic) == [(DAY, 2, None)]
    assert [one.after["quantity"] for one in events(world)] == ["15", "8", "12"]


def test_s5_03_s5_06_a_promotion_adjusts_cost_and_price_from_the_start_of_the_period(
    make: Callable[..., World],
) -> None:
    world = make(FOLLOW)
    basic, _ = ids(world)
    says(world, sub("basic", 10, unit_cost="2.00", unit_price="3.00"))
    world.sync()
    assert sent(world, basic) == []
    next_day(world)
    says(world, sub("basic", 10, unit_cost="1.80", unit_price="2.70", promotion="spring"))
    assert world.sync().changes["applied"] == 1
    assert sent(world, basic) == [(date(2026, 11, 1), 0, Decimal("2.7"))]
    assert kinds(events(world)) == ["price", "promotion_start"]
    assert price_of(world, basic) == Decimal("2.7")
    assert world.sync().changes["planned"] == 0
    next_day(world, 30)
    says(world, sub("basic", 10, unit_cost="2.00", unit_price="3.00"))
    world.sync()
    assert sent(world, basic)[-1] == (date(2026, 12, 1), 0, Decimal("3"))
    assert kinds(events(world))[-2:] == ["price", "promotion_end"]


def test_s5_06_a_second_price_in_one_period_counts_from_the_next_free_day(make: Callable[..., World]) -> None:
    world = make(FOLLOW)
    basic, _ = ids(world)
    for price in ("3.30", "3.60"):
        says(world, sub("basic", 10, unit_cost="2.00", unit_price=price))
        world.sync()
        next_day(world)
    world.sync()
    assert sent(world, basic) == [(date(2026, 11, 1), 0, Decimal("3.3")), (date(2026, 11, 2), 0, Decimal("3.6"))]
    assert price_of(world, basic) == Decimal("3.6")
    assert world.sync().changes["planned"] == 0


def test_s5_04_what_autotask_has_no_place_for_is_recorded_with_why(make: Callable[..., World]) -> None:
    world = make()
    basic, _ = ids(world)
    says(world, sub("basic", 10, auto_renew="true", label="Office"))
    world.sync()
    next_day(world)
    says(world, sub("basic", 10, auto_renew="false", label="Head office"))
    summary = world.sync()
    assert (summary.status, summary.changes["planned"], sent(world, basic)) == ("done", 0, [])
    detail = subscriptions.subscription_detail(world.ctx, SYSTEM, "Duo", "Acme", "s1")
    assert [row.kind for row in detail.events] == ["auto_renew", "name"]
    assert "Autotask has no place" in str(detail.events[0].explanation)
    with world.database.session() as session:
        told = audit.page(session, AuditFilter(event="subscription."))
    assert [entry.event for entry in told.rows] == ["subscription.name", "subscription.auto_renew"]
    assert "Head office" in told.rows[0].after
    assert "Office" in told.rows[0].before


def test_s5_05_s5_10_units_by_hand_after_cancellation_are_drift_that_would_overbill(make: Callable[..., World]) -> None:
    world = make()
    basic, _ = ids(world)
    world.sync()
    next_day(world)
    says(world)
    world.sync()
    assert world.units(basic) == 0
    next_day(world)
    world.server.sandbox.adjust(basic, 4, world.clock.today())
    world.sync()
    assert world.units(basic) == 4
    [row] = [row for row in planning.findings(world.ctx, SYSTEM, PageQuery()).rows if row.kind == "drift"]
    assert "billed for nothing" in str(row.message)


def test_s5_07_a_price_in_a_posted_period_counts_from_the_next(make: Callable[..., World]) -> None:
    world = make(FOLLOW)
    basic, _ = ids(world)
    says(world, sub("basic", 10, unit_cost="2.00", unit_price="3.00"))
    world.sync()
    world.server.sandbox.post_period(DAY)
    says(world, sub("basic", 10, unit_cost="2.20", unit_price="3.30"))
    next_day(world)
    assert world.sync().changes["applied"] == 1
    assert sent(world, basic) == [(date(2026, 12, 1), 0, Decimal("3.3"))]
    assert world.sync().changes["planned"] == 0


def test_s5_08_a_margin_of_the_azure_plan_changes_nothing(make: Callable[..., World]) -> None:
    world = make(FOLLOW.model_copy(update={"markup_percent": Decimal(20)}))
    rule(world, "Azure plan", 301)
    basic, _ = ids(world)
    says(world, sub("Azure plan", 10, unit_cost="5.00", margin="20"))
    world.sync()
    next_day(world)
    says(world, sub("Azure plan", 10, unit_cost="6.00", margin="25"))
    assert world.sync().changes["planned"] == 0
    assert sent(world, basic) == []
    assert kinds(events(world)) == ["price", "margin"]


@pytest.mark.parametrize("how", ["gone", "status"])
def test_s5_09_a_cancelled_subscription_goes_to_zero(make: Callable[..., World], how: str) -> None:
    world = make()
    basic, _ = ids(world)
    world.sync()
    next_day(world)
    says(world, *(() if how == "gone" else [sub("basic", 10, status="Cancelled")]))
    world.sync()
    assert world.units(basic) == 0
    assert kinds(events(world)) == ["cancelled"]
    assert world.sync().changes["planned"] == 0


def test_s5_11_s5_12_suspended_costs_nothing_from_the_next_period_and_comes_back_at_its_price(
    make: Callable[..., World],
) -> None:
    world = make(BOLD.model_copy(update={"suspended": Suspended.PRICE_ZERO}))
    basic, _ = ids(world)
    says(world, sub("basic", 10, status="active"))
    world.sync()
    next_day(world)
    says(world, sub("basic", 10, status="suspended"))
    assert world.sync().changes["applied"] == 1
    assert sent(world, basic) == [(date(2026, 12, 1), 0, Decimal(0))]
    assert world.sync().changes["planned"] == 0
    next_day(world, 20)
    assert world.sync().changes["planned"] == 0
    assert world.units(basic) == 10
    says(world, sub("basic", 10, status="active"))
    assert world.sync().changes["applied"] == 1
    assert sent(world, basic)[-1] == (date(2026, 12, 11), 0, Decimal(3))
    assert world.sync().changes["planned"] == 0
    assert kinds(events(world)) == ["suspended", "reactivated"]
    assert price_of(world, basic) == 3


def test_s5_12_reactivated_before_the_next_period_the_price_never_goes(make: Callable[..., World]) -> None:
    """The 0 of 1 December is on its way already: the old price follows it, never before it."""
    world = make(BOLD.model_copy(update={"suspended": Suspended.PRICE_ZERO}))
    basic, _ = ids(world)
    world.sync()
    next_day(world)
    says(world, sub("basic", 10, status="suspended"))
    world.sync()
    next_day(world)
    says(world, sub("basic", 10, status="active"))
    world.sync()
    world.sync()
    assert sent(world, basic)[0] == (date(2026, 12, 1), 0, Decimal(0))
    last = sent(world, basic)[-1]
    assert last[0] >= date(2026, 12, 1)
    assert last[2] == 3
    next_day(world, 20)
    assert world.sync().changes["planned"] == 0
    assert price_of(world, basic) == 3


def test_s5_13_a_suspended_legacy_licence_need_not_be_billed(make: Callable[..., World]) -> None:
    world = make(BOLD.model_copy(update={"suspended": Suspended.UNITS_ZERO}))
    basic, _ = ids(world)
    world.sync()
    next_day(world)
    says(world, sub("basic", 10, status="suspended"))
    world.sync()
    assert world.units(basic) == 0
    next_day(world)
    says(world, sub("basic", 10, status="active"))
    world.sync()
    assert world.units(basic) == 10


def test_by_default_a_suspended_subscription_changes_nothing(make: Callable[..., World]) -> None:
    world = make()
    world.sync()
    says(world, sub("basic", 10, status="suspended", unit_cost="1.00", unit_price="1.50"))
    next_day(world)
    assert world.sync().changes["planned"] == 0


def test_s5_14_s5_15_a_customers_margin_moves_all_but_those_with_their_own(make: Callable[..., World]) -> None:
    """From the day on which it was set, on active and suspended subscriptions alike."""
    policy = FOLLOW.model_copy(update={"prices_from": When.TODAY, "markup_percent": Decimal(50)})
    world = make(policy)
    basic, premium = ids(world)
    lines = [sub("basic", 10, unit_cost="2.00", status="suspended"), sub("premium", 4, "s2", unit_cost="7.00")]
    says(world, *lines)
    own = PolicyOverride(customer_id="Acme", product_key="premium", markup_percent=Decimal(30))
    portals.set_policy(world.ctx, SYSTEM, "Duo", policy, [own])
    world.sync()
    assert price_of(world, premium) == Decimal("9.1")
    next_day(world)
    margin = PolicyOverride(customer_id="Acme", markup_percent=Decimal(60))
    portals.set_policy(world.ctx, SYSTEM, "Duo", policy, [own, margin])
    assert world.sync().changes["applied"] == 1
    assert sent(world, basic) == [(date(2026, 11, 21), 0, Decimal("3.2"))]
    assert price_of(world, premium) == Decimal("9.1")
    assert world.sync().changes["planned"] == 0


def test_s5_16_an_upgrade_is_one_pair_on_one_day(make: Callable[..., World]) -> None:
    world = make(BOLD.model_copy(update={"decrease": When.NEXT_PERIOD}))
    basic, premium = ids(world)
    world.sync()
    next_day(world)
    says(world, sub("premium", 10))
    assert world.sync().changes["applied"] == 2
    assert sent(world, basic) == [(date(2026, 11, 21), -10, None)]
    assert sent(world, premium) == [(date(2026, 11, 21), 10, None)]
    assert kinds(events(world)) == ["upgraded"]
    assert world.sync().changes["planned"] == 0


def test_s5_16_a_pair_stands_or_falls_together(make: Callable[..., World]) -> None:
    """The step down to 0 is held by the guard: the step up waits with it, and both are approved by one decision."""
    world = make(BOLD.model_copy(update={"hold_to_zero": True}))
    basic, premium = ids(world)
    world.sync()
    next_day(world)
    says(world, sub("premium", 10))
    summary = world.sync()
    assert (summary.changes["applied"], summary.changes["held"]) == (0, 2)
    rows = planning.changes(world.ctx, SYSTEM, PageQuery()).rows
    [up] = [row for row in rows if row.unit_change > 0]
    assert decisions.approve(world.ctx, SYSTEM, [up.id]) == 2
    assert sync.apply_now(world.ctx, SYSTEM, [up.id]).changes["applied"] == 2
    assert (world.units(basic), world.units(premium)) == (0, 10)


def test_s5_16_an_upgrade_to_a_product_nobody_mapped_waits(make: Callable[..., World]) -> None:
    world = make()
    basic, _ = ids(world)
    world.sync()
    next_day(world)
    says(world, sub("ultimate", 10))
    summary = world.sync()
    assert summary.changes["held"] == 1
    assert world.units(basic) == 10
    assert "unmapped" in finding_kinds(world)


def test_s5_17_s5_18_a_renewal_brings_its_price_and_asks_to_extend_the_contract(
    make_world: Callable[..., World], data: SandboxData
) -> None:
    company = data.company("Acme BV")
    service = data.service("Basic", price=3.0, cost=2.0)
    contract = data.contract(company, start=date(2025, 12, 1), end=date(2026, 11, 30))
    line = data.line(contract, service, 10)
    world = make_world(data)
    world.portal(policy=FOLLOW)
    world.map({"Acme": 1001}, {"else": 301})
    rule(world, "basic", 301, term="P1Y", billing_frequency="monthly")
    about = {"term": "P1Y", "billing_frequency": "monthly"}
    says(world, sub("basic", 10, unit_cost="2.00", unit_price="3.00", commitment_end="2026-11-24", **about))
    world.sync()
    assert "renewal" in finding_kinds(world)
    next_day(world, 5)
    says(world, sub("basic", 10, unit_cost="2.20", unit_price="3.30", commitment_end="2027-11-24", **about))
    assert world.sync().changes["applied"] == 1
    assert kinds(events(world)) == ["price", "renewed"]
    assert events(world)[1].effective_date == date(2026, 11, 25)
    assert price_of(world, line) == Decimal("3.3")
    [told] = [row for row in planning.findings(world.ctx, SYSTEM, PageQuery()).rows if row.kind == "renewal"]
    assert "2027-11-24" in str(told.remedy)


def test_a_changed_billing_frequency_is_explained_and_asked_about(make: Callable[..., World]) -> None:
    world = make()
    rule(world, "licence", 301, billing_frequency="monthly")
    rule(world, "licence", 301, billing_frequency="yearly")
    says(world, sub("licence", 10, billing_frequency="monthly"))
    world.sync()
    next_day(world)
    says(world, sub("licence", 10, billing_frequency="yearly"))
    assert world.sync().changes["planned"] == 0
    assert kinds(events(world)) == ["term"]
    [told] = [row for row in planning.findings(world.ctx, SYSTEM, PageQuery()).rows if row.kind == "subscription"]
    assert "yearly" in str(told.message)


def test_s5_19_another_reseller_the_old_line_goes_down_with_the_new_one_up(make: Callable[..., World]) -> None:
    world = make(BOLD.model_copy(update={"hold_to_zero": True}))
    basic, premium = ids(world)
    world.portal("Pax8", policy=BOLD)
    world.map({"Acme": 1001}, {"basic8": 302}, name="Pax8")
    says(world, sub("basic", 10, "duo-1", vendor_subscription="V-77"))
    says(world, sub("other", 1, "x", customer="Umbrella"), name="Pax8")
    world.sync()
    next_day(world)
    says(
        world,
        sub("other", 1, "x", customer="Umbrella"),
        sub("basic8", 10, "p8-1", vendor_subscription="v-77"),
        name="Pax8",
    )
    says(world)
    summary = world.sync()
    assert (summary.changes["applied"], summary.changes["held"]) == (0, 2)
    assert kinds(events(world, "p8-1", name="Pax8")) == ["added", "reseller"]
    decisions.approve_all(world.ctx, SYSTEM)
    assert sync.apply_now(world.ctx, SYSTEM).changes["applied"] == 2
    assert (world.units(basic), world.units(premium)) == (0, 10)


def badge(world: World, subscription: str = "s1") -> str:
    rows = subscriptions.subscriptions(world.ctx, SYSTEM, PageQuery()).rows
    return next(row.badge for row in rows if row.subscription_id == subscription)


def test_s5_20_s5_21_s5_22_what_failed_is_tried_again_in_order_and_shows_until_then(make: Callable[..., World]) -> None:
    """One line fails: others go on, its subscription is out of sync, and the next sync brings it right."""
    world = make()
    basic, premium = ids(world)
    says(world, sub("basic", 10), sub("premium", 0, "s2"))
    world.sync()
    assert (badge(world), badge(world, "s2")) == ("in_sync", "in_sync")
    next_day(world)
    says(world, sub("basic", 12), sub("premium", 3, "s2"))
    refuse(world, basic)
    world.sync()
    assert (badge(world), badge(world, "s2")) == ("out_of_sync", "in_sync")
    assert (world.units(basic), world.units(premium)) == (10, 3)
    next_day(world)
    says(world, sub("basic", 13), sub("premium", 3, "s2"))
    world.server.faults.clear()
    world.sync()
    assert badge(world) == "in_sync"
    assert world.units(basic) == 13
    assert kinds(events(world)) == ["quantity", "quantity"]
    detail = subscriptions.subscription_detail(world.ctx, SYSTEM, "Duo", "Acme", "s1")
    assert [step.event for step in detail.ledger][-1] == "verified"
    assert detail.changes == ()


def refuse(world: World, line: int) -> None:
    """Autotask fails every write on this line."""
    world.server.faults.add(
        action="status",
        status=500,
        entity="ContractServiceAdjustments",
        operation="create",
        times=None,
        contains=str(line),
    )
