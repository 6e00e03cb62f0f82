"""Azure Plans priced by their consumption on a zero-priced service (S4-05 to S4-08), over real HTTP in the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from core.domain.charges.settings import ChargeOverride, ChargeSettings
from core.domain.consumption import ConsumptionKind, ConsumptionLine, ConsumptionReading
from core.domain.contract import LineKind, LineRef
from core.domain.period import add_months
from core.domain.policy import Mode
from core.domain.provisioning.azure import AzureLine, AzurePlans, Consumed, azure_prices
from core.domain.provisioning.policy import ContractKind, ContractPolicy
from core.store import charges, consumption
from core.store.portal_ids import portal_ids
from tests.services.money.world import SandboxData, SandboxSwitches, World
from tests.services.provisioning.shop import PORTAL, Shop, open_shop, subscription

POLICY = ContractPolicy(kind=ContractKind.AZURE_PLAN, azure_markup_percent=Decimal(10))
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


@pytest.fixture
def things(data: SandboxData) -> Any:
    acme = data.company("Acme BV")
    azure = data.service("Azure verbruik", price=0.0, cost=0.0)
    contract = data.contract(acme, "Azure", start=date(2026, 1, 1), end=date(2099, 12, 31))
    return SimpleNamespace(acme=acme, azure=azure, line=data.line(contract, azure, 1), contract=contract)


@pytest.fixture
def make(make_world: Callable[..., World], data: SandboxData, things: Any) -> Callable[..., Shop]:
    def make(mode: Mode = Mode.AUTOMATIC, **switches: Any) -> Shop:
        world = make_world(data, SandboxSwitches(**({"same_day": "merge"} | switches)))
        shop = open_shop(world, policy=POLICY, mode=mode, acme=things.acme)
        world.map({}, {}, PORTAL)
        shop.sells(
            subscription("az", product="Azure plan", product_key="AZ", term="", billing_frequency="", quantity=1)
        )
        from core.domain.contract import ItemRef, LineKind
        from core.domain.mapping import ProductKey, ProductRule, RuleSource
        from core.store import mappings
        from core.store.mappings import Author

        rule = ProductRule(
            id=0, item=ItemRef(LineKind.SERVICE, things.azure), sources=(RuleSource(ProductKey(PORTAL, "AZ"), "q"),)
        )
        with world.database.write() as session:
            mappings.save_rules(session, [rule], Author("test", world.clock.now()))
        return shop

    return make


def consumed(
    shop: Shop, period: date, *amounts: str, provisional: bool = False, customer: str = "acme", **more: Any
) -> None:
    """The portal's consumption of a month is known now; `more` are values of its last line."""
    end = add_months(period, 1) - date.resolution
    lines = tuple(
        ConsumptionLine(
            customer_id=customer, customer=customer, resource_key=f"vm{number}", resource="VM", amount=Decimal(amount),
            currency="EUR", period_start=period, period_end=end,
        )
        for number, amount in enumerate(amounts)
    )  # fmt: skip
    lines = (*lines[:-1], replace(lines[-1], **more))
    reading = ConsumptionReading(
        portal=PORTAL, taken_at=shop.world.clock.now(), period_start=period, period_end=end, lines=lines,
        provisional=provisional,
    )  # fmt: skip
    with shop.world.database.write() as session:
        consumption.record(session, portal_ids(session)[PORTAL], reading)


def billed(shop: Shop, things: Any, day: date) -> tuple[Any, Any]:
    """Price and cost of the unit row of a period."""
    from contextlib import closing

    from core.domain.contract import LineKind, LineRef

    with closing(shop.world.autotask()) as target:
        rows = target.row_amounts([LineRef(LineKind.SERVICE, things.line)], day, day)
    (row,) = next(iter(rows.values()))
    return row.price, row.cost


def test_s4_08_the_period_gets_its_amount_on_day_1_and_the_next_one_0(make: Callable[..., Shop], things: Any) -> None:
    shop = make()
    consumed(shop, OCTOBER, "100.005", "23.40")
    summary = shop.world.sync()
    assert (summary.changes["applied"], summary.changes["failed"]) == (2, 0)
    assert billed(shop, things, OCTOBER) == (Decimal("135.75"), Decimal("123.41"))
    assert billed(shop, things, NOVEMBER) == (0, 0)
    assert billed(shop, things, date(2026, 9, 1)) == (0, 0)
    assert shop.world.sync().changes["planned"] == 0
    assert {entry.values["effectiveDate"] for entry in shop.world.adjustments()} == {"2026-10-01", "2026-11-01"}


def test_s4_08_the_following_month_takes_the_place_of_the_0(make: Callable[..., Shop], things: Any) -> None:
    shop = make()
    consumed(shop, OCTOBER, "100")
    shop.world.sync()
    shop.world.clock.instant = datetime(2026, 12, 6, 9, tzinfo=UTC)
    consumed(shop, NOVEMBER, "50")
    shop.world.sync()
    assert billed(shop, things, OCTOBER) == (Decimal(110), Decimal(100))
    assert billed(shop, things, NOVEMBER) == (Decimal(55), Decimal(50))
    assert billed(shop, things, date(2026, 12, 1)) == (0, 0)


def test_a_tenant_that_takes_one_change_a_day_says_so(make: Callable[..., Shop], things: Any) -> None:
    shop = make(same_day="fail")
    consumed(shop, OCTOBER, "100")
    shop.world.sync()
    shop.world.clock.instant = datetime(2026, 12, 6, 9, tzinfo=UTC)
    consumed(shop, NOVEMBER, "50")
    shop.world.sync()
    assert billed(shop, things, NOVEMBER) == (0, 0)
    assert any(one.kind.value == "refused" for one in shop.findings())


def test_m2_a_provisional_month_and_a_running_one_are_not_billed(make: Callable[..., Shop]) -> None:
    shop = make()
    consumed(shop, OCTOBER, "100", provisional=True)
    consumed(shop, NOVEMBER, "10")
    assert shop.world.sync().changes["planned"] == 0


def test_m8_a_posted_period_is_left_and_told(make: Callable[..., Shop], things: Any) -> None:
    shop = make()
    shop.world.server.sandbox.post_period(OCTOBER)
    consumed(shop, OCTOBER, "100")
    shop.world.sync()
    assert any("posted" in str(one.message) for one in shop.findings())
    assert billed(shop, things, OCTOBER) == (0, 0)


@pytest.mark.parametrize(("entity", "change", "words"), [
    ("Services", {"unitPrice": 5.0}, "must be 0"),
    ("Contracts", {"startDate": "2026-01-15"}, "first of a month"),
])  # fmt: skip
def test_s4_05_s4_07_priced_services_and_other_starts_are_refused_in_words(
    make: Callable[..., Shop], things: Any, entity: str, change: dict[str, Any], words: str
) -> None:
    shop = make()
    shop.world.server.sandbox.edit(entity, things.azure if entity == "Services" else things.contract, **change)
    consumed(shop, OCTOBER, "100")
    plan = subscription("az", product="Azure plan", product_key="AZ", term="", billing_frequency="", quantity=3)
    shop.sells(plan)
    shop.world.sync()
    (finding,) = shop.findings()
    assert words in str(finding.message)
    assert not shop.changes(), "neither a price nor units"
    assert not shop.world.adjustments()


def test_s4_06_single_azure_subscriptions_are_told_with_charges_as_the_way(make: Callable[..., Shop]) -> None:
    shop = make()
    shop.sells(
        subscription("old", product="Microsoft Azure", product_key="MS-AZR-0145P", billing_frequency="", term="")
    )
    shop.world.sync()
    assert any("charges" in str(one.message) for one in shop.findings())


def test_review_mode_waits_for_a_person(make: Callable[..., Shop], things: Any) -> None:
    shop = make(Mode.REVIEW)
    consumed(shop, OCTOBER, "100")
    assert shop.world.sync().changes["waiting"] == 2
    assert billed(shop, things, OCTOBER) == (0, 0)


@pytest.mark.parametrize("more", [{"dimensions": {"product_type": "licence"}}, {"kind": ConsumptionKind.TAX}])
def test_s3_12_licences_and_tax_are_no_part_of_the_price(make: Callable[..., Shop], things: Any, more: Any) -> None:
    shop = make()
    consumed(shop, OCTOBER, "100", "900", **more)
    shop.world.sync()
    assert billed(shop, things, OCTOBER) == (Decimal(110), Decimal(100))


def test_m2_a_month_that_tells_nothing_of_azure_is_not_priced(make: Callable[..., Shop], things: Any) -> None:
    shop = make()
    consumed(shop, OCTOBER, "100")
    shop.world.sync()
    consumed(shop, OCTOBER, "900", dimensions={"product_type": "licence"})
    assert shop.world.sync().changes["planned"] == 0
    assert billed(shop, things, OCTOBER) == (Decimal(110), Decimal(100))


def test_another_currency_than_the_contracts_is_never_billed(make: Callable[..., Shop], things: Any) -> None:
    shop = make()
    consumed(shop, OCTOBER, "100", currency="USD")
    assert shop.world.sync().changes["planned"] == 0
    assert any("nothing is converted" in str(one.message) for one in shop.findings())
    assert billed(shop, things, OCTOBER) == (0, 0)


def test_what_an_override_may_charge_is_not_billed_on_a_line_too(make: Callable[..., Shop], things: Any) -> None:
    shop = make()
    with shop.world.database.write() as session:
        settings = ChargeSettings(overrides=(ChargeOverride(product="usage", billing_code_id=4),))
        charges.save_settings(session, portal_ids(session)[PORTAL], PORTAL, settings, shop.world.clock.now())
    consumed(shop, OCTOBER, "100")
    shop.world.sync()
    assert any("switch one of the two off" in str(one.message) for one in shop.findings())
    assert billed(shop, things, OCTOBER) == (0, 0)


def azure_line(customer: str, ref: int) -> AzureLine:
    line = SimpleNamespace(ref=LineRef(LineKind.SERVICE, ref))
    source = SimpleNamespace(usage=subscription(f"az-{customer}-{ref}", customer=customer))
    return AzureLine(PORTAL, customer, 1, source, line, SimpleNamespace())  # type: ignore[arg-type]


@pytest.mark.parametrize(("lines", "words"), [
    ([("acme", 1), ("acme", 2)], "2 contract lines"),
    ([("acme", 1), ("beta", 1)], "2 customers"),
])  # fmt: skip
def test_m9_consumption_is_billed_on_one_line_and_a_line_bills_one_customer(lines: Any, words: str) -> None:
    plans = AzurePlans(tuple(azure_line(*one) for one in lines), ())
    months = [Consumed(portal=PORTAL, customer_id=name, period=OCTOBER, lines=()) for name in ("acme", "beta")]
    changes, findings = azure_prices(plans, months, {}, {PORTAL: POLICY}, {PORTAL: Mode.AUTOMATIC}, ())
    assert changes == []
    assert len(findings) == 2
    assert all(words in str(one.message) for one in findings)
