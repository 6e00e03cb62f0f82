"""Numbers, pairs, amounts and dates as files write them (import rules 3.5, 3.7)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.file_settings import NumberFormat, PairSide
from core.files.cells import CellError, MergedInto, Truth, Unstored, ZeroPadded
from core.files.dates import AmbiguousDate, DateReader, billing_frequency, term
from core.files.issues import Kind
from core.files.numbers import (
    Ambiguous,
    NotAPair,
    Unreadable,
    decimal_sign,
    plain,
    read_cell,
    read_text,
    side_of_pair,
    without_currency,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("25", "25"), ("0", "0"), ("007", "7"), (" 25 ", "25"), ("+5", "5"),
        ("1.250,00", "1250"), ("1,250.00", "1250"), ("1.234.567", "1234567"), ("1,234,567", "1234567"),
        ("1.234.567,89", "1234567.89"), ("1,234,567.89", "1234567.89"),
        ("12,50", "12.5"), ("12.5", "12.5"), ("0,125", "0.125"), ("0.125", "0.125"), (".5", "0.5"), (",5", "0.5"),
        ("1234.567", "1234.567"), ("1234,5678", "1234.5678"),
        ("1'250", "1250"), ("1’250", "1250"), ("1'250.50", "1250.5"), ("1 250", "1250"), ("1\u00a0250", "1250"),
        ("1\u202f250,5", "1250.5"), ("1 234 567", "1234567"),
        ("(3)", "-3"), ("3-", "-3"), ("−3", "-3"), ("-3", "-3"), ("(1.250,00)", "-1250"), ("- 3", "-3"),
    ],
)  # fmt: skip
def test_s3_5_numbers_that_are_clear(text: str, number: str) -> None:
    assert read_text(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", " ", "-", "–", "—", "n/a", "N/A", "\u00a0"])
def test_s3_5_no_value(text: str) -> None:
    assert read_text(text) is None


@pytest.mark.parametrize(
    "text",
    ["5%", "12abc", "1e3", "NaN", "inf", "1,2,3", "1.25,00", "1 25", "12 50", "--3", "()", "5.", "1.250,", "1.2.3", "٣", "½", "1_000",
     "0x1F", "1/2", "$5", "TRUE", "25 seats", "1''250", "1.250.50", "9" * 60],
)  # fmt: skip
def test_s3_5_not_a_number(text: str) -> None:
    assert read_text(text) == Unreadable(Kind.NOT_A_NUMBER)


@pytest.mark.parametrize("text", ["1.250", "1,250", "999.999", "12.345", "-1.250", "(1,250)", "1.000"])
def test_s3_5_never_a_guess_between_a_thousand_and_one(text: str) -> None:
    found = read_text(text)
    assert isinstance(found, Ambiguous)
    assert abs(found.grouped) == abs(found.decimal) * 1000
    comma, point = read_text(text, NumberFormat.COMMA), read_text(text, NumberFormat.POINT)
    assert {comma, point} == {found.grouped, found.decimal}
    assert comma == (found.decimal if "," in text else found.grouped)


@pytest.mark.parametrize(
    ("texts", "sign"),
    [
        (["1.250", "2.000,50"], "comma"), (["1.250", "12,5"], "comma"), (["1.250", "1.234.567"], "comma"),
        (["1,250", "12.5"], "point"), (["1.250", "1,000.5"], "point"), (["1.250", "25"], "auto"),
        (["1.250", "12.5", "12,5"], "auto"), (["1.250", "abc"], "auto"), (["1'250.50"], "point"), (["-0,5"], "comma"),
    ],
)  # fmt: skip
def test_s3_5_the_decimal_sign_is_what_clear_numbers_of_the_file_tell(texts: list[str], sign: str) -> None:
    assert decimal_sign(texts) == sign


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2), st.sampled_from(["comma", "point"]), st.booleans())
def test_numbers_written_by_a_locale_are_read_back(number: Decimal, sign: str, grouped: bool) -> None:
    text = f"{abs(number):,.2f}" if grouped else f"{abs(number):.2f}"
    if sign == "comma":
        text = text.translate(str.maketrans(",.", ".,"))
    assert read_text(f"-{text}" if number < 0 else text) == number


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_whole_numbers_are_read_back(number: int) -> None:
    assert read_text(str(number)) == number


@given(st.text(max_size=60))
def test_any_text_gives_an_answer(text: str) -> None:
    found = read_text(text)
    assert found is None or isinstance(found, Decimal | Ambiguous | Unreadable)
    side_of_pair(text, PairSide.LEFT)
    DateReader().read(text)
    without_currency(text)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_cell_gives_an_answer(number: float) -> None:
    assert isinstance(read_cell(number), Decimal | Unreadable)


def test_m12_the_noise_of_spreadsheets_is_not_a_licence() -> None:
    assert read_cell(100 * 1.1) == 110
    assert read_cell(0.1 + 0.2) == Decimal("0.3")


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (CellError("#N/A"), Kind.CELL_ERROR_VALUE), (Unstored("A1"), Kind.FORMULA_WITHOUT_VALUE), (Truth(True), Kind.NOT_A_NUMBER),
        (date(2026, 10, 5), Kind.QUANTITY_IS_DATE), (timedelta(hours=3), Kind.QUANTITY_IS_DATE),
        (Decimal("1E+999999999"), Kind.NOT_A_NUMBER), (1e300, Kind.NOT_A_NUMBER),
    ],
)  # fmt: skip
def test_cells_that_are_no_quantity(cell: object, kind: Kind) -> None:
    assert read_cell(cell) == Unreadable(kind)


def test_cells_that_are() -> None:
    assert read_cell(ZeroPadded(123.0, "00123")) == 123
    assert read_cell(MergedInto(5.0)) is None
    assert read_cell(Decimal("3.50")) == Decimal("3.5")
    assert str(plain(Decimal("1250.00"))) == "1250"
    assert str(plain(Decimal("2000.50"))) == "2000.5"
    assert str(plain(Decimal("1E+3"))) == "1000"


@pytest.mark.parametrize(
    ("cell", "left", "right"),
    [("38 of 50", "38", "50"), ("38/50", "38", "50"), ("38 van 50", "38", "50"), ("38 von 50", "38", "50"),
     ("1.250 / 2.000", "1.250", "2.000"), ("38 OF 50", "38", "50"), ("0/100", "0", "100")],
)  # fmt: skip
def test_pairs(cell: str, left: str, right: str) -> None:
    assert (side_of_pair(cell, PairSide.LEFT), side_of_pair(cell, PairSide.RIGHT)) == (left, right)


@pytest.mark.parametrize("cell", ["38", 38.0, "7/8/9", "of", "38 of"])
def test_half_a_pair_is_not_taken_for_either_side(cell: object) -> None:
    found = side_of_pair(cell, PairSide.LEFT)
    assert isinstance(found, NotAPair)
    assert read_cell(found) == Unreadable(Kind.NOT_A_NUMBER)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$500.00", "500.00"),
        ("€ 1.234,50", "1.234,50"),
        ("EUR 12,50", "12,50"),
        ("12,50 €", "12,50"),
        ("12 EUR", "12"),
        ("-$5.00", "-5.00"),
    ],
)
def test_amounts_lose_their_currency(text: str, amount: str) -> None:
    assert without_currency(text) == amount


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026-10-01", "2026-10-01"), ("2026-10-01T23:30:00Z", "2026-10-01"), ("01-09-2026", "2026-09-01"), ("1.9.2026", "2026-09-01"),
        ("25/04/2026", "2026-04-25"), ("04/25/2026", "2026-04-25"), (46296.0, "2026-10-01"), ("46296", "2026-10-01"),
        ("3 okt 2026", "2026-10-03"), ("Oct 3, 2026", "2026-10-03"), ("3. März 2026", "2026-03-03"), ("20261001", "2026-10-01"),
        ("05/05/2026", "2026-05-05"), (datetime(2026, 10, 1, 12), "2026-10-01"), (date(2026, 10, 1), "2026-10-01"),
    ],
)  # fmt: skip
def test_s3_7_dates(cell: object, day: str) -> None:
    found = DateReader().read(cell)
    assert isinstance(found, datetime)
    assert found.date().isoformat() == day


def test_s3_7_an_ambiguous_date_is_settled_by_the_setting_or_the_file() -> None:
    assert isinstance(DateReader().read("03/04/2026"), AmbiguousDate)
    assert DateReader("dd/mm/yyyy").read("03/04/2026") == datetime(2026, 4, 3)
    assert DateReader("mm/dd/yyyy").read("03/04/2026") == datetime(2026, 3, 4)
    assert DateReader("", ["25/04/2026"]).read("03/04/2026") == datetime(2026, 4, 3)
    assert DateReader("", ["04/25/2026"]).read("03/04/2026") == datetime(2026, 3, 4)
    assert DateReader("%m-%d-%y").read("03-04-26") == datetime(2026, 3, 4)


@pytest.mark.parametrize("text", ["31-02-2026", "yesterday", "12", "2026-13-01", "1234567890"])
def test_s3_7_what_is_no_date_is_not_made_one(text: str) -> None:
    assert DateReader().read(text) == text


def test_terms_and_frequencies() -> None:
    assert [term(text) for text in ("Annual", "1 Year", "Monthly", "3 jaar", "P1Y", "odd")] == [
        "P1Y",
        "P1Y",
        "P1M",
        "P3Y",
        "P1Y",
        "odd",
    ]
    assert [billing_frequency(text) for text in ("Monthly", "Jaarlijks", "One-Time", "x")] == [
        "monthly",
        "yearly",
        "once",
        "x",
    ]
