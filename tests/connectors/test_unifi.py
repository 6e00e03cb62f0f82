"""UniFi over real HTTP against fakes of its three interfaces; one test for each conformance case (UniFi §13)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.unifi.manifest import MANIFEST
from connectors.unifi.source import UniFi
from core.domain.errors import RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, self_signed, serving

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PASSWORD = "p4ssw0rd-of-the-reader"
KEY = "k3y-of-the-reader"


class HasApp(Protocol):
    def app(self) -> Starlette: ...


@contextmanager
def connected(
    fake: HasApp, api: str, tls: dict[str, str] | None = None, secrets: dict[str, str] | None = None, **settings: object
) -> Iterator[tuple[UniFi, Server]]:
    with serving(fake.app(), **(tls or {})) as server:
        options: dict[str, object] = {"api": api, "base_url": server.url, **settings}
        if api == "classic" and secrets is None:
            options.setdefault("username", "reader")
        source = MANIFEST.open("Wi-Fi", options, secrets or {"password": PASSWORD, "api_key": KEY})
        assert isinstance(source, UniFi)
        source.api.backoff = Backoff(attempts=4, first=0.01, longest=0.05)
        source.api.wait = 0.1
        try:
            yield source, server
        finally:
            source.api.close()


def read(fake: HasApp, api: str, **settings: object) -> Reading:
    with connected(fake, api, **settings) as (source, _):
        return source.read(NOW)


def counts(reading: Reading, customer: str) -> dict[str, int]:
    return {line.product_key: int(line.quantity) for line in reading.lines if line.customer_id == customer}


# Part A: classic


def site(number: int, desc: str = "") -> dict[str, Any]:
    return {"_id": f"id{number}", "name": f"site{number}", "desc": desc or f"Customer {number}", "role": "readonly"}


def device(number: int, kind: str = "uap", **fields: Any) -> dict[str, Any]:
    return {"mac": f"00:00:5e:00:53:{number:02X}", "type": kind, "state": 1, "adopted": True, "model": "X", **fields}


MIXED = [
    *[device(number) for number in range(3)], device(10, "usw"), device(11, "usw", state=0), device(20, "udm"), device(30, "uph"),
    device(40, adopted=False, state=2),
]  # fmt: skip


@dataclass
class Controller:
    """A classic controller, or with `console` one on UniFi OS, and its bad days."""

    console: bool = False
    sites: list[dict[str, Any]] = field(default_factory=lambda: [site(1)])
    devices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    login: Response | None = None
    before: list[Response] = field(default_factory=list)
    expire_at: list[int] = field(default_factory=list)
    slim: bool = True
    renew_csrf: str = ""
    sessions: int = 0
    answered: int = 0
    logouts: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> Starlette:
        prefix = "/proxy/network" if self.console else ""
        sign_in, sign_out = ("/api/auth/login", "/api/auth/logout") if self.console else ("/api/login", "/logout")
        return Starlette(
            routes=[
                Route("/", self.root),
                Route(sign_in, self.sign_in, methods=["POST"]),
                Route(sign_out, self.sign_out, methods=["POST"]),
                Route(f"{prefix}/api/self/sites", self.answer),
                Route(f"{prefix}/api/s/{{site}}/stat/{{list}}", self.answer),
            ]
        )

    async def root(self, request: Request) -> Response:
        return (
            HTMLResponse("<html>UniFi OS</html>")
            if self.console
            else Response(status_code=302, headers={"Location": "/manage"})
        )

    async def sign_in(self, request: Request) -> Response:
        body = await request.json()
        if self.login is not None:
            return self.login
        if (body["username"], body["password"]) != ("reader", PASSWORD):
            return JSONResponse({"meta": {"rc": "error", "msg": "api.err.Invalid"}, "data": []}, status_code=400)
        self.sessions += 1
        answer = JSONResponse(
            {"meta": {"rc": "ok"}, "data": []}, headers={"X-CSRF-Token": "csrf-1"} if self.console else {}
        )
        answer.set_cookie("other", "x")
        answer.set_cookie("TOKEN" if self.console else "unifises", f"session-{self.sessions}", httponly=True)
        return answer

    async def sign_out(self, request: Request) -> Response:
        self.logouts.append(dict(request.headers))
        return JSONResponse({"meta": {"rc": "ok"}, "data": []})

    async def answer(self, request: Request) -> Response:
        self.answered += 1
        if self.answered in self.expire_at:
            self.sessions += 1
        name = "TOKEN" if self.console else "unifises"
        keyed = self.console and request.headers.get("x-api-key") == KEY
        if request.cookies.get(name) != f"session-{self.sessions}" and not keyed:
            return JSONResponse({"meta": {"rc": "error", "msg": "api.err.LoginRequired"}, "data": []}, status_code=401)
        if self.before:
            return self.before.pop(0)
        headers = {"X-CSRF-Token": self.renew_csrf} if self.renew_csrf else {}
        if "site" not in request.path_params:
            return JSONResponse({"meta": {"rc": "ok"}, "data": self.sites}, headers=headers)
        if request.path_params["list"] == "device-basic" and not self.slim:
            return JSONResponse({"meta": {"rc": "error", "msg": "api.err.NotFound"}, "data": []}, status_code=404)
        found = self.devices.get(request.path_params["site"])
        if found is None:
            return JSONResponse({"meta": {"rc": "error", "msg": "api.err.NoSiteContext"}, "data": []}, status_code=400)
        return JSONResponse({"meta": {"rc": "ok"}, "data": found}, headers=headers)


@pytest.mark.parametrize(("console", "login", "sites"), [
    (False, "POST /api/login", "GET /api/self/sites"),
    (True, "POST /api/auth/login", "GET /proxy/network/api/self/sites"),
])  # fmt: skip
def test_case_01_the_start_page_tells_the_flavour(console: bool, login: str, sites: str) -> None:
    with connected(Controller(console=console), "classic") as (source, server):
        source.test()
    assert server.paths()[:3] == ["GET /", login, sites]


@pytest.mark.parametrize(("renewed", "expected"), [("", "csrf-1"), ("csrf-2", "csrf-2")])
def test_case_02_signing_out_carries_the_newest_csrf_token(renewed: str, expected: str) -> None:
    fake = Controller(console=True, renew_csrf=renewed, devices={"site1": []})
    with connected(fake, "classic") as (source, server):
        source.read(NOW)
    assert server.paths()[-1] == "POST /api/auth/logout"
    assert [(one["x-csrf-token"], one["cookie"]) for one in fake.logouts] == [(expected, "TOKEN=session-1")]


def test_case_03_each_device_counts_as_one_kind() -> None:
    assert counts(read(Controller(devices={"site1": MIXED}), "classic"), "id1") == {
        "devices_total": 7, "access_points": 3, "switches": 2, "gateways": 1, "devices_other": 1, "devices_offline": 1, "sites": 1,
    }  # fmt: skip


def test_case_04_pending_devices_of_the_controller_count_in_no_site() -> None:
    pending = device(40, adopted=False, state=2)
    fake = Controller(sites=[site(1), site(2)], devices={"site1": [device(1), pending], "site2": [pending]})
    reading = read(fake, "classic")
    assert (counts(reading, "id1")["devices_total"], counts(reading, "id2")["devices_total"]) == (1, 0)


def test_case_05_a_session_that_ends_is_renewed_once() -> None:
    with connected(Controller(devices={"site1": MIXED}, expire_at=[2]), "classic") as (source, server):
        assert counts(source.read(NOW), "id1")["devices_total"] == 7
    assert server.paths().count("POST /api/login") == 2


def test_case_05_a_session_that_ends_twice_is_an_error() -> None:
    fake = Controller(devices={"site1": MIXED}, expire_at=[2, 3])
    with connected(fake, "classic") as (source, server), pytest.raises(Unauthorized):
        source.read(NOW)
    assert server.paths().count("POST /api/login") == 2


@pytest.mark.parametrize(("status", "body", "words"), [
    (429, {"code": "AUTHENTICATION_FAILED_LIMIT_REACHED", "message": "…", "level": "debug"}, "too many"),
    (499, {"code": "MFA_AUTH_REQUIRED"}, "MFA"),
    (400, {"meta": {"rc": "error", "msg": "api.err.Ubic2faTokenRequired"}, "data": []}, "MFA"),
    (403, {"code": "AUTHENTICATION_FAILED_INVALID_CREDENTIALS"}, "does not accept"),
])  # fmt: skip
def test_case_06_a_refused_sign_in_is_not_tried_again(status: int, body: dict[str, Any], words: str) -> None:
    fake = Controller(console=True, login=JSONResponse(body, status_code=status))
    with connected(fake, "classic") as (source, server), pytest.raises(Unauthorized) as caught:
        source.read(NOW)
    assert server.paths() == ["GET /", "POST /api/auth/login"]
    assert words in str(caught.value)


def test_a_site_that_may_not_be_seen_spoils_no_other() -> None:
    reading = read(Controller(sites=[site(1), site(2)], devices={"site2": MIXED}), "classic")
    assert list(reading.failed_customers) == ["id1"]
    assert "may not see" in str(reading.failed_customers["id1"])
    assert counts(reading, "id2")["devices_total"] == 7


def test_a_controller_that_starts_is_tried_again() -> None:
    fake = Controller(
        devices={"site1": MIXED}, before=[HTMLResponse("starting"), Response(status_code=503), Response("")]
    )
    assert counts(read(fake, "classic"), "id1")["devices_total"] == 7


def test_m2_a_page_instead_of_data_is_never_zero() -> None:
    with pytest.raises(RemoteError) as caught:
        read(Controller(before=[HTMLResponse("hello")] * 9), "classic")
    assert caught.value.kind == "starting"


def test_a_controller_without_the_slim_list_gives_the_long_one() -> None:
    fake = Controller(slim=False, devices={"site1": [device(1), device(2, site_id="id9")]})
    assert counts(read(fake, "classic"), "id1")["devices_total"] == 1


def test_a_key_opens_the_classic_paths_of_a_console() -> None:
    with connected(Controller(console=True, devices={"site1": MIXED}), "classic", secrets={"api_key": KEY}) as (
        source,
        server,
    ):
        assert counts(source.read(NOW), "id1")["devices_total"] == 7
    assert all(one.startswith("GET /proxy/network/api/") for one in server.paths())


def test_offline_devices_count_unless_the_operator_says_otherwise() -> None:
    found = counts(read(Controller(devices={"site1": MIXED}), "classic", count_offline=False), "id1")
    assert (found["devices_total"], found["switches"], found["devices_offline"]) == (6, 1, 1)


# Part B: Integration API


def network_site(number: int, name: str = "", **fields: Any) -> dict[str, Any]:
    return {"id": f"uuid{number}", "internalReference": f"site{number}", "name": name or f"Customer {number}", **fields}


def network_device(number: int, features: list[str], **fields: Any) -> dict[str, Any]:
    return {
        "id": f"dev{number}", "macAddress": f"00:00:5e:00:54:{number:02x}", "model": "U7 Pro", "state": "ONLINE", "features": features,
        "supported": True, "firmwareVersion": "8.0.19", "firmwareUpdatable": False, "interfaces": ["ports"], **fields,
    }  # fmt: skip


@dataclass
class Network:
    """The Integration API, below `root`."""

    root: str = "/proxy/network/integration/v1"
    sites: list[dict[str, Any]] = field(default_factory=lambda: [network_site(1)])
    devices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    page: int = 200
    stop_after: int | None = None
    failing: dict[str, Response] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(f"{self.root}/info", self.answer),
                Route(f"{self.root}/sites", self.answer),
                Route(f"{self.root}/sites/{{id}}/devices", self.answer),
            ]
        )

    async def answer(self, request: Request) -> Response:
        if request.headers.get("x-api-key") != KEY:
            return JSONResponse({"statusCode": 401, "statusName": "UNAUTHORIZED", "message": "no"}, status_code=401)
        if request.url.path.endswith("/info"):
            return JSONResponse({"applicationVersion": "9.3.45"})
        identity = request.path_params.get("id")
        if identity in self.failing:
            return self.failing[identity]
        rows = self.sites if identity is None else self.devices.get(identity, [])
        offset = int(request.query_params.get("offset", 0))
        limit = min(int(request.query_params.get("limit", 25)), self.page)
        part = rows[offset : offset + limit]
        if self.stop_after is not None and identity and offset >= self.stop_after:
            part = []
        return JSONResponse(
            {"offset": offset, "limit": limit, "count": len(part), "totalCount": len(rows), "data": part}
        )


def test_case_07_a_list_in_pages_is_read_to_its_end() -> None:
    fake = Network(devices={"uuid1": [network_device(n, ["accessPoint"]) for n in range(30)]}, page=25)
    with connected(fake, "integration") as (source, server):
        assert counts(source.read(NOW), "uuid1")["access_points"] == 30
    assert [one.query for one in server.asked if one.path.endswith("devices")] == [
        "offset=0&limit=200", "offset=25&limit=200",
    ]  # fmt: skip


def test_case_07_m2_a_list_that_stops_early_neither_loops_nor_counts() -> None:
    devices = [network_device(n, ["accessPoint"]) for n in range(30)]
    fake = Network(
        sites=[network_site(1), network_site(2)],
        devices={"uuid1": devices, "uuid2": devices[:3]},
        page=25,
        stop_after=25,
    )
    with connected(fake, "integration") as (source, server):
        reading = source.read(NOW)
    assert list(reading.failed_customers) == ["uuid1"]
    assert counts(reading, "uuid2")["devices_total"] == 3
    assert len([one for one in server.asked if "uuid1" in one.path]) == 4


def test_case_08_version_9_0_has_fewer_fields() -> None:
    slim = network_device(1, ["accessPoint"])
    for name in ("supported", "firmwareVersion", "firmwareUpdatable"):
        del slim[name]
    nameless = network_site(1)
    del nameless["internalReference"]
    reading = read(Network(sites=[nameless], devices={"uuid1": [slim]}), "integration")
    assert counts(reading, "uuid1")["devices_total"] == 1
    assert reading.lines[0].attributes == {}


def test_case_09_all_in_one_devices_are_one_gateway() -> None:
    devices = [
        network_device(1, ["switching", "accessPoint", "gateway"]), network_device(2, ["switching", "accessPoint"], model="UDR 7"),
        network_device(3, []), network_device(4, ["switching"]), network_device(5, ["accessPoint"], state="OFFLINE"),
        network_device(6, ["accessPoint"], state="PENDING_ADOPTION"),
    ]  # fmt: skip
    assert counts(read(Network(devices={"uuid1": devices}), "integration"), "uuid1") == {
        "devices_total": 5, "access_points": 1, "switches": 1, "gateways": 2, "devices_other": 1, "devices_offline": 1, "sites": 1,
    }  # fmt: skip


def test_the_same_address_in_two_sites_counts_once() -> None:
    devices = {
        "uuid1": [network_device(10, ["accessPoint"])],
        "uuid2": [network_device(10, ["accessPoint"], macAddress="00005E00540A")],
    }
    reading = read(Network(sites=[network_site(1), network_site(2)], devices=devices), "integration")
    assert (counts(reading, "uuid1")["devices_total"], counts(reading, "uuid2")["devices_total"]) == (1, 0)
    assert "00005e00540a" in str(reading.notes[0])


def test_m2_a_site_that_fails_keeps_its_last_counts() -> None:
    fake = Network(
        sites=[network_site(1), network_site(2)],
        devices={"uuid2": []},
        failing={"uuid1": JSONResponse({}, status_code=500)},
    )
    reading = read(fake, "integration")
    assert list(reading.failed_customers) == ["uuid1"]
    assert not reading.proves_absence("uuid1") and reading.proves_absence("uuid2")


def test_an_old_controller_has_no_integration_api() -> None:
    with connected(Controller(), "integration") as (source, _), pytest.raises(SettingsError) as caught:
        source.test()
    assert "classic" in str(caught.value)


def test_a_console_is_reached_through_the_cloud() -> None:
    console = "0000000000AA:1234567890"
    root = f"/v1/connector/consoles/{console}/proxy/network/integration/v1"
    fake = Network(root=root, devices={"uuid1": [network_device(1, ["gateway"])]})
    assert counts(read(fake, "integration", console_id=console), "uuid1")["gateways"] == 1


# Part C: Site Manager


HOST = "0000000000AA:1234567890"


def host(identity: str = HOST, name: str = "Acme Gateway", **fields: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "type": "console",
        "owner": True,
        "reportedState": {"name": name, "hostname": "gw"},
        **fields,
    }


def cloud_site(number: int, desc: str = "", host: str = HOST, **fields: Any) -> dict[str, Any]:
    told = {
        "totalDevice": 8, "gatewayDevice": 1, "wifiDevice": 4, "wiredDevice": 2, "offlineDevice": 1, "offlineGatewayDevice": 0,
        "offlineWifiDevice": 1, "offlineWiredDevice": 0, "wifiClient": 31, **fields,
    }  # fmt: skip
    known = {name: value for name, value in told.items() if value is not None}
    return {
        "siteId": f"s{number}", "hostId": host, "meta": {"name": f"site{number}", "desc": desc or f"Customer {number}"},
        "statistics": {"counts": known}, "permission": "admin", "isOwner": True,
    }  # fmt: skip


@dataclass
class Cloud:
    """Site Manager, one record a page where `pages` says how the last one ends."""

    hosts: list[dict[str, Any]] = field(default_factory=lambda: [host()])
    sites: list[dict[str, Any]] = field(default_factory=lambda: [cloud_site(1)])
    before: list[Response] = field(default_factory=list)
    paged: bool = False
    last: dict[str, Any] = field(default_factory=dict)
    circle: bool = False

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/hosts", self.answer), Route("/v1/sites", self.answer)])

    async def answer(self, request: Request) -> Response:
        if request.headers.get("x-api-key") != KEY:
            return JSONResponse(
                {"code": "unauthorized", "httpStatusCode": 401, "message": "no", "traceId": "0f"}, status_code=401
            )
        if self.before:
            return self.before.pop(0)
        rows = self.hosts if request.url.path == "/v1/hosts" else self.sites
        start, following = 0, self.last
        if self.paged:
            start = int(request.query_params.get("nextToken", "at:0&x=%").split(":")[1].split("&")[0])
            more = start + 1 < len(rows) or self.circle
            following = {"nextToken": f"at:{(start + 1) % len(rows)}&x=%"} if more else self.last
            rows = rows[start : start + 1]
        return JSONResponse({"data": rows, "httpStatusCode": 200, "traceId": "0f", **following})


ALL = {
    "devices_total": 8, "access_points": 4, "switches": 2, "gateways": 1, "devices_other": 1, "devices_offline": 1, "sites": 1,
    "consoles": 1,
}  # fmt: skip


@pytest.mark.parametrize("last", [{"nextToken": ""}, {}, {"nextToken": None}])
def test_case_10_the_last_page_has_no_next_token(last: dict[str, Any]) -> None:
    fake = Cloud(
        hosts=[host(), host("B")], sites=[cloud_site(n, host=f"H{n}") for n in range(3)], paged=True, last=last
    )
    with connected(fake, "site_manager") as (source, server):
        reading = source.read(NOW)
    assert {line.customer_id for line in reading.lines} == {"H0/s0", "H1/s1", "H2/s2"}
    assert len(server.asked) == 5
    assert counts(reading, "H0/s0") == ALL


def test_case_10_a_token_seen_twice_is_an_error() -> None:
    with pytest.raises(ShapeChanged):
        read(Cloud(hosts=[host("A"), host("B"), host("C")], paged=True, circle=True), "site_manager")


def test_case_11_throttling_waits_as_told() -> None:
    limited = JSONResponse({"code": "rate_limit", "httpStatusCode": 429}, status_code=429, headers={"Retry-After": "2"})
    with connected(Cloud(before=[limited]), "site_manager") as (source, server):
        assert counts(source.read(NOW), f"{HOST}/s1") == ALL
    assert server.asked[1].at - server.asked[0].at >= 1.9


@pytest.mark.parametrize("code", ["unauthorized", "UNAUTHORIZED"])
@pytest.mark.parametrize("status", [200, 401])
def test_case_11_error_codes_come_in_both_cases(code: str, status: int) -> None:
    body = {"code": code, "httpStatusCode": 401, "message": "no", "traceId": "0f"}
    fake = Cloud(before=[JSONResponse(body, status_code=status)] * 9)
    with connected(fake, "site_manager") as (source, server), pytest.raises(Unauthorized):
        source.test()
    assert len(server.asked) == 1


def test_case_11_a_throttled_answer_with_a_good_status_is_tried_again() -> None:
    fake = Cloud(
        before=[JSONResponse({"code": "RATE_LIMIT", "httpStatusCode": 429}), JSONResponse({"code": "server_error"})]
    )
    assert counts(read(fake, "site_manager"), f"{HOST}/s1") == ALL


def test_case_12_m2_a_count_that_is_not_told_is_unknown_and_not_zero() -> None:
    fake = Cloud(
        hosts=[host(reportedState=None), host("B")], sites=[cloud_site(1, gatewayDevice=None), cloud_site(2, host="B")]
    )
    reading = read(fake, "site_manager")
    assert list(reading.failed_customers) == [f"{HOST}/s1"]
    assert "gateways" in str(reading.failed_customers[f"{HOST}/s1"])
    assert counts(reading, f"{HOST}/s1") == {}
    assert counts(reading, "B/s2") == ALL


def test_case_12_what_is_not_needed_may_be_unknown() -> None:
    fake = Cloud(sites=[cloud_site(1, gatewayDevice=None, offlineDevice=None)])
    reading = read(fake, "site_manager", products=["devices_total", "access_points"])
    assert counts(reading, f"{HOST}/s1") == {"devices_total": 8, "access_points": 4}


@pytest.mark.parametrize("api", ["classic", "integration", "site_manager"])
def test_case_13_customers_are_known_by_id_not_by_name(api: str) -> None:
    def names(*given: str) -> set[tuple[str, str]]:
        numbered = list(enumerate(given, 1))
        fakes: dict[str, HasApp] = {
            "classic": Controller(sites=[site(n, name) for n, name in numbered], devices={"site1": [], "site2": []}),
            "integration": Network(sites=[network_site(n, name) for n, name in numbered]),
            "site_manager": Cloud(sites=[cloud_site(n, name) for n, name in numbered]),
        }
        return {(line.customer_id, line.customer) for line in read(fakes[api], api).lines}

    before, after = names("Zon", "Zon"), names("Zon", "Café Ærø")
    assert len(before) == 2
    assert {identity for identity, _ in before} == {identity for identity, _ in after}
    assert {name for _, name in after} == {"Zon", "Café Ærø"}


def test_a_site_named_default_takes_the_name_of_its_console() -> None:
    reading = read(Cloud(sites=[cloud_site(1, "Default")]), "site_manager")
    assert {line.customer for line in reading.lines} == {"Acme Gateway"}
    assert reading.lines[0].attributes == {"short_name": "site1"}


def test_a_console_with_several_sites_is_nobodys_alone() -> None:
    reading = read(Cloud(sites=[cloud_site(1), cloud_site(2)]), "site_manager")
    assert counts(reading, f"{HOST}/s1")["consoles"] == 0
    assert "2 sites" in str(reading.notes[0])


def test_whole_consoles_can_be_the_customers() -> None:
    fake = Cloud(
        hosts=[host(), host("B", "Empty")], sites=[cloud_site(1), cloud_site(2, gatewayDevice=3, totalDevice=9)]
    )
    reading = read(fake, "site_manager", customer="console")
    assert counts(reading, HOST) == {
        "devices_total": 17, "access_points": 8, "switches": 4, "gateways": 4, "devices_other": 1, "devices_offline": 2, "sites": 2,
        "consoles": 1,
    }  # fmt: skip
    assert counts(reading, "B") == dict.fromkeys(ALL, 0) | {"consoles": 1}


def test_offline_devices_are_left_out_of_ready_made_counts_too() -> None:
    found = counts(read(Cloud(), "site_manager", count_offline=False), f"{HOST}/s1")
    assert (found["devices_total"], found["access_points"], found["devices_offline"]) == (7, 3, 1)


# Transport and secrets


def test_case_14_a_self_signed_certificate_is_refused_unless_it_is_given(tmp_path: Path) -> None:
    tls = self_signed(tmp_path)
    with connected(Network(), "integration", tls) as (source, _), pytest.raises(RemoteError) as caught:
        source.test()
    assert "certificate" in str(caught.value)
    for name in ("ca_certificate", "pinned_certificate"):
        with connected(Network(), "integration", tls, **{name: tls["ssl_certfile"]}) as (source, _):
            source.test()
            assert len(source.read(NOW).lines) == 7


def test_case_15_secrets_are_never_shown() -> None:
    told: list[str] = []
    with structlog.testing.capture_logs() as logs:
        for fake, api in (
            (Controller(login=JSONResponse({"echo": PASSWORD}, status_code=403)), "classic"),
            (Cloud(), "site_manager"),
        ):
            secrets = {"password": PASSWORD, "api_key": "wr0ng-key-value"}
            with (
                connected(fake, api, secrets=secrets, username="reader") as (source, _),
                pytest.raises(Unauthorized) as caught,
            ):
                source.read(NOW)
            told.append(f"{caught.value} {caught.value.detail}")
    shown = f"{told} {logs}"
    assert PASSWORD not in shown and "wr0ng-key-value" not in shown


@pytest.mark.parametrize(("settings", "secrets", "field"), [
    ({"api": "site_manager"}, {}, "api_key"),
    ({"api": "integration"}, {"api_key": KEY}, "base_url"),
    ({"api": "classic", "base_url": "https://x"}, {}, "api_key"),
    ({"api": "classic", "base_url": "https://x", "username": "u"}, {}, "password"),
])  # fmt: skip
def test_what_is_missing_is_named(settings: dict[str, object], secrets: dict[str, str], field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        MANIFEST.open("Wi-Fi", settings, secrets)
    assert field in str(caught.value)


def test_the_usual_addresses_are_the_vendors() -> None:
    source = MANIFEST.open("Wi-Fi", {}, {"api_key": KEY})
    assert isinstance(source, UniFi)
    assert (source.api.base_url, source.api.wait) == ("https://api.ui.com/v1", 60)
    assert all(line.quantity == Decimal(int(line.quantity)) for line in read(Cloud(), "site_manager").lines)
