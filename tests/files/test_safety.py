"""No file harms whoever opens it: packed, nested, endless, lying or made by hand (import rules 3.11)."""

from __future__ import annotations

import gzip
import io
import random
import re
import zipfile
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from core.files import readers
from core.files.importer import Limits, Outcome, inspect
from tests.files.samples import SHEET, csv, kinds, lines, lying_zip, ole, read, rezipped, triples, xlsx
from tests.files.test_formats import every_format

HEAD = ["Customer", "Product", "Qty"]
ROWS = [HEAD, ["De Halm", "X", 25], ["Smit", "Y", 4.5], ["Jansen", "X", 7]]


@pytest.mark.parametrize(
    "xml",
    [
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"),
        b'<?xml version="1.0"?><!DOCTYPE Workbook><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
    ],
)
def test_xml_with_document_types_or_entities_is_refused(xml: bytes) -> None:
    assert kinds(read(xml)) == ["file_type_unsupported"]
    assert inspect(xml, "x.xml").errors


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml"])
def test_entities_inside_workbooks_are_refused(part: str) -> None:
    entity = b'<!DOCTYPE a [<!ENTITY x "Customer">]>'
    data = rezipped(xlsx(ROWS), {part: lambda xml: entity + xml})
    assert read(data).outcome == Outcome.REJECTED


def test_what_unpacks_to_more_than_it_promises_is_refused() -> None:
    assert kinds(read(lying_zip("a.csv", csv("A,X,1") * 1000, 100))) == ["file_too_large"]
    assert kinds(read(gzip.compress(b"A,X,1\n" * 3_000_000))) == ["file_too_large"]
    assert kinds(read(gzip.compress(b"a" * 9_000), limits=Limits(unpacked_bytes=5_000))) == ["file_too_large"]


def test_a_zip_in_a_zip_is_not_followed() -> None:
    inner = every_format(ROWS)["zip"]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("inner.zip", inner)
    assert kinds(read(out.getvalue())) == ["file_type_unsupported"]


def test_a_zip_with_a_password_is_told() -> None:
    data = bytearray(every_format(ROWS)["zip"])
    for place in (m.start() for m in re.finditer(b"PK\x01\x02", bytes(data))):
        data[place + 8] |= 1
    assert kinds(read(bytes(data))) == ["file_encrypted"]


@pytest.mark.parametrize(
    "change",
    [
        (rb'r="A1"', b'r="A4294967295"'), (rb'r="A2"', b'r="XFD1048576"'), (rb'r="C3"', b'r="C1048576"'),
        (rb'<row r="2"', b'<row r="99999999999"'), (rb'<row r="2"', b'<row r="-1"'), (rb'<row r="2"', b'<row r="0"'),
        (rb'ref="A1:C4"', b'ref="A1:XFD1048576"'), (rb'r="B2"', b'r="ZZZZZ2"'), (rb'r="B2"', b'r=""'), (rb'r="B2"', b"r='B2'"),
    ],
)  # fmt: skip
def test_cells_that_say_they_are_far_out_end_nothing(change: tuple[bytes, bytes]) -> None:
    """Such a cell once made a reader ask for 412 GB, and the whole process ended."""
    data = rezipped(xlsx(ROWS), {SHEET: lambda sheet: sheet.replace(*change)})
    result = read(data)
    assert result.outcome in Outcome
    assert {line.quantity for line in result.lines} <= {25, 7, 4.5, 32} or result.errors


NARROW = Limits(unpacked_bytes=400_000)


def shared(rows: list[list[Any]], part: str = "sharedStrings.xml") -> bytes:
    """A workbook whose texts stand once, in a part of their own, as Excel writes them."""
    known: dict[bytes, int] = {}

    def once(sheet: bytes) -> bytes:
        return re.sub(
            rb't="inlineStr"><is><t>([^<]*)</t></is>',
            lambda text: b't="s"><v>%d</v>' % known.setdefault(text[1], len(known)),
            sheet,
        )

    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    relation = b'<Relationship Id="rId99" Type="%s" Target="%s"/></Relationships>' % (kind, part.encode())
    names = {"xl/_rels/workbook.xml.rels": lambda rels: rels.replace(b"</Relationships>", relation)}
    out = io.BytesIO(rezipped(xlsx(rows), {SHEET: once, **names}))
    texts = b"".join(b"<si><t>%s</t></si>" % text for text in known)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as file:
        space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        file.writestr("xl/sharedStrings.xml", b'<sst xmlns="%s">%s</sst>' % (space, texts))
    return out.getvalue()


OFTEN: list[list[Any]] = [HEAD, *(["A" * 1000, f"P{number}", 1] for number in range(800))]
NAMED_OFTEN = shared(OFTEN)


def spoilt(change: tuple[bytes, bytes]) -> bytes:
    return rezipped(NAMED_OFTEN, {SHEET: lambda sheet: sheet.replace(*change)})


@pytest.mark.parametrize(
    "change",
    [
        (b"", b""), (b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="E1:E2"/></mergeCells>'), (b"</v>", b" </v>"),
        (b"<v>", b"<v >"), (b"</v>", b"<!-- --></v>"), (b"<v>", b"<f>1</f><v>"), (b"<v>", b"<v>&#48;"), (b' t="s"', b" t='s'"),
        (b' t="s"', b'\tt="s"'),
    ],
)  # fmt: skip
def test_a_text_that_is_named_by_very_many_cells_is_weighed_in_each_of_them(change: tuple[bytes, bytes]) -> None:
    """30 MB of text in a file of 1 MB was copied into 100,000 cells, and the whole process ended."""
    data = spoilt(change) if change[0] else NAMED_OFTEN
    assert len(data) < 100_000
    assert kinds(read(data, limits=NARROW)) in (["file_too_large"], ["file_corrupt"])


def test_a_long_text_that_is_named_once_is_read() -> None:
    rows = [HEAD, ["A" * 1000, "X", 1], *([f"C{number % 9}", f"P{number}", 2] for number in range(800))]
    assert len(read(shared(rows), limits=NARROW).lines) == 801
    assert len(read(NAMED_OFTEN).lines) == 800


def test_texts_in_a_part_of_another_name_are_weighed_or_refused() -> None:
    """The reader of plain sheets looks under the usual name, whatever the workbook says."""
    data = shared(OFTEN, part="small.xml")
    assert kinds(read(data, limits=NARROW)) == ["file_too_large"]
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as file:
        file.writestr("xl/small.xml", "<sst/>")
    assert kinds(read(out.getvalue(), limits=NARROW)) == ["file_corrupt"]


def test_a_sheet_under_many_names_and_two_files_of_one_name_are_refused() -> None:
    """10,000 names of one sheet took half a minute and 3 GB."""
    sheet = re.search(rb"<sheet [^>]*/>", zipfile.ZipFile(io.BytesIO(xlsx(ROWS))).read("xl/workbook.xml"))
    assert sheet is not None
    twice = sheet[0] + sheet[0].replace(b'"Usage"', b'"Again"')
    assert kinds(read(rezipped(xlsx(ROWS), {"xl/workbook.xml": lambda xml: xml.replace(sheet[0], twice)}))) == [
        "file_corrupt"
    ]
    assert len(read(shared(ROWS)).lines) == 3
    out = io.BytesIO(shared(ROWS))
    with zipfile.ZipFile(out, "a") as file:
        file.writestr("XL/sharedstrings.xml", "<sst/>")
    assert kinds(read(out.getvalue())) == ["file_corrupt"]


def test_an_old_workbook_with_a_huge_count_ends_nothing() -> None:
    data = every_format(ROWS)["xls"]
    chance = random.Random(7)
    for _ in range(150):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(broken) - 4)
            broken[place : place + 4] = chance.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x00"])
        assert read(bytes(broken)).outcome in Outcome


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_broken_xml_inside_workbooks_ends_nothing(kind: str) -> None:
    data = every_format(ROWS)[kind]
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        parts = [name for name in file.namelist() if name.endswith((".xml", ".rels"))]
    chance = random.Random(kind)

    def broken(xml: bytes) -> bytes:
        text = bytearray(xml)
        numbers = [match.span() for match in re.finditer(rb"\d+", xml)]
        for _ in range(chance.randint(1, 4)):
            if numbers and chance.random() < 0.5:
                start, end = chance.choice(numbers)
                text[start:end] = str(chance.choice([0, -1, 2**32 - 1, 2**63, 1048576])).encode()
            else:
                place = chance.randrange(len(text))
                text[place : place + chance.randint(0, 9)] = bytes(chance.choices(b'"<>/= 09AZ', k=3))
        return bytes(text)

    for _ in range(60):
        result = read(rezipped(data, {chance.choice(parts): broken}))
        assert result.outcome in Outcome
        assert not (result.outcome == Outcome.REJECTED and result.lines)


def test_an_office_file_of_another_kind_is_named() -> None:
    assert kinds(read(ole(WordDocument=b"x" * 5000))) == ["file_type_unsupported"]
    assert kinds(read(ole(Workbook=b"x" * 5000))) == ["file_corrupt"]


def test_macros_and_formulas_are_text_or_nothing() -> None:
    def link(_book: Any, sheet: Any) -> None:
        sheet["A2"] = "='[other.xlsx]S'!A1"

    assert kinds(read(xlsx([HEAD, ["", "X", 1]], link))) == ["formula_without_value"]
    assert triples(read(csv("@SUM(A1),+1+1,1"))) == lines(("@SUM(A1)", "+1+1", 1))


def test_a_reader_that_fails_is_logged_and_the_file_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(readers, "_unpacked", fail)
    monkeypatch.setattr(readers, "log", structlog.get_logger())
    with capture_logs() as logs:
        result = read(csv("A,X,1"))
    assert kinds(result) == ["file_corrupt"]
    assert [entry["event"] for entry in logs] == ["file.reader_failed"]
    assert "A,X,1" not in str(logs[0].get("bytes"))


@pytest.mark.parametrize("nesting", [b"[" * 100_000, b'{"a":' * 100_000, b"<a>" * 100_000])
def test_endless_nesting_is_refused(nesting: bytes) -> None:
    assert read(nesting).outcome == Outcome.REJECTED


def test_a_long_text_in_every_place_takes_no_long_time() -> None:
    """Patterns are tried on short texts only, or cannot backtrack."""
    for text in ("1" * 50_000, "1,234" * 10_000, "a" * 30_000 + "!", " " * 30_000, "(" * 30_000, "of " * 9_000):
        assert read(csv(f'A,X,"{text}"')).outcome in (Outcome.NEEDS_REVIEW, Outcome.REJECTED)


@pytest.mark.parametrize("form", ["json", "ndjson", "xml"])
def test_records_with_names_of_their_own_make_no_table_without_end(form: str) -> None:
    """16,000 records in 780 kB were a table of 256 million cells."""
    records = [f'{{"Customer":"a","Product":"b","Qty":1,"k{number}":1}}' for number in range(3000)]
    made = {
        "json": f"[{','.join(records)}]",
        "ndjson": "\n".join(records),
        "xml": f"<r>{''.join(f'<a><Customer>a</Customer><k{number}>1</k{number}></a>' for number in range(3000))}</r>",
    }[form]
    assert kinds(read(made, name=f"x.{form}")) == ["file_too_large"]
    few = "[" + ",".join(records[:500]) + "]"
    assert kinds(read(few, name="x.json", limits=Limits(cells=100_000))) == ["file_too_large"]
    assert read(few, name="x.json").outcome != Outcome.REJECTED


def test_a_long_name_around_many_is_not_written_before_each_of_them() -> None:
    inside = ",".join(f'"k{number}":1' for number in range(1000))
    record = f'{{"Customer":"a","Product":"b","Qty":1,"{"x" * 100_000}":{{{inside}}}}}'
    assert kinds(read(f"[{record}]", name="x.json")) == ["file_too_large"]


SPREADSHEET = (
    '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
    'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="A"><Table>{}</Table></Worksheet></Workbook>'
)
CELL = '<Cell{}><Data ss:Type="String">A</Data></Cell>'


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("x.html", "<table>" + "<tr><td rowspan=300 colspan=100>A</td></tr>" + "<tr><td>x</td></tr>" * 300),
        ("x.xml", SPREADSHEET.format(("<Row>" + CELL.format(' ss:Index="900"') + "</Row>") * 200)),
        ("x.xml", SPREADSHEET.format(("<Row>" + CELL.format(' ss:MergeAcross="99" ss:MergeDown="99"') + "</Row>") * 200)),
    ],
)  # fmt: skip
def test_cells_that_reach_far_over_others_are_counted_as_all_that_they_fill(name: str, rows: str) -> None:
    assert kinds(read(rows, name=name, limits=Limits(cells=100_000, filled_cells=20_000))) == ["file_too_large"]


@pytest.mark.parametrize("name", ["rows", "columns"])
def test_a_row_that_says_it_comes_very_often_is_weighed_as_often(name: str) -> None:
    """A row of one kilobyte that says that it comes a million times took a minute."""
    often = b'<table:table-row table:number-rows-repeated="3000"'
    wide = b'<table:table-cell table:number-columns-repeated="1000"'
    changes = {"rows": (b"<table:table-row", often), "columns": (b"<table:table-cell", wide)}

    def last_row(content: bytes) -> bytes:
        start = content.rfind(b"<table:table-row")
        row = content[start:].replace(*changes[name], 1)
        return content[:start] + (row if name == "rows" else row.replace(b"<table:table-row", often, 1))

    data = rezipped(every_format([HEAD, ["A" * 1000, "X", 1]])["ods"], {"content.xml": last_row})
    narrow = Limits(unpacked_bytes=1_000_000) if name == "rows" else Limits(cells=1_000_000)
    assert kinds(read(data, limits=narrow)) == ["file_too_large"]


def test_columns_that_say_they_come_very_often_are_no_more_than_a_table_has() -> None:
    def columns(content: bytes) -> bytes:
        many = b'<table:table-column table:number-columns-repeated="1000000"/>' * 200
        return re.sub(rb"(<table:table [^>]*>)", lambda found: found[1] + many, content, count=1)

    data = rezipped(every_format(ROWS)["ods"], {"content.xml": columns})
    assert len(read(data).lines) == 3
