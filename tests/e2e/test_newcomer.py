"""The whole first afternoon of a newcomer, in a real browser, in both languages: from an empty workspace to right contract lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from connectors.autotask.sandbox import SandboxServer
from core.domain.text import T
from core.i18n import translate

PASSWORD = "a bridge over rough contracts"
EXPORT = """Microsoft 365 - licentieoverzicht

Klantnaam;Product;Aantal
ACME BV;Microsoft 365 Business Premium;31
Bakkerij de Gouden Krakeling;Microsoft 365 Business Basic;16
Onbekende klant NV;Microsoft 365 Business Basic;3
"""

pytestmark = pytest.mark.browser


class Journey:
    """The newcomer's hands and eyes. Every word on the screen is looked up in the catalogue of the language."""

    def __init__(self, page: Page, url: str, language: str) -> None:
        self.page = page
        self.url = url
        self.language = language

    def say(self, template: str, **values: object) -> str:
        return translate(T(template, **values), self.language)

    def starts(self, template: str) -> re.Pattern[str]:
        """The words of a sentence up to its first place."""
        return re.compile(re.escape(translate(template, self.language).split("{")[0].strip()))

    def settle(self) -> None:
        """Until Streamlit has finished drawing."""
        self.page.wait_for_timeout(150)
        expect(self.page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")

    def press(self, template: str, **values: object) -> None:
        self.page.get_by_role("button", name=self.say(template, **values), exact=True).first.click()
        self.settle()

    def press_like(self, template: str) -> None:
        self.page.get_by_role("button", name=self.starts(template)).first.click()
        self.settle()

    def in_dialog(self, template: str, **values: object) -> None:
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("button", name=self.say(template, **values), exact=True).click()
        expect(dialog).to_have_count(0)
        self.settle()

    def go(self, template: str) -> None:
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=self.say(template)).click()
        self.settle()

    def choose_view(self, template: str) -> None:
        main = self.page.get_by_test_id("stMain")
        main.get_by_test_id("stButtonGroup").get_by_text(self.say(template), exact=True).first.click()
        self.settle()

    def type_in_grid(self, *, row: int, from_right: int, text: str) -> None:
        """Into the cell of the editor that lies so many pixels from its right edge: the grid is a picture, not elements."""
        grid = self.page.get_by_test_id("stDataFrameResizable").first
        box = grid.bounding_box()
        assert box
        editor = self.page.locator("#portal textarea, #portal input").first
        for patience in (100, 400, 1000, 2000):
            # A click just after the grid was drawn may not have chosen the cell yet.
            self.page.mouse.click(box["x"] + box["width"] - from_right, box["y"] + 32 * (row + 1.5))
            self.page.wait_for_timeout(patience)
            self.page.keyboard.press("Enter")
            expect(editor).to_be_visible()
            if editor.is_enabled():
                break
            self.page.keyboard.press("Escape")
        editor.fill(text)
        editor.press("Enter")
        self.settle()

    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    def fill(self, template: str, value: str) -> None:
        self.page.get_by_label(self.say(template), exact=True).first.fill(value)

    def choose(self, label: str, option: str) -> None:
        box = self.page.get_by_role("combobox", name=self.say(label)).first
        box.click()
        box.fill(option)
        self.page.get_by_role("option", name=option, exact=True).first.click()
        self.settle()

    def no_sideways_scrolling(self) -> None:
        root = "document.documentElement"
        assert self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0


@pytest.mark.timeout(170)
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
    assert not screen.problems, "\n".join(screen.problems)
    assert "Traceback" not in product.log()


def first_administrator(journey: Journey) -> None:
    page = journey.page
    page.goto(journey.url)
    expect(page.get_by_role("heading")).to_have_text(journey.say("Welcome. Who looks after ContractBridge?"))
    page.fill("#name", "sanne")
    page.fill("#password", PASSWORD)
    page.fill("#repeat", PASSWORD)
    page.click("button[type=submit]")
    expect(journey.heading()).to_have_text(journey.say("Let us get the first sync going"))
    journey.no_sideways_scrolling()


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
