"""The same numbers in every format, written the way the reader writes them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from core.domain.errors import InputError
from core.reporting import Form
from core.services import reports
from core.services.context import Context
from core.services.reports import REPORTS, Asked

from .conftest import DUTCH, ENGLISH, NOW, SEED, read


def as_csv(ctx: Context, name: str, asked: Asked | None = None) -> list[list[str]]:
    return list(csv.reader(io.StringIO(reports.export(ctx, DUTCH, name, Form.CSV, asked).content.decode())))


def as_text(ctx: Context, name: str, asked: Asked | None = None, actor=DUTCH) -> str:
    pages = PdfReader(io.BytesIO(reports.export(ctx, actor, name, Form.PDF, asked).content)).pages
    return "\n".join(page.extract_text() for page in pages)


def test_s1_74_the_vendor_table_with_its_grand_total(seeded: Context) -> None:
    rows = as_csv(seeded, "vendor")
    assert rows[0][:5] == ["portal", "product", "now", "month_before", "difference"]
    assert [tuple(row[:4]) for row in rows[1:-1]] == sorted(
        (vendor, product, str(now), str(before)) for vendor, product, now, before in SEED
    )
    assert {row[1]: row[4] for row in rows[1:-1]} == {
        "Business Premium": "5", "Exchange Online": "-7", "Duo Advantage": "0", "Singularity Control": "25",
        "Managed device": "3",
    }  # fmt: skip
    assert rows[-1] == ["total", "", "1315", "1289", "26", "", ""]


def test_s1_81_dutch_paper_writes_1_315(seeded: Context) -> None:
    text = as_text(seeded, "vendor")
    assert "Licenties per leverancier" in text
    assert "Totaal 1.315 1.289 +26" in " ".join(text.split())
    assert "Op 20-11-2026, vergeleken met 20-10-2026 en 20-11-2025." in text
    assert "−7" in text
    assert "Microsoft 365: som 527 529 −2" in " ".join(text.split())
    assert "1,315" in as_text(seeded, "vendor", actor=ENGLISH)
    assert "€ 284,60" in as_text(seeded, "customer", Asked(customer="acme b.v.")).replace("\u00a0", " ")


def test_s1_80_excel_has_numbers_and_the_same_ones(seeded: Context) -> None:
    book = load_workbook(io.BytesIO(reports.export(seeded, DUTCH, "vendor", Form.XLSX).content))
    sheet = book.worksheets[0]
    assert (sheet.title, sheet.freeze_panes, sheet.print_title_rows) == ("Per leverancier", "A2", "$1:$1")
    assert [cell.value for cell in sheet[1]][:4] == ["Leverancier", "Product", "Nu", "Vorige maand"]
    values = {row[1].value: (row[2].value, row[3].value, row[4].value) for row in sheet.iter_rows(min_row=2)}
    for _, product, now, before in SEED:
        assert values[product] == (now, before, now - before)
    last = list(sheet.iter_rows())[-1]
    assert [cell.value for cell in last][:5] == ["Totaal", None, 1315, 1289, 26]
    assert last[2].number_format == "#,##0"
    assert sheet.column_dimensions["B"].width > 12


def test_s1_80_money_and_dates_are_typed_in_excel(seeded: Context) -> None:
    book = load_workbook(io.BytesIO(reports.export(seeded, DUTCH, "customer", Form.XLSX, Asked(company_id=7)).content))
    assert book.sheetnames == ["Actieve licenties", "Vergeleken", "Wijzigingen in de laatste 12 ma", "Over dit rapport"]
    headings = [cell.value for cell in book.worksheets[0][1]]
    first = book.worksheets[0][2]
    price, since = first[headings.index("Prijs per stuk")], first[headings.index("Sinds")]
    assert (price.value, price.data_type, price.number_format) == (284.6, "n", '"€" #,##0.00')
    assert (since.is_date, since.number_format, since.value.date()) == (True, "d-m-yyyy", date(2026, 11, 10))


def test_s1_80_json_csv_excel_and_paper_agree(seeded: Context) -> None:
    for name in REPORTS:
        rows = as_csv(seeded, name)
        head, body = rows[0], rows[1 : rows.index([])] if [] in rows else rows[1:]
        document = json.loads(reports.export(seeded, DUTCH, name, Form.JSON).content)
        assert [[said(record[column]) for column in head] for record in document["rows"]] == body, name
        sheet = load_workbook(io.BytesIO(reports.export(seeded, DUTCH, name, Form.XLSX).content)).worksheets[0]
        shown = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
        numbers = [
            place
            for place, column in enumerate(document["tables"][0]["columns"])
            if column["kind"] in ("count", "difference")
        ]
        figures = [[said(row[place]) for place in numbers] for row in shown if body and "som" not in str(row[0])]
        assert figures == [[row[place] for place in numbers] for row in body], name
        text = " ".join(as_text(seeded, name).split())
        for row in body:
            for place in numbers:
                figure = row[place].removeprefix("-")
                assert (f"{figure[:-3]}.{figure[-3:]}" if len(figure) > 3 else figure) in text


def said(value: object) -> str:
    return "" if value is None else str(value)


def test_csv_for_a_dutch_spreadsheet(seeded: Context) -> None:
    made = reports.export(seeded, DUTCH, "customer", Form.SHEET_CSV, Asked(company_id=7))
    assert made.file_name == "customer-2026-11-20.csv"
    text = made.content.decode("utf-8-sig")
    assert text.splitlines()[0].startswith("Portaal;Klant;Product;")
    assert ";10-11-2026;284,60" in text


def test_s1_76_any_moment_not_only_days(seeded: Context) -> None:
    read(seeded, "Duo", datetime(2026, 11, 18, 14, 0, tzinfo=UTC), {("Acme", "Duo Advantage"): 60})
    noon, evening = datetime(2026, 11, 18, 12, 0), datetime(2026, 11, 18, 15, 30)  # clocks on the wall in Amsterdam
    asked = [Asked(moment=moment, portal="duo") for moment in (noon, evening, date(2026, 11, 18))]
    assert [as_csv(seeded, "as-of", one)[1][10] for one in asked] == ["54", "60", "60"]


def test_s1_75_a_month_is_compared_with_whole_months(ctx: Context) -> None:
    for day, units in ((31, 3), (60, 5), (61, 8)):
        at = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day - 1)
        read(ctx, "Duo", at, {("Acme", "Duo"): units})
    report = reports.build(ctx, DUTCH, "vendor", Asked(month=date(2026, 2, 5)))
    assert report.day == date(2026, 2, 28)
    assert report.sections[0].table.rows[0].cells[2:4] == (Decimal(3), Decimal(3))
    assert reports.build(ctx, DUTCH, "vendor", Asked(month=date(2026, 11, 1))).day == NOW.date()


def test_m2_before_the_first_reading_nothing_is_known_which_is_not_zero(seeded: Context) -> None:
    assert as_csv(seeded, "vendor")[1][5] == ""
    report = reports.build(seeded, DUTCH, "vendor")
    assert any("Duo" in str(note) for note in report.notes)


def test_m2_old_numbers_are_shown_with_their_age(seeded: Context) -> None:
    told = as_text(seeded, "as-of")
    assert "Duo is op 10-11-2026 03:00 voor het laatst gelezen: hier staan de laatst bekende aantallen." in told


def test_many_new_portals_share_one_note(ctx: Context) -> None:
    for number in range(5):
        read(ctx, f"P{number}", NOW - timedelta(days=number), {("Acme", "X"): 1})
    notes = reports.build(ctx, DUTCH, "vendor").notes
    assert "P0, P1, P2, P3, P4" in str(notes[0])
    assert [str(note)[:2] for note in notes[1:]] == ["P3", "P4"]


def test_the_benchs_history_is_what_recording_leaves() -> None:
    from tests.bench.reports import check_sample

    assert check_sample(34, 15)


def test_s1_72_what_changed_for_a_customer(seeded: Context) -> None:
    read(seeded, "Duo", datetime(2026, 11, 19, 2, tzinfo=UTC), {("Acme", "Other"): 2})
    report = reports.build(seeded, DUTCH, "customer", Asked(company_id=7))
    changes = {section.name: section for section in report.sections}["changes"].table.rows
    newest = [(row.cells[3], row.cells[4], row.cells[5], row.cells[6], str(row.cells[7])) for row in changes[:2]]
    assert sorted(newest, key=str) == [
        ("Duo Advantage", Decimal(54), None, Decimal(-54), "ended"),
        ("Other", None, Decimal(2), Decimal(2), "new"),
    ]
    assert {series.name for series in report.sections[0].chart.series} >= {"Duo Advantage", "Business Premium"}


def test_s1_86_down_from_vendor_to_product_to_customer_to_readings(seeded: Context) -> None:
    top = reports.build(seeded, DUTCH, "development")
    assert [series.name for series in top.sections[0].chart.series][:2] == ["Microsoft 365", "SentinelOne"]
    one = reports.build(seeded, DUTCH, "development", Asked(portal="SentinelOne"))
    assert [row.cells[1] for row in one.sections[0].table.rows[:-1]] == ["Singularity Control"]
    product = reports.build(seeded, DUTCH, "development", Asked(product="Singularity Control"))
    assert product.sections[0].table.rows[0].cells[1] == "Acme"
    deepest = reports.build(seeded, DUTCH, "development", Asked(product="Singularity Control", customer="Acme"))
    assert [row.cells[4:6] for row in deepest.sections[1].table.rows] == [(498, 523), (None, 498)][:1]


def test_a_renamed_product_keeps_its_past(ctx: Context) -> None:
    from core.domain.usage import Reading, UsageLine
    from core.store import history, portals

    read(ctx, "P", datetime(2026, 10, 1, 2, tzinfo=UTC), {("Acme", "sku"): 4})
    with ctx.database.write() as session:
        portal = portals.by_name(session, "P")
        line = UsageLine(
            customer_id="Acme", customer="Acme", product_key="sku", product="New name", quantity=Decimal(5)
        )
        history.record_reading(
            session, portal.id, Reading(portal="P", taken_at=datetime(2026, 11, 15, 2, tzinfo=UTC), lines=(line,))
        )
    assert as_csv(ctx, "vendor")[1][:5] == ["P", "New name", "5", "4", "1"]


NOTHING = (
    "Er was niets in gebruik.",
    "Er is niets veranderd.",
    "Er is geen factuur gecontroleerd.",
    "Autotask is nog nooit gelezen: er valt nog niets te zeggen.",
    "Wat er op de volgende factuur komt is niet bekend.",
)
"""What reports say where nothing was read."""


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("name", REPORTS)
def test_an_empty_database_says_so_in_every_format(ctx: Context, name: str, form: Form) -> None:
    assert reports.export(ctx, DUTCH, name, form).content
    if form is Form.PDF:
        text = as_text(ctx, name)
        assert any(words in text for words in NOTHING)
        assert "Er wordt niets gefactureerd." not in text
        assert "€" not in text, "what is not known is no amount (M2)"


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (Asked(portal="Nope"), "unknown_portal"),
        (Asked(customer="Nope"), "unknown_customer"),
        (Asked(product="Nope"), "unknown_product"),
    ],
)
def test_what_is_not_there_is_named(seeded: Context, asked: Asked, kind: str) -> None:
    with pytest.raises(InputError) as caught:
        reports.build(seeded, DUTCH, "as-of", asked)
    assert caught.value.kind == kind
