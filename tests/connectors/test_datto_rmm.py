"""Datto RMM over real HTTP against a fake of its API; one test for each conformance case (Datto RMM §12)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.datto_rmm.manifest import MANIFEST
from connectors.datto_rmm.source import DattoRmm
from core.domain.errors import ShapeChanged, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, serving

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def site(number: int, name: str = "", devices: int | None = None, **fields: Any) -> dict[str, Any]:
    status = {"numberOfDevices": devices} if devices is not None else None
    return {
        "id": number,
        "uid": f"u{number}",
        "name": name or f"Site {number}",
        "onDemand": False,
        "devicesStatus": status,
        **fields,
    }


def device(number: int, category: str | None = "Desktop", **fields: Any) -> dict[str, Any]:
    return {
        "uid": f"d{number}", "hostname": f"PC-{number}", "deviceClass": "device", "suspended": None, "deleted": None,
        "deviceType": {"category": category, "type": "x"} if category else None, "lastSeen": 1767601800000, "udf": {}, **fields,
    }  # fmt: skip


SAMPLE = [
    device(1, "Server", suspended=False, deleted=False),
    device(2, "Laptop", suspended=True, lastSeen=1764000000000),
    device(3, "Network Device", deviceClass="rmmnetworkdevice"),
    device(4, deleted=True),
]


@dataclass
class Fake:
    """The account, and switches for its bad days. `answers` are given first, by path."""

    sites: list[dict[str, Any]] = field(default_factory=list)
    devices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    filters: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, list[Response]] = field(default_factory=dict)
    pages: dict[str, list[list[dict[str, Any]]]] = field(default_factory=dict)
    last_link: object = None
    total_off_by: int = 0
    revoke_after_page: int | None = None
    good: str = "t1"
    issued: int = 0
    refuse_all: bool = False
    foreign_link: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/auth/oauth/token", self.token, methods=["POST"]), Route("/api/v2/{path:path}", self.answer)]
        )

    async def token(self, request: Request) -> Response:
        form = await request.form()
        basic = request.headers.get("authorization") == "Basic cHVibGljLWNsaWVudDpwdWJsaWM="
        if not basic or form.get("username") != "KEY&+=" or form.get("password") != "s3c&r+e=t":
            return JSONResponse({"error": "invalid_grant", "error_description": "Bad credentials"}, status_code=400)
        self.issued += 1
        self.good = f"t{self.issued}"
        return JSONResponse({"access_token": self.good, "token_type": "bearer", "expires_in": 360000})

    async def answer(self, request: Request) -> Response:
        if self.refuse_all or request.headers.get("authorization") != f"Bearer {self.good}":
            return JSONResponse({"message": "expired"}, status_code=401)
        path = request.path_params["path"]
        if self.answers.get(path):
            return self.answers[path].pop(0)
        if path == "account":
            return JSONResponse({"uid": "a"})
        if path == "filter/custom-filters":
            return self.page(request, path, "filters", self.filters)
        if path == "account/sites":
            return self.page(request, path, "sites", self.sites)
        if path == "account/devices" and "filterId" in request.query_params:
            return self.page(request, path, "devices", self.devices[request.query_params["filterId"]])
        if path == "account/devices":
            rows = [dict(one, siteUid=uid) for uid, devices in self.devices.items() for one in devices]
            return self.page(request, path, "devices", rows)
        return self.page(request, path, "devices", self.devices.get(path.split("/")[1], []))

    def page(self, request: Request, path: str, key: str, rows: list[dict[str, Any]]) -> Response:
        number = int(request.query_params.get("page", 0))
        pages = self.pages.get(path) or [rows[start : start + 250] for start in range(0, len(rows), 250)] or [[]]
        if number == self.revoke_after_page and path == "account/sites":
            self.revoke_after_page, self.good = None, "revoked"
        following: object = self.last_link
        if number + 1 < len(pages):
            host = "http://127.0.0.1:9/api/v2/x" if self.foreign_link else str(request.url.replace(query=""))
            following = f"{host}?page={number + 1}&max=250"
        details = {
            "count": len(pages[number]),
            "totalCount": sum(map(len, pages)) + self.total_off_by,
            "nextPageUrl": following,
        }
        if following == "absent":
            del details["nextPageUrl"]
        return JSONResponse({"pageDetails": details, key: pages[number]})


@contextmanager
def connected(fake: Fake, **settings: object) -> Iterator[tuple[DattoRmm, Server]]:
    with serving(fake.app()) as server:
        options = {"base_url": server.url, "api_key": "KEY&+=", **settings}
        source = MANIFEST.open("RMM", options, {"api_secret": "s3c&r+e=t"})
        assert isinstance(source, DattoRmm)
        source.api.backoff = Backoff(attempts=4, first=0.01, longest=0.05, total=10)
        source.api.wait = 0.2
        source.blocked_seconds = 0.6
        yield source, server


def read(fake: Fake, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def counts(reading: Reading, customer: str = "u1") -> dict[str, Decimal]:
    return {
        line.product_key.removeprefix("datto_rmm:"): line.quantity
        for line in reading.lines
        if line.customer_id == customer and line.quantity
    }


@pytest.mark.parametrize("last_link", [None, "absent", ""])
def test_case_01_sites_on_three_pages(last_link: object) -> None:
    with connected(Fake(sites=[site(number) for number in range(501)], last_link=last_link), route="account") as (
        source,
        server,
    ):
        reading = source.read(NOW)
    assert len({line.customer_id for line in reading.lines}) == 501
    assert [one.query for one in server.asked if one.path.endswith("/sites")] == [
        "page=0&max=250",
        "page=1&max=250",
        "page=2&max=250",
    ]


def test_case_02_an_empty_page_with_a_link_is_not_the_end() -> None:
    fake = Fake(sites=[site(1)], pages={"site/u1/devices": [[device(1)], [], [device(2)]]})
    assert counts(read(fake)) == {"workstation": Decimal(2)}


def test_case_03_the_vendors_sample() -> None:
    fake = Fake(sites=[site(1)], devices={"u1": SAMPLE})
    assert counts(read(fake)) == {"server": 1, "workstation": 1, "network": 1}
    assert counts(read(fake, count_suspended=False)) == {"server": 1, "network": 1}
    assert counts(read(fake, split_workstations=True)) == {"server": 1, "laptop": 1, "network": 1}
    assert counts(read(fake, inactive_days=30)) == {"server": 1, "network": 1}


def test_case_04_deleted_devices_never_count() -> None:
    fake = Fake(sites=[site(1)], devices={"u1": [device(1, deleted=True), device(2, deleted=None)]})
    assert counts(read(fake)) == {"workstation": 1}


def test_case_05_empty_sites_are_there_with_zero_and_ondemand_sites_count_apart() -> None:
    fake = Fake(sites=[site(1), site(2, onDemand=True)], devices={"u2": [device(1, "Server"), device(2)]})
    reading = read(fake)
    assert [(line.product_key, line.quantity) for line in reading.lines if line.customer_id == "u1"] == [
        ("datto_rmm:workstation", 0)
    ]
    assert counts(reading, "u2") == {"ondemand": 2}


def test_case_06_unknown_kinds_are_other_devices() -> None:
    fake = Fake(
        sites=[site(1)],
        devices={"u1": [device(1, "Thermostat"), device(2, None), device(3, None, deviceClass="esxihost")]},
    )
    assert counts(read(fake)) == {"other": 2, "esxi": 1}


def test_case_07_the_token_request_is_to_the_letter() -> None:
    with connected(Fake()) as (source, server):
        source.test()
    asked = server.asked[0]
    assert asked.headers["authorization"] == "Basic cHVibGljLWNsaWVudDpwdWJsaWM="
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.body == b"grant_type=password&username=KEY%26%2B%3D&password=s3c%26r%2Be%3Dt"


def test_case_08_an_ended_token_is_renewed_once() -> None:
    fake = Fake(sites=[site(number) for number in range(300)], revoke_after_page=0)
    with connected(fake, route="account") as (source, _):
        assert len({line.customer_id for line in source.read(NOW).lines}) == 300
    assert fake.issued == 2
    with connected(Fake(refuse_all=True)) as (source, _), pytest.raises(Unauthorized):
        source.read(NOW)


def test_case_09_throttling_is_waited_out() -> None:
    limited = JSONResponse({}, status_code=429)
    with connected(Fake(sites=[site(1)], answers={"account/sites": [limited]})) as (source, server):
        source.read(NOW)
    asked = [one.at for one in server.asked if one.path.endswith("/sites")]
    assert asked[1] - asked[0] >= 0.19


def test_case_09_a_403_after_throttling_is_a_block_and_is_waited_out_longer() -> None:
    answers = {"account/sites": [JSONResponse({}, status_code=429), JSONResponse({}, status_code=403)]}
    with connected(Fake(sites=[site(1)], answers=answers)) as (source, server):
        source.read(NOW)
    asked = [one.at for one in server.asked if one.path.endswith("/sites")]
    assert asked[2] - asked[1] >= 0.55


def test_case_09_m2_a_site_that_may_not_be_read_keeps_its_quantity() -> None:
    answers = {"site/u1/devices": [JSONResponse({}, status_code=403)]}
    reading = read(Fake(sites=[site(1), site(2)], devices={"u2": [device(1)]}, answers=answers))
    assert set(reading.failed_customers) == {"u1"}
    assert not reading.proves_absence("u1")
    assert counts(reading, "u2") == {"workstation": 1}


def test_case_10_a_site_removed_in_between_is_noted() -> None:
    reading = read(
        Fake(sites=[site(1, "Weg"), site(2)], answers={"site/u1/devices": [JSONResponse({}, status_code=404)]})
    )
    assert "Weg" in str(reading.notes[0])
    assert {line.customer_id for line in reading.lines} == {"u2"}


def test_case_11_sites_of_one_name_stay_apart() -> None:
    reading = read(Fake(sites=[site(1, "Zon"), site(2, "Zon"), site(3, "Café Ærø")]))
    assert [(line.customer_id, line.customer) for line in reading.lines] == [
        ("u1", "Zon"),
        ("u2", "Zon"),
        ("u3", "Café Ærø"),
    ]


def test_case_12_a_device_in_two_sites_counts_once() -> None:
    reading = read(Fake(sites=[site(1), site(2)], devices={"u1": [device(1)], "u2": [device(1)]}))
    assert (counts(reading, "u1"), counts(reading, "u2")) == ({"workstation": 1}, {})


def test_case_13_fewer_rows_than_told_are_never_taken_for_all() -> None:
    with connected(Fake(sites=[site(1)], total_off_by=2)) as (source, server), pytest.raises(ShapeChanged):
        source.read(NOW)
    assert server.paths().count("GET /api/v2/filter/custom-filters") <= 2


def test_case_14_a_link_to_another_host_is_refused() -> None:
    with pytest.raises(ShapeChanged):
        read(Fake(sites=[site(number) for number in range(300)], foreign_link=True))


def test_case_15_nothing_secret_is_kept() -> None:
    secret = {"udf1": "door code 4711"}
    reading = read(Fake(sites=[site(1, proxySettings={"password": "pr0xy"})], devices={"u1": [device(1, udf=secret)]}))
    kept = repr(reading)
    assert "4711" not in kept and "pr0xy" not in kept and "s3c&r+e=t" not in kept


@pytest.mark.parametrize(
    ("fake", "expected"),
    [
        (
            Fake(sites=[site(1)], devices={"u1": [device(1, udf={"udf3": "_NotBillable"}), device(2)]}),
            {"workstation": 1},
        ),
        (Fake(sites=[site(1, "_NotBillable lab")], devices={"u1": [device(1)]}), {}),
        (
            Fake(
                sites=[site(1)],
                devices={"u1": [device(1), device(2)], "77": [device(2)]},
                filters=[{"id": 77, "name": "_NotBillable"}],
            ),
            {"workstation": 1},
        ),
    ],
    ids=["user-defined field", "site", "filter"],
)
def test_not_billable_marks_at_the_source_are_honoured(fake: Fake, expected: dict[str, int]) -> None:
    assert counts(read(fake)) == expected


def test_antivirus_products_can_be_counted() -> None:
    running = {"antivirusProduct": "SentinelOne", "antivirusStatus": "RunningAndUpToDate"}
    gone = {"antivirusProduct": "Defender", "antivirusStatus": "NotDetected"}
    fake = Fake(
        sites=[site(1)],
        devices={"u1": [device(1, antivirus=running), device(2, antivirus=gone), device(3, antivirus=None)]},
    )
    assert counts(read(fake, antivirus=True)) == {"workstation": 3, "av:SentinelOne": 1}
