"""Amounts of any file, endpoint or webhook become charges, month by month (S1-61, S1-62, S1-66, S1-67)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors._kit.registry import Registry
from connectors.autotask.sandbox.data import MATERIAL_CODE
from core.domain.charges.settings import ChargeSettings
from core.domain.connector import Surroundings
from core.domain.consumption import ConsumptionKind
from core.domain.hooks import Delivered
from core.domain.policy import Mode
from core.domain.ports import Source
from core.services import portals, uploads, webhook_processing, webhook_receiving, webhooks
from core.services.access import SYSTEM, Actor, Role
from core.services.charges import charge_settings, save_settings
from core.services.rest_files import read_file
from core.store import consumption
from core.store import portals as portal_store
from tests.connectors.rest_fakes import endpoint
from tests.services.charges.world import charging, in_autotask, total
from tests.services.money.world import SandboxData, World

ADMIN = Actor(1, "Anna", Role.ADMIN)


@pytest.fixture
def hosting(make_world: Callable[..., World], data: SandboxData) -> World:
    """Acme has a contract; connectors are the product's own."""
    data.contract(data.company("Acme B.V."))
    world = make_world(data)
    registry = Registry()

    def source(slug: str, portal: str, values: Mapping[str, object], secrets: Mapping[str, str]) -> Source:
        return registry.get(slug).open(
            portal, values, secrets, None, Surroundings(lambda: frozenset({"127.0.0.1"}), read_file)
        )

    connectors: Any = registry
    world.ctx = replace(world.ctx, connectors=connectors, source=source)
    return world


def kept(world: World, month: date) -> dict[tuple[str, ConsumptionKind], Decimal]:
    with world.database.session() as session:
        return {
            (line.resource, line.kind): line.amount
            for one in consumption.current(session, period=month)
            for line in one.lines
        }


def charged(world: World) -> dict[tuple[str, str], float]:
    return {(one["name"], one["datePurchased"][:10]): one["billableAmount"] for one in in_autotask(world)}


def test_s1_61_s1_66_a_file_of_two_months_is_charged_month_by_month_to_the_cent(hosting: World) -> None:
    charging(hosting, {"Acme": 1001}, portal="Hosting", split="resource", name="{resource}")
    columns = {
        "customer": "Customer", "product": "Service", "amount": "Amount", "currency": "Currency", "period_start": "From",
        "description": "Server",
    }  # fmt: skip
    text = (
        "Customer,Service,Server,Amount,Currency,From\n"
        "Acme,VPS,web-01,10.004,EUR,2026-08-01\nAcme,VPS,web-02,10.004,EUR,2026-08-09\nAcme,VPS,web-02,10.004,EUR,2026-08-10\n"
        "Acme,VPS,web-01,7.50,EUR,2026-09-01\nAcme,VPS,web-01,-2.50,EUR,2026-09-30\n"
    )
    uploads.accept_upload(hosting.ctx, SYSTEM, "Hosting", text.encode(), "hosting.csv", columns)
    hosting.sync()
    assert charged(hosting) == {
        ("web-01", "2026-08-31"): 10.0, ("web-02", "2026-08-31"): 20.01, ("web-01", "2026-09-30"): 5.0,
    }  # fmt: skip
    assert total(hosting) == Decimal("35.01")


def test_s1_61_credits_can_be_left_out_per_portal(hosting: World) -> None:
    charging(hosting, {"Acme": 1001}, portal="Hosting", kinds=["usage"])
    columns = {
        "customer": "Customer",
        "product": "Service",
        "amount": "Amount",
        "currency": "Currency",
        "period": "Month",
    }
    text = b"Customer,Service,Amount,Currency,Month\nAcme,Disk,10,EUR,2026-08\nAcme,Disk,-4,EUR,2026-08\n"
    uploads.accept_upload(hosting.ctx, SYSTEM, "Hosting", text, "hosting.csv", columns)
    assert kept(hosting, date(2026, 8, 1)) == {
        ("Disk", ConsumptionKind.USAGE): 10,
        ("Disk", ConsumptionKind.CREDIT): -4,
    }
    hosting.sync()
    assert total(hosting) == 10


def test_m2_a_file_that_was_reviewed_tells_amounts_of_the_others(hosting: World) -> None:
    charging(hosting, {"Acme": 1001}, portal="Hosting")
    columns = {
        "customer": "Customer",
        "product": "Service",
        "amount": "Amount",
        "currency": "Currency",
        "period_start": "From",
    }
    text = b"Customer,Service,Amount,Currency,From\nAcme,Disk,10,EUR,2026-08-01\nZon,Disk,3,EUR,soon\n"
    row = uploads.accept_upload(hosting.ctx, SYSTEM, "Hosting", text, "hosting.csv", columns)
    assert (row.state, kept(hosting, date(2026, 8, 1))) == ("needs_review", {})
    uploads.confirm_review(hosting.ctx, ADMIN, row.id)
    assert kept(hosting, date(2026, 8, 1)) == {("Disk", ConsumptionKind.USAGE): 10}


RECORDS = {
    "data": [
        {"c": "Acme", "p": "Disk", "gb": 100, "each": 0.101, "from": "2026-10-01", "server": "nas-1", "eur": 10.1},
        {"c": "Acme", "p": "Disk", "gb": 50, "each": 0.05, "from": "2026-10-01", "server": "nas-1", "eur": 2.5},
        {"c": "Acme", "p": "Disk", "gb": 7, "each": 0.1, "from": "2026-09-01", "server": "nas-2", "eur": -0.7},
    ]
}
FIELDS = {
    "records": "data", "customer": "c", "product": "p", "quantity": "gb", "unit": {"constant": "GB"}, "currency": {"constant": "EUR"},
    "period_start": "from",
}  # fmt: skip


def rest(world: World, url: str, mapping: Mapping[str, object], **settings: Any) -> None:
    values = {"url": f"{url}/x", "network": {"internal": True}, "mapping": mapping}
    portals.create_portal(world.ctx, ADMIN, "Shop", "rest", settings=values, secrets={})
    with world.database.write() as session:
        portal_store.save(session, replace(portals.find(session, "Shop"), mode=Mode.AUTOMATIC), world.clock.now())
    save_settings(
        world.ctx,
        SYSTEM,
        "Shop",
        ChargeSettings.model_validate({"billing_code_id": MATERIAL_CODE, "name": "{month}", **settings}),
    )
    world.map({"Acme": 1001}, {}, name="Shop")


def test_s1_61_an_endpoint_that_tells_amounts_is_charged(hosting: World) -> None:
    with endpoint({"/x": RECORDS}) as server:
        rest(hosting, server.url, FIELDS | {"amount": "eur", "description": "server"}, kinds=["usage", "credit"])
        hosting.sync()
        assert kept(hosting, date(2026, 10, 1)) == {("nas-1", ConsumptionKind.USAGE): Decimal("12.6")}
        assert kept(hosting, date(2026, 9, 1)) == {("nas-2", ConsumptionKind.CREDIT): Decimal("-0.7")}
        assert hosting.sync().charges["planned"] == 0
    assert {name: amount for (name, _), amount in charged(hosting).items()}["oktober"] == 12.6


def test_s1_61_quantity_times_price_is_charged_where_the_charge_settings_say_so(hosting: World) -> None:
    with endpoint({"/x": RECORDS}) as server:
        rest(hosting, server.url, FIELDS | {"unit_cost": "each"})
        hosting.sync()
        assert (kept(hosting, date(2026, 10, 1)), in_autotask(hosting)) == ({}, [])
    with endpoint({"/x": RECORDS}) as server:
        values = {"url": f"{server.url}/x", "network": {"internal": True}, "mapping": FIELDS | {"unit_cost": "each"}}
        portals.update_portal(hosting.ctx, ADMIN, "Shop", settings=values)
        known = charge_settings(hosting.ctx, SYSTEM, "Shop")
        assert known is not None
        save_settings(hosting.ctx, SYSTEM, "Shop", known.model_copy(update={"from_prices": True}))
        hosting.sync()
    assert {name: amount for (name, _), amount in charged(hosting).items()} == {"oktober": 12.6, "september": 0.7}


@pytest.fixture
def hooked(hosting: World) -> World:
    portals.create_portal(
        hosting.ctx, ADMIN, "Meter", "webhook", settings={"verification": {"scheme": "url_only"}}, secrets={}
    )
    webhooks.make_address(hosting.ctx, ADMIN, "Meter")
    return hosting


def send(world: World, document: object) -> None:
    with world.database.session() as session:
        found = portals.find(session, "Meter")
    hook = webhook_receiving.Hook(found.id, "Meter", webhooks.hook_card(world.ctx, ADMIN, "Meter").settings, ())
    body = Delivered("POST", "/", {"content-type": "application/json"}, json.dumps(document).encode(), "127.0.0.1")
    webhook_receiving.keep_all(world.ctx, [webhook_receiving.prepare(world.ctx, hook, body)])


def event(product: str, amount: object, month: str = "2026-10", **more: object) -> dict[str, object]:
    return {
        "customer": "Acme",
        "product": product,
        "amount": amount,
        "currency": "EUR",
        "period_start": f"{month}-01",
        **more,
    }


def test_s1_61_an_event_replaces_the_amounts_it_names_and_no_others(hooked: World) -> None:
    send(hooked, [event("Disk", "10.00"), event("Data", 4)])
    send(hooked, event("Disk", 11.5))
    send(hooked, event("Disk", 3, "2026-09"))
    send(hooked, event("Disk", "-1.25", quantity=2))
    assert webhook_processing.process_waiting(hooked.ctx) == 4
    october = {
        ("Disk", ConsumptionKind.USAGE): Decimal("11.5"), ("Data", ConsumptionKind.USAGE): Decimal(4),
        ("Disk", ConsumptionKind.CREDIT): Decimal("-1.25"),
    }  # fmt: skip
    assert kept(hooked, date(2026, 10, 1)) == october
    assert kept(hooked, date(2026, 9, 1)) == {("Disk", ConsumptionKind.USAGE): 3}
    send(hooked, event("Data", 0))
    hooked.clock.move(hours=1)
    assert webhook_processing.process_waiting(hooked.ctx) == 1
    assert kept(hooked, date(2026, 10, 1)) == october | {("Data", ConsumptionKind.USAGE): Decimal(0)}


def test_an_event_whose_amount_is_no_number_changes_nothing(hooked: World) -> None:
    send(hooked, [event("Disk", "10,00"), event("Data", 4)])
    assert webhook_processing.process_waiting(hooked.ctx) == 1
    assert kept(hooked, date(2026, 10, 1)) == {("Data", ConsumptionKind.USAGE): 4}
