"""Pax8 over real HTTP against a fake of its Partner API; one test for each conformance case (pax8 §13)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.pax8.manifest import MANIFEST
from connectors.pax8.source import Pax8
from core.domain.errors import Unauthorized
from core.domain.provisioning.subscription import dates_of, type_of
from core.domain.subscription.words import auto_renew_of, commitment_end, created_on
from core.domain.usage import Reading
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def company(number: int, name: str = "", status: str = "Active") -> dict[str, Any]:
    return {"id": f"c{number}", "name": name or f"Company {number}", "status": status, "externalId": None}


def subscription(number: int, company: str = "c1", **fields: Any) -> dict[str, Any]:
    return {
        "id": f"s{number}", "companyId": company, "productId": "p1", "quantity": 1, "status": "Active", "endDate": None,
        "createdDate": "2025-03-01T00:00:00.000-0600", "price": 20.60, "partnerCost": 17.20, "currencyCode": "EUR",
        "productName": "Microsoft 365 Business Premium", "billingTerm": "Monthly", "commitmentTerm": None, **fields,
    }  # fmt: skip


@dataclass
class Fake:
    """Pax8's behaviour, and switches for its bad days."""

    companies: list[dict[str, Any]] = field(default_factory=lambda: [company(1)])
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    usage: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    secret: str = "s3cret-value"
    token: str = "t1"
    before: list[Response] = field(default_factory=list)
    shrink_after_page: int | None = None
    revoke_after: int | None = None
    lists_read: int = 0

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/token", self.get_token, methods=["POST"]),
                Route("/v1/companies", self.answer),
                Route("/v1/subscriptions", self.answer),
                Route("/v1/subscriptions/{id}/usage-summaries", self.answer),
                Route("/v1/products/{id}", self.answer),
            ]
        )

    async def get_token(self, request: Request) -> Response:
        body = await request.json()
        if body["client_secret"] != self.secret or body["grant_type"] != "client_credentials" or "audience" not in body:
            return JSONResponse({"error": "access_denied", "error_description": "Unauthorized"}, status_code=401)
        return JSONResponse({"access_token": self.token, "expires_in": 86400, "token_type": "Bearer"})

    async def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"type": "UNAUTHORIZED", "status": 401}, status_code=401)
        if self.before:
            return self.before.pop(0)
        path = request.url.path.removeprefix("/v1/")
        if path.startswith("products/"):
            found = self.products.get(path.removeprefix("products/"))
            return JSONResponse(found) if found else JSONResponse({"type": "NOT_FOUND", "status": 404}, status_code=404)
        if path.endswith("usage-summaries"):
            rows = self.usage.get(request.path_params["id"])
            return (
                self.page(request, rows) if rows is not None else JSONResponse({"type": "NOT_FOUND"}, status_code=404)
            )
        return self.page(request, self.companies if path == "companies" else self.subscriptions)

    def page(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        number, size = int(request.query_params.get("page", 0)), min(200, int(request.query_params.get("size", 10)))
        block = {"size": size, "totalElements": len(rows), "totalPages": -(-len(rows) // size), "number": number}
        content = rows[number * size : (number + 1) * size]
        if rows is self.subscriptions and number == self.shrink_after_page:
            self.shrink_after_page = None
            del self.subscriptions[0]
        if rows is self.subscriptions and number == self.revoke_after:
            self.revoke_after, self.token = None, "t2"
        return JSONResponse({"content": content, "page": block})


@contextmanager
def connected(fake: Fake, secret: str = "s3cret-value", **settings: object) -> Iterator[tuple[Pax8, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": f"{server.url}/v1", "client_id": "id", **settings}
        source = MANIFEST.open("Pax8", options, {"client_secret": secret})
        assert isinstance(source, Pax8)
        source.api.backoff = Backoff(attempts=5, first=0.01, longest=0.05)
        source.api.wait = 0.3
        yield source, server


def read(fake: Fake, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def quantities(reading: Reading) -> dict[tuple[str, str], Decimal]:
    totals: dict[tuple[str, str], Decimal] = {}
    for line in reading.lines:
        totals[line.customer_id, line.product_key] = (
            totals.get((line.customer_id, line.product_key), Decimal(0)) + line.quantity
        )
    return totals


def test_case_01_three_pages_take_three_calls_of_200() -> None:
    with connected(Fake(subscriptions=[subscription(number) for number in range(407)])) as (source, server):
        reading = source.read(NOW)
    asked = [one.query for one in server.asked if one.path == "/v1/subscriptions"]
    assert len(reading.lines) == 407
    assert len(asked) == 3
    assert all("size=200" in query for query in asked)


def test_case_02_never_asks_for_more_than_200() -> None:
    with connected(Fake(subscriptions=[subscription(1)], usage={"s1": []}), usage=True) as (source, server):
        source.read(NOW)
    assert all("size=200" in one.query for one in server.asked if one.method == "GET")


def test_case_03_what_is_billed_follows_the_status() -> None:
    statuses = [
        "Active", "PendingManual", "PendingAutomated", "WaitingForDetails", "PendingActivation", "Activated", "Trial", "Converted",
        "Cancelled", "Surprising",
    ]  # fmt: skip
    rows = [subscription(number, status=status, quantity=2**number) for number, status in enumerate(statuses)]
    rows.append(subscription(50, status="PendingCancel", endDate="2026-12-10T00:00:00Z", quantity=10_000))
    rows.append(subscription(51, status="PendingCancel", endDate="2026-11-20T00:00:00Z", quantity=20_000))
    reading = read(Fake(subscriptions=rows))
    assert quantities(reading) == {("c1", "pax8:p1"): Decimal(10_001)}
    assert "Surprising" in str(reading.notes[0])
    assert quantities(read(Fake(subscriptions=rows), count_activated=True)) == {("c1", "pax8:p1"): Decimal(10_033)}


def test_case_04_two_subscriptions_of_one_product_are_both_there() -> None:
    reading = read(Fake(subscriptions=[subscription(1, quantity=25), subscription(2, quantity=4)]))
    assert quantities(reading) == {("c1", "pax8:p1"): Decimal(29)}
    assert {line.subscription_id for line in reading.lines} == {"s1", "s2"}


def test_case_05_inactive_companies_count_and_empty_ones_have_nothing() -> None:
    reading = read(Fake(companies=[company(1, status="Inactive"), company(2)], subscriptions=[subscription(1)]))
    assert quantities(reading) == {("c1", "pax8:p1"): Decimal(1)}
    assert reading.complete and reading.proves_absence("c2")


def test_case_06_customers_of_one_name_stay_apart() -> None:
    companies = [company(1, "Ærø Køkken & Café"), company(2, "Ærø Køkken & Café")]
    reading = read(Fake(companies=companies, subscriptions=[subscription(1), subscription(2, company="c2")]))
    assert sorted((line.customer_id, line.customer) for line in reading.lines) == [
        ("c1", "Ærø Køkken & Café"), ("c2", "Ærø Køkken & Café"),
    ]  # fmt: skip


def test_case_07_wrong_credentials_are_said_at_once() -> None:
    with connected(Fake(), secret="wrong-secret") as (source, server), pytest.raises(Unauthorized) as caught:
        source.test()
    assert server.paths() == ["POST /v1/token"]
    assert "wrong-secret" not in f"{caught.value} {caught.value.detail}"


def test_case_08_a_token_that_ends_between_pages_is_renewed_once() -> None:
    with connected(Fake(subscriptions=[subscription(number) for number in range(407)], revoke_after=0)) as (
        source,
        server,
    ):
        assert len(source.read(NOW).lines) == 407
    assert server.paths().count("POST /v1/token") == 2


@pytest.mark.parametrize(("headers", "seconds"), [({}, 0.3), ({"Retry-After": "1"}, 1.0)])
def test_case_09_throttling_waits_as_told_or_as_usual(headers: dict[str, str], seconds: float) -> None:
    with connected(Fake(before=[JSONResponse({}, status_code=429, headers=headers)])) as (source, server):
        source.test()
    gets = [one.at for one in server.asked if one.method == "GET"]
    assert len(gets) == 2
    assert gets[1] - gets[0] >= seconds * 0.95


def test_case_09_the_usual_wait_is_a_minute() -> None:
    with serving(Fake().app()) as server:
        source = MANIFEST.open("Pax8", {"base_url": server.url, "client_id": "id"}, {"client_secret": "x"})
    assert isinstance(source, Pax8)
    assert source.api.wait == 60


def test_case_10_names_of_products_are_looked_up_once_or_done_without() -> None:
    rows = [
        subscription(1, productId="p7", productName=None), subscription(2, productId="p7", productName=None),
        subscription(3, productId="p8", productName=None), subscription(4),
    ]  # fmt: skip
    with connected(Fake(subscriptions=rows, products={"p7": {"id": "p7", "name": "Dropbox"}})) as (source, server):
        reading = source.read(NOW)
    assert {line.product_key: line.product for line in reading.lines} == {
        "pax8:p7": "Dropbox", "pax8:p8": "p8", "pax8:p1": "Microsoft 365 Business Premium",
    }  # fmt: skip
    assert server.paths().count("GET /v1/products/p7") == 1


@pytest.mark.parametrize(("value", "expected"), [(12.0, "12"), (0, "0"), (0.5, "0.5")])
def test_case_11_m12_quantities_are_exact_and_zero_stays(value: float, expected: str) -> None:
    assert quantities(read(Fake(subscriptions=[subscription(1, quantity=value)]))) == {
        ("c1", "pax8:p1"): Decimal(expected)
    }


@pytest.mark.parametrize("end", ["2026-12-01T00:00:00.000-0600", "2026-12-01T00:00:00Z", "2026-12-01", None])
def test_case_12_dates_in_every_writing(end: str | None) -> None:
    assert len(read(Fake(subscriptions=[subscription(1, status="PendingCancel", endDate=end)])).lines) == 1


def test_case_13_no_usage_is_no_error_and_trials_are_left_out() -> None:
    summaries = [
        {
            "id": "u1",
            "productId": "p9",
            "currentCharges": 132.18,
            "partnerTotal": 112.35,
            "currencyCode": "EUR",
            "isTrial": False,
        },
        {"id": "u2", "productId": "p9", "currentCharges": 9, "partnerTotal": 8, "currencyCode": "EUR", "isTrial": True},
    ]
    reading = read(Fake(subscriptions=[subscription(1), subscription(2)], usage={"s2": summaries}), usage=True)
    assert quantities(reading) == {("c1", "pax8:p1"): Decimal(2), ("c1", "pax8:usage:p9"): Decimal("112.35")}


def test_case_14_a_list_that_shrinks_is_read_again() -> None:
    with connected(Fake(subscriptions=[subscription(number) for number in range(407)], shrink_after_page=0)) as (
        source,
        server,
    ):
        reading = source.read(NOW)
    ids = [line.subscription_id for line in reading.lines]
    assert (len(ids), len(set(ids))) == (406, 406)
    assert [one.path for one in server.asked].count("/v1/subscriptions") == 6


def test_case_15_a_gateway_that_answers_html_is_tried_again() -> None:
    fake = Fake(subscriptions=[subscription(1)], before=[HTMLResponse("<h1>502</h1>", status_code=502)] * 2)
    assert len(read(fake).lines) == 1


def test_terms_and_prices_come_along() -> None:
    rows = [
        subscription(1, billingTerm="Annual", commitmentTerm={"id": "x", "term": "1-Year", "endDate": "2027-02-28"})
    ]
    line = read(Fake(subscriptions=rows)).lines[0]
    assert (line.term, line.billing_frequency) == ("P1Y", "yearly")
    assert (line.unit_price, line.unit_cost, line.currency) == (Decimal("20.6"), Decimal("17.2"), "EUR")


def test_s2_25_a_subscription_tells_when_it_began_and_until_when_it_runs() -> None:
    committed = {"id": "x", "term": "1-Year", "endDate": "2027-02-28"}
    rows = [
        subscription(1, billingTerm="Annual", startDate="2025-03-01T00:00:00.000-0600", commitmentTerm=committed),
        subscription(2, billingStart="2025-09-10", billingTerm="Monthly"),
        subscription(3),
        subscription(4, status="PendingCancel", startDate="2025-09-10T00:00:00Z", endDate="2026-12-10T00:00:00Z"),
    ]
    lines = {line.subscription_id: line for line in read(Fake(subscriptions=rows)).lines}
    runs = {name: dates_of(type_of(line), [line], NOW.date()) for name, line in lines.items()}
    assert runs == {
        "s1": (date(2025, 3, 1), date(2027, 2, 28)),
        "s2": (date(2025, 9, 10), date(2026, 12, 9)),
        "s3": (date(2025, 3, 1), date(2026, 11, 30)),
        "s4": (date(2025, 9, 10), date(2026, 12, 10)),
    }
    assert [created_on(line) for line in lines.values()] == [date(2025, 3, 1)] * 4
    assert [auto_renew_of(line) for line in lines.values()] == [None, None, None, False]
    assert commitment_end(lines["s1"]) == date(2027, 2, 28)
