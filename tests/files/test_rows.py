"""The row behind a number, as it stands in its file (M13)."""

from __future__ import annotations

import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.file_settings import FileSettings
from core.files.importer import import_file
from core.files.rows import rows_around
from tests.looking import tries

TEXT = """Licences of October

Customer;Product;Count
Acme Ltd;Endpoint;31

Bakery;Endpoint;16
Bakery;Mail;1315
"""
SETTINGS = FileSettings(customer="Customer", product="Product", quantity="Count")


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Usage"
    for row in (("Customer", "Product", "Count"), ("Acme Ltd", "Endpoint", 31), ("Bakery", "Mail", 1315)):
        sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


@pytest.mark.parametrize(("data", "name"), [(TEXT.encode(), "export.csv"), (workbook(), "export.xlsx")])
def test_m13_every_line_of_an_import_leads_to_its_own_row(data: bytes, name: str) -> None:
    lines = import_file(data, name, SETTINGS).lines
    assert lines
    for line in lines:
        found = rows_around(data, name, line.origin.place)
        assert found is not None
        (cells,) = [cells for number, cells in found.rows if number == found.wanted]
        assert cells[:2] == (line.customer, line.product)
        assert found.headings[:3] == ("Customer", "Product", "Count")


@pytest.mark.parametrize("place", ["", "page 3", "row 99", "Elsewhere!B2", "row", "!"])
def test_a_place_that_is_none_of_the_file_gives_nothing(place: str) -> None:
    assert rows_around(TEXT.encode(), "export.csv", place) is None


@tries(25)
@given(blank=st.lists(st.booleans(), min_size=1, max_size=30))
def test_m13_blank_lines_do_not_move_rows(blank: list[bool]) -> None:
    text = "Customer;Product;Count\n"
    for number, skipped in enumerate(blank):
        text += "\n" * skipped + f"Customer {number};Mail;{number + 1}\n"
    for line in import_file(text.encode(), "export.csv", SETTINGS).lines:
        found = rows_around(text.encode(), "export.csv", line.origin.place)
        assert found is not None
        assert dict(found.rows)[found.wanted][0] == line.customer
