"""SentinelOne over real HTTP against a fake console; one test for each conformance case (SentinelOne §12)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.sentinelone.manifest import MANIFEST
from connectors.sentinelone.source import SentinelOne
from core.domain.errors import ShapeChanged, Unauthorized
from core.domain.subscription.words import commitment_end
from core.domain.usage import Reading
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TOKEN = "made-up-token-0123456789"


def bundle(name: str, count: int = 50, surface: str = "Total Agents") -> dict[str, Any]:
    display = name if " " in name else f"Singularity {name.capitalize()}"
    return {
        "name": name,
        "displayName": display,
        "surfaces": [{"name": surface, "count": count}],
        "totalSurfaces": count,
    }


def site(number: int | str, *bundles: dict[str, Any], **fields: Any) -> dict[str, Any]:
    modules = fields.pop("modules", [])
    return {
        "id": str(number), "name": f"Site {number}", "accountName": "MSP", "state": "active", "siteType": "Paid",
        "activeLicenses": 61, "totalLicenses": 50, "unlimitedLicenses": False, "isDefault": False, "sku": None, "suite": None,
        "licenses": {"bundles": list(bundles), "modules": modules, "settings": []}, "registrationToken": "joins-agents", **fields,
    }  # fmt: skip


@dataclass
class Fake:
    """A console. `answers` are given first, by path."""

    sites: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    servers: dict[str, int] = field(default_factory=dict)
    agents: dict[str, int] = field(default_factory=dict)
    answers: dict[str, list[Response]] = field(default_factory=dict)
    last: str = "null"
    encoded: bool = False

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/web/api/v2.1/{path:path}", self.answer)])

    async def answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        if self.answers.get(path):
            return self.answers[path].pop(0)
        if request.headers.get("authorization") != f"ApiToken {TOKEN}":
            return JSONResponse(
                {"errors": [{"code": 4010010, "detail": None, "title": "Authentication Failed"}]}, status_code=401
            )
        if path == "agents/count":
            count = self.servers if "machineTypes" in request.query_params else self.agents
            return JSONResponse({"data": {"total": count.get(request.query_params["siteIds"], 0)}})
        rows = self.sites if path == "sites" else self.accounts
        start = 0
        if cursor := request.query_params.get("cursor"):
            start = int(base64.b64decode(cursor).decode())
        limit = int(request.query_params.get("limit", 10))
        following = base64.b64encode(f"{start + limit}".encode()).decode() if start + limit < len(rows) else None
        page = rows[start : start + limit]
        pagination: dict[str, Any] = {
            "nextCursor": quote(following) if following and self.encoded else following,
            "totalItems": len(rows),
        }
        if following is None and self.last == "absent":
            del pagination["nextCursor"]
        if following is None and self.last == "empty":
            pagination["nextCursor"] = ""
        data: Any = {"allSites": {"activeLicenses": 1, "totalLicenses": 1}, "sites": page} if path == "sites" else page
        return JSONResponse({"data": data, "pagination": pagination})


@contextmanager
def connected(fake: Fake, token: str = TOKEN, **settings: object) -> Iterator[tuple[SentinelOne, Server]]:
    with serving(fake.app()) as server:
        source = MANIFEST.open("S1", {"base_url": server.url, **settings}, {"api_token": token})
        assert isinstance(source, SentinelOne)
        source.api.backoff = Backoff(attempts=4, first=0.01, longest=0.05, total=10)
        yield source, server


def read(fake: Fake, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def counts(reading: Reading, customer: str = "1") -> dict[str, Decimal]:
    return {line.product_key: line.quantity for line in reading.lines if line.customer_id == customer}


@pytest.mark.parametrize(("last", "encoded"), [("null", False), ("absent", False), ("empty", False), ("null", True)])
def test_case_01_02_sites_over_three_cursor_pages(last: str, encoded: bool) -> None:
    fake = Fake(sites=[site(number, bundle("control")) for number in range(2003)], last=last, encoded=encoded)
    with connected(fake) as (source, server):
        reading = source.read(NOW)
    assert len({line.customer_id for line in reading.lines}) == 2003
    assert len(server.asked) == 3
    assert all("cursor=" not in one.query or "%3D" in one.query or "%253D" not in one.query for one in server.asked)


def test_case_03_the_vendors_sample() -> None:
    trial = site(2, bundle("complete", -1), siteType="Trial", activeLicenses=0, totalLicenses=5)
    fake = Fake(sites=[site(1, bundle("control")), trial])
    reading = read(fake)
    assert counts(reading) == {"s1:active:control": 61, "s1:licensed:control": 50}
    assert counts(reading, "2") == {}
    assert counts(read(fake, bill_trials=True), "2")["s1:active:complete"] == 0


def test_case_04_more_in_use_than_reserved_is_shown_as_it_is() -> None:
    reading = read(Fake(sites=[site(1, bundle("core"), activeLicenses=815, totalLicenses=25)]))
    assert counts(reading) == {"s1:active:core": 815, "s1:licensed:core": 25}


def test_case_05_deleted_and_expired_sites_are_not_billed() -> None:
    fake = Fake(sites=[site(1, bundle("core"), state="expired"), site(2, bundle("core"), state="deleted")])
    reading = read(fake)
    assert reading.lines == ()
    assert "Site 1" in str(reading.notes[0]) and len(reading.notes) == 1
    assert counts(read(fake, bill_expired=True))["s1:active:core"] == 61


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (site(1, bundle("control")), "control"),
        (site(1, sku="core"), "core"),
        (site(1, suite="Complete"), "complete"),
        (site(1), "unknown"),
        (site(1, bundle("new_thing_2027")), "new_thing_2027"),
        (site(1, bundle("singularity_identity", 5, "Total Users"), bundle("control")), "control"),
        (site(1, licenses=None, sku="control"), "control"),
    ],
)
def test_case_06_the_package_comes_from_bundles_then_sku_then_suite(place: dict[str, Any], key: str) -> None:
    assert f"s1:active:{key}" in counts(read(Fake(sites=[place])))


@pytest.mark.parametrize(
    "place",
    [
        site(1, bundle("core", -1), unlimitedLicenses=True, totalLicenses=0),
        site(1, bundle("core", -1), totalLicenses=-1),
    ],
)
def test_case_07_unlimited_is_no_quantity(place: dict[str, Any]) -> None:
    assert counts(read(Fake(sites=[place]))) == {"s1:active:core": 61}


def test_case_08_agents_are_counted_whether_online_or_not() -> None:
    fake = Fake(sites=[site(1, bundle("control"))], servers={"1": 7}, agents={"1": 61})
    with connected(fake, split_machines=True) as (source, server):
        found = counts(source.read(NOW))
    assert (found["s1:server:control"], found["s1:workstation:control"]) == (7, 54)
    asked = [one.query for one in server.asked if one.path.endswith("agents/count")]
    assert all(
        "isDecommissioned=false" in query and "isUninstalled=false" in query and "isActive" not in query
        for query in asked
    )


def test_case_09_a_refused_token_is_said_once() -> None:
    with connected(Fake(), token="wrong-token-987654") as (source, server), pytest.raises(Unauthorized) as caught:
        source.test()
    assert len(server.asked) == 1
    assert "wrong-token-987654" not in f"{caught.value} {caught.value.detail}"


def test_case_10_counting_may_be_forbidden() -> None:
    denied = JSONResponse({"errors": [{"code": 4030010, "title": "Insufficient permissions"}]}, status_code=403)
    reading = read(Fake(sites=[site(1, bundle("core"))], answers={"agents/count": [denied]}), split_machines=True)
    assert counts(reading) == {"s1:active:core": 61, "s1:licensed:core": 50}
    assert not reading.failed_customers and len(reading.notes) == 1


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry-After": "1"}, 1.0), ({}, 0.3)])
def test_case_11_throttling(headers: dict[str, str], seconds: float) -> None:
    with connected(Fake(answers={"sites": [JSONResponse({}, status_code=429, headers=headers)]})) as (source, server):
        assert source.api.wait == 5.0
        source.api.wait = 0.3
        source.test()
    assert server.asked[1].at - server.asked[0].at >= seconds * 0.95


def test_case_12_names_and_empty_sites() -> None:
    fake = Fake(
        sites=[site(1, bundle("core"), name="Café Ærø"), site(2, bundle("core"), name="Café Ærø", activeLicenses=0)]
    )
    reading = read(fake)
    assert {line.customer for line in reading.lines} == {"Café Ærø"}
    assert counts(reading, "2")["s1:active:core"] == 0


def test_case_12_the_empty_default_site_is_no_customer() -> None:
    fake = Fake(
        sites=[site(1, isDefault=True, activeLicenses=0), site(2, bundle("core"), isDefault=True, activeLicenses=3)]
    )
    assert {line.customer_id for line in read(fake).lines} == {"2"}


def test_case_13_long_ids_stay_exact() -> None:
    assert read(Fake(sites=[site("1520000000000000101", bundle("core"))])).lines[0].customer_id == "1520000000000000101"


def test_case_14_a_sign_in_page_is_an_error_and_never_an_empty_list() -> None:
    with (
        connected(Fake(answers={"sites": [HTMLResponse("<html>Sign in</html>")]})) as (source, _),
        pytest.raises(ShapeChanged),
    ):
        source.read(NOW)


def test_case_15_removed_sites_are_proven_gone_only_by_a_whole_list() -> None:
    reading = read(Fake(sites=[site(1, bundle("core"))]))
    assert reading.complete and reading.proves_absence("2")


def test_two_endpoint_bundles_are_mixed_or_the_highest() -> None:
    fake = Fake(sites=[site(1, bundle("core"), bundle("complete"))])
    reading = read(fake)
    assert "s1:active:mixed" in counts(reading) and len(reading.notes) == 1
    assert "s1:active:complete" in counts(read(fake, two_bundles="highest"))


def test_modules_and_user_bundles() -> None:
    modules = [{"name": "vigilance", "displayName": "Vigilance MDR"}]
    fake = Fake(sites=[site(1, bundle("control"), bundle("singularity_identity", 40, "Total Users"), modules=modules)])
    found = counts(read(fake, modules=True, users=True))
    assert (found["s1:module:vigilance"], found["s1:users:singularity_identity"]) == (61, 40)


def test_accounts_can_be_the_customers() -> None:
    skus = [{"type": "Control", "agentsInSku": 61}, {"type": "Complete", "agentsInSku": 0}]
    account = {"id": "9", "name": "MSP", "accountType": "Paid", "state": "active", "activeAgents": 61, "skus": skus}
    assert counts(read(Fake(accounts=[account]), customer_level="account"), "9") == {
        "s1:active:control": 61,
        "s1:active:complete": 0,
    }


def test_the_token_that_joins_agents_is_not_kept() -> None:
    assert "joins-agents" not in repr(read(Fake(sites=[site(1, bundle("core"))])))


def test_the_licences_tell_their_state_and_when_they_end() -> None:
    dated = {"createdAt": "2024-02-01T09:00:00Z", "expiration": "2027-02-01T00:00:00Z", "unlimitedExpiration": False}
    sites = [site(1, bundle("control"), **dated), site(2, bundle("core"), **{**dated, "unlimitedExpiration": True})]
    lines = {(line.customer_id, line.product_key): line for line in read(Fake(sites=sites)).lines}
    told = lines["1", "s1:licensed:control"]
    assert dict(told.attributes) == {"status": "active", "created": "2024-02-01", "commitment_end": "2027-02-01"}
    assert not lines["1", "s1:active:control"].attributes
    assert commitment_end(lines["2", "s1:licensed:core"]) is None
