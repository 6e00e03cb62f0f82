"""Products follow the price list of the report that names them, companies the mapping that people keep (S2-12, S2-16, S2-20)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from core.domain.usage import Reading, Scope
from core.services import mapping
from core.services.access import SYSTEM
from core.services.mapping import CustomerEdit
from core.services.paging import PageQuery
from core.store import audit
from core.store.audit import AuditFilter
from tests.services.money.world import SandboxData, World
from tests.services.provisioning.shop import PER, PORTAL, Shop, open_shop, subscription


@pytest.fixture
def shop(make_world: Callable[..., World], data: SandboxData) -> Shop:
    """Acme (1001), to which the portal's customer is mapped, and Bloom (1002)."""
    assert (data.company("Acme BV"), data.company("Bloom BV")) == (1001, 1002)
    return open_shop(make_world(data), acme=1001)


def products(shop: Shop) -> list[tuple[float, float, object]]:
    """Price, cost and billing code of each service that was made, in order."""
    made = [shop.record("Services", entry.id) for entry in shop.made("Services")]
    return [(one["unitPrice"], one["unitCost"], one["billingCodeID"]) for one in made]


def test_s2_12_the_price_of_the_portals_list_is_stored_on_the_product_once_for_all_its_subscriptions(
    shop: Shop,
) -> None:
    code = PER.service_billing_code
    shop.sells(subscription("sub-1"), subscription("sub-2", quantity=2))
    shop.world.sync()
    assert products(shop) == [(20.6, 15.1, code)]
    new = {"unit_price": Decimal("22.40"), "unit_cost": Decimal("16.00")}
    shop.sells(subscription("sub-1", **new), subscription("sub-2", quantity=2, **new))
    shop.world.sync()
    assert products(shop) == [(22.4, 16.0, code)]
    assert len(shop.made("Services", "PATCH")) == 1
    shop.sells(subscription("sub-1", **new), subscription("sub-2", quantity=2, unit_price=Decimal(30)))
    shop.world.sync()
    assert products(shop) == [(22.4, 16.0, code)], "prices that differ are no price list: nothing is guessed (M9)"


def test_s2_16_s2_22_a_product_is_made_and_updated_only_while_the_report_names_it(shop: Shop) -> None:
    world = shop.world
    other = {"product_key": "OTHER", "product": "Visio"}
    shop.sells(subscription("sub-1"))
    world.sync()
    world.server.sandbox.edit("Services", shop.made("Services")[0].id, unitPrice=1.0)
    world.said[PORTAL] = lambda now: Reading(
        portal=PORTAL, taken_at=now, lines=(subscription("sub-2", **other),), scope=Scope.PORTAL
    )
    world.sync()
    assert [price for price, *_ in products(shop)] == [1.0, 20.6], "the new one is made, the old one is left as it is"
    assert shop.made("Services", "PATCH") == []
    assert len(shop.contracts()) == 2
    world.said[PORTAL] = lambda now: Reading(
        portal=PORTAL, taken_at=now, lines=(subscription("sub-1"), subscription("sub-2", **other))
    )
    world.sync()
    assert [price for price, *_ in products(shop)] == [20.6, 20.6]
    assert len(shop.contracts()) == 2


def test_s2_20_s2_21_companies_are_matched_by_hand_seen_and_changed_by_hand(shop: Shop) -> None:
    """The counterpart of the custom property: the customer's mapping, visible beside the company, with an audit of who set it."""
    world = shop.world
    shop.sells(subscription("sub-1", customer="nieuw"))
    world.sync()
    assert shop.contracts() == [], "without a company nothing is made"
    mapping.save_customer_edits(world.ctx, SYSTEM, [CustomerEdit(portal=PORTAL, customer_id="nieuw", company_id=1001)])
    world.sync()
    assert [one["companyID"] for one in shop.contracts()] == [1001]
    rows = {row.customer_id: row for row in mapping.customers(world.ctx, SYSTEM, PageQuery()).rows}
    assert (rows["nieuw"].company_id, rows["nieuw"].company, rows["nieuw"].status) == (1001, "Acme BV", "mapped")
    shop.sells(subscription("sub-1", customer="nieuw"), subscription("sub-9", customer="nieuw"))
    mapping.save_customer_edits(world.ctx, SYSTEM, [CustomerEdit(portal=PORTAL, customer_id="nieuw", company_id=1002)])
    world.sync()
    by_id = {one["_udf"]["Subscription ID"]: one["companyID"] for one in shop.contracts()}
    assert by_id["sub-9"] == 1002
    assert by_id["sub-1"] == 1001, "the contract of another company stays as it is, and is told"
    assert any("sub-1" in f"{one.message} {one.key}" for one in shop.findings())
    with world.database.session() as session:
        assert audit.page(session, AuditFilter(event="mapping.", text="nieuw")).total == 2
