"""Billing files become charges, from the file of the export to Autotask (S1-65, S1-66, S1-68, S2-17)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors._kit.registry import Registry
from connectors.autotask.sandbox.data import MATERIAL_CODE
from core.domain.charges.settings import ChargeSettings
from core.domain.connector import Feed
from core.domain.consumption import ConsumptionReading, ConsumptionReport
from core.domain.consumption_settings import ConsumptionSettings
from core.domain.errors import InputError, RemoteError
from core.domain.policy import Mode
from core.domain.text import T
from core.domain.usage import Reading, UsageLine
from core.files.consumption import read_consumption
from core.services import charge_sources, charges, uploads
from core.services.access import SYSTEM, Actor, Role
from core.services.consumption_files import bring_files, charge_rows
from tests.files.azure_exports import ZON, row, write
from tests.services.charges.world import charging, example, in_autotask, told, total
from tests.services.money.world import SandboxData, World


@pytest.fixture
def azure(make_world: Callable[..., World], data: SandboxData) -> World:
    """Brouwerij De Zon with a contract, and a portal of Azure's exports that charges per resource group."""
    data.contract(data.company("Brouwerij De Zon B.V."))
    world = make_world(data)
    connectors: Any = Registry()
    world.ctx = replace(world.ctx, connectors=connectors)
    world.portal("Azure", connector="azure_export", mode=Mode.AUTOMATIC)
    settings = ChargeSettings(billing_code_id=MATERIAL_CODE, split="resource_group", name="Azure {group}")
    charges.save_settings(world.ctx, SYSTEM, "Azure", settings)
    world.map({ZON: 1001}, {}, name="Azure")
    return world


def test_s1_65_s1_66_s1_68_an_export_becomes_charges_that_lead_back_to_its_rows(azure: World, tmp_path: Path) -> None:
    file = write(
        tmp_path / "part_1.csv",
        [
            row(costInBillingCurrency="10.004", resourceGroupName="RG-ERP"),
            row(costInBillingCurrency="20.004", resourceGroupName="rg-erp", date="01/15/2026"),
            row(costInBillingCurrency="5.5", resourceGroupName="rg-web"),
        ],
    )
    outcome = uploads.import_file(azure.ctx, SYSTEM, "Azure", file, file.name)
    assert (outcome.stored, outcome.lines) == (True, ())
    azure.sync()
    assert {(one["name"], one["billableAmount"]) for one in in_autotask(azure)} == {
        ("Azure rg-erp", 30.01),
        ("Azure rg-web", 5.5),
    }
    assert {one["datePurchased"][:10] for one in in_autotask(azure)} == {"2026-01-31"}
    view = next(one for one in charges.overview(azure.ctx, SYSTEM, date(2026, 1, 1)).page.rows if one.title == "rg-erp")
    detail = charges.charge_detail(azure.ctx, SYSTEM, view.key)
    assert detail.source_total == Decimal("30.008")
    rows = [one for line in detail.lines for one in charge_rows(azure.ctx, SYSTEM, view.key, line)]
    assert sorted(one.cells["costInBillingCurrency"] for one in rows) == ["10.004", "20.004"]
    assert "already" in str(uploads.import_file(azure.ctx, SYSTEM, "Azure", file, file.name).summary)
    assert azure.sync().charges["planned"] == 0


def test_s1_65_a_broken_export_charges_nothing_and_viewers_may_not_bring_any(azure: World, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        bring_files(azure.ctx, SYSTEM, "Azure", [(b"a,b\n1,2\n", "x.csv")])
    with pytest.raises(Exception, match="operator"):
        bring_files(azure.ctx, Actor(1, "v", Role.VIEWER), "Azure", [(b"", "x.csv")])
    assert azure.sync().charges["planned"] == 0


class Teller:
    """A source of amounts that says what the test told it to."""

    def __init__(self, world: World, reports: tuple[ConsumptionReport, ...] = ()) -> None:
        self.world, self.reports, self.asked = world, reports, list[tuple[str, date]]()
        self.fails = False

    def test(self) -> None:
        return None

    def read(self, now: Any) -> Reading:
        return Reading(portal="Azure", taken_at=now, lines=())

    def reports_since(self, watermark: str) -> tuple[ConsumptionReport, ...]:
        self.asked.append((watermark, date.min))
        return tuple(one for one in self.reports if one.watermark > watermark)

    def read_consumption(self, now: Any, first: date, last: date) -> ConsumptionReading:
        self.asked.append(("", first))
        if self.fails:
            raise RemoteError(T("The portal is away."), retryable=True)
        lines = example(period=(first, last)) if first == date(2026, 8, 1) else []
        reading = told(self.world, example(period=(first, last)))
        return replace(reading, lines=tuple(lines))


def test_s2_09_amounts_are_read_with_a_sync_and_no_report_is_skipped(
    make_world: Callable[..., World], data: SandboxData
) -> None:
    data.contract(data.company("Acme B.V."))
    world = make_world(data)
    report = ConsumptionReport(
        id="1", watermark="2026-09-05", period_start=date(2026, 8, 1), period_end=date(2026, 8, 31)
    )
    teller = Teller(world, (report,))
    teller.fails = True
    known: Any = type("C", (), {"feed": Feed.PULL, "consumption": True})()
    connectors: Any = type("Cs", (), {"get": lambda self, slug: known, "all": lambda self: ()})()
    world.ctx = replace(world.ctx, connectors=connectors, source=lambda *_: teller)
    charging(world, {"Acme": 1001})
    summary = world.sync()
    assert any("The portal is away." in text for text in world.log(summary.run_id))
    teller.fails = False
    world.sync()
    assert total(world) == Decimal("335.30")
    assert {first for _, first in teller.asked} >= {date(2026, 8, 1), date(2026, 10, 1), date(2026, 11, 1)}
    world.sync()
    assert [mark for mark, first in teller.asked if first == date.min] == ["", "", "2026-09-05"]
    assert total(world) == Decimal("335.30")


def test_s1_61_a_portal_whose_lines_tell_amounts_is_charged_too(
    make_world: Callable[..., World], data: SandboxData
) -> None:
    data.contract(data.company("Acme B.V."))
    world = make_world(data)
    world.portal("Storage", connector="rest", mode=Mode.AUTOMATIC)
    settings = ChargeSettings(
        billing_code_id=MATERIAL_CODE, provisional=True, split="resource", name="{resource}: {quantity}"
    )
    charges.save_settings(world.ctx, SYSTEM, "Storage", settings)
    world.map({"Acme": 1001}, {}, name="Storage")
    usage = UsageLine(
        customer_id="Acme", customer="Acme", product_key="st", product="Storage", quantity=Decimal("4.2"), unit="TB", currency="EUR",
        attributes={"amount": "38.20"},
    )  # fmt: skip
    world.said["Storage"] = lambda now: Reading(portal="Storage", taken_at=now, lines=(usage,))
    world.sync()
    assert [(one["name"], one["billableAmount"]) for one in in_autotask(world)] == [("Storage: 4,2 TB", 38.2)]
    assert world.sync().charges["planned"] == 0


def test_s1_63_a_month_that_was_read_too_early_says_what_to_do(azure: World, tmp_path: Path) -> None:
    november = row(
        costInBillingCurrency="10",
        billingPeriodStartDate="11/01/2026",
        billingPeriodEndDate="11/30/2026",
        date="11/14/2026",
    )
    file = write(tmp_path / "november.csv", [november])
    uploads.import_file(azure.ctx, SYSTEM, "Azure", file, file.name)
    assert azure.sync().charges["provisional"] == 1
    assert charges.overview(azure.ctx, SYSTEM, date(2026, 11, 1)).findings == ()
    azure.clock.move(days=18)
    summary = azure.sync()
    assert (azure.clock.today(), summary.charges["provisional"], summary.findings["stale"]) == (date(2026, 12, 8), 1, 1)
    (finding,) = charges.overview(azure.ctx, SYSTEM, date(2026, 11, 1)).findings
    assert (str(finding.message).count("2026-12-08"), "once more" in str(finding.remedy)) == (1, True)
    (shown,) = charge_sources.readings(azure.ctx, SYSTEM, "Azure")
    assert (shown.final_on, shown.again) == (date(2026, 12, 8), True)
    (check,) = charge_sources.source_check(azure.ctx, SYSTEM, date(2026, 11, 1))
    assert "once more" in str(check.why)
    uploads.import_file(azure.ctx, SYSTEM, "Azure", file, file.name)
    assert azure.sync().charges["applied"] == 1
    assert (total(azure), charges.overview(azure.ctx, SYSTEM, date(2026, 11, 1)).findings) == (10, ())
    assert [(one.provisional, one.again) for one in charge_sources.readings(azure.ctx, SYSTEM, "Azure")] == [
        (False, False),
        (True, False),
    ]


@pytest.mark.parametrize(("days", "final"), [(0, True), (7, True), (40, False)])
def test_s1_63_when_a_month_is_final_can_be_set(azure: World, tmp_path: Path, days: int, final: bool) -> None:
    october = row(
        costInBillingCurrency="10",
        billingPeriodStartDate="10/01/2026",
        billingPeriodEndDate="10/31/2026",
        date="10/14/2026",
    )
    file = write(tmp_path / "october.csv", [october])
    settings = ConsumptionSettings(final_after_days=days)
    reading = read_consumption(file, portal="Azure", now=azure.clock.now(), options=settings)
    assert reading.provisional is not final
