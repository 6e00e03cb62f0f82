"""What stands in a file: typed cells, no formulas, any letters, pages with their number."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from pypdf import PdfReader

from core.domain.text import T
from core.reporting import Chart, Column, Form, Kind, Level, Money, Report, Row, Section, Series, Style, Table, render
from core.reporting.values import safe_text, written

DUTCH, ENGLISH = Style("nl", "nl_NL", "Europe/Amsterdam"), Style("en", "en_GB", "Europe/Amsterdam")
COLUMNS = (
    Column("name", T("Customer")),
    Column("units", T("Units"), Kind.COUNT),
    Column("moved", T("+/−"), Kind.DIFFERENCE),
    Column("price", T("Price per unit"), Kind.MONEY),
    Column("day", T("Since"), Kind.DATE),
    Column("at", T("When"), Kind.INSTANT),
    Column("share", T("+/− in a year"), Kind.PERCENT),
)
AT = datetime(2026, 10, 5, 22, 30, tzinfo=UTC)
ROW = Row(("Acme", Decimal(1315), -7, Money(Decimal("284.6")), date(2026, 10, 5), AT, Decimal("0.125")))


def report(
    *rows: Row, chart: Chart | None = None, columns: tuple[Column, ...] = COLUMNS, title: str = "Test"
) -> Report:
    table = Table(columns, rows, T("Nothing was used."))
    return Report(
        name="test", title=T("Licences of {customer}", customer=title), day=date(2026, 10, 31), made_at=AT,
        sections=(Section(name="one", title=T("Lines"), table=table, chart=chart),),
    )  # fmt: skip


def file(one: Report, form: Form, style: Style = DUTCH) -> bytes:
    return render(one, form, style).content


def text_of(one: Report, style: Style = DUTCH) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(file(one, Form.PDF, style))).pages)


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (DUTCH, ["Acme", "1.315", "−7", "€ 284,60", "5-10-2026", "6-10-2026 00:30", "12,5 %"]),
        (ENGLISH, ["Acme", "1,315", "−7", "€284.60", "05/10/2026", "06/10/2026 00:30", "12.5 %"]),
    ],
)
def test_s1_81_cells_as_people_read_them(style: Style, expected: list[str]) -> None:
    cells = [written(cell, column.kind, style) for cell, column in zip(ROW.cells, COLUMNS, strict=True)]
    assert [cell.replace("\u00a0", " ") for cell in cells] == expected
    text = text_of(report(ROW), style).replace("\u00a0", " ")
    assert all(cell in text for cell in expected)


def test_a_price_keeps_all_its_decimals() -> None:
    assert written(Money(Decimal("0.00425")), Kind.MONEY, DUTCH).replace("\u00a0", " ") == "€ 0,00425"
    assert written(Money(Decimal("1234.5"), ""), Kind.MONEY, DUTCH) == "1.234,50"
    assert written(Money(Decimal(-3), "USD"), Kind.MONEY, ENGLISH) == "−US$3.00"


def test_s1_80_every_cell_of_excel_has_its_type() -> None:
    sheet = load_workbook(io.BytesIO(file(report(ROW), Form.XLSX))).worksheets[0]
    cells = list(sheet[2])
    assert [cell.data_type for cell in cells] == ["s", "n", "n", "n", "d", "d", "n"]
    assert [cell.value for cell in cells[1:4]] == [1315, -7, 284.6]
    assert (cells[4].value, cells[5].value) == (datetime(2026, 10, 5), datetime(2026, 10, 6, 0, 30))
    assert [cells[place].number_format for place in (3, 4, 5, 6)] == [
        '"€" #,##0.00',
        "d-m-yyyy",
        "d-m-yyyy hh:mm",
        "0.0%",
    ]


BAD = ("=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "＝1+1", " =1", '=HYPERLINK("http://x")')


@pytest.mark.parametrize("text", BAD)
def test_no_text_becomes_a_formula(text: str) -> None:
    one = report(Row((text, *ROW.cells[1:])), columns=(Column("name", T("{day}", day=text)), *COLUMNS[1:]))
    for form in (Form.CSV, Form.SHEET_CSV):
        rows = list(
            csv.reader(
                io.StringIO(file(one, form).decode("utf-8-sig")), delimiter=";" if form is Form.SHEET_CSV else ","
            )
        )
        assert rows[1][0] == f"'{text}"
    cell = load_workbook(io.BytesIO(file(one, Form.XLSX))).worksheets[0]["A2"]
    assert (cell.data_type, cell.quotePrefix) == ("s", True)
    heading = load_workbook(io.BytesIO(file(one, Form.XLSX))).worksheets[0]["A1"]
    assert heading.data_type == "s"
    assert json.loads(file(one, Form.JSON))["rows"][0]["name"] == text


@given(st.text(max_size=40))
def test_any_text_can_be_written(text: str) -> None:
    one = report(Row((text, *ROW.cells[1:])), title=text)
    file(one, Form.XLSX)
    assert file(one, Form.PDF)[:5] == b"%PDF-"
    assert not safe_text(text).lstrip(" ").startswith(("=", "@")) or text == ""


def test_letters_beyond_latin_1_are_embedded() -> None:
    names = ("Łódź Sp. z o.o.", "Şişli Ğ", "Ștefănescu", "Žižkov Ě", "Ελλάδα", "Жуков")
    pdf = PdfReader(io.BytesIO(file(report(*(Row((name, *ROW.cells[1:])) for name in names)), Form.PDF)))
    text = pdf.pages[0].extract_text()
    assert all(name in text for name in names)
    fonts = pdf.pages[0]["/Resources"]["/Font"]
    used = [fonts[name].get_object() for name in fonts]
    assert any(
        "FontFile2" in str(font.get("/FontDescriptor", {}).get_object()) for font in used if "/FontDescriptor" in font
    )


def test_a_long_table_repeats_its_heading_and_numbers_its_pages() -> None:
    rows = [Row((f"Customer {number:04}", *ROW.cells[1:])) for number in range(1_000)]
    pages = PdfReader(io.BytesIO(file(report(*rows), Form.PDF))).pages
    assert len(pages) > 15
    texts = [page.extract_text() for page in pages]
    assert all("Klant" in text and f"Pagina {number} van {len(pages)}" in text for number, text in enumerate(texts, 1))
    told = [line for text in texts for line in text.splitlines() if line.startswith("Customer ")]
    assert [line[:13] for line in told] == [f"Customer {number:04}" for number in range(1_000)]


def test_long_words_stay_in_their_column() -> None:
    text = text_of(report(Row(("x" * 400, *ROW.cells[1:]))))
    assert text.count("x") >= 400


def test_charts_are_lines_not_pictures() -> None:
    days = (date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 31))
    chart = Chart(
        days, (Series("Duo", (Decimal(3), None, Decimal(1_500))), Series("Pax8", (None, Decimal(4), Decimal(2)))), 3
    )
    page = PdfReader(io.BytesIO(file(report(ROW, chart=chart), Form.PDF))).pages[0]
    text = page.extract_text()
    assert all(part in text for part in ("Duo", "Pax8", "31-8-2026", "31-10-2026", "1.500", "3 kleinere: zie de tabel"))
    assert not page.images
    assert json.loads(file(report(ROW, chart=chart), Form.JSON))["charts"][0]["series"][0]["values"] == [3, None, 1500]


def test_sums_of_groups_are_not_for_scripts() -> None:
    one = report(ROW, Row(ROW.cells, Level.SUBTOTAL), Row((T("Total"), *ROW.cells[1:]), Level.TOTAL))
    assert [row[0] for row in csv.reader(io.StringIO(file(one, Form.CSV).decode()))] == ["name", "Acme", "total"]
    assert [record["name"] for record in json.loads(file(one, Form.JSON))["rows"]] == ["Acme", "total"]
    assert len(list(load_workbook(io.BytesIO(file(one, Form.XLSX))).worksheets[0].rows)) == 4


def test_names_of_sheets_are_what_excel_allows() -> None:
    section = Section(
        name="a",
        title=T("{day}", day="[a]:*?/\\ and much longer than thirty-one"),
        table=Table(COLUMNS, (), T("Nothing was used.")),
    )
    one = Report(name="t", title=T("Lines"), day=date(2026, 1, 1), made_at=AT, sections=(section, section))
    names = load_workbook(io.BytesIO(file(one, Form.XLSX))).sheetnames
    assert len(set(names)) == 3
    assert all(len(name) <= 31 for name in names)
