"""The hands and eyes of the people in the browser tests."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from core.domain.text import T
from core.i18n import translate

PASSWORD = "a bridge over rough contracts"
WITH_ADMIN = {"CONTRACTBRIDGE_ADMIN_PASSWORD": PASSWORD}
"""The environment of a product that has its first administrator, `admin`, from the start."""
ROW_HEIGHT = 32
PATIENCE = 60_000
"""Milliseconds that an element may take to come: much longer than it does, for machines that are busy with other things."""
expect.set_options(timeout=PATIENCE)


def settle(page: Page) -> None:
    """Until Streamlit has finished drawing."""
    page.wait_for_timeout(150)
    expect(page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")


def click_in_grid(page: Page, *, x: int, row: int, seen: Callable[[float], None]) -> None:
    """A cell of the first grid, `x` pixels from its left edge, until `seen` sees within its milliseconds what follows.

    The grid is a picture, not elements, and a click just after it was drawn may be lost.
    """
    grid = page.get_by_test_id("stMain").get_by_test_id("stDataFrame").first
    for patience in (2_000, 4_000, 8_000, 16_000, 32_000):
        grid.scroll_into_view_if_needed()
        settle(page)
        box = grid.bounding_box()
        assert box
        page.mouse.click(box["x"] + x, box["y"] + ROW_HEIGHT * (row + 1.5))
        settle(page)
        try:
            return seen(patience)
        except AssertionError:
            continue
    return seen(PATIENCE)


def sign_in(page: Page, name: str = "admin") -> None:
    """On the page that asks for it."""
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")


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
        settle(self.page)

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
            self.page.mouse.click(box["x"] + box["width"] - from_right, box["y"] + ROW_HEIGHT * (row + 1.5))
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
