"""Amounts of any portal's usage lines, and how several billing lines of one subscription become one."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.billing_words import day_number, identity, kind_of, tags_of
from core.domain.combine import Combine, combined, combined_quantity
from core.domain.consumption import ConsumptionKind
from core.domain.consumption_lines import (
    consumption_from_usage,
    is_provisional,
    months_between,
    usage_from_consumption,
)
from core.domain.errors import InputError
from core.domain.text import T
from core.domain.usage import Reading, UsageLine
from tests.looking import tries

NOW = datetime(2026, 11, 3, tzinfo=UTC)
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))


def line(quantity: str = "1", **fields: object) -> UsageLine:
    usual = {"customer_id": "A", "customer": "Acme", "product_key": "storage", "product": "Storage"}
    return UsageLine(quantity=Decimal(quantity), **{**usual, **fields})  # type: ignore[arg-type]


def reading(*lines: UsageLine, **fields: object) -> Reading:
    return Reading(portal="Hosting", taken_at=NOW, lines=lines, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usage", "amount", "price"),
    [
        (line("4.2", unit_cost=Decimal("9.10")), "38.220", None),
        (line("4.2", unit_price=Decimal(10)), "42.0", "42.0"),
        (line("50", unit_cost=Decimal("0.2"), unit_price=Decimal("0.25")), "10.0", "12.50"),
        (line("50", attributes={"amount": "12.50"}, unit_cost=Decimal(9)), "12.50", None),
    ],
)
def test_s1_61_any_usage_line_with_a_cost_price_or_amount_is_an_amount(
    usage: UsageLine, amount: str, price: str | None
) -> None:
    found = consumption_from_usage(reading(usage)).lines[0]
    assert found.amount == Decimal(amount)
    assert found.price == (None if price is None else Decimal(price))
    assert (found.quantity, found.resource) == (usage.quantity, "Storage")


def test_s1_62_s1_67_period_and_description_are_those_of_the_line() -> None:
    told = consumption_from_usage(
        reading(
            line(
                unit_cost=Decimal(1),
                period_start=date(2026, 10, 1),
                period_end=date(2026, 10, 31),
                attributes={"description": "Back-up"},
            ),
            line(unit_cost=Decimal(1), effective_date=date(2026, 9, 12)),
            line("-1", unit_cost=Decimal(1)),
        )
    )
    first, second, third = told.lines
    assert (first.period_start, first.period_end, first.resource) == (date(2026, 10, 1), date(2026, 10, 31), "Back-up")
    assert (second.period_start, second.period_end) == (date(2026, 9, 1), date(2026, 9, 30))
    assert (third.kind, third.provisional, third.period_end) == (ConsumptionKind.CREDIT, True, date(2026, 11, 30))
    assert (told.period_start, told.period_end) == (date(2026, 9, 1), date(2026, 11, 30))


def test_m2_what_has_no_amount_is_said_and_what_failed_is_left_out() -> None:
    told = consumption_from_usage(
        reading(
            line(), line(customer_id="B", unit_cost=Decimal(1)), failed_customers={"B": T("broken")}, complete=False
        )
    )
    assert (told.lines, told.complete) == ((), False)
    assert "1 lines have no amount" in str(told.notes[0])
    assert not consumption_from_usage(reading(line(attributes={"amount": "?"}))).complete


def test_a_months_amounts_as_products_are_rounded_once() -> None:
    lines = [line(attributes={"amount": "0.005"}, currency="EUR")] * 3 + [
        line(attributes={"amount": "1"}, currency="USD")
    ]
    found = usage_from_consumption(
        consumption_from_usage(reading(*lines)), key="azure", name="Azure", purchases="Bought"
    )
    assert [(one.product_key, one.quantity, one.unit) for one in found] == [
        ("azure:total", Decimal("0.02"), "EUR"),
        ("azure:total:USD", Decimal("1.00"), "USD"),
    ]


def test_s3_17_billing_lines_of_one_subscription_become_one() -> None:
    month = line("25", subscription_id="s1", period_start=JANUARY[0], period_end=JANUARY[1], unit_cost=Decimal("18.6"))
    added = line(
        "28", subscription_id="s1", period_start=date(2026, 1, 15), period_end=JANUARY[1], unit_cost=Decimal("10.2")
    )
    other = line("5", subscription_id="s2")
    largest = combined([added, month, other], Combine.LARGEST)
    assert [(one.quantity, one.unit_cost, one.origin.rows) for one in largest] == [
        (Decimal(28), Decimal("18.6"), 2),
        (Decimal(5), None, 1),
    ]
    assert (largest[0].period_start, largest[0].period_end) == JANUARY
    assert [one.quantity for one in combined([added, month, other], Combine.SUM)] == [Decimal(53), Decimal(5)]


@tries(50)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.randoms())
def test_s3_18_s3_19_the_order_of_billing_lines_does_not_matter(found: list[int], shuffled: random.Random) -> None:
    numbers = [Decimal(number) for number in found]
    mixed = numbers[:]
    shuffled.shuffle(mixed)
    for how, expected in ((Combine.LARGEST, max(numbers)), (Combine.SUM, sum(numbers))):
        assert combined_quantity(mixed, how) == expected
        assert combined([line(str(number)) for number in mixed], how)[0].quantity == expected


@pytest.mark.parametrize(
    ("end", "today", "invoiced", "expected"),
    [
        (JANUARY[1], date(2026, 2, 7), False, True),
        (JANUARY[1], date(2026, 2, 8), False, False),
        (JANUARY[1], date(2026, 2, 1), True, False),
        (date(2025, 12, 31), date(2026, 1, 7), False, True),
    ],
)
def test_a_month_is_final_when_it_is_invoiced_or_by_the_8th(
    end: date, today: date, invoiced: bool, expected: bool
) -> None:
    assert is_provisional(end, today, invoiced=invoiced) is expected


def test_months_that_days_touch() -> None:
    assert [start for start, _ in months_between(date(2025, 12, 15), date(2026, 2, 1))] == [
        date(2025, 12, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
    ]


@pytest.mark.parametrize(
    "text", ["01/14/2026", "1/14/2026", "2026-01-14", "2026-01-14T00:00:00Z", "20260114", "1/14/2026 12:00:00 AM"]
)
def test_dates_as_microsoft_writes_them(text: str) -> None:
    assert date.fromordinal(day_number(text)) == date(2026, 1, 14)


@pytest.mark.parametrize("text", ["14/01/2026", "2026-13-01", "14-01-2026", "soon", "02/30/2026"])
def test_m9_other_dates_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        day_number(text)


def test_ids_tags_and_kinds_are_compared_as_they_are_meant() -> None:
    assert identity("org:2F6F") == identity("/subscriptions/2f6f") == "2f6f"
    assert identity("00000000-0000-0000-0000-000000000000") == ""
    assert tags_of('{"A":"1","b":""}', frozenset({"a"})) == (("a", "1"),)
    assert tags_of("[1]", frozenset()) is None
    assert (kind_of(""), kind_of("Novelty"), kind_of("Rounding Adjustment")) == (
        ConsumptionKind.USAGE,
        None,
        ConsumptionKind.ROUNDING,
    )
