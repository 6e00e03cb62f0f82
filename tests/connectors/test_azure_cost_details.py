"""Azure's detailed cost report over real HTTP: asked for, waited for, fetched from storage (Azure reference §3.1; S1-65, S1-66)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.azure_cost.details import DetailedReports
from connectors.azure_cost.manifest import MANIFEST
from connectors.azure_cost.source import AzureCost
from core.domain.connector import Surroundings
from core.domain.consumption import ConsumptionKind
from core.domain.errors import RemoteError, ShapeChanged
from core.services.consumption_files import read_billing
from tests.connectors.fakes import Server, serving
from tests.connectors.test_azure_cost import FIRST, LAST, NOW, ONE, SECRET, TWO
from tests.files.azure_exports import ZON, row, sample, text


@dataclass
class Reports:
    """Sign-in, the service that makes reports, and the storage that has them. `waits` are the looks before a report is ready."""

    files: list[str] = field(default_factory=list)
    waits: int = 1
    status: str = "Completed"
    url: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    short: int = 0
    stored: int = 200
    asked: list[Any] = field(default_factory=list)
    storage_headers: list[dict[str, str]] = field(default_factory=list)

    async def token(self, request: Request) -> Response:
        return JSONResponse({"access_token": "token", "expires_in": 3599})

    async def report(self, request: Request) -> Response:
        self.asked.append((request.path_params["scope"], await request.json()))
        return Response(
            status_code=202, headers={"location": f"{self.url}/operations/7?api-version=x", "retry-after": "0"}
        )

    async def operation(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer token":
            return Response(status_code=401)
        if self.waits:
            self.waits -= 1
            return Response(status_code=202, headers={"location": str(request.url), "retry-after": "0"})
        blobs = [
            {"blobLink": f"{self.url}/blob/{number}?sig=s3cr3t-signature", "byteCount": len(content.encode())}
            for number, content in enumerate(self.files)
        ]
        body = {"status": self.status, "manifest": {"blobs": blobs, "blobCount": len(blobs), "dataFormat": "Csv"}}
        return JSONResponse(body | self.told)

    async def blob(self, request: Request) -> Response:
        self.storage_headers.append(dict(request.headers))
        content = self.files[request.path_params["number"]].encode()
        if self.short:
            self.short -= 1
            content = content[:-5]
        return Response(content, self.stored)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
                Route("/operations/7", self.operation),
                Route("/blob/{number:int}", self.blob),
                Route(
                    "/{scope:path}/providers/Microsoft.CostManagement/generateCostDetailsReport",
                    self.report,
                    methods=["POST"],
                ),
            ]
        )


@contextmanager
def connected(fake: Reports, **options: Any) -> Iterator[tuple[AzureCost, Server]]:
    with serving(fake.app()) as server:
        fake.url = server.url
        settings = {
            "tenant_id": "t", "client_id": "c", "scopes": ["providers/Microsoft.Billing/billingAccounts/7a1c"],
            "base_url": server.url, "report": "detailed", **options,
        }  # fmt: skip
        source = MANIFEST.open(
            "Azure", settings, {"client_secret": SECRET}, None, Surroundings(read_billing=read_billing)
        )
        assert isinstance(source, AzureCost)
        yield source, server


def test_s1_65_a_report_in_parts_is_waited_for_and_read_to_the_last_digit() -> None:
    rows = sample()
    fake = Reports([text(rows[:2]), text(rows[2:])], waits=2)
    with connected(fake) as (source, _):
        reading = source.read_consumption(NOW, FIRST, LAST)
    assert fake.asked == [
        (
            "providers/Microsoft.Billing/billingAccounts/7a1c",
            {"metric": "ActualCost", "timePeriod": {"start": "2026-01-01", "end": "2026-01-31"}},
        )
    ]
    assert reading.complete
    assert sum((line.amount for line in reading.lines if line.customer_id == ZON), Decimal(0)) == Decimal(
        "525.6113183007296"
    )
    assert {line.kind for line in reading.lines} == {
        ConsumptionKind.USAGE,
        ConsumptionKind.PURCHASE,
        ConsumptionKind.CREDIT,
    }
    assert {line.dimensions.get("tag:env") for line in reading.lines} == {"prod", None}
    assert (
        reading.lines[0].origin.source
        == "POST providers/Microsoft.Billing/billingAccounts/7a1c 2026-01 part_0_0001.csv"
    )


def test_the_storage_is_never_told_who_asks_and_its_address_never_shown() -> None:
    fake = Reports([text([row()])], waits=0, stored=403)
    with connected(fake) as (source, _), pytest.raises(RemoteError) as raised:
        source.read_consumption(NOW, FIRST, LAST)
    assert "authorization" not in fake.storage_headers[0]
    assert "s3cr3t" not in repr((raised.value.message, raised.value.place, raised.value.detail))
    assert raised.value.kind == "report_file"


def test_m2_a_file_that_is_cut_off_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    fake = Reports([text([row(costInBillingCurrency="4")])], waits=0, short=1)
    with connected(fake) as (source, _):
        reading = source.read_consumption(NOW, FIRST, LAST)
    assert ([line.amount for line in reading.lines], len(fake.storage_headers)) == ([4], 2)


def test_s1_65_a_subscription_as_scope_is_the_same_customer_as_in_the_summary() -> None:
    fake = Reports([text([row(costInBillingCurrency="4")])], waits=0)
    with connected(fake, scopes=[f"subscriptions/{ONE} = Zon"]) as (source, _):
        (line,) = source.read_consumption(NOW, FIRST, LAST).lines
    assert (line.customer_id, line.customer, line.amount) == (ONE, "Zon", 4)


def test_no_data_is_a_month_without_charges() -> None:
    with connected(Reports(status="NoDataFound", waits=0)) as (source, _):
        reading = source.read_consumption(NOW, FIRST, LAST)
    assert (reading.lines, reading.complete, reading.period_start) == ((), True, date(2026, 1, 1))


@pytest.mark.parametrize(
    ("fake", "error"),
    [
        (Reports(status="Failed", waits=0), RemoteError),
        (Reports([text([row()])], waits=0, told={"manifest": {"blobs": []}}), ShapeChanged),
        (Reports(waits=0, told={"manifest": {"blobs": [{"blobLink": "ftp://x/y"}]}}), ShapeChanged),
        (Reports(waits=0, told={"manifest": {"blobCount": 2, "blobs": [{"blobLink": "http://x/y"}]}}), ShapeChanged),
    ],
)
def test_m2_a_report_that_fails_is_never_zero(fake: Reports, error: type[Exception]) -> None:
    with connected(fake) as (source, _), pytest.raises(error):
        source.read_consumption(NOW, FIRST, LAST)


def test_m2_one_scope_without_its_report_leaves_the_reading_not_complete() -> None:
    fake = Reports(status="Failed", waits=0)
    with connected(fake, scopes=[f"subscriptions/{ONE} = Zon", f"subscriptions/{TWO} = Halm"]) as (source, _):
        reading = source.read_consumption(NOW, FIRST, LAST)
    assert (reading.complete, len(reading.notes)) == (False, 2)


def test_a_report_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Reports(waits=10**6)
    with connected(fake) as (source, _), pytest.raises(RemoteError, match="not ready"):
        monkeypatch.setattr("connectors.azure_cost.details.PATIENCE", 4.0)
        source.read_consumption(NOW, FIRST, LAST)


def test_without_tls_only_where_an_own_address_is_set() -> None:
    reports = DetailedReports(api=None, files=None, backoff=None)  # type: ignore[arg-type]
    with pytest.raises(ShapeChanged, match="no address"):
        reports._saved({"blobLink": "http://example.com/x"}, None)  # type: ignore[arg-type]
