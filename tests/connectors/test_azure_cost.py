"""Azure's Query API over real HTTP against a fake; the conformance cases of the Azure reference (§10) by their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.azure_cost.manifest import MANIFEST
from connectors.azure_cost.source import AzureCost
from core.domain.consumption import ConsumptionKind
from core.domain.consumption_lines import totals_by_currency
from core.domain.errors import RemoteError, SettingsError, ShapeChanged, Unauthorized
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 2, 10, 2, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 1, 1), date(2026, 1, 31)
ONE, TWO = "9f00aa00-0000-4000-8000-0000000000a1", "9f00aa00-0000-4000-8000-0000000000a2"
SECRET = "cl1ent-s3cret"
COLUMNS = ["Cost", "ResourceGroupName", "ChargeType", "Currency"]


@dataclass
class Fake:
    """Sign-in and Cost Management. `pages` are answers by scope, in order; a Response is given as it is, once."""

    pages: dict[str, list[Any]] = field(default_factory=dict)
    before: list[Response] = field(default_factory=list)
    tokens: int = 0
    good: set[str] = field(default_factory=set)
    one_use: bool = False
    url: str = ""

    async def token(self, request: Request) -> Response:
        form = await request.form()
        if form["client_secret"] != SECRET:
            return JSONResponse(
                {"error": "invalid_client", "error_description": f"AADSTS7000215 {SECRET}"}, status_code=401
            )
        self.tokens += 1
        self.good.add(f"Bearer token{self.tokens}")
        return JSONResponse({"access_token": f"token{self.tokens}", "expires_in": 3599, "token_type": "Bearer"})

    async def query(self, request: Request) -> Response:
        header = request.headers.get("authorization", "")
        if header not in self.good:
            return JSONResponse(
                {"error": {"code": "ExpiredAuthenticationToken", "message": "expired"}}, status_code=401
            )
        if self.one_use:
            self.good.discard(header)
        if self.before:
            return self.before.pop(0)
        scope = request.path_params["scope"]
        number = int(request.query_params.get("$skiptoken", "0"))
        found = self.pages.get(scope, [None])[number]
        if isinstance(found, Response):
            return found
        if found is None:
            return Response(status_code=204)
        more = number + 1 < len(self.pages[scope])
        link = f"{self.url}{request.url.path}?api-version=2023-11-01&$skiptoken={number + 1}" if more else None
        return JSONResponse({"properties": {"nextLink": link, **found}})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
                Route("/{scope:path}/providers/Microsoft.CostManagement/query", self.query, methods=["POST"]),
            ]
        )


def page(*rows: list[Any], columns: list[str] = COLUMNS) -> dict[str, Any]:
    return {"columns": [{"name": name, "type": "String"} for name in columns], "rows": list(rows)}


@contextmanager
def connected(fake: Fake, **options: Any) -> Iterator[tuple[AzureCost, Server]]:
    with serving(fake.app()) as server:
        fake.url = server.url
        secret = options.pop("secret", SECRET)
        settings = {
            "tenant_id": "t",
            "client_id": "c",
            "scopes": [f"subscriptions/{ONE} = Zon"],
            "base_url": server.url,
        }
        source = MANIFEST.open("Azure", settings | options, {"client_secret": secret})
        assert isinstance(source, AzureCost)
        yield source, server


def test_case_10_three_pages_by_post_with_the_same_body_and_columns_by_name() -> None:
    scope = f"subscriptions/{ONE}"
    turned = [COLUMNS[3], COLUMNS[2], COLUMNS[0], COLUMNS[1]]
    fake = Fake({scope: [
        page([2.0719872, "RG-ERP", "Usage", "EUR"]),
        page(["EUR", "Usage", 0.0593311007296, "rg-erp"], columns=turned),
        page([-0.5, "", "Refund", "EUR"]),
    ]})  # fmt: skip
    with connected(fake) as (source, server):
        reading = source.read_consumption(NOW, FIRST, LAST)
    asked = [one for one in server.asked if "query" in one.path]
    assert [one.method for one in asked] == ["POST"] * 3
    assert len({one.body for one in asked}) == 1
    body = json.loads(asked[0].body)
    assert body["timePeriod"] == {"from": "2026-01-01T00:00:00+00:00", "to": "2026-01-31T23:59:59+00:00"}
    assert len(body["dataset"]["grouping"]) == 2
    erp, refund = reading.lines
    assert (erp.amount, erp.dimensions["resource_group"]) == (Decimal("2.1313183007296"), "rg-erp")
    assert (refund.kind, refund.amount) == (ConsumptionKind.CREDIT, Decimal("-0.5"))
    assert (reading.complete, reading.provisional, erp.customer) == (True, False, "Zon")
    assert (erp.period_start, erp.period_end) == (FIRST, LAST)


def test_case_10_no_content_is_no_rows() -> None:
    with connected(Fake()) as (source, _):
        reading = source.read_consumption(NOW, FIRST, LAST)
    assert (reading.lines, reading.complete) == ((), True)


def test_case_11_the_longest_of_the_waits_told_counts() -> None:
    headers = {"Retry-After": "0", "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "1"}
    fake = Fake(
        {f"subscriptions/{ONE}": [page([1, "rg", "Usage", "EUR"])]}, [Response(status_code=429, headers=headers)]
    )
    with connected(fake) as (source, server):
        assert source.read_consumption(NOW, FIRST, LAST).lines[0].amount == 1
    first, second = [one.at for one in server.asked if "query" in one.path]
    assert second - first >= 1


def test_case_12_a_token_that_ends_between_pages_is_renewed_once_a_time() -> None:
    pages = [page([number, "rg", "Usage", "EUR"]) for number in (1, 2, 4)]
    fake = Fake({f"subscriptions/{ONE}": pages}, one_use=True)
    with connected(fake) as (source, _):
        assert source.read_consumption(NOW, FIRST, LAST).lines[0].amount == 7
    assert fake.tokens == 3


def test_case_13_currencies_are_kept_apart() -> None:
    fake = Fake({f"subscriptions/{ONE}": [page([1.5, "rg", "Usage", "EUR"], [7, "rg", "Usage", "USD"])]})
    with connected(fake, as_products=True) as (source, _):
        reading = source.read_consumption(NOW, FIRST, LAST)
        assert totals_by_currency(reading.lines) == {"EUR": Decimal("1.5"), "USD": Decimal(7)}
        products = {line.product_key: line.quantity for line in source.read(NOW).lines}
    assert products == {"azure:total": Decimal("1.50"), "azure:total:USD": Decimal("7.00")}


def test_numbers_keep_every_digit() -> None:
    told = '{"properties":{"columns":[{"name":"Cost"},{"name":"ChargeType"}],"rows":[[0.12345678901234567890123,"Usage"]]}}'
    fake = Fake({f"subscriptions/{ONE}": [Response(told, media_type="application/json")]})
    with connected(fake) as (source, _):
        line = source.read_consumption(NOW, FIRST, LAST).lines[0]
    assert (line.amount, line.currency) == (Decimal("0.12345678901234567890123"), "EUR")


def test_each_month_is_asked_for_and_the_running_one_is_provisional() -> None:
    fake = Fake({f"subscriptions/{ONE}": [page([1, "rg", "Usage", "EUR"])]})
    with connected(fake) as (source, server):
        reading = source.read_consumption(NOW, date(2025, 12, 15), date(2026, 2, 10))
    assert len([one for one in server.asked if "query" in one.path]) == 3
    assert [line.provisional for line in reading.lines] == [False, False, True]
    assert (reading.period_start, reading.period_end) == (date(2025, 12, 1), date(2026, 2, 28))


def test_m2_a_scope_that_fails_leaves_the_reading_incomplete() -> None:
    denied = JSONResponse({"error": {"code": "RBACAccessDenied", "message": "no"}}, status_code=403)
    fake = Fake({f"subscriptions/{ONE}": [page([1, "rg", "Usage", "EUR"])], f"subscriptions/{TWO}": [denied]})
    scopes = [f"subscriptions/{ONE} = Zon", f"subscriptions/{TWO} = Maan"]
    with connected(fake, scopes=scopes) as (source, _):
        reading = source.read_consumption(NOW, FIRST, LAST)
    assert (reading.complete, len(reading.lines)) == (False, 1)
    assert "Maan" in str(reading.notes[0])


@pytest.mark.parametrize(("status", "kind"), [(403, "forbidden"), (404, "not_found")])
def test_one_scope_that_is_refused_is_an_error(status: int, kind: str) -> None:
    refused = JSONResponse({"error": {"code": "X", "message": "no"}}, status_code=status)
    with connected(Fake({f"subscriptions/{ONE}": [refused]})) as (source, _), pytest.raises(RemoteError) as found:
        source.test()
    assert found.value.kind == kind


def test_a_wrong_secret_is_told_without_showing_it() -> None:
    with connected(Fake(), secret="wr0ng-s3cret") as (source, _), pytest.raises(Unauthorized) as found:
        source.test()
    assert "wr0ng-s3cret" not in f"{found.value} {found.value.detail}"


@pytest.mark.parametrize(
    "answer",
    [
        {"properties": {"columns": [{"name": "Cost"}]}},
        {"properties": {"columns": [{"name": "Cost"}], "rows": [[1, 2]]}},
        {"properties": {"columns": [{"name": "Other"}], "rows": [[1]]}},
        {"properties": {"columns": [{"name": "Cost"}], "rows": [[None]]}},
        {},
    ],
)
def test_m2_an_answer_of_another_shape_is_never_zero(answer: dict[str, Any]) -> None:
    with connected(Fake({f"subscriptions/{ONE}": [JSONResponse(answer)]})) as (source, _), pytest.raises(ShapeChanged):
        source.read_consumption(NOW, FIRST, LAST)


def test_a_link_to_another_server_is_not_followed() -> None:
    found = page([1, "rg", "Usage", "EUR"]) | {"nextLink": "http://elsewhere.example/next"}
    fake = Fake({f"subscriptions/{ONE}": [JSONResponse({"properties": found})]})
    with connected(fake) as (source, _), pytest.raises(ShapeChanged):
        source.read_consumption(NOW, FIRST, LAST)


def test_s1_66_by_tag_what_has_none_is_untagged() -> None:
    columns = ["Cost", "TagKey", "TagValue", "ChargeType", "Currency"]
    rows = page([3, "env", "prod", "Usage", "EUR"], [1, None, None, "Usage", "EUR"], columns=columns)
    with connected(Fake({f"subscriptions/{ONE}": [rows]}), split_by="tag", tag="Env") as (source, server):
        lines = source.read_consumption(NOW, FIRST, LAST).lines
    assert [line.dimensions.get("tag:env") for line in lines] == ["prod", None]
    assert {"type": "TagKey", "name": "Env"} in json.loads(server.asked[-1].body)["dataset"]["grouping"]


def test_a_billing_account_tells_its_customers_apart() -> None:
    account = "providers/Microsoft.Billing/billingAccounts/7a1c"
    rows = page(
        [3, ONE, "Usage", "EUR"],
        [1, TWO, "Purchase", "EUR"],
        columns=["Cost", "CustomerTenantId", "ChargeType", "Currency"],
    )
    with connected(Fake({account: [rows]}), scopes=[account]) as (source, _):
        lines = source.read_consumption(NOW, FIRST, LAST).lines
    assert [(line.customer_id, line.kind) for line in lines] == [
        (ONE, ConsumptionKind.USAGE),
        (TWO, ConsumptionKind.PURCHASE),
    ]


@pytest.mark.parametrize("options", [{"scopes": []}, {"scopes": ["everything"]}, {"split_by": "tag"}])
def test_settings_that_do_not_fit_are_said_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError), connected(Fake(), **options):
        pass
