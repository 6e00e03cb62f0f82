"""The whole first afternoon of a newcomer, in a real browser, in both languages: from an empty workspace to right contract lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from connectors.autotask.sandbox import SandboxServer
from tests.e2e.journey import Journey, first_administrator

EXPORT = """Microsoft 365 - licentieoverzicht

Klantnaam;Product;Aantal
ACME BV;Microsoft 365 Business Premium;31
Bakkerij de Gouden Krakeling;Microsoft 365 Business Basic;16
Onbekende klant NV;Microsoft 365 Business Basic;3
"""

pytestmark = pytest.mark.browser


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("language", "screen"), [("en", "en"), ("nl", "nl")], indirect=["screen"])
def test_s1_27_from_nothing_to_right_contract_lines(
    language, screen, product, sandbox: SandboxServer, tmp_path: Path
) -> None:
    journey = Journey(screen.page, product.url, language)
    first_administrator(journey)
    connect_autotask(journey, sandbox)
    drop_a_file(journey, tmp_path)
    link_customers(journey)
    link_products(journey)
    approve_and_apply(journey)
    assert sorted(entry.body["unitChange"] for entry in sandbox.adjustments()) == [2, 3]
    look_back(journey)
    if language == "en":
        take_back(journey)
        assert sorted(entry.body["unitChange"] for entry in sandbox.adjustments()) == [-3, -2, 2, 3]
    assert not screen.problems, "\n".join(screen.problems)
    assert "Traceback" not in product.log()


def connect_autotask(journey: Journey, sandbox: SandboxServer) -> None:
    journey.go("Settings")
    journey.fill("User name", sandbox.credentials.user_name)
    journey.fill("Secret", sandbox.credentials.secret)
    journey.fill("Integration code", sandbox.credentials.integration_code)
    journey.fill("Address", sandbox.base_url)
    journey.press("Save and test")
    expect(journey.page.get_by_test_id("stAlertContentSuccess")).to_be_visible()
    journey.no_sideways_scrolling()


def drop_a_file(journey: Journey, folder: Path) -> None:
    export = folder / "Microsoft 365 2026-11.csv"
    export.write_text(EXPORT, encoding="utf-8")
    journey.go("Portals")
    journey.press("Drop a file")
    journey.page.locator("input[type=file]").set_input_files(export)
    journey.press("Go on")
    journey.page.get_by_text(journey.say("Yes: what is not in it is gone")).click()
    journey.settle()
    expect(journey.page.get_by_text(journey.say("Accept {count} lines", count=3))).to_be_visible()
    journey.no_sideways_scrolling()
    journey.press("Accept {count} lines", count=3)
    expect(journey.heading()).to_have_text("Microsoft 365")


def link_customers(journey: Journey) -> None:
    need = "{pending} of {total} customers still need a company"
    journey.go("Customers")
    expect(journey.heading()).to_have_text(journey.say(need, pending=3, total=3))
    journey.press("Link exact matches")
    expect(journey.heading()).to_have_text(journey.say(need, pending=1, total=3))
    journey.choose_view("Pending")
    journey.type_in_grid(row=0, from_right=60, text="not ours")
    journey.press("Save {count} changes", count=1)
    expect(journey.heading()).to_have_text(journey.say("All {total} customers are linked", total=2))


def link_products(journey: Journey) -> None:
    journey.go("Products")
    journey.press("Link exact matches")
    expect(journey.heading()).to_have_text(journey.say("All {total} products have their service", total=2))


def approve_and_apply(journey: Journey) -> None:
    journey.go("Changes")
    journey.press("Plan again")
    expect(journey.heading()).to_have_text(journey.say("{count} changes wait for a decision", count=2))
    journey.press_like("Approve all {count} of this filter")
    journey.in_dialog("Approve all")
    journey.press("Apply {count} changes", count=2)
    journey.no_sideways_scrolling()
    journey.in_dialog("Apply {count} changes", count=2)
    expect(journey.heading()).to_have_text(journey.say("The contracts are right: nothing to change"))


def look_back(journey: Journey) -> None:
    page = journey.page
    journey.go("Activity")
    log = page.get_by_test_id("stMarkdownContainer").filter(has_text="Acme")
    expect(log.first).to_be_visible()
    journey.page.get_by_test_id("stMain").get_by_text(journey.say("Audit"), exact=True).click()
    journey.settle()
    journey.press("Check the chain")
    expect(page.get_by_test_id("stAlertContentSuccess").first).to_be_visible()
    journey.go("Reports")
    journey.choose_view("At a moment")
    expect(page.get_by_test_id("stDataFrame").get_by_text("ACME BV").first).to_be_attached()
    journey.no_sideways_scrolling()
    journey.go("Overview")
    expect(journey.heading()).to_have_text(journey.say("Everything is right"))


def take_back(journey: Journey) -> None:
    """M14: the opposite of the run is proposed, looked at, approved and written like any other plan."""
    journey.go("Activity")
    journey.choose_view("Runs")
    journey.press("Reverse this run")
    journey.in_dialog("Propose")
    journey.go("Changes")
    expect(journey.heading()).to_have_text(journey.say("{count} changes wait for a decision", count=2))
    journey.press_like("Approve all {count} of this filter")
    journey.in_dialog("Approve all")
    journey.press("Apply {count} changes", count=2)
    journey.in_dialog("Apply {count} changes", count=2)
    journey.go("Activity")
    expect(journey.page.get_by_test_id("stMarkdownContainer").filter(has_text="Acme").first).to_be_visible()
