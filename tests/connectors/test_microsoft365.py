"""Microsoft 365 over real HTTP against a fake of sign-in, Graph and Partner Center; one test for each conformance case (§15)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors._kit.contract import InMemory
from connectors._kit.retry import Backoff
from connectors.microsoft365.hosts import CLOUDS, hosts_of
from connectors.microsoft365.manifest import MANIFEST, Microsoft365Settings
from connectors.microsoft365.names import sku_names
from connectors.microsoft365.source import Microsoft365
from core.domain.errors import RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.provisioning.subscription import dates_of, type_of
from core.domain.subscription.words import Status, auto_renew_of, commitment_end, created_on, reducible_until, status_of
from core.domain.usage import Reading
from tests.connectors.fakes import Asked, Server, serving

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PARTNER = "99999999-0000-4000-8000-000000000009"
A, B = "2f6f4c10-aaaa-4aaa-9aaa-000000000001", "2f6f4c10-aaaa-4aaa-9aaa-000000000002"
PREMIUM, BASIC = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "3b555118-da6a-4418-894f-7df1e2096870"
FLOW = "f30db892-07e9-47e9-837c-80727f46fd3d"
SECRET = "cl1ent-s3cret"


def sku(identity: str = PREMIUM, part: str = "SPB", owned: int = 25, used: int = 23, **fields: Any) -> dict[str, Any]:
    units = {"enabled": owned, "suspended": 0, "warning": 0, "lockedOut": 0, **fields.pop("units", {})}
    return {
        "id": f"t_{identity}", "skuId": identity, "skuPartNumber": part, "appliesTo": "User", "capabilityStatus": "Enabled",
        "consumedUnits": used, "prepaidUnits": units, "subscriptionIds": [], "servicePlans": [], **fields,
    }  # fmt: skip


def user(number: int, *skus: str, **fields: Any) -> dict[str, Any]:
    held = [{"disabledPlans": [], "skuId": one} for one in skus or (PREMIUM,)]
    return {
        "id": f"u{number}",
        "displayName": "Zoë",
        "accountEnabled": True,
        "userType": "Member",
        "assignedLicenses": held,
    } | fields


def bought(
    number: int, quantity: int = 1, offer: str = "CFQ7TTC0LCHC:0002:CFQ7TTC0MADE", **fields: Any
) -> dict[str, Any]:
    return {
        "id": f"s{number}", "offerId": offer, "offerName": "Microsoft 365 Business Premium", "friendlyName": "kantoor",
        "quantity": quantity, "unitType": "Licenses", "status": "active", "billingType": "license", "billingCycle": "monthly",
        "termDuration": "P1Y", "isTrial": False, "effectiveStartDate": "2025-03-01T00:00:00Z",
        "commitmentEndDate": "2026-02-28T00:00:00Z", "orderId": "o1", **fields,
    }  # fmt: skip


def refused(code: int, error: str, status: int = 400) -> Response:
    described = f"AADSTS{code}: Not today ({SECRET}). Trace ID: 0b1c"
    return JSONResponse({"error": error, "error_description": described, "error_codes": [code]}, status_code=status)


@dataclass
class Fake:
    """Sign-in, Graph and Partner Center under one address, and switches for their bad days."""

    customers: list[tuple[str, str]] = field(default_factory=lambda: [(A, "Brouwerij De Zon B.V.")])
    skus: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    users: dict[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    subscriptions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sign_in: dict[str, Response] = field(default_factory=dict)
    before: dict[str, list[Response]] = field(default_factory=dict)
    relationship: str = "reseller"
    customers_a_page: int = 500
    ignores_continuation: bool = False
    next_host: str = ""
    refresh_token: str = ""
    rotates: bool = True
    tokens: dict[str, int] = field(default_factory=dict)
    ends_at_page: int | None = None
    always_ended: bool = False
    log: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{tenant}/oauth2/token", self.token, methods=["POST"]),
                Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
                Route("/v1.0/{path:path}", self.graph),
                Route("/v1/customers", self.partner_customers),
                Route("/v1/customers/{tenant}/subscriptions", self.partner_subscriptions),
            ]
        )

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        tenant = request.path_params["tenant"]
        if tenant in self.sign_in:
            return self.sign_in[tenant]
        if form.get("client_secret") != SECRET and "client_assertion" not in form:
            return refused(7000215, "invalid_client", 401)
        answer: dict[str, Any] = {"token_type": "Bearer", "expires_in": 3599}
        if "resource" in form:
            answer["expires_in"] = "3600"
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] != self.refresh_token:
                return refused(50173, "invalid_grant")
            if self.rotates:
                self.refresh_token = f"{self.refresh_token}+"
                answer["refresh_token"] = self.refresh_token
        self.log.append("token")
        self.tokens[tenant] = self.tokens.get(tenant, 0) + 1
        audience = "pc" if "partnercenter" in str(form) or "windows.net" in str(form) else "graph"
        return JSONResponse({**answer, "access_token": f"{audience}/{tenant}/{self.tokens[tenant]}"})

    def signed_in(self, request: Request, audience: str) -> str:
        """The tenant of a good token; empty for a bad one."""
        self.log.append("call")
        said = request.headers.get("authorization", "").removeprefix("Bearer ").split("/")
        good = len(said) == 3 and said[0] == audience and int(said[2]) == self.tokens.get(said[1])
        return said[1] if good and not (self.always_ended and audience == "graph") else ""

    async def graph(self, request: Request) -> Response:
        tenant = self.signed_in(request, "graph")
        path = request.path_params["path"]
        if path == "users" and self.ends_at_page == int(request.query_params.get("$skiptoken", 0)):
            self.ends_at_page, tenant = None, ""
        if not tenant:
            return JSONResponse({"error": {"code": "InvalidAuthenticationToken"}}, status_code=401)
        if self.before.get(tenant):
            return self.before[tenant].pop(0)
        if path == "subscribedSkus":
            return JSONResponse({"value": self.skus.get(tenant, [])})
        if path in ("contracts", "tenantRelationships/delegatedAdminCustomers"):
            key = "customerId" if path == "contracts" else "tenantId"
            return JSONResponse({"value": [{"id": one, key: one, "displayName": name} for one, name in self.customers]})
        if request.headers.get("consistencylevel") != "eventual":
            return JSONResponse({"error": {"code": "Request_UnsupportedQuery"}}, status_code=400)
        pages = self.users.get(tenant) or [[]]
        number = int(request.query_params.get("$skiptoken", 0))
        body: dict[str, Any] = {"value": pages[number]}
        if number + 1 < len(pages):
            base = self.next_host or str(request.base_url).rstrip("/")
            body["@odata.nextLink"] = f"{base}/v1.0/users?$select=id&$top=2&$skiptoken={number + 1}"
        return JSONResponse(body)

    async def partner_customers(self, request: Request) -> Response:
        if self.signed_in(request, "pc") != PARTNER:
            return JSONResponse({"code": "400", "description": "Access denied"}, status_code=401)
        if self.before.get("customers"):
            return self.before["customers"].pop(0)
        assert request.query_params["size"]
        start = 0 if self.ignores_continuation else int(request.headers.get("ms-continuationtoken", "0"))
        rows = self.customers[start : start + self.customers_a_page]
        items = [
            {
                "id": one.upper(),
                "companyProfile": {"companyName": name, "domain": "zon.onmicrosoft.example"},
                "relationshipToPartner": self.relationship,
            }
            for one, name in rows
        ]
        links: dict[str, Any] = {"self": {"uri": "/customers?size=500", "method": "GET", "headers": []}}
        if start + self.customers_a_page < len(self.customers):
            token = {"key": "MS-ContinuationToken", "value": str(start + self.customers_a_page)}
            links["next"] = {"uri": "/customers?size=500&seekOperation=Next", "method": "GET", "headers": [token]}
        return JSONResponse({"totalCount": len(items), "items": items, "links": links})

    async def partner_subscriptions(self, request: Request) -> Response:
        if self.signed_in(request, "pc") != PARTNER:
            return JSONResponse({"code": "400", "description": "Access denied"}, status_code=401)
        if self.before.get("subscriptions"):
            return self.before["subscriptions"].pop(0)
        items = self.subscriptions.get(request.path_params["tenant"].lower(), [])
        return JSONResponse({"totalCount": len(items), "items": items, "links": {"self": {"uri": "/x", "headers": []}}})


@contextmanager
def connected(
    fake: Fake, secrets: dict[str, str] | None = None, **settings: object
) -> Iterator[tuple[Microsoft365, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": server.url, "partner_tenant_id": PARTNER, "client_id": "app", **settings}
        source = MANIFEST.open("M365", options, secrets or {"client_secret": SECRET})
        assert isinstance(source, Microsoft365)
        source.backoff = source.sign_in.backoff = Backoff(attempts=5, first=0.05, longest=0.2)
        yield source, server


def read(fake: Fake, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def quantities(reading: Reading, customer: str = A) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for line in reading.lines:
        if line.customer_id == customer:
            totals[line.product_key] = totals.get(line.product_key, Decimal(0)) + line.quantity
    return totals


def owned(reading: Reading, identity: str = PREMIUM) -> tuple[Decimal | None, Decimal | None]:
    found = quantities(reading)
    return found.get(f"graph:owned:{identity}"), found.get(f"graph:assigned:{identity}")


def calls(server: Server, path: str) -> list[Asked]:
    return [one for one in server.asked if one.path == path]


def test_case_01_empty_pages_in_between_and_the_header_on_each() -> None:
    fake = Fake(skus={A: [sku()]}, users={A: [[user(1), user(2)], [], [user(3)]]})
    with connected(fake) as (source, server):
        reading = source.read(NOW)
    assert quantities(reading)["graph:users.licensed"] == 3
    asked = calls(server, "/v1.0/users")
    assert len(asked) == 3
    assert all(one.headers["consistencylevel"] == "eventual" for one in asked)
    assert asked[1].query == "$select=id&$top=2&$skiptoken=1"


def test_case_02_the_continuation_token_goes_in_the_header() -> None:
    customers = [(f"tenant-{number}", f"Customer {number}") for number in range(5)]
    with connected(Fake(customers=customers, customers_a_page=2), read_licences=False, read_users=False) as (
        source,
        server,
    ):
        reading = source.read(NOW)
    asked = calls(server, "/v1/customers")
    assert [one.headers.get("ms-continuationtoken") for one in asked] == [None, "2", "4"]
    assert ["seekOperation=Next" in one.query for one in asked] == [False, True, True]
    assert len({one.headers["ms-requestid"] for one in asked}) == 3
    assert len({one.headers["ms-correlationid"] for one in asked}) == 1
    assert len([path for path in server.paths() if path.endswith("/subscriptions")]) == 5
    assert reading.complete


def test_case_02_a_list_that_begins_again_does_not_loop() -> None:
    fake = Fake(customers=[(A, "A"), (B, "B")], customers_a_page=1, ignores_continuation=True)
    with connected(fake) as (source, server), pytest.raises(ShapeChanged, match="does not end"):
        source.read(NOW)
    assert len(calls(server, "/v1/customers")) == 2


def test_case_03_more_assigned_than_owned_is_told_and_not_clamped() -> None:
    reading = read(Fake(skus={A: [sku(owned=10, used=12)]}))
    assert owned(reading) == (Decimal(10), Decimal(12))
    assert [str(note) for note in reading.notes] == [
        "Brouwerij De Zon B.V.: more licences of Microsoft 365 Business Premium are assigned (12) than owned (10)."
    ]


def test_case_04_suspended_and_grace() -> None:
    ended = sku(owned=0, used=0, units={"suspended": 5}, capabilityStatus="Suspended")
    grace = sku(BASIC, "O365_BUSINESS_ESSENTIALS", owned=0, used=5, units={"warning": 5}, capabilityStatus="Warning")
    fake = Fake(skus={A: [ended, grace]})
    reading = read(fake)
    assert owned(reading) == (Decimal(0), Decimal(0))
    assert owned(reading, BASIC) == (Decimal(0), Decimal(5))
    assert not reading.notes
    assert owned(read(fake, count_grace=True), BASIC) == (Decimal(5), Decimal(5))


def test_case_05_free_and_company_wide_licences_are_left_out_and_unknown_ones_keep_their_part_number() -> None:
    rows = [
        sku(FLOW, "FLOW_FREE", 10_000, 7), sku("11111111-0000-4000-8000-000000000001", "Power_Pages_Trial_VIRAL", 1_000_000),
        sku("11111111-0000-4000-8000-000000000002", "CPC_STORAGE", 1, 0, appliesTo="Company"),
        sku("11111111-0000-4000-8000-00000000000A", "Brand_New_(no Teams)", 3, 2),
    ]  # fmt: skip
    reading = read(Fake(skus={A: rows}))
    assert {line.product: line.quantity for line in reading.lines} == {
        "Brand_New_(no Teams)": 3, "Brand_New_(no Teams) (assigned)": 2, "Licensed users": 0,
    }  # fmt: skip
    wide = read(Fake(skus={A: rows}), count_company_wide=True, excluded_skus=[FLOW], read_users=False)
    assert {line.product for line in wide.lines if "(assigned)" not in line.product} == {
        "Power_Pages_Trial_VIRAL", "CPC_STORAGE", "Brand_New_(no Teams)",
    }  # fmt: skip


def test_case_06_only_active_subscriptions_count_and_unknown_ones_are_told() -> None:
    statuses = ["active", "suspended", "deleted", "dreaming", "none", "pending", "expired"]
    rows = [bought(number, 2**number, status=status) for number, status in enumerate(statuses)]
    rows += [
        bought(20, 1000, isTrial=True),
        bought(21, 2000, billingType="usage"),
        bought(22, 4000, billingCycle="one_time"),
    ]
    fake = Fake(subscriptions={A: rows})
    reading = read(fake)
    assert quantities(reading) == {"pc:CFQ7TTC0LCHC:0002": Decimal(1)}
    assert [str(note) for note in reading.notes] == ["Subscriptions with the unknown status dreaming are not counted."]
    assert quantities(read(fake, count_suspended=True)) == {"pc:CFQ7TTC0LCHC:0002": Decimal(3)}
    assert quantities(read(fake, count_one_time=True)) == {"pc:CFQ7TTC0LCHC:0002": Decimal(4001)}


def test_case_07_one_offer_adds_up_per_term_and_cycle() -> None:
    reading = read(Fake(subscriptions={A: [bought(1, 25), bought(2, 4), bought(3, 7, termDuration="P1M")]}))
    per_term: dict[tuple[str, str], Decimal] = {}
    for line in reading.lines:
        per_term[line.term, line.billing_frequency] = (
            per_term.get((line.term, line.billing_frequency), Decimal(0)) + line.quantity
        )
    assert per_term == {("P1Y", "monthly"): Decimal(29), ("P1M", "monthly"): Decimal(7)}
    assert {line.product_key for line in reading.lines} == {"pc:CFQ7TTC0LCHC:0002"}


def test_case_08_graph_waits_as_told() -> None:
    told = JSONResponse({"error": {"code": "TooManyRequests"}}, status_code=429, headers={"Retry-After": "2"})
    with connected(Fake(skus={A: [sku()]}, before={A: [told]}), read_users=False) as (source, server):
        reading = source.read(NOW)
    first, second = calls(server, "/v1.0/subscribedSkus")
    assert second.at - first.at >= 1.95
    assert owned(reading) == (Decimal(25), Decimal(23))


def test_case_08_partner_center_without_the_header_waits_by_backoff() -> None:
    body = {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."}
    fake = Fake(subscriptions={A: [bought(1, 25)]}, before={"subscriptions": [JSONResponse(body, status_code=429)] * 2})
    with connected(fake) as (source, server):
        assert quantities(source.read(NOW)) == {"pc:CFQ7TTC0LCHC:0002": Decimal(25)}
    asked = calls(server, f"/v1/customers/{A}/subscriptions")
    assert [later.at - one.at >= 0.04 for one, later in pairwise(asked)] == [True, True]


def test_case_09_a_token_that_ends_between_pages_is_renewed_once() -> None:
    fake = Fake(skus={A: [sku()]}, users={A: [[user(1), user(2)], [user(3)]]}, ends_at_page=1)
    with connected(fake) as (source, server):
        assert quantities(source.read(NOW))["graph:users.licensed"] == 3
    assert server.paths().count(f"POST /{A}/oauth2/v2.0/token") == 2
    assert len(calls(server, "/v1.0/users")) == 3


def test_case_09_a_second_refusal_is_an_error_of_that_tenant() -> None:
    reading = read(Fake(skus={A: [sku()]}, subscriptions={A: [bought(1)]}, always_ended=True))
    assert list(reading.failed_customers) == [A]
    assert not reading.lines


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused(700016, "unauthorized_client"), "no consent"),
        (refused(65001, "invalid_grant"), "no consent"),
        (refused(90002, "invalid_request"), "does not exist"),
        (refused(53003, "access_denied"), "AADSTS53003"),
    ],
)
def test_case_10_a_tenant_without_consent_spoils_no_other(answer: Response, words: str) -> None:
    fake = Fake(customers=[(A, "A"), (B, "B")], skus={B: [sku()]}, subscriptions={A: [bought(1)]}, sign_in={A: answer})
    reading = read(fake)
    assert words in str(reading.failed_customers[A])
    assert not reading.proves_absence(A)
    assert quantities(reading, A) == {}
    assert quantities(reading, B)[f"graph:owned:{PREMIUM}"] == 25


def test_case_11_a_wrong_secret_ends_everything(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        connected(Fake(), {"client_secret": "wr0ng-secret"}) as (source, server),
        pytest.raises(Unauthorized) as caught,
    ):
        source.read(NOW)
    assert "client secret" in str(caught.value)
    assert "AADSTS7000215" in caught.value.detail
    said = f"{caught.value} {caught.value.detail} {caplog.text} {capsys.readouterr()}"
    assert "wr0ng-secret" not in said
    assert SECRET not in said
    assert all(path.startswith("POST") for path in server.paths())


def test_case_11_it_ends_a_reading_that_is_under_way() -> None:
    fake = Fake(customers=[(A, "A"), (B, "B")], skus={B: [sku()]}, sign_in={A: refused(7000222, "invalid_client", 401)})
    with connected(fake) as (source, _), pytest.raises(Unauthorized, match="expired"):
        source.read(NOW)


def test_case_12_a_tenant_without_licences_has_none() -> None:
    reading = read(Fake(skus={A: []}))
    assert reading.complete
    assert not reading.lines
    assert not reading.failed_customers
    assert reading.proves_absence(A)


def test_case_13_customers_of_one_name_stay_apart() -> None:
    name = "Ångström & Søn ÅS"
    reading = read(Fake(customers=[(A, name), (B, name)], subscriptions={A: [bought(1, 3)], B: [bought(2, 4)]}))
    assert sorted((line.customer_id, line.customer, line.quantity) for line in reading.lines) == [
        (A, name, 3),
        (B, name, 4),
    ]


def test_case_14_a_new_refresh_token_is_kept_before_anything_is_asked() -> None:
    fake = Fake(skus={A: [sku()]}, subscriptions={A: [bought(1)]}, refresh_token="rt")

    class Kept(InMemory):
        def exchange(self, use: Any) -> Any:
            result = super().exchange(use)
            fake.log.append(f"kept {self.value}")
            return result

    with serving(fake.app()) as server:
        options = {"base_url": server.url, "partner_tenant_id": PARTNER, "client_id": "app"}
        secrets = {"client_secret": SECRET, "refresh_token": "rt"}
        source = MANIFEST.open("M365", options, secrets, lambda _field, value: Kept(value))
        reading = source.read(NOW)
    assert fake.log[:3] == ["token", "kept rt+", "call"]
    assert "kept rt++" in fake.log
    assert quantities(reading)[f"graph:owned:{PREMIUM}"] == 25


def test_case_14_a_crash_after_the_exchange_does_not_lose_it() -> None:
    fake = Fake(refresh_token="rt", before={"customers": [Response(status_code=403)]})
    kept = InMemory("rt")
    with serving(fake.app()) as server:
        options = {"base_url": server.url, "partner_tenant_id": PARTNER, "client_id": "app"}
        for failing in (True, False):
            source = MANIFEST.open(
                "M365", options, {"client_secret": SECRET, "refresh_token": "rt"}, lambda _field, _value: kept
            )
            if failing:
                with pytest.raises(RemoteError):
                    source.read(NOW)
            else:
                assert source.read(NOW).complete
    assert fake.refresh_token == kept.value


def test_case_15_a_next_link_to_another_host_is_refused() -> None:
    with serving(Starlette()) as thief:
        fake = Fake(skus={A: [sku()]}, users={A: [[user(1)], [user(2)]]}, next_host=thief.url)
        reading = read(fake)
        assert "another server" in str(reading.failed_customers[A])
        assert not thief.asked


def test_users_are_counted_by_what_they_hold() -> None:
    people = [
        user(1), user(2, FLOW), user(3, FLOW, BASIC), user(4, accountEnabled=False), user(5, userType="Guest"), user(5),
    ]  # fmt: skip
    fake = Fake(skus={A: [sku(), sku(FLOW, "FLOW_FREE", 10_000)]}, users={A: [people]})
    assert quantities(read(fake))["graph:users.licensed"] == 4
    assert quantities(read(fake, users_enabled_only=True))["graph:users.licensed"] == 3
    assert quantities(read(fake, users_members_only=True))["graph:users.licensed"] == 3
    with connected(fake, users_of=[B]) as (source, server):
        assert "graph:users.licensed" not in quantities(source.read(NOW))
        assert not calls(server, "/v1.0/users")


@pytest.mark.parametrize("source_of", ["contracts", "delegated_admin"])
def test_customers_can_come_from_graph(source_of: str) -> None:
    fake = Fake(customers=[(A, "A"), (B, "B")], skus={A: [sku()], B: [sku()]})
    with connected(fake, customers_from=source_of, read_subscriptions=False) as (source, server):
        source.test()
        reading = source.read(NOW)
    assert {line.customer for line in reading.lines} == {"A", "B"}
    assert not [path for path in server.paths() if path.startswith("GET /v1/")]


def test_typed_tenants_are_read_too_and_only_resellers_customers_have_subscriptions() -> None:
    fake = Fake(skus={B: [sku()]}, relationship="advisor", subscriptions={A: [bought(1)]})
    reading = read(fake, tenants=[f"{B.upper()} = Eigen kantoor"])
    assert {line.customer for line in reading.lines} == {"Eigen kantoor"}
    alone = read(fake, tenants=[B], customers_from="list", read_subscriptions=False)
    assert {line.customer for line in alone.lines} == {B}


def test_a_customer_without_rights_keeps_what_is_known() -> None:
    denied = JSONResponse({"error": {"code": "Authorization_RequestDenied"}}, status_code=403)
    fake = Fake(customers=[(A, "A"), (B, "B")], skus={A: [sku()], B: [sku()]}, before={A: [denied]})
    reading = read(fake)
    assert "GDAP" in str(reading.failed_customers[A])
    assert quantities(reading, B)[f"graph:owned:{PREMIUM}"] == 25


def test_a_subscription_brings_its_term_and_period() -> None:
    rows = [
        bought(1, 25),
        bought(2, 3, offer="6FD2C87F-B296-42F0-B197-1E91E994B900", billingCycle="annual", termDuration="P3Y"),
    ]
    nce, legacy = sorted(read(Fake(subscriptions={A: rows})).lines, key=lambda line: line.subscription_id)
    assert (nce.term, nce.billing_frequency, nce.subscription_id) == ("P1Y", "monthly", "s1")
    assert (nce.period_start, nce.period_end) == (dt.date(2025, 3, 1), dt.date(2026, 2, 28))
    assert nce.product == "Microsoft 365 Business Premium"
    assert (nce.attributes["label"], nce.attributes["domain"]) == ("kantoor", "zon.onmicrosoft.example")
    assert (legacy.product_key, legacy.billing_frequency) == ("pc:6FD2C87F-B296-42F0-B197-1E91E994B900", "yearly")


def test_partner_center_is_signed_in_to_as_documented() -> None:
    fake = Fake(refresh_token="rt")
    for secrets, settings, path, expected in (
        ({}, {}, "token", {"resource": "https://graph.windows.net", "grant_type": "client_credentials"}),
        (
            {"refresh_token": "rt"},
            {},
            "token",
            {"resource": "https://api.partnercenter.microsoft.com", "scope": "openid"},
        ),
        (
            {},
            {"partner_center_sign_in": "v2"},
            "v2.0/token",
            {"scope": "https://api.partnercenter.microsoft.com/.default"},
        ),
        (
            {},
            {"partner_center_resource": "https://other.partnercenter"},
            "token",
            {"resource": "https://other.partnercenter"},
        ),
    ):
        options = {**settings, "read_licences": False, "read_users": False}
        with connected(fake, {"client_secret": SECRET, **secrets}, **options) as (source, server):
            source.test()
        sent = parse_qs(calls(server, f"/{PARTNER}/oauth2/{path}")[0].body.decode())
        assert {name: sent[name] for name in expected} == {name: [value] for name, value in expected.items()}
    with connected(fake, partner_center_access="application", graph_access="application") as (source, server):
        source.test()
    assert server.paths() == [
        f"POST /{PARTNER}/oauth2/v2.0/token",
        f"POST /{PARTNER}/oauth2/token",
        "GET /v1/customers",
    ]


def certificate() -> tuple[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ContractBridge")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(NOW).not_valid_after(NOW + dt.timedelta(days=9)).sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + made.public_bytes(serialization.Encoding.PEM)).decode(), key.public_key()


def test_a_certificate_signs_in_instead_of_a_secret() -> None:
    pem, public = certificate()
    with connected(Fake(skus={A: [sku()]}), {"certificate": pem}) as (source, server):
        assert owned(source.read(NOW)) == (Decimal(25), Decimal(23))
    sent = parse_qs(calls(server, f"/{A}/oauth2/v2.0/token")[0].body.decode())
    assert "client_secret" not in sent
    claims = jwt.decode(sent["client_assertion"][0], public, algorithms=["PS256"], options={"verify_aud": False})
    assert (claims["iss"], claims["sub"]) == ("app", "app")
    assert claims["aud"].endswith(f"/{A}/oauth2/v2.0/token")
    with (
        connected(Fake(), {"certificate": "no certificate"}) as (source, _),
        pytest.raises(SettingsError, match="certificate"),
    ):
        source.test()


def test_settings_that_do_not_go_together_are_told() -> None:
    given: dict[str, object] = {"partner_tenant_id": PARTNER, "client_id": "app"}
    secret = {"client_secret": SECRET}
    with pytest.raises(SettingsError, match="secret or a certificate"):
        MANIFEST.open("M365", given, {})
    with pytest.raises(SettingsError, match="refresh token"):
        MANIFEST.open("M365", {**given, "graph_access": "delegated"}, secret)
    off = {"read_licences": False, "read_users": False, "read_subscriptions": False}
    with pytest.raises(SettingsError, match="Nothing"):
        MANIFEST.open("M365", {**given, **off}, secret)


def test_secrets_for_another_address_do_not_go_to_microsoft() -> None:
    def of(**settings: str) -> Any:
        return hosts_of(Microsoft365Settings(partner_tenant_id=PARTNER, client_id="app", **settings))

    assert of() == CLOUDS["global"]
    assert of(base_url="https://graph.microsoft.com/v1.0/") == CLOUDS["global"]
    assert of(cloud="us_government").graph == "https://graph.microsoft.us/v1.0"
    fake = of(
        base_url="http://127.0.0.1:9/graph",
        auth_url="http://127.0.0.1:8/login/",
        partner_center_url="http://127.0.0.1:7",
    )
    assert fake[:3] == ("http://127.0.0.1:8/login", "http://127.0.0.1:9/graph", "http://127.0.0.1:7/v1")
    assert of(base_url="http://127.0.0.1:9")[:3] == (
        "http://127.0.0.1:9",
        "http://127.0.0.1:9/v1.0",
        "http://127.0.0.1:9/v1",
    )


def test_names_of_licences_can_be_newer_than_the_snapshot(tmp_path: Any) -> None:
    newer = tmp_path / "names.csv"
    head = (
        "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names\n"
    )
    rows = f"Business\xa0Premium (2027),SPB,{PREMIUM.upper()},A,1,A\nSomething else,SPB,{PREMIUM},B,2,B\n"
    newer.write_bytes((head + rows).encode("cp1252"))
    assert read(Fake(skus={A: [sku()]}), names_file=str(newer)).lines[0].product == "Business Premium (2027)"
    assert sku_names(str(newer))[BASIC].name == "Microsoft 365 Business Basic"
    newer.write_text(json.dumps({"not": "a csv"}))
    for wrong in (newer, tmp_path / "none.csv"):
        with pytest.raises(SettingsError, match="names of licences"):
            sku_names(str(wrong))


def test_s2_25_a_subscription_tells_its_dates_its_status_and_until_when_it_can_be_given_back() -> None:
    window = {"creationDate": "2025-02-27T09:12:44.1234567Z", "cancellationAllowedUntilDate": "2025-03-08T00:00:00Z"}
    suspended = bought(2, 3, status="suspended", **window)
    suspended.pop("effectiveStartDate")
    rows = [bought(1, 25, autoRenewEnabled=True, **window), suspended]
    active, held = sorted(
        read(Fake(subscriptions={A: rows}), count_suspended=True).lines, key=lambda line: line.subscription_id
    )
    assert dates_of(type_of(active), [active], dt.date(2026, 1, 1)) == (dt.date(2025, 3, 1), dt.date(2026, 2, 28))
    assert (held.period_start, status_of(held)) == (dt.date(2025, 2, 27), Status.SUSPENDED)
    assert (created_on(active), auto_renew_of(active)) == (dt.date(2025, 2, 27), True)
    assert (reducible_until(active), commitment_end(active)) == (dt.date(2025, 3, 8), dt.date(2026, 2, 28))
