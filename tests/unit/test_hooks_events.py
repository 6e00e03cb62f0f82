"""Our own layout of events: rows, what they prove, and that nothing anybody sends breaks it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.domain.hook_events import envelope_of, moment, rows_of
from core.domain.hook_settings import Holds, WebhookSettings
from core.domain.usage import Scope
from core.services import webhook_bodies
from core.services.webhook_bodies import Unreadable
from tests.looking import tries

AT = datetime(2026, 10, 5, 6, tzinfo=UTC)
MAPPED = WebhookSettings.model_validate(
    {"mapping": {"records": "items", "customer": "c", "product": "p", "quantity": "q"}, "everything": True}
)


def event(*customers: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {"type": "license.snapshot", "data": {"customers": list(customers), **data}}


def customer(name: str, *products: tuple[str, object]) -> dict[str, Any]:
    return {"id": name, "products": [{"sku": sku, "quantity": quantity} for sku, quantity in products]}


def read(document: Any, holds: Holds = Holds.PORTAL) -> webhook_bodies.Read:
    own = WebhookSettings(complete_holds=holds)
    return webhook_bodies.read(webhook_bodies.Body(document), own, "P", AT, "webhook 1")


def test_everything_a_product_may_tell_is_on_the_line() -> None:
    product = {
        "sku": "M365-BP", "name": "Business  Premium", "quantity": "25.50", "unit": "seats", "term": "P1Y",
        "billing_frequency": "monthly", "subscription_id": 7, "unit_cost": 1.5, "unit_price": "2", "currency": "EUR",
        "effective_date": "2026-10-05", "period_start": "2026-10-01", "period_end": "2026-10-31", "attributes": {"region": "weu"},
    }  # fmt: skip
    raw = json.dumps({"customers": [{"id": "C-001", "name": "De Halm", "products": [product]}]}).encode()
    line = rows_of(webhook_bodies.parse(raw, "application/json").document, "webhook 9").lines[0]
    assert (line.customer_id, line.customer, line.product_key, line.product) == (
        "C-001",
        "De Halm",
        "M365-BP",
        "Business Premium",
    )
    assert (line.quantity, line.unit, line.term, line.billing_frequency) == (
        Decimal("25.50"),
        "seats",
        "P1Y",
        "monthly",
    )
    assert (line.subscription_id, line.unit_cost, line.unit_price, line.currency) == (
        "7",
        Decimal("1.5"),
        Decimal(2),
        "EUR",
    )
    assert (line.effective_date, line.period_end) == (date(2026, 10, 5), date(2026, 10, 31))
    assert dict(line.attributes) == {"region": "weu"}
    assert line.origin == ("webhook 9", "customers[0].products[0]", 1)


@pytest.mark.parametrize(
    "product",
    [
        {"sku": "A"}, {"sku": "A", "quantity": None}, {"sku": "A", "quantity": "abc"}, {"sku": "A", "quantity": -1},
        {"sku": "A", "quantity": True}, {"sku": "A", "quantity": "1,5"}, {"sku": "A", "quantity": "1e3"},
        {"quantity": 1}, {"sku": "A", "quantity": 1, "term": "yearly"}, {"sku": "A", "quantity": 1, "billing_frequency": "weekly"},
        {"sku": "A", "quantity": 1, "effective_date": "soon"}, "text", None, {},
    ],
)  # fmt: skip
def test_m2_a_row_that_cannot_be_read_is_never_zero(product: object) -> None:
    document = {"customers": [{"id": "C", "products": [product, {"sku": "B", "quantity": 2}]}]}
    rows = rows_of(document, "s")
    assert [(line.product_key, line.quantity) for line in rows.lines] == [("B", 2)]
    assert len(rows.problems) == 1
    assert set(rows.failed) == {"C"}


def test_m2_a_bad_row_takes_the_proof_of_absence_from_its_customer_alone() -> None:
    found = read(event(customer("C", ("A", "x"), ("B", 5)), customer("D", ("A", 6)), complete=True))
    whole, rest = found.readings
    assert (whole.scope, set(whole.failed_customers)) == (Scope.PORTAL, {"C"})
    assert [line.customer_id for line in whole.lines] == ["D"]
    assert not whole.proves_absence("C")
    assert whole.proves_absence("E")
    assert (rest.scope, [line.product_key for line in rest.lines]) == (Scope.LINES, ["B"])


def test_m2_a_bad_row_of_nobody_takes_it_from_all() -> None:
    found = read(event({"products": []}, customer("D", ("A", 6)), complete=True))
    assert [reading.scope for reading in found.readings] == [Scope.LINES]


def test_a_complete_event_may_hold_the_customers_it_names_alone() -> None:
    found = read(event(customer("C", ("A", 1)), customer("D"), complete=True), Holds.CUSTOMERS)
    reading = found.readings[0]
    assert (reading.scope, reading.customers_covered) == (Scope.CUSTOMERS, {"C", "D"})
    assert reading.proves_absence("D")
    assert not reading.proves_absence("E")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-10-05T06:00:00Z", AT), ("2026-10-05T08:00:00+02:00", AT), ("2026-10-05T06:00:00", AT), (1791180000, AT),
        (Decimal("1791180000.0"), AT), ("yesterday", None), (True, None), (10**30, None), (None, None), ([], None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)  # fmt: skip
def test_the_time_of_an_event(value: object, expected: datetime | None) -> None:
    assert moment(value) == expected


def test_the_type_says_what_an_event_means() -> None:
    assert envelope_of({"customers": []}).type == "license.change"
    assert envelope_of({"data": {"complete": True, "customers": []}}).is_whole
    assert not envelope_of({"type": "license.change", "data": {"complete": True, "customers": []}}).is_whole
    assert not envelope_of({"type": "license.snapshot", "data": {"complete": "true", "customers": []}}).is_whole
    assert not envelope_of({"hello": 1}).is_known


NAMES = st.sampled_from(
    [
        "type",
        "data",
        "customers",
        "complete",
        "id",
        "name",
        "products",
        "sku",
        "quantity",
        "items",
        "c",
        "p",
        "q",
        "timestamp",
    ]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(ANYTHING, st.sampled_from([WebhookSettings(), MAPPED]))
@tries(60)
def test_no_document_breaks_it_and_no_line_is_there_twice(document: Any, known: WebhookSettings) -> None:
    told = webhook_bodies.envelope(document, known)
    assert webhook_bodies.is_snapshot(told, known) in (True, False)
    found = webhook_bodies.read(webhook_bodies.Body(document), known, "P", AT, "webhook 1")
    for reading in found.readings:
        keys = [line.key for line in reading.lines]
        assert len(keys) == len(set(keys))
        assert all(line.customer_id not in reading.failed_customers for line in reading.lines)


KINDS = [
    "application/json",
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "text/csv",
    "",
    "application/x+json",
]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from(KINDS))
@example(b"1e99999999999999999999", "application/json")
@example(b"[" * 100_000, "application/json")
@example(b'{"a":NaN}', "application/json")
@example(b"a=" + b"1&a=" * 3000, "application/x-www-form-urlencoded")
@tries(60)
def test_no_body_breaks_the_reader(raw: bytes, kind: str) -> None:
    try:
        webhook_bodies.envelope(webhook_bodies.parse(raw, kind).document, WebhookSettings())
    except Unreadable:
        return
