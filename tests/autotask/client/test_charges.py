"""Contract charges over real HTTP: read in bulk by key, written one by one (core.domain.ports.ChargeTarget)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from connectors.autotask import Autotask
from connectors.autotask.sandbox import SandboxData, SandboxServer
from connectors.autotask.sandbox.data import MATERIAL_CODE
from connectors.autotask.sandbox.posting import post_period
from core.domain.charges.keys import ChargeKey, key_of
from core.domain.charges.plan import ChargeValues
from core.domain.errors import OutcomeUnknown, Refused
from core.domain.ports import ChargeWrite, Product

OCTOBER = date(2026, 10, 1)
VALUES = ChargeValues(
    name="Azure oktober", description="regel 1\nregel 2", day=date(2026, 10, 31), price=Decimal("335.30"), cost=Decimal("284.60"),
    billing_code_id=MATERIAL_CODE,
)  # fmt: skip


def key(what: str = "a", number: int = 0) -> ChargeKey:
    return key_of("Azure", "c1", OCTOBER, 7001, what)._replace(number=number)


@pytest.fixture
def data(data: SandboxData) -> SandboxData:
    data.contract(data.company("Acme"))
    return data


def create(autotask: Autotask, one: ChargeKey, values: ChargeValues = VALUES) -> None:
    autotask.write_charge(ChargeWrite(7001, one, None, values))


def test_m15_a_charge_round_trips_with_its_key(autotask: Autotask) -> None:
    create(autotask, key())
    [found] = autotask.charges([OCTOBER])
    assert (found.key, found.values, found.quantity, found.billed) == (key(), VALUES, 1, False)
    assert autotask.charges_by_key([key()]) == [found]
    assert autotask.charges_by_key([key("b")]) == []
    assert autotask.charges_by_key([], [found.id]) == [found]


def test_a_charge_is_changed_and_deleted_until_it_is_billed(autotask: Autotask, server: SandboxServer) -> None:
    create(autotask, key())
    [found] = autotask.charges([OCTOBER])
    changed = replace(VALUES, price=Decimal("-1.05"), name="x")
    autotask.write_charge(ChargeWrite(7001, key(), found.id, changed))
    assert autotask.charges([OCTOBER])[0].values == changed
    post_period(server.sandbox.state, "2026-10-31")
    assert autotask.charges([OCTOBER])[0].billed
    with pytest.raises(Refused, match="billed"):
        autotask.write_charge(ChargeWrite(7001, key(), found.id, None))
    create(autotask, key("b"))
    second = autotask.charges_by_key([key("b")])[0]
    autotask.write_charge(ChargeWrite(7001, key("b"), second.id, None))
    assert autotask.charges_by_key([key("b")]) == []


def test_m16_charges_of_all_periods_are_read_in_pages_not_one_by_one(
    autotask: Autotask, server: SandboxServer, data: SandboxData
) -> None:
    for month in range(1, 13):
        for number in range(60):
            marker = key_of("Azure", f"c{number}", date(2026, month, 1), 7001, "a").text
            data.add("ContractCharges", contractID=7001, name="n", datePurchased=date(2026, month, 28), chargeType=1, unitQuantity=1.0,
                     billingCodeID=MATERIAL_CODE, unitPrice=1.0, isBilled=False, billableAmount=1.0,
                     internalPurchaseOrderNumber=marker)  # fmt: skip
    data.add("ContractCharges", contractID=7001, name="foreign", datePurchased=date(2026, 5, 1), chargeType=1, unitQuantity=1.0,
             billingCodeID=MATERIAL_CODE, unitPrice=1.0, isBilled=False, internalPurchaseOrderNumber="PO 12")  # fmt: skip
    server.reset(data)
    found = autotask.charges([date(2026, month, 1) for month in range(1, 13)])
    assert len(found) == 720
    assert all(charge.key for charge in found)
    assert autotask.requests_by_entity["ContractCharges"] <= 3


def test_m4_an_answer_that_breaks_off_is_unknown_not_failed(autotask: Autotask, server: SandboxServer) -> None:
    server.faults.add(entity="ContractCharges", operation="create", action="drop", when="after", nth=1)
    with pytest.raises(OutcomeUnknown):
        create(autotask, key())
    assert len(autotask.charges_by_key([key()])) == 1


def test_s3_05_products_are_the_active_ones(
    connected: Callable[..., Autotask], server: SandboxServer, data: SandboxData
) -> None:
    data.add(
        "Products", name="Azure Plan", isActive=True, isSerialized=False, productBillingCodeID=MATERIAL_CODE, sku="AZ"
    )
    data.add("Products", name="Old", isActive=False, isSerialized=False, productBillingCodeID=MATERIAL_CODE)
    server.reset(data)
    assert connected().products() == [Product(501, "Azure Plan", "AZ")]
