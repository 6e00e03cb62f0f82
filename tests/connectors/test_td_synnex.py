"""StreamOne Ion over real HTTP against a fake; one test for each conformance case (StreamOne Ion §12)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors._kit.contract import InMemory
from connectors._kit.retry import Backoff
from connectors.td_synnex.manifest import MANIFEST
from connectors.td_synnex.source import StreamOneIon
from core.domain.errors import Unauthorized
from core.domain.file_settings import FileSettings
from core.domain.provisioning.subscription import dates_of, type_of
from core.domain.subscription.words import Status, auto_renew_of, created_on, status_of
from core.domain.usage import Reading
from core.files.importer import import_file
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)


def customer(number: int, organisation: str = "") -> dict[str, Any]:
    return {
        "name": f"accounts/17/customers/{number}", "uid": f"K{number}", "customerOrganization": organisation or f"Company {number}",
        "customerName": "An Bos", "customerStatus": "ACTIVE",
    }  # fmt: skip


def subscription(number: int, company: int = 306870, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(number), "customerId": str(company), "subscriptionId": "5f1c", "subscriptionName": "M365 kantoor",
        "ccpProductId": "Microsoft365-nce", "ccpSkuId": "M365-BusPrem", "ccpPlanId": "Monthly-n15", "subscriptionTotalLicenses": "25",
        "unitType": "Licenses", "subscriptionStatus": "active", "subscriptionBillingCycle": "monthly", "subscriptionBillingTerm": "P1Y",
        "ccpProductInfo": {"skuDisplayName": "Microsoft 365 Business Premium"}, "isTrial": False, "price": 20.6, "cost": 17.94,
        "currency": "EUR", "mfgPartNumber": "CFQ7TTC0LCHC:0002:P1Y:M", **fields,
    }  # fmt: skip


AZURE = subscription(
    3363009, subscriptionName="Azure Plan", ccpProductId="MSAZURE", ccpSkuId="azure", ccpPlanId="std", subscriptionTotalLicenses="1",
    price=0, cost=0, mfgPartNumber=None, ccpProductInfo=None,
)  # fmt: skip


@dataclass
class Fake:
    """An account whose refresh tokens die with each use."""

    customers: list[dict[str, Any]] = field(default_factory=lambda: [customer(306870, "Bakkerij De Halm B.V.")])
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    refresh: str = "R1"
    access: str = ""
    refreshes: int = 0
    page: int = 1000
    with_total: bool = True
    empty_page: int | None = None
    revoke_after: int | None = None
    charset: bool = True

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/oauth/token", self.token, methods=["POST"]),
                Route("/api/v3/accounts/17/{path:path}", self.answer),
            ]
        )

    async def token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        if form["grant_type"] != ["refresh_token"] or form["refresh_token"] != [self.refresh]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        self.refreshes += 1
        self.refresh, self.access = f"R{self.refreshes + 1}", f"A{self.refreshes}"
        return JSONResponse(
            {"access_token": self.access, "refresh_token": self.refresh, "token_type": "Bearer", "expires_in": 7200}
        )

    async def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.access}":
            return JSONResponse({"error": "unauthenticated", "code": 16}, status_code=401)
        if request.path_params["path"] == "customers":
            start = int(request.query_params.get("pageToken", "+/=0").removeprefix("+/="))
            rows = [] if start == self.empty_page else self.customers[start : start + self.page]
            following = start + (1 if start == self.empty_page else self.page)
            body: dict[str, Any] = {"customers": rows}
            if following < len(self.customers):
                body["nextPageToken"] = f"+/={following}"
            return self.reply(body)
        offset = int(request.query_params["pagination.offset"])
        if offset == self.revoke_after:
            self.revoke_after, self.access = None, "revoked"
        limit = min(self.page, int(request.query_params["pagination.limit"]))
        body = {"items": self.subscriptions[offset : offset + limit]}
        if self.with_total:
            body["paginationResponse"] = {"totalSize": len(self.subscriptions)}
        return self.reply(body)

    def reply(self, body: dict[str, Any]) -> Response:
        kind = "application/json" if self.charset else "text/plain; charset=iso-8859-1"
        return Response(json.dumps(body, ensure_ascii=False).encode(), media_type=None, headers={"content-type": kind})


@contextmanager
def connected(fake: Fake, kept: InMemory | None = None, **settings: object) -> Iterator[tuple[StreamOneIon, Server]]:
    with serving(fake.app()) as server:
        secret = kept or InMemory(fake.refresh)
        options = {"base_url": server.url, "account_id": "17", **settings}
        source = MANIFEST.open("Ion", options, {"refresh_token": secret.value}, lambda field, value: secret)
        assert isinstance(source, StreamOneIon)
        source.api.backoff = Backoff(attempts=4, first=0.01, longest=0.05)
        yield source, server


def read(fake: Fake, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def seats(reading: Reading, company: str = "306870") -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in reading.lines:
        if line.customer_id == company:
            found[line.product] = found.get(line.product, Decimal(0)) + line.quantity
    return found


def test_case_01_the_next_token_is_used_after_a_crash() -> None:
    fake, kept = Fake(), InMemory("R1")
    with connected(fake, kept) as (source, _):
        source.api.auth.sign(source.api._request(_call()))
    assert kept.value == "R2"
    with connected(fake, kept) as (source, _):
        source.test()
    assert kept.value == "R3"


def _call() -> Any:
    from connectors._kit.paging import Call

    return Call(path="customers")


def test_case_02_threads_that_start_together_refresh_once() -> None:
    fake = Fake()
    with connected(fake) as (source, _):
        threads = [threading.Thread(target=source.test) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert fake.refreshes == 1


def test_case_03_a_dead_refresh_token_needs_a_person() -> None:
    with (
        connected(Fake(refresh="other"), InMemory("R1")) as (source, server),
        pytest.raises(Unauthorized, match="used twice") as caught,
    ):
        source.test()
    assert server.paths() == ["POST /oauth/token"]
    assert caught.value.remedy is not None and "new refresh token" in str(caught.value.remedy)


def test_case_04_an_access_token_that_ends_in_mid_run_loses_nothing() -> None:
    fake = Fake(subscriptions=[subscription(number) for number in range(9)], page=3, revoke_after=3)
    assert len(read(fake).lines) == 9
    assert fake.refreshes == 2


def test_case_05_customers_in_three_pages() -> None:
    fake = Fake(customers=[customer(number) for number in range(5)], page=2, subscriptions=[subscription(1, 4)])
    with connected(fake) as (source, server):
        assert source.read(NOW).lines[0].customer == "Company 4"
    tokens = [one.query for one in server.asked if one.path.endswith("customers")]
    assert "pageToken=%2B%2F%3D2" in tokens[1]


def test_case_06_an_empty_page_with_a_token_is_not_the_end() -> None:
    fake = Fake(
        customers=[customer(number) for number in range(4)], page=2, empty_page=2, subscriptions=[subscription(1, 3)]
    )
    assert read(fake).lines[0].customer == "Company 3"


def test_case_07_offsets_advance_by_rows_received() -> None:
    with connected(Fake(subscriptions=[subscription(number) for number in range(7)], page=3)) as (source, server):
        assert len(source.read(NOW).lines) == 7
    asked = [one.query for one in server.asked if one.path.endswith("subscriptions")]
    assert [query.rpartition("offset=")[2] for query in asked] == ["0", "3", "6"]


def test_case_08_without_a_total_an_empty_page_ends() -> None:
    fake = Fake(subscriptions=[subscription(number) for number in range(4)], page=2, with_total=False)
    with connected(fake) as (source, server):
        assert len(source.read(NOW).lines) == 4
    assert len([one for one in server.asked if one.path.endswith("subscriptions")]) == 3


def test_case_09_the_sample() -> None:
    fake = Fake(
        customers=[customer(306870, "Bakkerij De Halm B.V."), customer(306871, "Tandarts Smit")],
        subscriptions=[subscription(1), AZURE],
    )
    reading = read(fake)
    assert seats(reading) == {"Microsoft 365 Business Premium": 25}
    line = reading.lines[0]
    assert (line.customer, line.term, line.billing_frequency) == ("Bakkerij De Halm B.V.", "P1Y", "monthly")
    assert (line.unit_price, line.unit_cost, line.currency) == (Decimal("20.6"), Decimal("17.94"), "EUR")
    assert reading.proves_absence("306871")
    assert seats(read(fake, count_usage=True))["Azure Plan"] == 1


@pytest.mark.parametrize("value", ["25", 25])
def test_case_10_seats_as_text_or_number(value: object) -> None:
    assert seats(read(Fake(subscriptions=[subscription(1, subscriptionTotalLicenses=value)]))) == {
        "Microsoft 365 Business Premium": 25
    }


def test_case_10_m2_missing_seats_are_unknown_and_not_zero() -> None:
    rows = [subscription(1, subscriptionTotalLicenses=None), subscription(2), subscription(3, 306871)]
    reading = read(Fake(subscriptions=rows))
    assert set(reading.failed_customers) == {"306870"}
    assert seats(reading, "306871") == {"Microsoft 365 Business Premium": 25}


def test_case_11_only_active_rows_add_up() -> None:
    rows = [
        subscription(1, subscriptionTotalLicenses="10"), subscription(2, subscriptionTotalLicenses="5"),
        subscription(3, subscriptionTotalLicenses="8", subscriptionStatus="deleted"),
        subscription(4, subscriptionTotalLicenses="100", subscriptionStatus="suspended"),
        subscription(5, subscriptionTotalLicenses="1000", isTrial=True),
        subscription(6, subscriptionTotalLicenses="10000", subscriptionBillingCycle="one_time"),
    ]  # fmt: skip
    fake = Fake(subscriptions=rows)
    name = "Microsoft 365 Business Premium"
    assert seats(read(fake)) == {name: 15}
    assert seats(read(fake, count_suspended=True)) == {name: 115}
    assert seats(read(fake, count_trials=True)) == {name: 1015}
    keys = {line.product_key for line in read(fake, count_one_time=True).lines}
    assert keys == {"Microsoft365-nce|M365-BusPrem|Monthly-n15", "Microsoft365-nce|M365-BusPrem|Monthly-n15|one_time"}


@pytest.mark.parametrize("status", ["Active", "ACTIVE", "active"])
def test_case_12_letter_case_of_a_status_is_nothing(status: str) -> None:
    assert len(read(Fake(subscriptions=[subscription(1, subscriptionStatus=status)])).lines) == 1


def test_case_13_text_is_utf_8_whatever_the_header_says() -> None:
    fake = Fake(customers=[customer(306870, "Café Ærø")], subscriptions=[subscription(1)], charset=False)
    assert read(fake).lines[0].customer == "Café Ærø"


def test_case_14_names_fall_back() -> None:
    reading = read(
        Fake(customers=[], subscriptions=[subscription(1, ccpProductInfo=None, customerName="Naam uit abonnement")])
    )
    assert (reading.lines[0].product, reading.lines[0].customer) == ("M365 kantoor", "Naam uit abonnement")


def test_case_15_a_report_is_read_by_the_file_importer() -> None:
    report = 'Customer ID,Customer Company,SKU Name,Seat Count,Seller Cost (EUR)\r\n306870,"Halm, De",Business Premium,25,"448,50"\r\n'
    settings = FileSettings.model_validate(
        {"customer": "Customer Company", "product": "SKU Name", "quantity": "Seat Count"}
    )
    result = import_file(report.encode(), "report.csv", settings)
    assert [(line.customer, line.product, line.quantity) for line in result.lines] == [
        ("Halm, De", "Business Premium", 25)
    ]


def test_unknown_statuses_are_named() -> None:
    reading = read(Fake(subscriptions=[subscription(1, subscriptionStatus="hibernating")]))
    assert reading.lines == ()
    assert "hibernating" in str(reading.notes[0])


def test_s2_25_a_subscription_tells_its_dates_and_an_end_that_passed_is_none() -> None:
    dated = {"subscriptionPurchasedDate": "2026-01-02T16:29:10Z", "autoRenew": True}
    rows = [
        subscription(1, **dated, subscriptionStartDate="2026-01-03T16:29:10.491Z", subscriptionEndDate="2027-01-02T23:59:59Z"),
        subscription(2, **dated, subscriptionStartDate="2025-01-03T00:00:00Z", subscriptionEndDate="2026-01-02T23:59:59Z"),
        subscription(3, **dated, subscriptionStatus="suspended"),
    ]  # fmt: skip
    current, renewed, suspended = read(Fake(subscriptions=rows), count_suspended=True).lines
    today = NOW.date()
    assert dates_of(type_of(current), [current], today) == (date(2026, 1, 3), date(2027, 1, 2))
    assert dates_of(type_of(renewed), [renewed], today) == (date(2025, 1, 3), date(2027, 1, 2)), "active: it goes on"
    assert (suspended.period_start, status_of(suspended)) == (date(2026, 1, 2), Status.SUSPENDED)
    assert {(created_on(line), auto_renew_of(line)) for line in (current, renewed)} == {(date(2026, 1, 2), True)}
