"""Rules of the importer beside the conformance list: what decides about money when a file is odd."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from core.domain.file_settings import FileSettings
from core.domain.usage import Scope
from core.files.importer import Limits
from tests.files.samples import csv, kinds, lines, mapping, note_kinds, read, triples, xlsx

NOW = dt.datetime(2026, 10, 1, 2, tzinfo=dt.UTC)
HEAD = ["Customer", "Product", "Qty"]


# --- settings ---------------------------------------------------------------------------------------------------------------


def test_a_new_portal_has_no_mapping_and_says_so() -> None:
    assert not FileSettings().is_mapped
    assert kinds(read(csv("A,X,1"), FileSettings())) == ["column_missing"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"customer": "Customer"},
        {"customer": "Customer", "product": "Product"},
        {"shape": "wide", "customer": "Customer"},
        {"shape": "tree", "customer": "a", "product": "b", "quantity": "c"},
        {"shape": "daily", "customer": "a", "product": "b", "quantity": "c"},
        {"customer": {"file_name": "no group"}, "product": "b", "quantity": "c"},
        {"customer": {"file_name": "("}, "product": "b", "quantity": "c"},
        {"customer": "a", "product": "b", "quantity": "c", "stop": "["},
        {"customer": "a", "product": "b", "quantity": "c", "colour": "red"},
        {"customer": "a", "product": "b", "quantity": "c", "value_map": {"price": {"a": "b"}}},
        {"customer": "a", "product": "b", "quantity": "c", "expected_period": "September"},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FileSettings.model_validate(wrong)


def test_yaml_truth_values_and_single_values_work_as_filters() -> None:
    settings = FileSettings.model_validate(
        {"shape": "seats", "customer": "Customer", "product": "Product", "filter": {"Charged": True, "Kind": [1, "b"]}}
    )
    data = csv("A,X,Yes,1", "A,X,yes,b", "A,X,No,1", "A,X,Yes,c", header="Customer,Product,Charged,Kind")
    assert triples(read(data, settings)) == lines(("A", "X", 2))


def test_settings_survive_a_round_trip() -> None:
    settings = mapping(product={"constant": "X"}, filter={"Status": ["Active"]}, expected_total="5.5", header_rows=2)
    assert FileSettings.model_validate(settings.model_dump(mode="json")) == settings


# --- what a reading proves (M2) ---------------------------------------------------------------------------------------------


def test_m2_a_file_proves_absence_only_when_it_is_said_to_hold_everything() -> None:
    part = read(csv("A,X,1")).reading("p", NOW)
    assert (part.scope, part.proves_absence("A"), part.complete) == (Scope.LINES, False, True)
    whole = read(csv("A,X,1"), mapping(complete=True)).reading("p", NOW)
    assert whole.scope is Scope.PORTAL and whole.proves_absence("B")
    assert whole.fingerprint == read(csv("A,X,1")).sha256


def test_m2_a_file_for_one_customer_proves_nothing_of_others() -> None:
    settings = FileSettings(customer={"file_name": r"^(\S+) "}, product="Product", quantity="Qty", complete=True)
    reading = read(csv("X,1", header="Product,Qty"), settings, name="Smit usage.csv").reading("p", NOW)
    assert reading.scope is Scope.CUSTOMERS
    assert reading.proves_absence("Smit") and not reading.proves_absence("De Halm")


def test_m2_bad_rows_hold_their_customer_and_leave_the_others() -> None:
    result = read(csv("A,X,1", "A,Y,abc", "B,X,3"), mapping(complete=True))
    assert (result.outcome, kinds(result)) == ("needs_review", ["not_a_number"])
    assert triples(result) == lines(("A", "X", 1), ("B", "X", 3))
    reading = result.reading("p", NOW)
    assert set(reading.failed_customers) == {"A"}
    assert reading.complete and reading.proves_absence("B") and not reading.proves_absence("A")


def test_m2_what_is_left_of_a_bad_quantity_is_never_used() -> None:
    result = read(csv("A,X,10", "A,X,abc", "A,Y,2"))
    assert triples(result) == lines(("A", "Y", 2))
    lossy = read(csv("A,X,10", "A,1E+12,5", "B,X,1"))
    assert triples(lossy) == lines(("B", "X", 1))
    assert kinds(lossy) == ["lossy_identifier"]


def test_m2_a_bad_row_without_customer_makes_the_whole_reading_incomplete() -> None:
    for row in (",X,5", "A,B,X,5"):
        reading = read(csv("A,X,1", row), mapping(complete=True)).reading("p", NOW)
        assert not reading.complete and not reading.proves_absence("C")


def test_m2_a_rejected_file_is_never_an_empty_reading() -> None:
    result = read(b"", mapping(complete=True))
    assert not result.is_usable
    assert not result.reading("p", NOW).complete


def test_m2_a_filter_that_lets_nothing_through_is_no_zero() -> None:
    result = read(
        csv("A,X,1,Enabled", header="Customer,Product,Qty,Status"),
        mapping(filter={"Status": ["Active"]}, complete=True),
    )
    assert kinds(result) == ["no_data_rows"]


def test_m2_a_sheet_that_nearly_fits_is_an_error_among_all_sheets() -> None:
    def more(book: Any, _sheet: Any) -> None:
        renamed = book.create_sheet("Renamed")
        renamed.append(["Customer", "Product", "Number"])
        renamed.append(["B", "X", 2])
        book.create_sheet("Info").append(["Made by", "somebody"])
        book.create_sheet("Empty")

    result = read(xlsx([HEAD, ["A", "X", 5]], more), mapping(sheet="all", complete=True))
    assert (result.outcome, kinds(result), note_kinds(result)) == (
        "needs_review",
        ["column_missing"],
        ["sheet_skipped"],
    )
    assert result.errors[0].sheet == "Renamed"
    assert not result.reading("p", NOW).complete


# --- rows -------------------------------------------------------------------------------------------------------------------


def test_rows_without_a_quantity_are_told_not_counted_as_zero() -> None:
    result = read(csv("A,X,5", "A,Y,", "A,Z,n/a", "B,X,-", "Made by Portal,,"))
    assert triples(result) == lines(("A", "X", 5))
    assert note_kinds(result) == ["no_value"] and str(result.notes[0].message).startswith("4 rows")


def test_blank_rows_and_repeated_headings_are_skipped_in_silence() -> None:
    result = read(csv("A,X,5", "", ",,", "  ,\t,", "Customer,Product,Qty", "B,X,1"))
    assert (result.outcome, triples(result)) == ("ok", lines(("A", "X", 5), ("B", "X", 1)))
    assert [line.origin.place for line in result.lines] == ["row 2", "row 7"]


@pytest.mark.parametrize(
    ("rows", "wanted", "skipped"),
    [
        (["A,X,5", "B,X,5", "Grand total,,10"], [("A", "X", 5), ("B", "X", 5)], 1),
        (
            ["A,X,5", "A,Y,1", "Subtotaal,,6", "B,X,5", "Subtotal,,5", "Eindtotaal,,11"],
            [("A", "X", 5), ("A", "Y", 1), ("B", "X", 5)],
            3,
        ),
        (["A,X,5", "Subtotal A,X,5", "B,X,7", "Subtotal B,X,7", "Total,X,12"], [("A", "X", 5), ("B", "X", 7)], 3),
        (["A,X,5", ",,5"], [("A", "X", 5)], 1),
        (["Total Energies,X,7", "A,X,5"], [("Total Energies", "X", 7), ("A", "X", 5)], 0),
        (["A,X,5", "Gesamtschule,X,7"], [("A", "X", 5), ("Gesamtschule", "X", 7)], 0),
        (["A,X,5", "Summe,,99"], [("A", "X", 5)], 1),
        (["Totalis,X,5", "Totaliteit BV,X,3"], [("Totalis", "X", 5), ("Totaliteit BV", "X", 3)], 0),
    ],
)
def test_s3_8_totals_rows(rows: list[str], wanted: list[tuple[str, str, int]], skipped: int) -> None:
    result = read(csv(*rows))
    assert triples(result) == lines(*wanted)
    assert not result.errors
    assert note_kinds(result) == (["totals_skipped"] if skipped else [])
    if skipped > 1:
        assert str(result.notes[0].message).startswith(f"{skipped} totals rows")


def test_s3_8_a_nameless_row_that_is_no_sum_is_an_error() -> None:
    result = read(csv("A,X,5", ",,6"))
    assert kinds(result) == ["customer_missing"]


def test_s3_8_totals_of_wide_tables_constant_products_and_filters() -> None:
    wide = FileSettings(shape="wide", customer="Customer", product_columns=["X", "Y"])
    result = read(csv("A,1,2", "B,3,", "Totaal,4,2", header="Customer,X,Y"), wide)
    assert triples(result) == lines(("A", "X", 1), ("A", "Y", 2), ("B", "X", 3))
    one = read(csv("A,1", "B,3", "Total,4", header="Customer,Qty"), mapping(product={"constant": "X"}))
    assert triples(one) == lines(("A", "X", 1), ("B", "X", 3))
    filtered = read(
        csv("A,X,1,on", "B,X,3,off", "Total,X,4,on", header="Customer,Product,Qty,State"),
        mapping(filter={"State": "on"}),
    )
    assert triples(filtered) == lines(("A", "X", 1))
    both_fixed = read(csv("5", "5", header="Qty"), mapping(customer={"constant": "A"}, product={"constant": "X"}))
    assert triples(both_fixed) == lines(("A", "X", 10))


def test_names_are_trimmed_and_their_spaces_collapsed_but_case_counts() -> None:
    result = read(csv(" De  Halm ,X,1", "De\u00a0Halm,X,2", "DE HALM,X,4"))
    assert triples(result) == lines(("De Halm", "X", 3), ("DE HALM", "X", 4))


def test_headings_are_compared_without_case_spaces_and_marks() -> None:
    assert triples(read("\ufeff CUSTOMER\u00a0,pro duct,Qty\nA,X,1\n".encode(), mapping(product="Pro  Duct"))) == lines(
        ("A", "X", 1)
    )


def test_ids_group_and_names_are_kept_beside_them() -> None:
    settings = mapping(customer_id="Id", product_key="Sku")
    data = csv(
        "7,De Halm,X1,Prod X,1",
        "7,De Halm B.V.,X1,Product X,2",
        "8,De Halm,X1,Prod X,4",
        header="Id,Customer,Sku,Product,Qty",
    )
    result = read(data, settings)
    assert [(x.customer_id, x.customer, x.product_key, x.product, x.quantity) for x in result.lines] == [
        ("7", "De Halm", "X1", "Prod X", 3),
        ("8", "De Halm", "X1", "Prod X", 4),
    ]


def test_terms_billing_frequencies_and_subscriptions_never_collide() -> None:
    settings = mapping(term="Term", billing_frequency="Billing", subscription_id="Sub")
    data = csv("A,X,1,Annual,Monthly,s1", "A,X,2,Annual,Yearly,s1", "A,X,4,Monthly,Monthly,s1", "A,X,8,P1Y,monthly,s2", "A,X,16,1 year,month,s1",
               header="Customer,Product,Qty,Term,Billing,Sub")  # fmt: skip
    found = {line.key[2:]: int(line.quantity) for line in read(data, settings).lines}
    assert found == {
        ("P1Y", "monthly", "s1"): 17,
        ("P1Y", "yearly", "s1"): 2,
        ("P1M", "monthly", "s1"): 4,
        ("P1Y", "monthly", "s2"): 8,
    }


def test_value_map_ignored_customers_and_constants() -> None:
    settings = mapping(
        value_map={"product": {"m365 bp": "M365", "BP old": "M365"}, "customer": {"Smit": "Smit BV"}},
        ignore_customers=["own company"],
    )
    data = csv("A,M365 BP,1", "A,BP old,2", "Smit,X,3", "OWN Company,X,abc")
    assert triples(read(data, settings)) == lines(("A", "M365", 3), ("Smit BV", "X", 3))


def test_prices_costs_and_currencies() -> None:
    settings = mapping(unit_cost="Seller Cost (USD)", unit_price="Price")
    data = csv(
        'A,X,1,"€ 1.234,50","2,00"',
        'A,X,2,"€ 1.234,50","3,00"',
        "B,X,1,,",
        header="Customer,Product,Qty,Seller Cost (EUR),Price",
    )
    result = read(data, settings)
    first, second = result.lines
    assert (first.unit_cost, first.unit_price, first.currency, first.quantity) == (Decimal("1234.5"), None, "EUR", 3)
    assert (second.unit_cost, second.unit_price) == (None, None)
    assert note_kinds(result) == ["price_differs"]
    unreadable = read(csv("A,X,1,gratis", header="Customer,Product,Qty,Price"), mapping(unit_price="Price"))
    assert note_kinds(unreadable) == ["price_unreadable"]


def test_effective_dates_matter_so_they_are_never_guessed() -> None:
    settings = mapping(effective_date="From")
    header = "Customer,Product,Qty,From"
    result = read(csv("A,X,1,2026-10-05", "A,X,1,2026-10-01", "B,X,1,", header=header), settings)
    assert [line.effective_date for line in result.lines] == [dt.date(2026, 10, 5), None]
    assert kinds(read(csv("A,X,1,03/04/2026", header=header), settings)) == ["ambiguous_date"]
    assert kinds(read(csv("A,X,1,soon", header=header), settings)) == ["not_a_date"]


# --- shapes -----------------------------------------------------------------------------------------------------------------


def test_wide_all_columns_right_of_one_may_not_repeat() -> None:
    settings = FileSettings(shape="wide", customer="Customer", product_columns={"right_of": "Customer"})
    result = read(csv("A,1,2", header="Customer,BP,BP"), settings)
    assert kinds(result) == ["column_ambiguous"]


def test_grouped_with_the_customer_on_a_line_of_its_own() -> None:
    same_column = mapping(shape="grouped", product="Customer")
    result = read(csv("De Halm,", "M365 BP,25", "EDR,3", "Smit,", "M365 BP,4", header="Customer,Qty"), same_column)
    assert triples(result) == lines(("De Halm", "M365 BP", 25), ("De Halm", "EDR", 3), ("Smit", "M365 BP", 4))
    pattern = FileSettings(
        shape="grouped", group_line=r"^Customer: (?P<customer>.+?)( \(\d+\))?$", product="Product", quantity="Qty"
    )
    data = b"Product,Qty\nCustomer: De Halm (7),\nX,1\nY,2\nCustomer: Smit,\nX,3\n"
    assert triples(read(data, pattern)) == lines(("De Halm", "X", 1), ("De Halm", "Y", 2), ("Smit", "X", 3))
    own_column = mapping(shape="grouped")
    assert triples(read(csv("De Halm,,", ",X,1", ",Y,2", "Smit,X,3"), own_column)) == lines(
        ("De Halm", "X", 1), ("De Halm", "Y", 2), ("Smit", "X", 3)
    )


def test_two_tables_in_one_file() -> None:
    data = b"Monthly License Usage\n\nCompany,Used\nA,5\nB,7\n\nEndpoint details\nCompany,Endpoint,Module,Used\nA,pc1,EDR,1\nA,pc2,EDR,1\nB,pc3,EDR,1\n"
    first = FileSettings(customer="Company", product={"constant": "GravityZone"}, quantity="Used", table=1)
    assert triples(read(data, first)) == lines(("A", "GravityZone", 5), ("B", "GravityZone", 7))
    second = FileSettings(customer="Company", product="Module", quantity="Used", table=2)
    assert triples(read(data, second)) == lines(("A", "EDR", 2), ("B", "EDR", 1))
    stopped = FileSettings(
        customer="Company", product={"constant": "GravityZone"}, quantity="Used", stop="^Endpoint details"
    )
    assert triples(read(data, stopped)) == lines(("A", "GravityZone", 5), ("B", "GravityZone", 7))
    rows = [[cell or None for cell in line.split(",")] for line in data.decode().split("\n")]
    numbers = [[int(c) if c and c.isdigit() else c for c in row] for row in rows]
    assert triples(read(xlsx(numbers), second)) == lines(("A", "EDR", 2), ("B", "EDR", 1))
    missing = FileSettings(customer="Company", product="Module", quantity="Used", table=3)
    assert read(data, missing).outcome == "rejected"


def test_daily_change_logs_take_the_newest_row_and_never_the_sum() -> None:
    settings = mapping(shape="daily", date="Date")
    header = "Date,Customer,Product,Qty"
    data = csv("2026-09-03,A,X,6", "2026-09-01,A,X,5", "2026-09-03,B,X,1", "2026-09-02,B,X,9", header=header)
    assert triples(read(data, settings)) == lines(("A", "X", 6), ("B", "X", 1))
    timed = csv("2026-09-03 10:00,A,X,6", "2026-09-03 09:00,A,X,5", header=header)
    assert triples(read(timed, settings)) == lines(("A", "X", 6))


def test_m9_two_rows_of_the_last_day_that_disagree_are_not_chosen_from() -> None:
    settings = mapping(shape="daily", date="Date")
    header = "Date,Customer,Product,Qty"
    result = read(
        csv("2026-09-03,A,X,6", "2026-09-03,A,X,5", "2026-09-03,B,X,5", "2026-09-03,B,X,5", header=header), settings
    )
    assert kinds(result) == ["same_date"]
    assert triples(result) == lines(("B", "X", 5))


def test_daily_dates_matter_only_where_they_decide() -> None:
    header = "Date,Customer,Product,Qty"
    data = csv("03/04/2026,A,X,6", "04/03/2026,A,X,8", header=header)
    assert kinds(read(data, mapping(shape="daily", date="Date"))) == ["ambiguous_date", "ambiguous_date"]
    assert triples(read(data, mapping(shape="daily", date="Date", aggregate="max"))) == lines(("A", "X", 8))
    assert triples(read(data, mapping(shape="daily", date="Date", date_format="dd/mm/yyyy"))) == lines(("A", "X", 6))
    assert triples(read(data, mapping(shape="daily", date="Date", date_format="mm/dd/yyyy"))) == lines(("A", "X", 8))


@pytest.mark.parametrize(
    ("aggregate", "rounding", "wanted"),
    [("sum", "none", "6.5"), ("sum", "up", "7"), ("sum", "nearest", "7"), ("max", "none", "4.25"), ("average", "none", "2.1667"),
     ("average", "nearest", "2"), ("count", "none", "3"), ("last", "none", "1.25"), ("last", "nearest", "1")],
)  # fmt: skip
def test_m12_aggregates_and_rounding(aggregate: str, rounding: str, wanted: str) -> None:
    data = csv("A,X,1.0", "A,X,4.25", "A,X,1.25")
    assert triples(read(data, mapping(aggregate=aggregate, rounding=rounding))) == lines(("A", "X", wanted))


def test_m12_rounding_up_uses_the_exact_average() -> None:
    rows = ["A,X,6"] * 99_999 + ["A,X,7"]
    assert read(csv(*rows), mapping(aggregate="average", rounding="up")).lines[0].quantity == 7
    assert read(csv(*rows), mapping(aggregate="average")).lines[0].quantity == 6


def test_distinct_values_are_counted_across_sheets_and_blanks_are_told() -> None:
    def more(book: Any, _sheet: Any) -> None:
        other = book.create_sheet("More")
        for row in (["Customer", "User", "Licence"], ["A", "u1", "BP"], ["A", "u2", "BP"], ["A", None, "BP"]):
            other.append(row)

    settings = FileSettings(shape="seats", customer="Customer", product="Licence", distinct="User", sheet="all")
    result = read(xlsx([["Customer", "User", "Licence"], ["A", "u1", "BP"]], more), settings)
    assert triples(result) == lines(("A", "BP", 2))
    assert note_kinds(result) == ["no_value"]


def test_tree_paths_take_from_record_customer_and_root() -> None:
    data = b'{"period": "2026-09", "data": [{"info": {"name": "A"}, "subs": [{"sku": "X", "qty": 3, "term": "Annual"}, {"sku": "X", "qty": 1.5, "term": null}]}]}'
    settings = FileSettings(
        shape="tree",
        customers="$.data[*]",
        products="subs",
        customer="info.name",
        product="sku",
        quantity="qty",
        term="term",
        period="period",
    )
    found = {(line.customer, line.term): (line.quantity, line.period_start) for line in read(data, settings).lines}
    assert found == {("A", "P1Y"): (3, dt.date(2026, 9, 1)), ("A", ""): (Decimal("1.5"), dt.date(2026, 9, 1))}


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b'{"customers": []}', "no_data_rows"), (b'{"clients": [1]}', "header_not_found"),
     (b'{"customers": [{"name": "A", "products": [{"sku": "X", "count": 1}]}]}', "column_missing"),
     (b'{"customers": [{"name": "A", "products": []}]}', "no_data_rows"), (b"[" * 80 + b"]" * 80, "file_too_large")],
)  # fmt: skip
def test_trees_that_are_not_as_expected_are_refused(data: bytes, kind: str) -> None:
    settings = FileSettings(
        shape="tree", customers="customers[*]", products="products[*]", customer="name", product="sku", quantity="qty"
    )
    result = read(data, settings)
    assert (result.outcome, kinds(result)) == ("rejected", [kind])


def test_xml_trees_and_a_list_of_one() -> None:
    settings = FileSettings(
        shape="tree",
        customers="Report.Customer[*]",
        products="Item[*]",
        customer="@name",
        product="Sku",
        quantity="Qty",
    )
    one = b"<r:Report xmlns:r='urn:r'><r:Customer name='A'><r:Item><r:Sku>X</r:Sku><r:Qty>3</r:Qty></r:Item></r:Customer></r:Report>"
    assert triples(read(one, settings)) == lines(("A", "X", 3))
    two = b"<Report><Customer name='A'><Item><Sku>X</Sku><Qty>3</Qty></Item><Item><Sku>Y</Sku><Qty>1</Qty></Item></Customer><Customer name='B'><Item><Sku>X</Sku><Qty>2</Qty></Item></Customer></Report>"
    assert triples(read(two, settings)) == lines(("A", "X", 3), ("A", "Y", 1), ("B", "X", 2))


def test_json_text_numbers_are_ambiguous_as_in_a_csv_and_numbers_are_not() -> None:
    settings = FileSettings(customer="c", product="p", quantity="q")
    assert kinds(read(b'[{"c": "A", "p": "X", "q": "1.250"}]', settings)) == ["ambiguous_number"]
    assert triples(read(b'[{"c": "A", "p": "X", "q": 1.250}]', settings)) == lines(("A", "X", "1.25"))
    assert kinds(read(b'[{"c": "A", "p": "X", "q": NaN}]', settings)) == ["not_a_number"]
    assert kinds(read(b'[{"c": "A", "p": "X", "q": true}]', settings)) == ["not_a_number"]


def test_json_lines_with_one_broken_line_need_review() -> None:
    settings = FileSettings(customer="c", product="p", quantity="q")
    good = b'{"c": "A", "p": "X", "q": 1}\n'
    result = read(good + good + b'{"c": "A", "p":\n' + good, settings)
    assert (result.outcome, result.errors[0].row, triples(result)) == ("needs_review", 3, lines(("A", "X", 3)))


def test_json_keys_that_come_twice_are_told() -> None:
    result = read(b'[{"c": "A", "p": "X", "q": 1, "q": 2}]', FileSettings(customer="c", product="p", quantity="q"))
    assert (triples(result), note_kinds(result)) == (lines(("A", "X", 2)), ["duplicate_keys"])


# --- control ----------------------------------------------------------------------------------------------------------------


def test_control_total_and_period() -> None:
    data = csv("A,X,5,2026-09", "B,X,7,09/2026", header="Customer,Product,Qty,Month")
    assert read(data, mapping(expected_total=12)).outcome == "ok"
    assert kinds(read(data, mapping(expected_total=13))) == ["control_total_differs"]
    assert read(data, mapping(period="Month", expected_period="2026-09")).lines[0].period_end == dt.date(2026, 9, 30)
    assert kinds(read(data, mapping(period="Month", expected_period="2026-08"))) == ["period_mismatch"]
    by_name = mapping(period={"file_name": r"(\d{4}-\d\d)"}, expected_period="2026-09")
    assert read(csv("A,X,5"), by_name, name="usage 2026-09.csv").outcome == "ok"
    assert kinds(read(csv("A,X,5"), by_name, name="usage 2026-08.csv")) == ["period_mismatch"]


def test_a_big_change_of_the_total_is_a_warning() -> None:
    assert note_kinds(read(csv("A,X,5"), previous_total=Decimal(20))) == ["big_change"]
    assert note_kinds(read(csv("A,X,15"), previous_total=Decimal(20))) == []
    assert note_kinds(read(csv("A,X,5"), mapping(big_change_percent=90), previous_total=Decimal(20))) == []


def test_whole_numbers_only_where_asked() -> None:
    assert kinds(read(csv("A,X,1.5"), mapping(whole_only=True))) == ["not_whole"]
    assert read(csv("A,X,1.5", "A,X,1.5"), mapping(whole_only=True)).outcome == "ok"


def test_a_file_name_that_does_not_fit_is_told() -> None:
    settings = FileSettings(customer={"file_name": r"^Org-(\d+) "}, product="Product", quantity="Qty")
    result = read(csv("X,1", header="Product,Qty"), settings, name="report.csv")
    assert (kinds(result), result.errors[0].text) == (["customer_missing"], "report.csv")


def test_many_errors_are_counted_and_all_their_customers_kept() -> None:
    result = read(csv(*(f"C{i},X,abc" for i in range(3000))), limits=Limits(issues_per_kind=10))
    assert len(result.errors) == 10
    assert len(result.affected_customers) == 3000
    assert "2990 more rows" in str(result.notes[0].message)


def test_s3_11_limits() -> None:
    assert kinds(read(csv("A,X,1"), limits=Limits(upload_bytes=10))) == ["file_too_large"]
    assert kinds(read(csv(*["A,X,1"] * 30), limits=Limits(rows=20))) == ["file_too_large"]
    assert kinds(read(csv(*["A,X,1"] * 30, ""), limits=Limits(rows=20))) == ["file_too_large"]
    assert kinds(read(csv("A,X,1", header="Customer,Product,Qty" + ",x" * 3000))) == ["file_too_large"]
    assert kinds(read(csv(f"{'A' * 40_000},X,1"))) == ["file_too_large"]


def test_the_separator_that_gives_the_headings_wins() -> None:
    data = b"Customer;Product, kind;Qty, used, now\nA;X, big, red;1\nB;Y, small, blue;2\n"
    assert triples(read(data, mapping(product="Product, kind", quantity="Qty, used, now"))) == lines(
        ("A", "X, big, red", 1), ("B", "Y, small, blue", 2)
    )


def test_errors_behind_a_separator_line_name_the_row_of_the_file() -> None:
    result = read(b"sep=;\nCustomer;Product;Qty\nA;X;abc\n")
    assert result.errors[0].row == 3
    assert read(b"sep=;\nCustomer;Product\nA;X\n").errors[0].row == 2


def test_json_document_of_the_command_line() -> None:
    document = read(csv("A,X,25", "A,Y,2.5", "B,X,abc")).to_json()
    assert document["outcome"] == "needs_review"
    assert [line["quantity"] for line in document["lines"]] == [25, 2.5]
    assert set(document["lines"][0]) >= {
        "customer_id", "customer", "product_key", "product", "quantity", "term", "billing_frequency", "subscription_id",
    }  # fmt: skip
    error = document["errors"][0]
    assert {key: error[key] for key in ("kind", "sheet", "row", "column", "text")} == {
        "kind": "not_a_number", "sheet": "", "row": 4, "column": "C", "text": "abc",
    }  # fmt: skip
    assert (
        error["message"]
        == "export.csv, row 4, column C: “abc” is not a number. Correct the cell in the file, or export it again."
    )


def test_m13_every_line_names_file_sheet_and_row() -> None:
    line = read(xlsx([["Report"], [], HEAD, ["A", "X", 5], ["A", "X", 2]]), name="usage.xlsx").lines[0]
    assert tuple(line.origin) == ("usage.xlsx", "Usage!C4", 2)
