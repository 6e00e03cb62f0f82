"""The 54 cases of the import rules, Part 5: exact lines, outcome and error kinds."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from core.domain.file_settings import FileSettings
from core.files.presets import preset
from tests.files.samples import (
    SHEET,
    M,
    csv,
    kinds,
    lines,
    lying_zip,
    mapping,
    note_kinds,
    ole,
    read,
    rezipped,
    triples,
    xlsx,
)

CASES: dict[int, Callable[[], None]] = {}
FIRST = csv("De Halm,M365 BP,25", "Smit,M365 BP,4")
AS_FIRST = lines(("De Halm", "M365 BP", 25), ("Smit", "M365 BP", 4))
HEAD = ["Customer", "Product", "Qty"]


def case(number: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def keep(test: Callable[[], None]) -> Callable[[], None]:
        assert number not in CASES
        CASES[number] = test
        return test

    return keep


def expect(data: bytes | str, wanted: set[Any], settings: FileSettings = M, outcome: str = "ok", **options: Any):
    result = read(data, settings, **options)
    assert (result.outcome, triples(result)) == (outcome, wanted), result.to_json()
    if outcome in ("ok", "ok_with_notes"):
        assert not result.errors
    return result


def refused(data: bytes | str, kind: str, *words: str, settings: FileSettings = M, **options: Any):
    result = read(data, settings, **options)
    assert result.outcome == "rejected", result.to_json()
    assert kinds(result) == [kind]
    assert not result.lines
    said = str(result.sentence(result.errors[0]))
    assert all(word in said for word in words), said
    return result


def review(data: bytes | str, kind: str, wanted: set[Any] = frozenset(), settings: FileSettings = M, **options: Any):  # type: ignore[assignment]
    result = read(data, settings, **options)
    assert (result.outcome, kinds(result)) == ("needs_review", [kind]), result.to_json()
    assert triples(result) == set(wanted)
    return result


@case(1)
def _() -> None:
    expect(FIRST, AS_FIRST)


@case(2)
def _() -> None:
    expect("\ufeffCustomer;Product;Qty\r\nMüller;Back-up;1.250,00\r\n", lines(("Müller", "Back-up", 1250)))


@case(3)
def _() -> None:
    text = FIRST.decode().replace(",", "\t")
    expect(b"\xff\xfe" + text.encode("utf-16-le"), AS_FIRST)
    expect(b"\xfe\xff" + text.encode("utf-16-be"), AS_FIRST)
    expect(text.encode("utf-16-le"), AS_FIRST)


@case(4)
def _() -> None:
    expect("Customer;Product;Qty\nCafé Noir;EDR;3\n".encode("cp1252"), lines(("Café Noir", "EDR", 3)))


@case(5)
def _() -> None:
    expect("sep=|\nCustomer|Product|Qty\nA|X|1\n", lines(("A", "X", 1)))


@case(6)
def _() -> None:
    result = expect(b"Usage report\nPeriod: 2026-09\n\n" + FIRST, AS_FIRST, outcome="ok_with_notes")
    assert note_kinds(result) == ["header_row"]
    assert result.notes[0].row == 4


@case(7)
def _() -> None:
    result = expect(FIRST + b"Total,,29\n", AS_FIRST, outcome="ok_with_notes")
    assert note_kinds(result) == ["totals_skipped"]


@case(8)
def _() -> None:
    data = csv("De Halm,M365 BP,10", "De Halm,M365 BP,15", "De Halm,EDR,2")
    result = expect(data, lines(("De Halm", "M365 BP", 25), ("De Halm", "EDR", 2)))
    assert [(line.origin.place, line.origin.rows) for line in result.lines] == [("row 2", 2), ("row 4", 1)]


@case(9)
def _() -> None:
    expect(csv("A,X,10", "A,X,-3"), lines(("A", "X", 7)))


@case(10)
def _() -> None:
    result = review(csv("A,X,2", "A,X,-3"), "negative_total")
    assert "-1" in str(result.errors[0].message)
    assert set(result.affected_customers) == {"A"}


@case(11)
def _() -> None:
    result = review(csv('A,X,"1.250"'), "ambiguous_number")
    said = str(result.sentence(result.errors[0]))
    assert "can mean 1250 or 1.25." in said and "row 2, column C" in said


@case(12)
def _() -> None:
    expect(csv('A,X,"1.250"', 'B,X,"2.000,50"'), lines(("A", "X", 1250), ("B", "X", "2000.5")))


@case(13)
def _() -> None:
    expect("Customer;Product;Qty\nA;X;1\u00a0250\n", lines(("A", "X", 1250)))


@case(14)
def _() -> None:
    data = csv("A,X,38 of 50", "B,X,7/10")
    expect(data, lines(("A", "X", 38), ("B", "X", 7)), mapping(shape="pair", pair="left"))
    expect(data, lines(("A", "X", 50), ("B", "X", 10)), mapping(shape="pair", pair="right"))
    dutch = csv("A,X,38 van 50", "B,X,38 von 50")
    expect(dutch, lines(("A", "X", 38), ("B", "X", 38)), mapping(shape="pair", pair="left"))


@case(15)
def _() -> None:
    wanted = lines(("A", "M365 BP", 25), ("A", "Backup", 2), ("B", "M365 BP", 0), ("B", "EDR", 3))
    data = b"Customer,M365 BP,EDR,Backup\nA,25,,2\nB,0,3,\n"
    expect(data, wanted, FileSettings(shape="wide", customer="Customer", product_columns={"right_of": "Customer"}))
    expect(data, wanted, FileSettings(shape="wide", customer="Customer", product_columns=["M365 BP", "EDR", "Backup"]))


@case(16)
def _() -> None:
    data = csv(
        "A,u1,BP,Active",
        "A,u2,BP,Active",
        "A,u2,BP,Active",
        "A,u3,BP,Disabled",
        "B,u4,BP,Active",
        header="Customer,User,Licence,Status",
    )
    settings = FileSettings(
        shape="seats", customer="Customer", product="Licence", distinct="User", filter={"Status": ["Active"]}
    )
    expect(data, lines(("A", "BP", 2), ("B", "BP", 1)), settings)


@case(17)
def _() -> None:
    expect(csv("25,De Halm,M365 BP", "4,Smit,M365 BP", header="Qty,Customer,Product"), AS_FIRST)


@case(18)
def _() -> None:
    data = FIRST.replace(b"Qty", b"Quantity")
    result = refused(data, "column_missing", "“Qty”", "called “Quantity”", "Customer, Product, Quantity")
    assert not result.reading("p", dt.datetime(2026, 10, 1, tzinfo=dt.UTC)).complete


@case(19)
def _() -> None:
    refused(csv("A,1", header="Customer,Qty"), "column_missing", "“Product”")


@case(20)
def _() -> None:
    data = csv("A,X,1,2", header="Customer,Product,Qty,Qty")
    refused(data, "column_ambiguous", "“Qty”", "C, D")
    expect(data, lines(("A", "X", 2)), mapping(quantity="Qty#2"))
    expect(data, lines(("A", "X", 1)), mapping(quantity="Qty#1"))


@case(21)
def _() -> None:
    refused(b"", "file_empty")


@case(22)
def _() -> None:
    result = refused(csv(), "no_data_rows")
    reading = result.reading("p", dt.datetime(2026, 10, 1, tzinfo=dt.UTC))
    assert not reading.complete and not reading.proves_absence("A")


@case(23)
def _() -> None:
    data = xlsx([HEAD, ["A", "X", 1]])
    refused(data[: len(data) // 2], "file_corrupt", "Download it again", name="export.xlsx")
    refused(b"PK\x03\x04" + bytes(range(256)) * 4, "file_corrupt", "Download it again", name="export.xlsx")


@case(24)
def _() -> None:
    refused(ole(EncryptedPackage=b"x" * 5000), "file_encrypted", "save it without password", name="export.xlsx")


@case(25)
def _() -> None:
    page = "<html><body><table><tr><th>Customer</th><th>Product</th><th>Qty</th></tr><tr><td>A</td><td>X</td><td>5</td></tr></table>"
    result = expect(page, lines(("A", "X", 5)), outcome="ok_with_notes", name="report.xls")
    assert note_kinds(result) == ["web_page_as_spreadsheet"]
    assert "web page saved as .xls" in str(result.notes[0].message)


@case(26)
def _() -> None:
    page = "<!DOCTYPE html><html><body><form><input name='user'><input type='password'></form></body></html>"
    refused(page, "html_without_table", "log-in page", name="report.xls")
    with_layout = "<html><body><table><tr><td>User</td><td><input></td></tr></table></body></html>"
    refused(with_layout, "html_without_table", "log-in page", name="report.xls")


@case(27)
def _() -> None:
    data = b"Customer,Product,Qty\n" + b"".join(b"C%03d,Seat,1\n" % (i % 100) for i in range(1_000_000))
    result = expect(data, lines(*((f"C{i:03d}", "Seat", 10_000) for i in range(100))))
    assert result.rows_read == 1_000_000


def _with_formula(stored: str) -> bytes:
    data = xlsx([HEAD, ["A", "X", "=SUM(E2:E5)"]])

    def change(sheet: bytes) -> bytes:
        assert b"<v></v>" in sheet or b"<v />" in sheet or b"<v/>" in sheet
        return re.sub(rb"<v\s*/>|<v></v>", stored.encode(), sheet)

    return rezipped(data, {SHEET: change})


@case(28)
def _() -> None:
    expect(_with_formula("<v>14</v>"), lines(("A", "X", 14)), name="export.xlsx")
    for without in ("", "<v></v>", "<v/>"):
        result = review(_with_formula(without), "formula_without_value", name="export.xlsx")
        assert (result.errors[0].sheet, result.errors[0].row, result.errors[0].column) == ("Usage", 2, "C")


@case(29)
def _() -> None:
    def error(_book: Any, sheet: Any) -> None:
        sheet["C2"] = "#N/A"
        sheet["C2"].data_type = "e"

    result = review(xlsx([HEAD, ["A", "X", 1]], error), "cell_error_value", name="export.xlsx")
    assert result.errors[0].text == "#N/A"
    review(csv("A,X,NaN"), "not_a_number")


@case(30)
def _() -> None:
    result = expect(csv("=cmd|' /C calc'!A0,X,1"), lines(("=cmd|' /C calc'!A0", "X", 1)))
    assert result.lines[0].customer_id == "=cmd|' /C calc'!A0"


@case(31)
def _() -> None:
    result = expect(
        csv("00123,X,1", "123,X,2", header="Code,Product,Qty"),
        lines(("00123", "X", 1), ("123", "X", 2)),
        mapping(customer="Code"),
    )
    assert {line.customer_id for line in result.lines} == {"00123", "123"}


@case(32)
def _() -> None:
    def padded(_book: Any, sheet: Any) -> None:
        sheet["A2"].number_format = "00000"

    data = xlsx([["Code", "Product", "Qty"], [123, "X", 1], [123, "X", 2]], padded)
    expect(data, lines(("00123", "X", 1), ("123", "X", 2)), mapping(customer="Code"), name="export.xlsx")


@case(33)
def _() -> None:
    data = csv("1,23457E+11;X;1", header="Code;Product;Qty")
    result = review(data, "lossy_identifier", settings=mapping(customer="Code"))
    assert "Format the column as text before saving" in str(result.errors[0].remedy)
    long_number = xlsx([["Code", "Product", "Qty"], [1234567890123456789, "X", 1]])
    review(long_number, "lossy_identifier", settings=mapping(customer="Code"), name="export.xlsx")


@case(34)
def _() -> None:
    data = xlsx(
        [HEAD, ["De Halm", "X", 1], [None, "Y", 2], [None, "Z", 3]], lambda _book, sheet: sheet.merge_cells("A2:A4")
    )
    expect(data, lines(("De Halm", "X", 1), ("De Halm", "Y", 2), ("De Halm", "Z", 3)), name="export.xlsx")


@case(35)
def _() -> None:
    data = csv("A,X,1", ",Y,2", "B,X,3")
    result = review(data, "customer_missing", lines(("A", "X", 1), ("B", "X", 3)))
    assert result.errors[0].row == 3 and "fill down" in str(result.errors[0].remedy)
    assert not result.reading("p", dt.datetime(2026, 10, 1, tzinfo=dt.UTC)).complete
    expect(data, lines(("A", "X", 1), ("A", "Y", 2), ("B", "X", 3)), mapping(fill_down=True))


@case(36)
def _() -> None:
    def hide(book: Any, _sheet: Any) -> None:
        old = book.create_sheet("Old")
        old.append(HEAD)
        old.append(["A", "X", 99])
        old.sheet_state = "hidden"
        older = book.create_sheet("Older")
        older.append(HEAD)
        older.append(["A", "X", 999])
        older.sheet_state = "veryHidden"

    expect(xlsx([HEAD, ["A", "X", 5]], hide), lines(("A", "X", 5)), name="export.xlsx")


@case(37)
def _() -> None:
    def second(book: Any, _sheet: Any) -> None:
        more = book.create_sheet("More")
        more.append(HEAD)
        more.append(["A", "X", 2])

    data = xlsx([HEAD, ["A", "X", 5]], second)
    refused(data, "sheet_ambiguous", "Usage, More", name="export.xlsx")
    expect(data, lines(("A", "X", 7)), mapping(sheet="all"), name="export.xlsx")
    expect(data, lines(("A", "X", 2)), mapping(sheet="More"), name="export.xlsx")
    refused(data, "sheet_missing", "Other", settings=mapping(sheet="Other"), name="export.xlsx")


@case(38)
def _() -> None:
    def second(book: Any, _sheet: Any) -> None:
        more = book.create_sheet("Smit")
        more.append(["Product", "Qty"])
        more.append(["X", 2])

    data = xlsx([["Product", "Qty"], ["X", 5], ["Y", 1]], second, sheet="De Halm")
    settings = mapping(customer={"sheet_name": True})
    expect(data, lines(("De Halm", "X", 5), ("De Halm", "Y", 1), ("Smit", "X", 2)), settings, name="export.xlsx")


@case(39)
def _() -> None:
    result = review(xlsx([HEAD, ["A", "X", dt.date(2026, 10, 5)]]), "quantity_is_date", name="export.xlsx")
    assert result.errors[0].text == "2026-10-05"


@case(40)
def _() -> None:
    result = review(csv("Jansen, Bakker en Co,X,3", "A,X,1"), "too_many_cells", lines(("A", "X", 1)))
    assert result.errors[0].row == 2 and "quotation marks" in str(result.errors[0].remedy)


@case(41)
def _() -> None:
    expect(csv('"Smit ""Tand""\nBV",X,2'), lines(('Smit "Tand" BV', "X", 2)))


@case(42)
def _() -> None:
    result = refused(csv("A,X,1", '"B,X,2', "C,X,3"), "csv_malformed", "line 3")
    assert result.errors[0].row == 3


@case(43)
def _() -> None:
    data = '{"customers":[{"name":"A","products":[{"sku":"X","qty":"3"},{"sku":"Y","qty":0}]}]}'
    settings = FileSettings(
        shape="tree", customers="customers[*]", products="products[*]", customer="name", product="sku", quantity="qty"
    )
    expect(data, lines(("A", "X", 3), ("A", "Y", 0)), settings, name="export.json")


@case(44)
def _() -> None:
    data = csv("01-09-2026,A,X,5", "02-09-2026,A,X,8", "03-09-2026,A,X,6", header="Date,Customer,Product,Qty")
    for aggregate, wanted in (("last", "6"), ("max", "8"), ("average", "6.3333")):
        expect(data, lines(("A", "X", wanted)), mapping(shape="daily", date="Date", aggregate=aggregate))
    expect(data, lines(("A", "X", 7)), mapping(shape="daily", date="Date", aggregate="average", rounding="up"))


@case(45)
def _() -> None:
    honest = rezipped(xlsx([HEAD, ["A", "X", 1]]), {SHEET: lambda sheet: sheet + b" " * 300_000_000})
    refused(honest, "file_too_large", name="export.xlsx")
    liar = lying_zip("report.csv", b"A,X,1\n" * 50_000_000, 600)
    assert len(liar) < 2_000_000
    refused(liar, "file_too_large", name="export.zip")


@case(46)
def _() -> None:
    first = expect(FIRST, AS_FIRST)
    assert first.sha256 == hashlib.sha256(FIRST).hexdigest()
    refused(FIRST, "duplicate_file", "import again", known_hashes={first.sha256})
    expect(FIRST, AS_FIRST)


@case(47)
def _() -> None:
    data = csv("User,a,Yes", "User,b,Yes", "User,c,No", "Site,d,Yes", header="Item Type,Item Name,Charged")
    settings = FileSettings(
        shape="seats",
        customer={"file_name": r"^(\S+) "},
        product={"constant": "x360Cloud user"},
        filter={"Charged": ["Yes"], "Item Type": ["User"]},
    )
    name = "Org-4471 2026-10-01 Usage and Protection Insights Report.csv"
    expect(data, lines(("Org-4471", "x360Cloud user", 2)), settings, name=name)


@case(48)
def _() -> None:
    refused(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "file_type_unsupported", "This is a PDF", name="export.csv")


@case(49)
def _() -> None:
    header = "tenant.id,tenant.kind,application.id,name,edition,infra.id,infra.backend_type,infra.owner_id," + ",".join(
        f"usage.{kind}.{part}"
        for kind in ("absolute", "delta", "effective")
        for part in ("total", "production", "trial")
    )
    data = csv(
        "t1,customer,app,workstations,standard,,,," + "12,10,2,0,0,0,12,10,2",
        "p1,partner,app,workstations,standard,,,," + "12,12,0,0,0,0,12,12,0",
        header=header,
    )
    expect(data, lines(("t1", "workstations", 10)), preset("acronis_csv_v2_0"))


@case(50)
def _() -> None:
    def hide(_book: Any, sheet: Any) -> None:
        sheet.auto_filter.ref = "A1:C41"
        for row in range(5, 17):
            sheet.row_dimensions[row].hidden = True

    data = xlsx([HEAD, *(["A", "X", 1] for _ in range(40))], hide)
    result = expect(data, lines(("A", "X", 40)), outcome="ok_with_notes", name="export.xlsx")
    assert note_kinds(result) == ["hidden_rows"]
    assert str(result.notes[0].message).startswith("12 hidden rows")


@case(51)
def _() -> None:
    data = csv("Totaal Techniek B.V.,X,5", "A,X,7", "Totaal,,12")
    result = expect(data, lines(("Totaal Techniek B.V.", "X", 5), ("A", "X", 7)), outcome="ok_with_notes")
    assert note_kinds(result) == ["totals_skipped"]
    assert result.notes[0].row == 4


@case(52)
def _() -> None:
    result = expect(csv("A,X,5", "B,X,5", "Total,X,10"), lines(("A", "X", 5), ("B", "X", 5)), outcome="ok_with_notes")
    assert note_kinds(result) == ["totals_skipped"]


@case(53)
def _() -> None:
    data = FIRST.replace(b"\n", b"\n\x00") + b"\x1a"
    result = expect(data, AS_FIRST, outcome="ok_with_notes")
    assert note_kinds(result) == ["control_characters"]


@case(54)
def _() -> None:
    result = expect(csv("MÃ¼ller,X,1"), lines(("MÃ¼ller", "X", 1)), outcome="ok_with_notes")
    assert note_kinds(result) == ["doubly_encoded"]
    assert "“Müller”" in str(result.notes[0].message)


def test_the_list_is_complete() -> None:
    assert sorted(CASES) == list(range(1, 55))


@pytest.mark.parametrize("number", sorted(CASES), ids=lambda number: f"case_{number:02d}")
def test_conformance(number: int) -> None:
    CASES[number]()
