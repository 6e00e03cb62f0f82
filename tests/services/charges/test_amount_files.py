"""A file of any portal that tells amounts becomes charges (S1-61): storage, data bundles, hosted services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from connectors._kit.registry import Registry
from core.services import uploads
from core.services.access import SYSTEM
from core.store import consumption
from tests.services.charges.world import charging
from tests.services.money.world import SandboxData, World

COLUMNS = {"customer": "Customer", "product": "Service", "amount": "Amount", "currency": "Currency", "period": "Month"}


def test_s1_61_amounts_of_a_file_are_kept_as_consumption(make_world: Callable[..., World], data: SandboxData) -> None:
    data.contract(data.company("Acme B.V."))
    world = make_world(data)
    connectors: Any = Registry()
    world.ctx = replace(world.ctx, connectors=connectors)
    charging(world, {"Acme": 1001}, portal="Hosting")
    text = 'Customer,Service,Amount,Currency,Month\nAcme,Storage,"284.60",EUR,2026-08\nAcme,Storage,0.40,EUR,2026-08\nAcme,Data,"12.50",EUR,2026-08\n'
    uploads.accept_upload(world.ctx, SYSTEM, "Hosting", text.encode(), "hosting.csv", COLUMNS)
    with world.database.session() as session:
        (stored,) = consumption.current(session, period=date(2026, 8, 1))
    assert {(line.resource, line.amount) for line in stored.lines} == {
        ("Storage", Decimal(285)),
        ("Data", Decimal("12.5")),
    }
    assert {line.origin.source for line in stored.lines} == {"hosting.csv"}


def test_s1_61_a_file_without_an_amount_column_charges_nothing(
    make_world: Callable[..., World], data: SandboxData
) -> None:
    data.contract(data.company("Acme B.V."))
    world = make_world(data)
    connectors: Any = Registry()
    world.ctx = replace(world.ctx, connectors=connectors)
    charging(world, {"Acme": 1001}, portal="Hosting")
    columns = {"customer": "Customer", "product": "Service", "quantity": "Qty", "unit_cost": "Cost"}
    uploads.accept_upload(
        world.ctx, SYSTEM, "Hosting", b"Customer,Service,Qty,Cost\nAcme,Storage,3,1.50\n", "hosting.csv", columns
    )
    with world.database.session() as session:
        assert consumption.current(session) == []
