"""What holds for every table: order of columns, kind of file, separators and quotes; and no file, however broken, does harm."""

from __future__ import annotations

import csv as plain_csv
import io
import json
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.files.delimited import open_delimited
from core.files.importer import Limits, Outcome, import_file, inspect
from tests.files.samples import M, csv, mapping, read, triples, xlsx
from tests.files.test_formats import as_json, every_format, ods, saved, xls
from tests.looking import tries

HEAD = ["Customer", "Product", "Qty"]
WORDS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufeff\ufffd"), min_size=1, max_size=12
).map(lambda text: " ".join(text.split()))
NAMES = WORDS.filter(
    lambda text: (
        text
        and text[0].isalpha()
        and not text.casefold().startswith(("tota", "summe", "gesamt", "sub", "grand", "zwischen", "eindtot"))
    )
)
XML_SAFE = NAMES.filter(lambda text: all(ord(c) < 0xD800 and c.isprintable() for c in text) and "_x" not in text)
QUANTITIES = st.integers(0, 999)
TABLES = st.lists(st.tuples(NAMES, NAMES, QUANTITIES), min_size=1, max_size=12)
QUICK = tries(60)


def wanted(rows: list[tuple[str, str, Any]]) -> set[tuple[str, str, Decimal]]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for customer, product, quantity in rows:
        sums[customer, product] += Decimal(str(quantity))
    return {(customer, product, quantity) for (customer, product), quantity in sums.items()}


def written(
    rows: list[list[Any]], delimiter: str = ",", quoting: int = plain_csv.QUOTE_MINIMAL, end: str = "\r\n"
) -> bytes:
    out = io.StringIO()
    plain_csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue().encode()


@QUICK
@given(TABLES, st.permutations(range(5)))
def test_s1_55_the_order_of_columns_never_matters(rows: list[tuple[str, str, int]], order: list[int]) -> None:
    table = [[*HEAD, "Note", "Price"], *([*row, f"note {n}", "1,50"] for n, row in enumerate(rows))]
    moved = [[row[i] for i in order] for row in table]
    first, other = read(written(table)), read(written(moved))
    assert triples(first) == triples(other) == wanted(rows)
    assert first.outcome == other.outcome
    assert not first.errors


@QUICK
@given(
    TABLES,
    st.sampled_from(";,\t|"),
    st.sampled_from([plain_csv.QUOTE_MINIMAL, plain_csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_separators_quotes_and_line_ends(
    rows: list[tuple[str, str, int]], delimiter: str, quoting: int, end: str
) -> None:
    result = read(written([HEAD, *map(list, rows)], delimiter, quoting, end))
    assert triples(result) == wanted(rows), result.to_json()


@QUICK
@given(st.lists(st.tuples(st.text(st.sampled_from('ab";,\t|\n \r'), max_size=8), QUANTITIES), min_size=1, max_size=8))
@example([('"', 1)])
@example([("a\n\nb", 1), ('""', 2)])
def test_cells_with_separators_quotes_and_line_ends_inside(rows: list[tuple[str, int]]) -> None:
    """Written by the standard writer, each cell comes back whole; both ways of reading agree with it."""
    table = [[*HEAD], *([f"x{name}y", "P", quantity] for name, quantity in rows)]
    result = read(written(table, quoting=plain_csv.QUOTE_ALL, end="\n"))
    assert triples(result) == wanted([(" ".join(f"x{name}y".split()), "P", quantity) for name, quantity in rows])


@QUICK
@given(st.text(st.sampled_from('ab1",;\n\r \t'), max_size=60))
@example('Customer,Product,Qty\n"A,X,1\n"B,X,2\n')
@example('a,"b"c",1')
def test_by_columns_and_by_rows_are_one_reading(tail: str) -> None:
    """Where the column-wise reader takes a text, it cuts it exactly as the row-wise one."""
    grid = open_delimited(f"h1,h2,h3\n{tail}".encode(), Limits(), delimiter=",")
    by_columns = grid._by_columns(1, [0, 1, 2])
    if by_columns is None:
        return
    by_rows = grid._by_rows(1, None)
    kept = [place for place, row in enumerate(by_rows.cells) if len(row) == 3 or any(cell.strip() for cell in row)]
    assert by_columns.rows == len(kept)
    assert by_columns.numbers.tolist() == [by_rows.numbers.tolist()[place] for place in kept]
    assert [issue.row for issue in by_columns.issues] == [issue.row for issue in by_rows.issues]
    for index in range(3):
        one, other = by_columns.column(index), by_rows.column(index)
        assert [one.at(row) for row in range(len(kept))] == [other.at(place) for place in kept]


@tries(12)
@given(st.lists(st.tuples(XML_SAFE, XML_SAFE, QUANTITIES), min_size=1, max_size=6))
def test_random_tables_are_the_same_in_every_format(rows: list[tuple[str, str, int]]) -> None:
    table = [HEAD, *map(list, rows)]
    for kind, data in every_format_of(table).items():
        result = read(data)
        assert triples(result) == wanted(rows), (kind, result.to_json())
        assert not result.errors, kind


def every_format_of(table: list[list[Any]]) -> dict[str, bytes]:
    return {
        "csv": written(table),
        "tsv": written(table, "\t"),
        "utf-16": b"\xff\xfe" + written(table, "\t").decode().encode("utf-16-le"),
        "xlsx": xlsx(table),
        "xls": xls(table),
        "ods": saved(ods(table)),
        "json": json.dumps(as_json(table)).encode(),
        "ndjson": "\n".join(json.dumps(record) for record in as_json(table)).encode(),
    }


@QUICK
@given(
    st.lists(st.decimals(-1000, 1000, places=2), min_size=1, max_size=8),
    st.sampled_from(["comma", "point"]),
    st.booleans(),
)
def test_m12_sums_are_exact_in_every_number_format(numbers: list[Decimal], sign: str, grouped: bool) -> None:
    texts = [f"{number:,.2f}" if grouped else f"{number:.2f}" for number in numbers]
    if sign == "comma":
        texts = [text.translate(str.maketrans(",.", ".,")) for text in texts]
    result = read(written([HEAD, *(["A", "X", text] for text in texts)]))
    total = sum(numbers, Decimal(0))
    if total < 0:
        assert [str(issue.kind) for issue in result.errors] == ["negative_total"]
    else:
        assert triples(result) == {("A", "X", total)}


SEEDS = every_format([HEAD, ["De Halm", "X", 25], ["Smit", "Y", 4.5], ["Jansen", "X", 7]])


@pytest.mark.parametrize("kind", sorted(SEEDS))
def test_broken_files_never_raise_never_hang_and_never_read_as_something_else(kind: str) -> None:
    """Bytes cut off, changed, doubled: an answer always comes, and a rejected file has no lines."""
    chance = random.Random(kind)
    data = SEEDS[kind]
    for _ in range(40):
        broken = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(broken))
            match chance.randrange(4):
                case 0:
                    broken[place] = chance.randrange(256)
                case 1:
                    del broken[place : place + chance.randint(1, 40)]
                case 2:
                    broken[place:place] = bytes(chance.choices(b'"\n\r;,\t\x00<>&{}[]\xff', k=chance.randint(1, 5)))
                case 3:
                    del broken[chance.randint(1, len(broken)) :]
            if not broken:
                break
        result = import_file(bytes(broken), f"export.{kind}", M)
        if result.outcome == Outcome.REJECTED:
            assert not result.lines and result.errors
        assert all(str(result.sentence(issue)) for issue in result.errors)
        inspect(bytes(broken), "export")


@tries(150)
@given(st.binary(max_size=300))
@example(b"\xff\xfe\x00\xd8")
@example(b"\x1f\x8b\x08\x00")
@example(b"<?xml version='1.0' encoding='nonsense'?><a/>")
@example(b"PK\x05\x06" + bytes(18))
@example(b'{"a": 1e999999999}')
@example(b"[" * 5000)
@example(b"<a>" * 5000)
@example(b"sep=")
@example(b'"')
def test_any_bytes_get_an_answer(data: bytes) -> None:
    result = import_file(data, "export.csv", M)
    assert result.outcome in Outcome
    inspect(data, "export.csv")


@QUICK
@given(st.lists(st.text(max_size=20), min_size=3, max_size=30))
def test_any_rows_below_the_headings_get_an_answer(cells: list[str]) -> None:
    rows = [cells[i : i + 3] for i in range(0, len(cells), 3)]
    result = read(written([HEAD, *rows]), mapping(fill_down=True))
    assert all(line.quantity >= 0 and line.customer_id and line.product_key for line in result.lines)


def test_rows_that_are_not_whole_do_not_slow_a_big_file_to_a_halt() -> None:
    rows = [f"C{i % 100},X,1" for i in range(100_000)]
    data = csv(*rows, "", "Made by the portal")
    result = read(data)
    assert sum(line.quantity for line in result.lines) == 100_000
