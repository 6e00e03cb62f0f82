"""What only a browser shows of the Reports page: clicks on numbers and points, and files that are made when asked for."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from core import bootstrap
from core.services import access, uploads
from core.services.portals import create_portal
from core.settings import Settings

PASSWORD = "a bridge over rough contracts"
WITH_ADMIN = {"CONTRACTBRIDGE_ADMIN_PASSWORD": PASSWORD}
EXPORT = """Report of licences

Customer;Product;Count
Acme Ltd;Endpoint;31
Bakery;Endpoint;16
Bakery;Mail;1315
"""
COLUMNS = {"customer": "Customer", "product": "Product", "quantity": "Count", "complete": True}
ROW = 32

pytestmark = [pytest.mark.browser, pytest.mark.timeout(170)]


def fill(home: Path) -> None:
    app = bootstrap.build(Settings(home=home, database_url="", secret_key=None))
    create_portal(app.context, access.SYSTEM, "Vendor", "file", settings=COLUMNS, secrets={})
    uploads.import_file(app.context, access.SYSTEM, "Vendor", EXPORT.encode(), "export.csv")
    app.close()


def settle(page: Page) -> None:
    page.wait_for_timeout(300)
    expect(page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")


def appears(wanted: Locator) -> bool:
    """Whether it comes within some seconds."""
    try:
        wanted.first.wait_for(timeout=4_000)
    except TimeoutError:
        return False
    return True


def click_cell(page: Page, *, row: int, x: int) -> None:
    """A cell of the first grid, `x` pixels from its left edge: the grid is a picture, not elements."""
    grid = page.get_by_test_id("stMain").get_by_test_id("stDataFrame").first
    grid.scroll_into_view_if_needed()
    page.wait_for_timeout(400)
    box = grid.bounding_box()
    assert box
    page.mouse.click(box["x"] + x, box["y"] + ROW * (row + 1.5))
    settle(page)


@pytest.mark.parametrize("product", [WITH_ADMIN], indirect=True)
@pytest.mark.parametrize("screen", ["nl"], indirect=True)
def test_m13_from_a_number_to_its_row_in_the_file_and_to_a_download(screen, product) -> None:
    fill(product.home)
    page = screen.page
    page.goto(f"{product.url}/reports")
    page.fill("#name", "admin")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.get_by_text("Nederlands", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wat was in gebruik, en wanneer?")
    expect(page.get_by_test_id("stMetric").first).to_contain_text("1.362")

    dialog = page.get_by_role("dialog")
    for _ in range(4):
        # A click just after the grid was drawn may not have chosen the cell yet.
        click_cell(page, row=1, x=320)
        if appears(dialog):
            break
    expect(dialog).to_contain_text("export.csv · rij 6")
    expect(dialog).to_contain_text("alles is gelezen")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV", exact=True).click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    assert any(row[:3] == ["Vendor", "Mail", "1315"] for row in rows)

    for _ in range(4):
        click_cell(page, row=1, x=130)
        if "product=Mail" in page.url:
            break
    expect(page).to_have_url(re.compile("report=customer.*|.*product=Mail"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert not screen.problems, "\n".join(screen.problems)
