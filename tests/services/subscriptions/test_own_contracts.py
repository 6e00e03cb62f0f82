"""Contracts that were made one a subscription follow the same rules for prices, suspension and upgrades."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.domain.policy import Prices, Suspended
from core.services import subscriptions
from core.services.access import SYSTEM
from core.services.paging import PageQuery
from tests.services.money.world import BOLD, SandboxData, World
from tests.services.provisioning.shop import Shop, open_shop, subscription
from tests.services.subscriptions.seats import sent

RULES = BOLD.model_copy(
    update={"suspended": Suspended.PRICE_ZERO, "prices": Prices.FOLLOW, "markup_percent": Decimal(20)}
)


@pytest.fixture
def shop(world: World, data: SandboxData) -> Shop:
    company = data.company("Acme BV")
    world.server.sandbox.reset(data)
    return open_shop(world, rules=RULES, acme=company)


def test_s5_03_s5_11_s5_12_s2_12_on_a_contract_of_its_own(shop: Shop) -> None:
    active = {"attributes": {"status": "active"}}
    shop.sells(subscription("sub-1", **active))
    shop.world.sync()
    shop.world.sync()
    [contract] = shop.contracts()
    [line] = shop.lines_of(contract["id"])
    number = line["id"]

    def price() -> Decimal:
        return Decimal(str(shop.record("ContractServices", number)["unitPrice"]))

    assert price() == Decimal("18.12")
    assert shop.world.sync().changes["planned"] == 0
    shop.world.clock.move(days=1)
    shop.sells(subscription("sub-1", attributes={"status": "suspended"}))
    shop.world.sync()
    assert sent(shop.world, number)[-1] == (date(2026, 12, 15), 0, Decimal(0))
    shop.world.clock.move(days=30)
    assert shop.world.sync().changes["planned"] == 0
    shop.sells(subscription("sub-1", **active))
    shop.world.sync()
    assert price() == Decimal("18.12")
    assert shop.world.units(number) == 5
    [row] = subscriptions.subscriptions(shop.world.ctx, SYSTEM, PageQuery()).rows
    assert (row.badge, row.contract_id) == ("in_sync", contract["id"])
