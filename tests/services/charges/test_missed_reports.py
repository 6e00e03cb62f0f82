"""Invoices that appeared while nothing ran: their usage is charged and their seats are counted, over real HTTP (S2-09)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from connectors._kit.registry import Registry
from connectors.autotask.sandbox.data import MATERIAL_CODE
from core.domain.charges.settings import ChargeSettings
from core.domain.policy import Mode
from core.services import charges
from core.services.access import SYSTEM
from tests.connectors.partner_center_fake import ZON, Fake, billed, connected, invoice, usage
from tests.services.charges.world import in_autotask
from tests.services.money.world import SandboxData, World
from tests.services.subscriptions.seats import TERM, rule

PORTAL = "Microsoft"
YEAR_END = "2027-07-31"
PREMIUM, BASIC = "a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002"


class Office(NamedTuple):
    world: World
    fake: Fake
    premium: int
    basic: int

    def seats(self) -> tuple[int, int]:
        return self.world.units(self.premium), self.world.units(self.basic)

    def charged(self) -> dict[str, Decimal]:
        """By month: what the charges of it come to."""
        found: dict[str, Decimal] = {}
        for row in in_autotask(self.world):
            month = str(row["datePurchased"])[:7]
            found[month] = found.get(month, Decimal(0)) + Decimal(str(row["billableAmount"]))
        return found


@pytest.fixture
def office(make_world: Callable[..., World], data: SandboxData) -> Iterator[Office]:
    """A partner whose invoice of July is the newest when the portal is connected, on 10 August."""
    company = data.company("Brouwerij De Zon B.V.")
    home = data.contract(company, start=date(2026, 1, 1), end=date(2027, 12, 31))
    services = data.service("Premium"), data.service("Basic")
    lines = [data.line(home, service, 1) for service in services]
    world = make_world(data)
    world.clock.instant = datetime(2026, 8, 10, 9, tzinfo=UTC)
    fake = Fake(invoices=[month(7)], exports={"usage-billed-G7": [[usage(BillingPreTaxTotal=110)]]})
    fake.exports["reconciliation-billed-G7"] = [[seats(PREMIUM, 20, 7, "2026-08-31"), seats(BASIC, 5, 7)]]
    with connected(fake) as (source, _):
        connectors: Any = Registry()
        world.ctx = replace(world.ctx, connectors=connectors, source=lambda *_: source)
        world.portal(PORTAL, connector="partner_center_billing", mode=Mode.AUTOMATIC)
        charges.save_settings(world.ctx, SYSTEM, PORTAL, ChargeSettings(billing_code_id=MATERIAL_CODE))
        world.map({ZON: company}, {}, name=PORTAL)
        for sku, service in zip(("0002", "0003"), services, strict=True):
            rule(world, f"pc:CFQ7TTC0LCHC:{sku}", service, PORTAL, **TERM)
        yield Office(world, fake, *lines)


def month(number: int) -> dict[str, Any]:
    """The invoice of a month, made on the sixth of the next one."""
    last = 30 if number in (6, 9, 11) else 31
    return invoice(f"G{number}", f"2026-{number + 1:02}-06", f"2026-{number:02}-01", f"2026-{number:02}-{last}")


def seats(
    subscription: str, quantity: int, number: int, last: str = "", first: int = 1, **cells: Any
) -> dict[str, Any]:
    """A billing line of a month, until its end unless told otherwise."""
    sku = "0002" if subscription == PREMIUM else "0003"
    dates = {
        "ChargeStartDate": f"2026-{number:02}-{first:02}",
        "ChargeEndDate": last or month(number)["billingPeriodEndDate"],
    }
    return billed(SubscriptionId=subscription, SkuId=sku, Quantity=quantity, **dates, **cells)


def test_s2_09_s2_10_s3_16_s3_17_s3_18_s3_19_a_missed_day_loses_nothing(office: Office) -> None:
    world, fake = office.world, office.fake
    world.sync()
    assert office.seats() == (20, 5)
    world.clock.instant = datetime(2026, 11, 20, 9, tzinfo=UTC)
    fake.invoices += [month(8), month(9), month(10)]
    fake.exports |= {
        "usage-billed-G8": [[usage(BillingPreTaxTotal=100), usage(BillingPreTaxTotal=23.4)]],
        "usage-billed-G9": [[usage(BillingPreTaxTotal=200)]],
        "usage-billed-G10": [[usage(BillingPreTaxTotal=300), usage(BillingPreTaxTotal=-1)]],
        # Premium is paid by the year from August on: no later invoice names it.
        "reconciliation-billed-G8": [
            [seats(PREMIUM, 25, 8, YEAR_END), seats(PREMIUM, 28, 8, YEAR_END, first=15), seats(BASIC, 3, 8)]
        ],
        "reconciliation-billed-G9": [[seats(BASIC, 12, 9)]],
        "reconciliation-billed-G10": [[seats(BASIC, 9, 10, first=20), seats(BASIC, 7, 10)]],
    }
    world.sync()
    assert office.seats() == (28, 9), "of one invoice the largest quantity counts, of several the newest that names it"
    amounts = {"2026-08": Decimal("123.4"), "2026-09": Decimal(200), "2026-10": Decimal(299)}
    assert office.charged() == {"2026-07": Decimal(110)} | amounts
    asked = len(fake.jobs)
    again = world.sync()
    assert (again.changes["planned"], again.charges["planned"]) == (0, 0)
    assert not [job for job in fake.jobs[asked:] if "reconciliation" in job and "G10" not in job], (
        "read reports stay read"
    )


def test_s2_09_an_invoice_that_cannot_be_read_is_read_the_next_time(office: Office) -> None:
    world, fake = office.world, office.fake
    world.sync()
    world.clock.move(days=31)
    fake.invoices.append(month(8))
    fake.exports["reconciliation-billed-G8"] = [[seats(PREMIUM, 28, 8, YEAR_END), seats(BASIC, 5, 8)]]
    fake.damaged = True
    assert {portal.status for portal in world.sync().portals} == {"failed"}
    assert office.seats() == (20, 5)
    fake.damaged = False
    fake.invoices.append(month(9))
    fake.exports["reconciliation-billed-G9"] = [[seats(BASIC, 6, 9)]]
    world.clock.move(days=31)
    world.sync()
    assert office.seats() == (28, 6)


def test_m2_a_subscription_has_ended_once_its_customers_newest_invoice_leaves_it_out(office: Office) -> None:
    """What was paid must have ended before: a yearly one stays; and a customer whom no invoice names has a month's grace."""
    world, fake = office.world, office.fake
    fake.exports["reconciliation-billed-G7"] = [[seats(PREMIUM, 20, 7, YEAR_END), seats(BASIC, 5, 7)]]
    world.sync()
    for number, told, expected in [
        (8, [], (20, 5)),
        (9, [seats(PREMIUM, 20, 9, YEAR_END)], (20, 0)),
        (10, [], (20, 0)),
    ]:
        fake.invoices.append(month(number))
        fake.exports[f"reconciliation-billed-G{number}"] = [told]
        world.clock.move(days=31)
        world.sync()
        assert office.seats() == expected, number


def test_s3_14_the_first_reading_looks_back_a_year_for_what_is_billed_by_the_year(office: Office) -> None:
    world, fake = office.world, office.fake
    old = invoice("G0", "2025-10-06", "2025-09-01", "2025-09-30")
    credit = month(7) | {"id": "C7", "invoiceDate": "2026-08-07T00:00:00Z", "documentType": "credit_note"}
    fake.invoices += [old, credit, invoice("GX", "2025-06-06", "2025-05-01", "2025-05-31")]
    fake.exports["reconciliation-billed-G0"] = [[seats(PREMIUM, 40, 9, "2026-09-20")]]
    fake.exports["reconciliation-billed-G7"] = [[seats(BASIC, 5, 7)]]
    world.sync()
    assert office.seats() == (40, 5)
    read = {
        name
        for name in ("G0", "G7", "C7", "GX")
        if any("reconciliation" in job and f'"{name}"' in job for job in fake.jobs)
    }
    assert read >= {"G0", "G7"}
    assert not read & {"GX"}
