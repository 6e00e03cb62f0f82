"""A new subscription is mapped to a contract in one flow (requirements S4), over real HTTP in the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from core.domain.contract import ItemRef, LineKind, LineRef
from core.domain.errors import AccessDenied, InputError, SettingsError
from core.domain.policy import Mode
from core.domain.provisioning.policy import ContractPolicy
from core.services import sync
from core.services.access import SYSTEM, Actor, Role
from core.services.new_subscription import Confirmation, confirm, found, propose
from core.services.owners import new_owner
from core.services.runs import run_state
from core.services.subscriptions import subscription_detail
from core.store import audit, runs
from tests.services.money.world import SandboxData, World
from tests.services.provisioning.shop import PORTAL, Shop, open_shop, subscription

ANNA = Actor(7, "anna", Role.OPERATOR)


def service(number: int) -> ItemRef:
    return ItemRef(LineKind.SERVICE, number)


@pytest.fixture
def things(data: SandboxData) -> Any:
    """A company with contracts that fit and contracts that do not, and services of two billing cycles."""
    acme = data.company("Acme BV")
    vendor = data.company("Vendor BV", companyType=6)
    return SimpleNamespace(
        acme=acme,
        vendor=vendor,
        premium=data.service("Premium per month"),
        yearly=data.service("Premium per year", period=5),
        azure=data.service("Azure verbruik", price=0.0, cost=0.0),
        fitting=data.contract(acme, "Cloud", start=date(2026, 1, 1)),
        later=data.contract(acme, "Cloud later", start=date(2026, 8, 1)),
        by_year=data.contract(acme, "Cloud by year", start=date(2026, 1, 1), period=5),
        hours=data.contract(acme, "Hours", contractType=4, period=None, start=date(2026, 1, 1)),
        mid=data.contract(acme, "Mid month", start=date(2026, 1, 15)),
    )


@pytest.fixture
def shop(make_world: Callable[..., World], data: SandboxData, things: Any) -> Shop:
    """A portal in review mode, read once."""
    shop = open_shop(make_world(data), policy=ContractPolicy(), mode=Mode.REVIEW)
    shop.sells(subscription("sub-1", quantity=4))
    shop.world.sync()
    return shop


def choice(things: Any, **more: Any) -> Confirmation:
    values = {"company_id": things.acme, "item": service(things.premium), "contract_id": things.fitting} | more
    return Confirmation(portal=PORTAL, customer_id="acme", subscription_id="sub-1", **values)


def events(shop: Shop) -> list[str]:
    with shop.world.database.session() as session:
        page = audit.page(session, audit.AuditFilter(event="subscription.", descending=False))
    return [entry.event for entry in page.rows]


def run_queued(shop: Shop) -> None:
    """What the engine does."""
    ctx = shop.world.ctx

    def claim(session: Any) -> Any:
        return runs.claim(session, new_owner(), ctx.clock.now(), ctx.pace.lease)

    sync.carry_out(ctx, ctx.database.run(claim))


def test_s4_01_s4_04_s4_09_s4_15_s4_16_one_flow_from_order_to_contract_line(shop: Shop, things: Any) -> None:
    ctx = shop.world.ctx
    (one,) = found(ctx, ANNA)
    form = propose(ctx, ANNA, one)
    assert (form.company_id, form.item) == (None, None)
    form = propose(ctx, ANNA, one, company_id=things.acme, item=service(things.premium))
    assert things.fitting in {option.id for option in form.contracts}
    done = confirm(ctx, ANNA, choice(things))
    assert "background" in str(done.message)
    assert run_state(ctx, ANNA, done.run_id).status == "queued"
    assert shop.lines_of(things.fitting) == []
    run_queued(shop)
    (line,) = shop.lines_of(things.fitting)
    assert (line["serviceID"], shop.world.units(line["id"])) == (things.premium, 4)
    assert found(ctx, ANNA) == []
    detail = subscription_detail(ctx, ANNA, PORTAL, "acme", "sub-1")
    assert (detail.rows[0].badge, detail.rows[0].line) == ("in_sync", LineRef(LineKind.SERVICE, line["id"]))
    assert [detail.ledger[0].event, detail.ledger[-1].event] == ["intended", "verified"]


def test_s4_10_s4_11_what_is_mapped_is_filled_in(shop: Shop, things: Any) -> None:
    ctx = shop.world.ctx
    shop.world.map({"acme": things.acme}, {}, PORTAL)
    confirm(ctx, ANNA, choice(things))
    run_queued(shop)
    shop.world.map({"other": things.acme}, {}, PORTAL)
    shop.sells(subscription("sub-1", quantity=4), subscription("sub-9", "other", product_key="NEW", product="New"))
    shop.world.sync()
    (one,) = found(ctx, ANNA)
    form = propose(ctx, ANNA, one)
    assert (form.company_id, form.item) == (things.acme, None)
    shop.world.server.sandbox.edit("Contracts", things.fitting, status=0)
    shop.world.sync()
    again = next(one for one in found(ctx, ANNA) if one.subscription_id == "sub-1")
    assert propose(ctx, ANNA, again).item == service(things.premium)


def test_s4_12_s4_13_s4_22_only_recurring_contracts_of_the_cycle_that_began_before(shop: Shop, things: Any) -> None:
    (one,) = found(shop.world.ctx, ANNA)
    form = propose(shop.world.ctx, ANNA, one, company_id=things.acme)
    assert {option.id for option in form.contracts} == {things.fitting, things.mid}


def test_s4_23_offers_are_put_on_services_of_their_billing_cycle(shop: Shop, things: Any) -> None:
    (one,) = found(shop.world.ctx, ANNA)
    names = {option.id for option in propose(shop.world.ctx, ANNA, one).services}
    assert things.premium in names
    assert things.yearly not in names
    with pytest.raises(InputError):
        confirm(shop.world.ctx, ANNA, choice(things, item=service(things.yearly)))


def test_services_called_like_the_product_are_offered_first(shop: Shop, things: Any) -> None:
    (one,) = found(shop.world.ctx, ANNA)
    services = propose(shop.world.ctx, ANNA, replace(one, product="Premium")).services
    assert services[0].id == things.premium


def test_s4_24_only_customers_are_offered(shop: Shop, things: Any) -> None:
    (one,) = found(shop.world.ctx, ANNA)
    assert {option.id for option in propose(shop.world.ctx, ANNA, one).companies} == {things.acme}
    with pytest.raises(InputError):
        confirm(shop.world.ctx, ANNA, choice(things, company_id=things.vendor))


@pytest.mark.parametrize("field", ["company_id", "item", "contract_id"])
def test_s4_14_nothing_is_saved_until_all_is_chosen(shop: Shop, things: Any, field: str) -> None:
    with pytest.raises(InputError) as refused:
        confirm(shop.world.ctx, ANNA, choice(things, **{field: None}))
    assert refused.value.place == field
    assert events(shop) == ["subscription.seen"]


def test_s4_17_to_s4_21_the_audit_tells_each_step_once(shop: Shop, things: Any) -> None:
    confirm(shop.world.ctx, ANNA, choice(things))
    assert events(shop) == [
        "subscription.seen", "subscription.customer_mapped", "subscription.offer_mapped", "subscription.triggered",
    ]  # fmt: skip
    with shop.world.database.session() as session:
        page = audit.page(session, audit.AuditFilter(event="subscription.triggered"))
    (entry,) = page.rows
    told = orjson.loads(entry.after)
    assert (entry.actor, entry.subject, told["contract_id"], told["product"]) == (
        "anna", "sub-1", things.fitting, "Business Premium",
    )  # fmt: skip


def test_s4_18_s4_19_no_entry_for_what_was_mapped_already(shop: Shop, things: Any) -> None:
    shop.world.map({"acme": things.acme}, {}, PORTAL)
    confirm(shop.world.ctx, ANNA, choice(things))
    assert "subscription.customer_mapped" not in events(shop)


def test_s4_05_s4_07_an_azure_plan_needs_a_free_service_and_a_contract_from_the_first(shop: Shop, things: Any) -> None:
    ctx = shop.world.ctx
    shop.sells(subscription("sub-1", product="Azure plan", product_key="AZ", quantity=1))
    shop.world.sync()
    (one,) = found(ctx, ANNA)
    form = propose(ctx, ANNA, one, company_id=things.acme)
    assert [option.id for option in form.services] == [things.azure]
    assert {option.id for option in form.contracts} == {things.fitting}
    with pytest.raises(InputError, match="must be 0"):
        confirm(ctx, ANNA, choice(things))
    with pytest.raises(InputError, match="first of a month"):
        confirm(ctx, ANNA, choice(things, item=service(things.azure), contract_id=things.mid))
    confirm(ctx, ANNA, choice(things, item=service(things.azure)))


def test_s4_06_single_azure_subscriptions_are_refused_with_another_way(shop: Shop) -> None:
    shop.sells(subscription("sub-1", product="Microsoft Azure", product_key="MS-AZR-0145P"))
    shop.world.sync()
    (one,) = found(shop.world.ctx, ANNA)
    assert "charges" in str(one.refused)
    with pytest.raises(InputError, match="Azure Plan"):
        propose(shop.world.ctx, ANNA, one)


def test_s4_03_without_an_autotask_connection_it_says_so(shop: Shop) -> None:
    (one,) = found(shop.world.ctx, ANNA)

    def missing() -> Any:
        from core.domain.text import T

        raise SettingsError(T("Autotask is not connected yet."))

    with pytest.raises(SettingsError):
        propose(replace(shop.world.ctx, autotask=missing), ANNA, one)


def test_a_service_that_stands_on_a_contract_already_is_offered_with_that_contract_alone(
    make_world: Callable[..., World], data: SandboxData, things: Any
) -> None:
    data.line(things.mid, things.premium, 2)
    shop = open_shop(make_world(data), policy=ContractPolicy(), mode=Mode.REVIEW, acme=things.acme)
    shop.sells(subscription("sub-1"))
    shop.world.sync()
    (one,) = found(shop.world.ctx, ANNA)
    form = propose(shop.world.ctx, ANNA, one, item=service(things.premium))
    assert [option.id for option in form.contracts] == [things.mid]
    assert form.note is not None


def test_a_viewer_may_look_and_not_confirm(shop: Shop, things: Any) -> None:
    viewer = Actor(8, "vera", Role.VIEWER)
    assert found(shop.world.ctx, viewer)
    with pytest.raises(AccessDenied):
        confirm(shop.world.ctx, viewer, choice(things))


def test_a_first_reading_of_many_is_one_entry(make_world: Callable[..., World], data: SandboxData, things: Any) -> None:
    shop = open_shop(make_world(data), policy=ContractPolicy(), acme=things.acme)
    shop.sells(*(subscription(f"sub-{number}") for number in range(60)))
    shop.world.sync()
    assert events(shop) == ["subscription.seen"]
    assert SYSTEM.name == "system"
