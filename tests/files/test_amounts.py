"""Amounts of money in files of any portal: by month, with credits, periods, words, and prices (S1-61, S1-62, S1-66, S1-67)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.domain.consumption import ConsumptionKind, ConsumptionReading
from core.domain.consumption_lines import consumption_from_usage
from core.domain.file_settings import FileSettings
from core.files.importer import ImportResult, Outcome, import_file
from tests.files.samples import csv, kinds, note_kinds
from tests.looking import tries

NOW = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
COLUMNS = {"customer": "Customer", "product": "Product"}


def read(header: str, *rows: str, **mapping: Any) -> ImportResult:
    return import_file(csv(*rows, header=header), "data.csv", FileSettings(**{**COLUMNS, **mapping}))


def told(result: ImportResult) -> ConsumptionReading:
    return consumption_from_usage(result.reading("Hosting", NOW))


def sums(reading: ConsumptionReading) -> dict[tuple[str, str, str], Decimal]:
    return {(line.customer_id, line.resource, f"{line.period_start:%m-%d}"): line.amount for line in reading.lines}


def test_s1_62_one_product_in_two_months_is_two_amounts() -> None:
    header = "Customer,Product,Amount,Month"
    result = read(
        header,
        "Acme,Disk,10.10,2026-08",
        "Acme,Disk,0.90,2026-08",
        "Acme,Disk,12,2026-09",
        amount="Amount",
        period="Month",
    )
    assert result.outcome is Outcome.OK
    assert [line.quantity for line in result.lines] == [23]
    reading = told(result)
    assert sums(reading) == {("Acme", "Disk", "08-01"): Decimal(11), ("Acme", "Disk", "09-01"): Decimal(12)}
    assert (reading.period_start, reading.period_end) == (date(2026, 8, 1), date(2026, 9, 30))
    assert {line.quantity for line in reading.lines} == {None}
    assert [line.provisional for line in reading.lines] == [False, False]


def test_s1_62_days_of_start_and_end_are_the_period() -> None:
    header = "Customer,Product,Cost,From,To"
    rows = (
        "Acme,Disk,3,2026-08-05,2026-08-05",
        "Acme,Disk,4,2026-08-03,2026-08-04",
        "Acme,Disk,5,2026-09-28,2026-10-04",
    )
    reading = told(read(header, *rows, amount="Cost", period_start="From", period_end="To"))
    assert [(line.amount, line.period_start, line.period_end) for line in reading.lines] == [
        (7, date(2026, 8, 3), date(2026, 8, 5)),
        (5, date(2026, 9, 28), date(2026, 10, 4)),
    ]
    assert (reading.period_start, reading.period_end) == (date(2026, 8, 1), date(2026, 9, 30))


def test_a_first_day_that_is_no_date_needs_a_person() -> None:
    result = read(
        "Customer,Product,Cost,From", "Acme,Disk,3,soon", "Zon,Disk,4,2026-08-03", amount="Cost", period_start="From"
    )
    assert (result.outcome, kinds(result)) == (Outcome.NEEDS_REVIEW, ["not_a_date"])
    assert {line.customer_id for line in told(result).lines} == {"Zon"}


def test_s1_61_credits_are_fine_and_stay_apart_from_usage() -> None:
    result = read("Customer,Product,Amount", "Acme,Disk,10", "Acme,Disk,-12.50", "Zon,Disk,-1", amount="Amount")
    assert (result.outcome, result.errors) == (Outcome.OK, ())
    found = {(line.customer_id, line.kind): line.amount for line in told(result).lines}
    assert found == {
        ("Acme", ConsumptionKind.USAGE): 10,
        ("Acme", ConsumptionKind.CREDIT): Decimal("-12.5"),
        ("Zon", ConsumptionKind.CREDIT): -1,
    }


def test_credits_without_amounts_still_need_a_person() -> None:
    result = read("Customer,Product,Qty", "Acme,Disk,-12", quantity="Qty")
    assert (result.outcome, kinds(result)) == (Outcome.NEEDS_REVIEW, ["negative_total"])


def test_s1_62_words_for_the_invoice_tell_amounts_apart() -> None:
    header = "Customer,Product,Server,Amount,Qty,Unit,Cur"
    rows = ("Acme,VPS,web-01,10,744,hour,EUR", "Acme,VPS,web-02,20,700,hour,EUR", "Acme,VPS,web-02,2,44,hour,USD")
    result = read(header, *rows, amount="Amount", description="Server", quantity="Qty", unit="Unit", currency="Cur")
    assert [line.quantity for line in result.lines] == [1488]
    found = [
        (line.resource, line.resource_key, line.amount, line.quantity, line.unit, line.currency)
        for line in told(result).lines
    ]
    assert found == [
        ("web-01", "VPS/web-01", 10, 744, "hour", "EUR"),
        ("web-02", "VPS/web-02", 20, 700, "hour", "EUR"),
        ("web-02", "VPS/web-02", 2, 44, "hour", "USD"),
    ]


def test_s1_61_quantity_times_cost_is_exact_row_by_row() -> None:
    header = "Customer,Product,GB,Cost,Price"
    rows = ("Acme,Disk,3,0.10,0.15", "Acme,Disk,7,0.20,0.30", "Zon,Disk,2,,")
    result = read(header, *rows, quantity="GB", unit_cost="Cost", unit_price="Price", amounts=True)
    (line,) = (reading := told(result)).lines
    assert (line.amount, line.price, line.quantity) == (Decimal("1.7"), Decimal("2.55"), 10)
    assert reading.complete
    assert "1 lines have no amount" in str(reading.notes[-1])


def test_without_amounts_prices_charge_nothing() -> None:
    result = read("Customer,Product,GB,Cost", "Acme,Disk,3,0.10", quantity="GB", unit_cost="Cost")
    assert result.amounts == ()


@pytest.mark.parametrize(("cost", "ok"), [("oops", False), ("", True)])
def test_m2_a_cost_that_cannot_be_read_leaves_the_reading_not_complete(cost: str, ok: bool) -> None:
    result = read(
        "Customer,Product,GB,Cost",
        "Acme,Disk,3,0.10",
        f"Acme,Disk,3,{cost}",
        quantity="GB",
        unit_cost="Cost",
        amounts=True,
    )
    assert told(result).complete is ok
    assert ("price_unreadable" in note_kinds(result)) is not ok


def test_m2_a_row_without_an_amount_leaves_the_reading_not_complete() -> None:
    result = read("Customer,Product,Qty,Amount", "Acme,Disk,3,10", "Acme,Disk,3,", quantity="Qty", amount="Amount")
    assert result.outcome is Outcome.OK_WITH_NOTES
    reading = told(result)
    assert not reading.complete
    assert "cannot be read" in str(reading.notes[0])


def test_m2_a_fee_without_a_quantity_is_money_and_no_zero() -> None:
    result = read("Customer,Product,Qty,Amount", "Acme,Disk,3,10", "Acme,Setup,,25", quantity="Qty", amount="Amount")
    assert [(line.product_key, line.quantity) for line in result.lines] == [("Disk", 3)]
    assert {line.resource: line.amount for line in told(result).lines} == {"Disk": 10, "Setup": 25}


def test_the_last_day_of_a_month_counts_with_its_price() -> None:
    header = "Customer,Product,GB,Cost,Day"
    rows = ("Acme,Disk,3,0.1,2026-08-01", "Acme,Disk,9,0.1,2026-08-31", "Acme,Disk,20,0.1,2026-09-01")
    mapping: dict[str, Any] = {"shape": "daily", "date": "Day", "quantity": "GB", "unit_cost": "Cost", "amounts": True}
    assert sums(told(read(header, *rows, **mapping))) == {
        ("Acme", "Disk", "08-01"): Decimal("0.9"),
        ("Acme", "Disk", "09-01"): Decimal(2),
    }
    differing = told(read(header, *rows, "Acme,Disk,5,0.2,2026-08-30", **mapping, aggregate="max"))
    assert not differing.complete


def test_s1_61_columns_of_money_per_product() -> None:
    result = read(
        "Customer,Disk,Data",
        "Acme,10.5,",
        "Zon,1,2",
        shape="wide",
        product_columns=["Disk", "Data"],
        amounts=True,
        product="",
    )
    assert {(line.customer_id, line.resource): line.amount for line in told(result).lines} == {
        ("Acme", "Disk"): Decimal("10.5"), ("Zon", "Disk"): 1, ("Zon", "Data"): 2,
    }  # fmt: skip


def test_what_does_not_fit_together_is_told() -> None:
    with pytest.raises(ValidationError, match="amount"):
        FileSettings(shape="wide", customer="Customer", product_columns=("A",), amount="Amount")
    with pytest.raises(ValidationError, match="amount"):
        FileSettings(shape="seats", customer="Customer", product="Product", amounts=True)


RECORDS = st.tuples(
    st.sampled_from(["Acme", "Zon"]), st.sampled_from(["Disk", "Data"]), st.sampled_from(["2026-08", "2026-09", ""]),
    st.decimals(min_value=-(10**6), max_value=10**6, places=7, allow_nan=False), st.sampled_from(["EUR", "USD"]),
)  # fmt: skip


@tries(25)
@given(st.lists(RECORDS, min_size=1, max_size=30))
def test_s1_66_no_fraction_of_a_cent_is_lost(records: list[tuple[str, str, str, Decimal, str]]) -> None:
    rows = [
        f"{customer},{product},{month},{amount:f},{currency}" for customer, product, month, amount, currency in records
    ]
    result = read(
        "Customer,Product,Month,Amount,Cur",
        *rows,
        amount="Amount",
        period="Month",
        currency="Cur",
        number_format="point",
    )
    reading = told(result)
    for currency in ("EUR", "USD"):
        total = sum((line.amount for line in reading.lines if line.currency == currency), Decimal(0))
        assert total == sum((record[3] for record in records if record[4] == currency), Decimal(0))
    assert sum(line.origin.rows for line in reading.lines) == len(records)


@pytest.mark.parametrize(
    "mapping",
    [
        {"amount": "Amount"},
        {"quantity": "Amount", "amounts": True},
        {"quantity": "Qty", "amount": "Amount"},
        {"quantity": "Qty", "unit_cost": "Amount", "amounts": True},
    ],
)
def test_m2_a_row_that_names_its_customer_and_product_and_tells_nothing_is_a_line_without_an_amount(
    mapping: dict[str, Any],
) -> None:
    result = read("Customer,Product,Qty,Amount", "Acme,Disk,,", "Acme,Data,2,4", ",,,", "Notes:,,,", **mapping)
    assert (result.outcome, result.errors) == (Outcome.OK_WITH_NOTES, ())
    assert [line.product_key for line in result.lines] == ["Data"]
    assert [line.product_key for line in result.amounts if not line.attributes.get("amount")] == ["Disk"]
    assert [(line.resource, line.amount) for line in told(result).lines] == [
        ("Data", 8 if "unit_cost" in mapping else 4)
    ]
    assert told(result).complete


def test_an_amount_without_a_quantity_has_no_price_of_zero() -> None:
    result = read(
        "Customer,Product,Qty,Amount,Price", "Acme,Setup,,25,30", quantity="Qty", amount="Amount", unit_price="Price"
    )
    assert [(line.amount, line.price) for line in told(result).lines] == [(25, None)]
