"""Numbers, dates and lists out of answers: exactly, and never a zero for something that is not there."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.select import day, find, instant, number, records, text, yes
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(12, "12"), (12.0, "12.0"), (0.5, "0.5"), ("38", "38"), (20.6, "20.6"), (0, "0"), ("-3", "-3")],
)
def test_m12_numbers_are_exact(value: object, expected: str) -> None:
    assert number({"q": value}, "q") == Decimal(expected)


@pytest.mark.parametrize("value", [None, "", "many", True, [], {}, "NaN", "1,5"])
def test_m2_what_is_no_number_is_an_error_and_never_zero(value: object) -> None:
    with pytest.raises(ShapeChanged):
        number({"q": value}, "q")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-03-01T00:00:00.000-0600", datetime(2025, 3, 1, 6, tzinfo=UTC)),
        ("2026-01-04T09:15:22Z", datetime(2026, 1, 4, 9, 15, 22, tzinfo=UTC)),
        ("2025-03-01", datetime(2025, 3, 1, tzinfo=UTC)),
        (1767601800000, datetime(2026, 1, 5, 8, 30, tzinfo=UTC)),
        (1767601800, datetime(2026, 1, 5, 8, 30, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_moments_in_every_writing(value: object, expected: datetime | None) -> None:
    assert instant({"at": value}, "at") == expected


def test_m7_a_date_is_not_moved_between_zones() -> None:
    assert day({"at": "2025-03-01T00:00:00.000-0600"}, "at") == date(2025, 3, 1)
    assert day({"at": "2025-02-28T23:30:00Z"}, "at") == date(2025, 2, 28)


def test_lists_are_lists_of_records() -> None:
    assert records({"data": {"sites": [{"id": 1}]}}, "data.sites") == [{"id": 1}]
    assert records({"content": None}, "content", or_null=True) == []
    for body, path in (({"content": None}, "content"), ({}, "content"), ({"content": {"id": 1}}, "content"), ([1], "")):
        with pytest.raises(ShapeChanged):
            records(body, path)


def test_texts_and_flags() -> None:
    assert text({"name": " Café Ærø "}, "name") == "Café Ærø"
    assert text({"name": None}, "name", "?") == "?"
    assert (yes({"d": None}, "d"), yes({"d": "true"}, "d"), yes({"d": 1}, "d"), yes({"d": "0"}, "d")) == (
        False,
        True,
        True,
        False,
    )
    with pytest.raises(ShapeChanged):
        text({}, "name")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_looking_into_anything_never_crashes(body: object) -> None:
    find(body, "data.items[0].id")
    try:
        found = number({"q": body}, "q")
    except ShapeChanged:
        return
    assert found.is_finite()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 50))))
def test_counts_of_one_product_add_up(counts: list[tuple[str, str, int]]) -> None:
    builder = ReadingBuilder("P", NOW)
    for customer, product, units in counts:
        builder.count(Customer(customer, customer.upper()), product, product, units)
    got = {(line.customer_id, line.product_key): line.quantity for line in builder.reading().lines}
    expected: dict[tuple[str, str], int] = {}
    for customer, product, units in counts:
        expected[customer, product] = expected.get((customer, product), 0) + units
    assert got == expected


def test_m2_a_customer_that_fails_spoils_no_other() -> None:
    customers = [Customer("1", "A"), Customer("2", "B"), Customer("3", "C")]
    builder = ReadingBuilder("P", NOW)

    def read(customer: Customer):  # type: ignore[no-untyped-def]
        part = ReadingBuilder("P", NOW)
        part.count(customer, "x", "X", 5)
        yield from part.reading().lines
        if customer.id == "2":
            raise RemoteError(T("{name} did not answer in full.", name="P"), retryable=True)

    builder.each_customer(customers, read)
    reading = builder.reading()
    assert {line.customer_id for line in reading.lines} == {"1", "3"}
    assert set(reading.failed_customers) == {"2"}
    assert reading.proves_absence("1") and not reading.proves_absence("2")
