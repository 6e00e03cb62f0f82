"""What only a browser shows of the Reports page: clicks on numbers and points, and files that are made when asked for."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core import bootstrap
from core.services import access, uploads
from core.services.portals import create_portal
from core.settings import Settings
from tests.e2e.journey import WITH_ADMIN, click_in_grid, sign_in

EXPORT = """Report of licences

Customer;Product;Count
Acme Ltd;Endpoint;31
Bakery;Endpoint;16
Bakery;Mail;1315
"""
COLUMNS = {"customer": "Customer", "product": "Product", "quantity": "Count", "complete": True}

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def fill(home: Path) -> None:
    app = bootstrap.build(Settings(home=home, database_url="", secret_key=None))
    create_portal(app.context, access.SYSTEM, "Vendor", "file", settings=COLUMNS, secrets={})
    uploads.import_file(app.context, access.SYSTEM, "Vendor", EXPORT.encode(), "export.csv")
    app.close()


@pytest.mark.parametrize("product", [WITH_ADMIN], indirect=True)
@pytest.mark.parametrize("screen", ["nl"], indirect=True)
def test_m13_from_a_number_to_its_row_in_the_file_and_to_a_download(screen, product) -> None:
    fill(product.home)
    page = screen.page
    page.goto(f"{product.url}/reports")
    sign_in(page)
    page.get_by_text("Nederlands", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wat was in gebruik, en wanneer?")
    expect(page.get_by_test_id("stMetric").first).to_contain_text("1.362")

    dialog = page.get_by_role("dialog")
    click_in_grid(page, row=1, x=320, seen=lambda wait: expect(dialog).to_be_visible(timeout=wait))
    expect(dialog).to_contain_text("export.csv · rij 6")
    expect(dialog).to_contain_text("alles is gelezen")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV", exact=True).click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    assert any(row[:3] == ["Vendor", "Mail", "1315"] for row in rows)

    product_chosen = re.compile("product=Mail")
    click_in_grid(page, row=1, x=130, seen=lambda wait: expect(page).to_have_url(product_chosen, timeout=wait))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert not screen.problems, "\n".join(screen.problems)
