"""Every kind of file, recognised by its content (import rules 3.1, 3.2, 3.6, 3.9, 3.10)."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import re
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
import xlwt
from odf import number as odf_number
from odf import opendocument, style, table, text

from core.domain.file_settings import FileSettings
from tests.files.samples import SHEET, csv, kinds, lines, mapping, note_kinds, read, rezipped, triples, xlsx

HEAD = ["Customer", "Product", "Qty"]
ROWS = [HEAD, ["De Halm", "X", 25], ["Smit", "Y", 4.5]]
WANTED = lines(("De Halm", "X", 25), ("Smit", "Y", "4.5"))


def xls(
    rows: Sequence[Sequence[Any]], formats: dict[tuple[int, int], str] | None = None, hidden: Sequence[int] = ()
) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Usage")
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if value is not None:
                code = (formats or {}).get((r, c))
                sheet.write(r, c, value, *([xlwt.easyxf(num_format_str=code)] if code else []))
    for r in hidden:
        sheet.row(r).hidden = True
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ods(rows: Sequence[Sequence[Any]], name: str = "Usage") -> opendocument.OpenDocument:
    document = opendocument.OpenDocumentSpreadsheet()
    sheet = table.Table(name=name)
    for row in rows:
        line = table.TableRow()
        for value in row:
            line.addElement(ods_cell(value))
        sheet.addElement(line)
    document.spreadsheet.addElement(sheet)
    return document


def ods_cell(value: Any, **more: Any) -> table.TableCell:
    if value is None:
        return table.TableCell(**more)
    if isinstance(value, int | float):
        cell = table.TableCell(valuetype="float", value=str(value), **more)
    elif isinstance(value, dt.date):
        cell = table.TableCell(valuetype="date", datevalue=value.isoformat(), **more)
    else:
        cell = table.TableCell(valuetype="string", **more)
    cell.addElement(text.P(text=str(value)))
    return cell


def saved(document: opendocument.OpenDocument) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


SPREADSHEET_ML = """<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
<Styles><Style ss:ID="z"><NumberFormat ss:Format="00000"/></Style></Styles>
<Worksheet ss:Name="Usage"><Table>
<Row><Cell><Data ss:Type="String">Customer</Data></Cell><Cell><Data ss:Type="String">Product</Data></Cell><Cell><Data ss:Type="String">Qty</Data></Cell></Row>
%s</Table></Worksheet>
<Worksheet ss:Name="Old"><Table><Row><Cell><Data ss:Type="String">Customer</Data></Cell><Cell><Data ss:Type="String">Product</Data></Cell>
<Cell><Data ss:Type="String">Qty</Data></Cell></Row><Row><Cell><Data ss:Type="String">A</Data></Cell><Cell><Data ss:Type="String">X</Data></Cell>
<Cell><Data ss:Type="Number">99</Data></Cell></Row></Table>
<WorksheetOptions xmlns="urn:schemas-microsoft-com:office:excel"><Visible>SheetHidden</Visible></WorksheetOptions></Worksheet></Workbook>"""


def ml_row(*cells: str, more: str = "") -> str:
    return f"<Row{more}>{''.join(cells)}</Row>"


def ml(value: str, kind: str = "String", more: str = "") -> str:
    return f'<Cell{more}><Data ss:Type="{kind}">{value}</Data></Cell>'


HTML = "<html><head><title>Usage</title></head><body><p>Report</p><table border=1>{}</table></body></html>"


def html_rows(rows: Sequence[Sequence[Any]]) -> str:
    return "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)


def as_json(rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def zip_of(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return out.getvalue()


def every_format(rows: Sequence[Sequence[Any]]) -> dict[str, bytes]:
    """The same table as each kind of file, under a misleading name."""
    delimited = {mark: "\n".join(mark.join(f'"{cell}"' for cell in row) for row in rows) for mark in ",;\t|"}
    xml = "".join(
        "<Row>" + "".join(f"<{h}>{c}</{h}>" for h, c in zip(rows[0], row, strict=True)) + "</Row>" for row in rows[1:]
    )
    files = {
        "csv": delimited[","].encode(),
        "semicolons": delimited[";"].encode(),
        "tsv": delimited["\t"].encode(),
        "pipes": delimited["|"].encode(),
        "utf-16": delimited["\t"].encode("utf-16"),
        "xlsx": xlsx(rows),
        "xls": xls(rows),
        "ods": saved(ods(rows)),
        "html": HTML.format(html_rows(rows)).encode(),
        "json": json.dumps(as_json(rows)).encode(),
        "json inside": json.dumps({"meta": {"count": 2}, "data": {"items": as_json(rows)}}).encode(),
        "json of rows": json.dumps({"rows": rows}).encode(),
        "ndjson": "\n".join(json.dumps(record) for record in as_json(rows)).encode(),
        "csv in json": json.dumps({"report": "\n".join(",".join(map(str, row)) for row in rows)}).encode(),
        "xml": f"<?xml version='1.0'?><Export><Rows>{xml}</Rows></Export>".encode(),
        "gz": gzip.compress(delimited[","].encode()),
    }
    files["spreadsheet xml"] = (
        SPREADSHEET_ML
        % "".join(
            ml_row(ml(r[0]), ml(r[1]), ml(str(r[2]), "Number" if isinstance(r[2], int | float) else "String"))
            for r in rows[1:]
        )
    ).encode()
    files["zip"] = zip_of(("usage/export.csv", files["csv"]), ("__MACOSX/._export.csv", b"x"))
    files["zip of xlsx"] = zip_of(("export.xlsx", files["xlsx"]))
    return files


@pytest.mark.parametrize("kind", sorted(every_format(ROWS)))
def test_s1_52_every_format_gives_the_same_lines(kind: str) -> None:
    result = read(every_format(ROWS)[kind], name="export.dat")
    assert triples(result) == WANTED, result.to_json()
    assert result.outcome in ("ok", "ok_with_notes")


@pytest.mark.parametrize("name", ["export.csv", "export.xlsx", "export.pdf", "export"])
def test_s3_1_the_extension_is_never_trusted(name: str) -> None:
    assert triples(read(xlsx(ROWS), name=name)) == WANTED
    assert triples(read(csv("De Halm,X,25", "Smit,Y,4.5"), name=name)) == WANTED


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "file_type_unsupported"),
        (b"MZ\x90\x00\x03" + bytes(100), "file_type_unsupported"),
        (bytes(range(32)) * 200, "file_type_unsupported"),
        (b"   \n\r\n ", "file_empty"),
        (b"\xef\xbb\xbf", "file_empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "file_corrupt"),
        (b'{"a": [1, 2', "file_corrupt"),
        (b"<a><b></a>", "file_corrupt"),
        (gzip.compress(b"Customer", mtime=0)[:-6], "file_corrupt"),
        (b"just some words", "header_not_found"),
        (b"{}", "no_data_rows"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, kind: str) -> None:
    result = read(data)
    assert (result.outcome, kinds(result)) == ("rejected", [kind])


def test_broken_json_and_xml_say_line_and_column() -> None:
    assert "line 2, column" in read(b'{"a": 1,\n "b" 2}').errors[0].text
    assert "line 2, column" in read(b"<a>\n<b></a>").errors[0].text


def test_a_zip_of_several_files_names_them() -> None:
    result = read(zip_of(("a.csv", b"x"), ("b.csv", b"y")))
    assert kinds(result) == ["file_type_unsupported"]
    assert result.errors[0].text == "a.csv, b.csv"


def test_word_documents_and_binary_workbooks_are_named() -> None:
    word = zip_of(("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>"))
    assert "not a spreadsheet" in str(read(word).errors[0].message)
    binary = zip_of(("[Content_Types].xml", b"<x/>"), ("xl/workbook.bin", b"x"))
    assert ".xlsb" in str(read(binary).errors[0].message)


def test_undefined_bytes_of_windows_1252_are_kept_and_told() -> None:
    result = read(b"Customer;Product;Qty\nCaf\xe9 \x81;X;1\n")
    assert [line.customer for line in result.lines] == ["Café \ufffd"]
    assert note_kinds(result) == ["undefined_bytes"]


# --- old Excel files --------------------------------------------------------------------------------------------------------


def test_xls_formats_of_zeros_dates_errors_and_hidden_rows() -> None:
    rows = [["Code", "Product", "Qty"], [123, "X", 1], [123, "X", 2], [7, "X", 3]]
    result = read(xls(rows, {(1, 0): "00000"}, hidden=[2, 3]), mapping(customer="Code"))
    assert triples(result) == lines(("00123", "X", 1), ("123", "X", 2), ("7", "X", 3))
    assert str(result.notes[0].message).startswith("2 hidden rows")
    dated = read(xls([HEAD, ["A", "X", dt.date(2026, 10, 5)]], {(1, 2): "DD-MM-YYYY"}))
    assert kinds(dated) == ["quantity_is_date"]


def test_xls_merged_cells_belong_to_all_their_rows() -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Usage")
    for c, name in enumerate(HEAD):
        sheet.write(0, c, name)
    sheet.write_merge(1, 3, 0, 0, "De Halm")
    for r, product in enumerate("XYZ", start=1):
        sheet.write(r, 1, product)
        sheet.write(r, 2, r)
    out = io.BytesIO()
    book.save(out)
    assert triples(read(out.getvalue())) == lines(("De Halm", "X", 1), ("De Halm", "Y", 2), ("De Halm", "Z", 3))


def test_xls_error_values_are_no_zero() -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Usage")
    for c, name in enumerate(HEAD):
        sheet.write(0, c, name)
    sheet.write(1, 0, "A")
    sheet.write(1, 1, "X")
    sheet.row(1).set_cell_error(2, 0x2A)
    out = io.BytesIO()
    book.save(out)
    result = read(out.getvalue())
    assert (kinds(result), result.errors[0].text) == (["cell_error_value"], "#N/A")


def test_xls_with_a_password_is_told() -> None:
    data = bytearray(xls(ROWS))
    start = data.index(b"\x09\x08\x10\x00\x00\x06")
    data[start + 20 : start + 24] = b"\x2f\x00\x00\x00"
    assert kinds(read(bytes(data))) == ["file_encrypted"]


# --- OpenDocument -----------------------------------------------------------------------------------------------------------


def test_ods_hidden_sheets_hidden_rows_merged_cells_and_repeats() -> None:
    document = ods([HEAD, ["De Halm", "X", 1], [None, "Y", 2]])
    sheet = document.spreadsheet.getElementsByType(table.Table)[0]
    rows = sheet.getElementsByType(table.TableRow)
    first = rows[1].getElementsByType(table.TableCell)[0]
    first.setAttribute("numberrowsspanned", "2")
    repeated = table.TableRow(numberrowsrepeated="3", visibility="filter")
    for value in ("Smit", "X", 5):
        repeated.addElement(ods_cell(value))
    sheet.addElement(repeated)
    sheet.addElement(table.TableRow(numberrowsrepeated="1000000"))
    hidden = style.Style(name="taHidden", family="table")
    hidden.addElement(style.TableProperties(display="false"))
    document.automaticstyles.addElement(hidden)
    old = table.Table(name="Old", stylename="taHidden")
    for values in (HEAD, ["A", "X", 99]):
        line = table.TableRow()
        for value in values:
            line.addElement(ods_cell(value))
        old.addElement(line)
    document.spreadsheet.addElement(old)
    result = read(saved(document))
    assert triples(result) == lines(("De Halm", "X", 1), ("De Halm", "Y", 2), ("Smit", "X", 15))
    assert str(result.notes[0].message).startswith("3 hidden rows")


def test_ods_dates_errors_and_formulas_without_result() -> None:
    assert kinds(read(saved(ods([HEAD, ["A", "X", dt.date(2026, 10, 5)]])))) == ["quantity_is_date"]
    for cell, kind in (
        (table.TableCell(formula="of:=SUM([.E2:.E5])"), "formula_without_value"),
        (table.TableCell(formula="of:=1/0", valuetype="string", stringvalue=""), "cell_error_value"),
    ):
        document = ods([HEAD, ["A", "X"]])
        if kind == "cell_error_value":
            cell.addElement(text.P(text="#DIV/0!"))
        document.spreadsheet.getElementsByType(table.TableRow)[1].addElement(cell)
        assert kinds(read(saved(document))) == [kind]


def test_ods_formats_of_zeros_are_identifiers() -> None:
    document = ods([["Code", "Product", "Qty"]])
    code = odf_number.NumberStyle(name="N5")
    code.addElement(odf_number.Number(decimalplaces="0", minintegerdigits="5"))
    document.automaticstyles.addElement(code)
    document.automaticstyles.addElement(style.Style(name="ce1", family="table-cell", datastylename="N5"))
    sheet = document.spreadsheet.getElementsByType(table.Table)[0]
    for first, quantity in ((ods_cell(123, stylename="ce1"), 1), (ods_cell(123), 2)):
        line = table.TableRow()
        for cell in (first, ods_cell("X"), ods_cell(quantity)):
            line.addElement(cell)
        sheet.addElement(line)
    assert triples(read(saved(document), mapping(customer="Code"))) == lines(("00123", "X", 1), ("123", "X", 2))


def test_ods_repeats_are_no_bomb() -> None:
    document = ods([HEAD])
    bomb = table.TableRow(numberrowsrepeated="1048576")
    cell = ods_cell("A")
    cell.setAttribute("numbercolumnsrepeated", "16384")
    bomb.addElement(cell)
    document.spreadsheet.getElementsByType(table.Table)[0].addElement(bomb)
    assert kinds(read(saved(document))) == ["file_too_large"]


# --- web pages and XML Spreadsheet ------------------------------------------------------------------------------------------


def test_html_spans_breaks_and_entities() -> None:
    body = (
        "<tr><th>Customer</th><th>Product</th><th>Qty</th></tr>"
        "<tr><td rowspan=2>De&nbsp;Halm<br>BV</td><td>X</td><td>1.250,50</td></tr><tr><td>Y &amp; Z</td><td> 2 </td></tr>"
    )
    assert triples(read(HTML.format(body))) == lines(("De Halm BV", "X", "1250.5"), ("De Halm BV", "Y & Z", 2))


def test_html_layout_tables_and_several_tables() -> None:
    inner = f"<table>{html_rows(ROWS)}</table>"
    page = f"<html><table><tr><td>menu</td><td>{inner}</td></tr></table><table><tr><td>other</td></tr></table></html>"
    assert triples(read(page)) == WANTED
    twice = f"<html>{inner}{inner}</html>"
    assert kinds(read(twice)) == ["sheet_ambiguous"]
    assert triples(read(twice, mapping(table=2))) == WANTED


def test_html_spans_are_no_bomb() -> None:
    body = "<tr><td colspan=999999 rowspan=999999>A</td></tr>" * 100
    assert kinds(read(HTML.format(body))) == ["file_too_large"]


def test_spreadsheet_xml_hidden_rows_indexes_zeros_and_errors() -> None:
    rows = ml_row(ml("123", "Number", ' ss:StyleID="z"'), ml("X"), ml("2", "Number"), more=' ss:Hidden="1"')
    rows += ml_row(ml("B"), '<Cell ss:Index="3"><Data ss:Type="Number">5</Data></Cell>', more=' ss:Index="9"')
    result = read(SPREADSHEET_ML % rows)
    assert triples(result) == lines(("00123", "X", 2))
    assert kinds(result) == ["product_missing"]
    assert result.errors[0].row == 9
    assert note_kinds(result) == ["hidden_rows"]
    assert kinds(read(SPREADSHEET_ML % ml_row(ml("A"), ml("X"), ml("#REF!", "Error")))) == ["cell_error_value"]
    assert kinds(read(SPREADSHEET_ML % ml_row(ml("A"), ml("X"), '<Cell ss:Formula="=1+1"/>'))) == [
        "formula_without_value"
    ]
    assert kinds(read(SPREADSHEET_ML % ml_row(ml("A"), ml("X"), ml("2026-10-05T00:00:00.000", "DateTime")))) == [
        "quantity_is_date"
    ]


# --- new Excel files --------------------------------------------------------------------------------------------------------


def cell_by_cell(data: bytes) -> bytes:
    """The same sheet, with a merged range far below so that it is read cell by cell."""
    add = b'<mergeCells count="1"><mergeCell ref="AA900:AB901"/></mergeCells>'
    return rezipped(data, {SHEET: lambda sheet: sheet.replace(b"</sheetData>", b"</sheetData>" + add)})


def test_xlsx_both_ways_of_reading_agree() -> None:
    rows: list[list[Any]] = [HEAD]
    for number, value in enumerate(
        [1, 2.5, "3", "1.250,00", 0.1 + 0.2, -1, 1e15, "n/a", None, True, dt.datetime(2026, 10, 5, 3)]
    ):
        rows.append([f"C {number}", "  two   words ", value])
    rows += [
        [None] * 3,
        [1, 2, 3],
        [1.5, True, 3],
        [dt.date(2026, 1, 1), "x_x000D_y", 3],
        ["", "X", 0],
        ["12345678901234567", "X", 1],
    ]
    data = xlsx(rows)
    one, other = read(data), read(cell_by_cell(data))
    assert one.to_json() == {**other.to_json(), "sha256": one.sha256}
    assert one.lines and one.errors


def test_xlsx_text_that_looks_like_a_number_stays_text() -> None:
    result = read(xlsx([["Code", "Product", "Qty"], ["0001", "X", 1], ["1", "X", 2]]), mapping(customer="Code"))
    assert triples(result) == lines(("0001", "X", 1), ("1", "X", 2))


def test_xlsx_without_cell_references_and_with_prefixes() -> None:
    def bare(sheet: bytes) -> bytes:
        return re.sub(rb'(<(?:c|row)) r="\w+"', rb"\1", sheet)

    def prefixed(sheet: bytes) -> bytes:
        sheet = re.sub(rb"<(/?)(\w)", rb"<\1x:\2", sheet)
        return sheet.replace(b"xmlns=", b"xmlns:x=")

    assert triples(read(rezipped(xlsx(ROWS), {SHEET: bare}))) == WANTED
    assert triples(read(rezipped(xlsx(ROWS), {SHEET: prefixed}))) == WANTED


def test_xlsx_a_cell_far_out_is_no_bomb() -> None:
    def far(_book: Any, sheet: Any) -> None:
        sheet["A1048576"] = "end"
        sheet["CZ900000"] = "note"

    result = read(xlsx(ROWS, far))
    assert triples(result) == WANTED
    wide = read(xlsx(ROWS, lambda _book, sheet: sheet.cell(2, 16000, "x")))
    assert kinds(wide) == ["file_too_large"]


def test_xlsx_dates_since_1904_are_honoured() -> None:
    def epoch(book: Any, sheet: Any) -> None:
        book.epoch = dt.datetime(1904, 1, 1)
        sheet["A2"] = dt.date(2026, 10, 5)

    data = xlsx([["Date", *HEAD], ["", "A", "X", 5], [None, "A", "X", 1]], epoch)
    settings = mapping(shape="daily", date="Date", aggregate="max", effective_date="Date")
    for content in (data, cell_by_cell(data)):
        result = read(content, settings)
        assert [line.effective_date for line in result.lines] == [dt.date(2026, 10, 5)]


def test_xlsx_strings_with_pieces_and_shared_strings() -> None:
    strings = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>Customer</t></si><si><t>Product</t></si><si><t>Qty</t></si>'
        b"<si><r><t xml:space='preserve'>De </t></r><r><t>Halm</t></r><rPh sb='0' eb='1'><t>zzz</t></rPh></si><si><t>X</t></si></sst>"
    )
    cells = "".join(f'<c r="{c}{r}" t="s"><v>{v}</v></c>' for r, c, v in [(1, "A", 0), (1, "B", 1), (1, "C", 2)])
    more = '<c r="A2" t="s"><v>3</v></c><c r="B2" t="s"><v>4</v></c><c r="C2"><v>5</v></c>'
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f'<row r="1">{cells}</row><row r="2">{more}</row></sheetData></worksheet>'
    ).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx(ROWS))) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            content = source.read(info.filename)
            if info.filename == "[Content_Types].xml":
                kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
                content = content.replace(
                    b"</Types>", b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>'
                )
            if info.filename == "xl/_rels/workbook.xml.rels":
                kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
                content = content.replace(
                    b"</Relationships>",
                    b'<Relationship Id="rId99" Type="' + kind + b'" Target="sharedStrings.xml"/></Relationships>',
                )
            if info.filename != "xl/sharedStrings.xml":
                target.writestr(info.filename, sheet if info.filename == SHEET else content)
        target.writestr("xl/sharedStrings.xml", strings)
    data = out.getvalue()
    assert triples(read(data)) == lines(("De Halm", "X", 5))
    assert triples(read(cell_by_cell(data))) == lines(("De Halm", "X", 5))


def test_xlsx_merged_headings_in_two_lines() -> None:
    def merge(_book: Any, sheet: Any) -> None:
        sheet.merge_cells("B1:C1")

    data = xlsx([[None, "M365", None, "Backup"], ["Customer", "BP", "E3", "Seats"], ["A", 1, 2, 3]], merge)
    settings = FileSettings(
        shape="wide", customer="Customer", product_columns=["M365 / BP", "M365 / E3", "Backup / Seats"], header_rows=2
    )
    assert triples(read(data, settings)) == lines(
        ("A", "M365 / BP", 1), ("A", "M365 / E3", 2), ("A", "Backup / Seats", 3)
    )


def test_decimals_are_exact() -> None:
    result = read(csv(*(["A,X,0.1"] * 10)))
    assert result.lines[0].quantity == Decimal(1)
    assert read(json.dumps(as_json([HEAD, *(["A", "X", 0.1] for _ in range(3))])).encode()).lines[
        0
    ].quantity == Decimal("0.3")
