"""Portals that are driven by billing reports: several lines of one subscription, reports that came while nobody looked."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from core.domain.combine import Combine, combined
from core.domain.reconciliation import LicenceRow, licence_seats
from core.domain.usage import Scope, UsageLine
from core.services import subscriptions
from core.services.access import SYSTEM
from core.services.paging import PageQuery
from tests.services.money.world import BOLD, SandboxData, World
from tests.services.subscriptions.seats import events, kinds, rule, says, sent, sub


def row(
    quantity: str, start: str, end: str, price: str, subscription: str = "11111111-1111-1111-1111-111111111111"
) -> LicenceRow:
    """One billing line of a Partner Center invoice."""
    cells = {
        "customerid": "Acme", "customername": "Acme", "productid": "CFQ7", "skuid": "0001", "skuname": "Basic",
        "productname": "Basic", "quantity": quantity, "chargestartdate": start, "chargeenddate": end,
        "effectiveunitprice": price, "unitprice": price, "subscriptionid": subscription, "pricingcurrency": "EUR",
        "termandbillingcycle": "One-Month commitment for monthly billing", "chargetype": "cycleFee",
    }  # fmt: skip
    return LicenceRow(cells, "invoice", "1")


@pytest.fixture
def acme(world: World, data: SandboxData) -> World:
    company = data.company("Acme BV")
    service = data.service("Basic", price=3.0, cost=2.0)
    data.line(data.contract(company, start=date(2026, 1, 1), end=date(2027, 12, 31)), service, 10)
    world.server.sandbox.reset(data)
    world.portal(policy=BOLD)
    world.map({"Acme": 1001}, {"basic": 301})
    return world


def test_s2_10_s3_16_s3_17_s3_18_billing_lines_of_a_subscription_become_its_largest_quantity(acme: World) -> None:
    """A pro-rata line and the whole month: one contract line, the most seats, the cost of the whole month."""
    seats = licence_seats(
        [row("12", "2026-10-01", "2026-10-31", "2.00"), row("15", "2026-10-20", "2026-10-31", "0.80")]
    )
    [line] = seats
    assert (line.quantity, line.unit_cost, line.origin.rows) == (15, Decimal("2.00"), 2)
    key = {"term": line.term, "billing_frequency": line.billing_frequency}
    rule(acme, line.product_key, 301, **key)
    acme.map({line.customer_id: 1001}, {"nothing": 301})
    says(acme, line)
    assert acme.sync().changes["applied"] == 1
    [contract_line] = acme.server.sandbox.records("ContractServices")
    assert acme.units(contract_line["id"]) == 15


def test_s3_16_usage_lines_add_up() -> None:
    lines: list[UsageLine] = [sub("storage", 3, period_start=date(2026, 10, 1)), sub("storage", 4)]
    [line] = combined(lines, Combine.SUM)
    assert line.quantity == 7


def test_s2_01_s2_09_what_a_report_does_not_name_is_never_lowered_and_a_missed_day_loses_nothing(acme: World) -> None:
    """The report of three days ago was never fetched: the next one brings its quantity all the same."""
    [basic] = [line["id"] for line in acme.server.sandbox.records("ContractServices")]
    says(acme, sub("basic", 10), scope=Scope.LINES)
    acme.sync()
    acme.clock.move(days=3)
    says(acme, sub("other", 1, "s2"), scope=Scope.LINES)
    assert acme.sync().changes["planned"] == 0
    acme.clock.move(days=1)
    says(acme, scope=Scope.LINES)
    assert acme.sync().changes["planned"] == 0
    assert acme.units(basic) == 10
    assert kinds(events(acme, "s2")) == ["added"]


def test_s2_12_a_price_list_is_followed_where_the_policy_says_so(acme: World) -> None:
    """The portal's price stands on the contract line; without the policy nothing of it moves."""
    [basic] = [line["id"] for line in acme.server.sandbox.records("ContractServices")]
    says(acme, sub("basic", 10, unit_cost="2.10", unit_price="3.15"))
    assert acme.sync().changes["planned"] == 0
    assert sent(acme, basic) == []


def test_s2_16_a_subscription_that_no_report_names_is_not_made(acme: World) -> None:
    says(acme, sub("basic", 10))
    acme.sync()
    assert [row.subscription_id for row in subscriptions.subscriptions(acme.ctx, SYSTEM, PageQuery()).rows] == ["s1"]


def test_s5_23_indirect_resellers_and_direct_partners_are_read_alike(acme: World) -> None:
    """Who sells the subscription is an attribute: a direct partner tells none, and nothing depends on it."""
    for partner in ({}, {"partner": "mpn-1"}, {"partner": "mpn-2"}):
        says(acme, sub("basic", 10, **partner))
        assert acme.sync().changes["planned"] == 0
        acme.clock.move(days=1)
    assert kinds(events(acme)) == ["reseller"]
