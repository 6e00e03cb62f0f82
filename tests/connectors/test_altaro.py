"""Altaro over real HTTP against fakes of its three doors; one test for each conformance case (Altaro §14)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.altaro import report
from connectors.altaro.billing import Billing
from connectors.altaro.control_panel import ControlPanel
from connectors.altaro.local import Local
from connectors.altaro.manifest import MANIFEST
from connectors.altaro.products import amount, product_of
from core.domain.errors import ContractBridgeError, RateLimited, RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, self_signed, serving

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
PATH = "/api/reports/0f3a-opaque/shared"
ROWS = [
    {"customerId": "c-1001", "customerName": "Acme Dental", "product": "365 Total Backup", "item": "Licensed user", "quantity": 42, "month": "2026-11"},
    {"customerId": "c-1001", "customerName": "Acme Dental", "product": "VM Backup", "item": "Virtual machine", "quantity": 6, "month": "2026-11"},
    {"customerId": "c-1002", "customerName": "Borealis Logistics", "product": "365 Total Backup", "item": "Licensed user", "quantity": 18, "month": "2026-11"},
]  # fmt: skip
EXPECTED = {
    ("c-1001", "m365_backup_users"): Decimal(42), ("c-1001", "vm_backup_vms"): Decimal(6), ("c-1002", "m365_backup_users"): Decimal(18),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    report._MEMORIES.clear()


def rows(**changes: Any) -> list[dict[str, Any]]:
    return [{**copy.deepcopy(row), **changes} for row in ROWS]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Link:
    """A shared report link: one call per five minutes by the fake's own clock, too."""

    body: Any = field(default_factory=lambda: copy.deepcopy(ROWS))
    clock: Clock = field(default_factory=Clock)
    last: float = -1000.0

    def app(self) -> Starlette:
        return Starlette(routes=[Route(PATH, self.answer)])

    async def answer(self, request: Request) -> Response:
        soon, self.last = self.clock.now - self.last < 300, self.clock.now
        if soon or request.headers.get("x-api-key") != "k3y-of-link" or request.url.query != "m=all&x=%2F":
            return PlainTextResponse("Forbidden", status_code=403)
        return self.body if isinstance(self.body, Response) else JSONResponse(self.body)


@contextmanager
def linked(link: Link, key: str = "k3y-of-link", **settings: object) -> Iterator[tuple[Billing, Server]]:
    with serving(link.app()) as server:
        yield opened(server, link, key, **settings), server


def opened(server: Server, link: Link, key: str = "k3y-of-link", **settings: object) -> Billing:
    source = MANIFEST.open("Backup", settings, {"report_link": f"{server.url}{PATH}?m=all&x=%2F", "api_key": key})
    assert isinstance(source, Billing)
    source.report.clock = link.clock
    return source


def read(body: Any, **settings: object) -> Reading:
    with linked(Link(body), **settings) as (source, _):
        return source.read(NOW)


def quantities(reading: Reading) -> dict[tuple[str, str], Decimal]:
    return {(line.customer_id, line.product_key): line.quantity for line in reading.lines}


def test_case_01_the_usual_mapping() -> None:
    reading = read(ROWS)
    assert quantities(reading) == EXPECTED
    assert reading.complete and not reading.notes
    assert {line.period_start for line in reading.lines} == {date(2026, 11, 1)}
    assert {line.customer for line in reading.lines} == {"Acme Dental", "Borealis Logistics"}


@pytest.mark.parametrize("body", [{"rows": ROWS, "count": 3}, {"data": {"rows": ROWS}}])
def test_rows_inside_an_object(body: Any) -> None:
    assert quantities(read(body, rows_path="data.rows" if "data" in body else "")) == EXPECTED


def test_case_02_within_five_minutes_the_link_is_not_called_again() -> None:
    link = Link()
    with linked(link) as (source, server):
        source.test()
        link.clock.now += 10
        first = source.read(NOW)
        link.clock.now += 100
        second = opened(server, link).read(NOW)
        assert len(server.asked) == 1
        assert quantities(first) == quantities(second) == EXPECTED
        assert "110 seconds" in str(second.notes[0])
        link.clock.now += 190.5
        link.body = rows(quantity=50)
        assert quantities(opened(server, link).read(NOW))["c-1002", "m365_backup_users"] == 50
        assert len(server.asked) == 2


def test_case_02_another_key_never_gets_the_kept_report() -> None:
    link = Link()
    with linked(link) as (source, server):
        source.test()
        with pytest.raises(RateLimited) as caught:
            opened(server, link, "another-key").test()
    assert caught.value.retry_after == 300
    assert len(server.asked) == 1


def test_case_03_a_refusal_is_about_credentials_and_never_retried() -> None:
    link = Link()
    with linked(link, "wr0ng-key") as (source, server):
        with pytest.raises(Unauthorized):
            source.test()
        with pytest.raises(RateLimited):
            source.test()
        assert len(server.asked) == 1
        link.clock.now += 301
        with pytest.raises(Unauthorized, match="five minutes"):
            source.read(NOW)
        assert len(server.asked) == 2


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_fails_is_not_asked_again_within_five_minutes(status: int) -> None:
    link = Link(PlainTextResponse("", status_code=status))
    with linked(link) as (source, server):
        for _ in range(2):
            with pytest.raises(RemoteError) as caught:
                source.read(NOW)
            assert caught.value.retryable
        assert len(server.asked) == 1
        link.body = ROWS
        link.clock.now += 300
        assert quantities(source.read(NOW)) == EXPECTED


def test_a_link_that_was_withdrawn_is_told_so() -> None:
    with pytest.raises(RemoteError, match="withdrawn"):
        read(PlainTextResponse("", status_code=410))


def test_case_04_wrong_fields_are_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError) as caught:
        read(ROWS, quantity_field="Menge", item_field="Sorte")
    words = str(caught.value)
    assert all(
        name in words
        for name in ("Menge", "Sorte", "customerId", "customerName", "product", "item", "quantity", "month")
    )


def test_case_05_itemised_rows_count_one_each() -> None:
    users = [{**ROWS[0], "user": f"u{number}@acme.example"} for number in range(42)]
    machines = [{**ROWS[1], "vm": f"vm{number}"} for number in range(6)]
    body = [{name: value for name, value in row.items() if name != "quantity"} for row in [*users, *machines]]
    expected = {key: value for key, value in EXPECTED.items() if key[0] == "c-1001"}
    assert quantities(read(body, quantity_field="-")) == expected
    assert quantities(read(body, quantity_field="")) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_case_06_a_csv_says_the_same(encoding: str, delimiter: str) -> None:
    table = [list(ROWS[0]), *[[str(value) for value in row.values()] for row in ROWS]]
    content = "\r\n".join(delimiter.join(row) for row in table).encode(encoding)
    assert quantities(read(Response(content, media_type="text/csv"))) == EXPECTED
    assert quantities(read(Response(content, media_type="application/octet-stream"))) == EXPECTED


def test_case_06_a_damaged_csv_is_refused_whole() -> None:
    good = "customerId;customerName;product;item;quantity;month\nc;C;VM Backup;;3;2026-11\n"
    assert len(read(PlainTextResponse(good)).lines) == 1
    for bad in (good + "c2;C2;VM Back", good + 'c2;"C2', "Forbidden", "a;a\n1;2", ""):
        report._MEMORIES.clear()
        with pytest.raises(ContractBridgeError):
            read(PlainTextResponse(bad))


def test_case_07_only_the_newest_month_counts_or_the_one_asked_for() -> None:
    body = rows(month="2026-10", quantity=99) + ROWS + [{**ROWS[2], "customerId": "c-1003", "month": "2026-10"}]
    assert quantities(read(body)) == EXPECTED
    assert quantities(read(body, period="2026-10"))["c-1003", "m365_backup_users"] == 18
    with pytest.raises(ShapeChanged, match="2026-09"):
        read(body, period="2026-09")
    with pytest.raises(ShapeChanged, match="is no month"):
        read([*body, {**ROWS[0], "month": "soon"}])
    assert quantities(read(rows(month="november"))) == EXPECTED


def test_case_07_the_highest_number_of_the_month_is_kept() -> None:
    link = Link()
    with linked(link, period_rule="highest") as (source, server):
        source.read(NOW)
        link.clock.now += 400
        link.body = [{**ROWS[0], "quantity": 40}, {**ROWS[2], "quantity": 21}]
        again = opened(server, link, period_rule="highest").read(NOW)
        assert quantities(again) == {**EXPECTED, ("c-1002", "m365_backup_users"): Decimal(21)}
        link.clock.now += 400
        link.body = rows(month="2026-12", quantity=1)
        assert set(quantities(source.read(NOW)).values()) == {Decimal(1)}


def test_case_08_unknown_products_are_shown_not_dropped() -> None:
    body = [*ROWS, {**ROWS[0], "product": "Security Awareness", "item": "Seat", "quantity": 7}]
    reading = read(body)
    assert quantities(reading)["c-1001", "unmapped:Security Awareness / Seat"] == 7
    assert "Security Awareness / Seat" in str(reading.notes)
    mapped = read(body, product_map={"security awareness / SEAT": "awareness"})
    assert quantities(mapped)["c-1001", "awareness"] == 7
    assert not mapped.notes


@pytest.mark.parametrize(
    ("product", "item", "key"),
    [
        ("Office 365 Backup", "", "m365_backup_users"), (" m365  backup ", "Users", "m365_backup_users"),
        ("365 Total Backup", "Endpoint", "endpoints"), ("VM Backup", "", "vm_backup_vms"), ("VM Backup", "VMs", "vm_backup_vms"),
        ("VM Backup", "Physical server", "physical_servers"), ("Hosted storage", "", "storage_gb"),
        ("VM Backup", "Something new", "unmapped:VM Backup / Something new"),
    ],
)  # fmt: skip
def test_names_of_products_old_and_new(product: str, item: str, key: str) -> None:
    assert product_of(product, item, {}).key == key


@pytest.mark.parametrize(
    ("value", "sign", "expected"),
    [
        ("42", "auto", "42"), (42.0, "auto", "42"), (1.234, "auto", "1.234"), ("42,5", "auto", "42.5"), ("0.125", "auto", "0.125"),
        ("1.234,5", "auto", "1234.5"), ("1,234.50", "auto", "1234.50"), ("1.234.567", "auto", "1234567"), ("1 234", "auto", "1234"),
        ("1.234", "point", "1.234"), ("1.234", "comma", "1234"), ("1234.5", "auto", "1234.5"), ("-3", "auto", "-3"),
    ],
)  # fmt: skip
def test_case_09_m12_numbers(value: Any, sign: str, expected: str) -> None:
    assert amount(value, sign) == Decimal(expected)


@pytest.mark.parametrize("value", ["1.234", "1,234", "", None, "n/a", "1,2,3", "12.34.5", True, "1..2", [4]])
def test_case_09_m2_what_may_be_read_two_ways_or_not_at_all_is_refused(value: Any) -> None:
    reading = read([{**ROWS[0], "quantity": value}, *ROWS[1:]])
    assert list(reading.failed_customers) == ["c-1001"]
    assert "row 1" in str(reading.failed_customers["c-1001"])
    assert quantities(reading) == {("c-1002", "m365_backup_users"): Decimal(18)}


def test_case_10_m2_a_report_that_lost_its_customers_lowers_nothing() -> None:
    link = Link([{**ROWS[0], "customerId": f"c{number}"} for number in range(30)])
    with linked(link) as (source, _):
        assert source.read(NOW).complete
        for body in (ROWS[:1], []):
            link.clock.now += 300
            link.body = body
            reading = source.read(NOW)
            assert not reading.complete
            assert not reading.proves_absence("c7")
            assert "nothing is lowered" in str(reading.notes)
    assert not read(ROWS, least_customers=3).complete
    assert read(ROWS, least_customers=2).complete


def test_case_11_a_session_is_always_ended_and_a_lost_one_begun_once_more() -> None:
    fake = Installation(lost=1)
    with installed(fake) as (source, server):
        source.read(NOW)
    assert [path.rpartition("/")[2] if "sessions/end" in path else path for path in server.paths()] == [
        "POST /api/rest/sessions/start", "GET /api/rest/vms/list/t0ken-1/1", "t0ken-1",
        "POST /api/rest/sessions/start", "GET /api/rest/vms/list/t0ken-2/1", "t0ken-2",
    ]  # fmt: skip
    for failing in (Installation(lost=9), Installation(broken=True)):
        with installed(failing) as (source, server), pytest.raises(RemoteError):
            source.read(NOW)
        starts = server.paths().count("POST /api/rest/sessions/start")
        assert starts == (2 if failing.lost else 1)
        assert sum("sessions/end" in path for path in server.paths()) == starts


def test_case_12_machines_configured_for_backup_and_their_hosts() -> None:
    with installed(Installation()) as (source, server):
        reading = source.read(NOW)
    assert quantities(reading) == {("acme", "vm_backup_vms"): Decimal(6), ("acme", "vm_backup_hosts"): Decimal(2)}
    assert orjson.loads(server.asked[0].body) == {
        "ServerAddress": "localhost", "ServerPort": "36014", "Username": "svc", "Password": "pa55-word", "Domain": "ACME",
    }  # fmt: skip


def test_case_12_a_self_signed_certificate_can_be_pinned(tmp_path: Path) -> None:
    files = self_signed(tmp_path)
    with installed(Installation(), pinned_certificate=files["ssl_certfile"], **files) as (source, _):
        assert len(source.read(NOW).lines) == 2


def test_case_13_what_the_control_panel_says_is_shown() -> None:
    error = {"error_id": "404", "error_message": "Object not found", "error_data": "x"}
    with (
        controlled(JSONResponse(error, status_code=404)) as (source, _),
        pytest.raises(RemoteError, match="Object not found"),
    ):
        source.test()
    with (
        controlled(JSONResponse({"error_message": "Bad token"}, status_code=401)) as (source, _),
        pytest.raises(Unauthorized),
    ):
        source.test()
    with controlled(PlainTextResponse("", status_code=404)) as (source, _), pytest.raises(RemoteError):
        source.test()


@pytest.mark.parametrize("style", ["token", "cp_token"])
def test_the_control_panel_tells_names_and_no_quantities(style: str) -> None:
    with controlled(None, header_style=style) as (source, server):
        source.test()
        reading = source.read(NOW)
    assert reading.lines == ()
    assert not reading.proves_absence("1")
    assert "250" in str(reading.notes)
    own = {"token": ("authorization", "Token cp-t0ken"), "cp_token": ("cp-token", "cp-t0ken")}[style]
    assert all(one.headers[own[0]] == own[1] for one in server.asked)


@pytest.mark.parametrize(
    "link", ["http://manage.altaro.com/api/x?key=1", "manage.altaro.com/x", "", "ftp://127.0.0.1/x"]
)
def test_case_14_links_are_https(link: str) -> None:
    with pytest.raises(SettingsError, match="https"):
        MANIFEST.open("Backup", {}, {"report_link": link, "api_key": "k"})


def test_case_14_neither_key_nor_token_nor_link_in_words_and_logs() -> None:
    words = []
    with structlog.testing.capture_logs() as logs:
        with linked(Link(), "wr0ng-key") as (source, _), pytest.raises(Unauthorized) as caught:
            source.test()
        words += [str(caught.value), caught.value.detail]
        with installed(Installation(broken=True)) as (local, _), pytest.raises(RemoteError) as caught:
            local.test()
        words += [str(caught.value), caught.value.detail]
    everything = f"{words} {logs}"
    assert not any(secret in everything for secret in ("wr0ng-key", "opaque", "m=all", "t0ken-1", "pa55-word"))


@pytest.mark.parametrize(
    "body",
    [
        {"a": 1},
        {"a": ROWS, "b": ROWS},
        ["x"],
        5,
        {"rows": ROWS, "next": "https://x"},
        {"rows": ROWS, "links": {"next": "x"}},
    ],
)
def test_m2_what_is_no_whole_report_is_refused(body: Any) -> None:
    with pytest.raises(ShapeChanged):
        read(body)


def test_m2_a_sign_in_page_is_no_report() -> None:
    with pytest.raises(ShapeChanged, match="web page"):
        read(HTMLResponse("<html>"))


def test_without_an_id_the_name_is_the_customer() -> None:
    body = [{name: value for name, value in row.items() if name != "customerId"} for row in ROWS]
    body[1]["customerName"] = " ACME  dental "
    reading = read(body, customer_id_field="-")
    assert quantities(reading)["acme dental", "vm_backup_vms"] == 6
    with pytest.raises(ShapeChanged, match="without a customer"):
        read([*ROWS, {**ROWS[0], "customerId": None}])


def test_an_address_given_takes_the_place_of_the_links_own() -> None:
    link = Link()
    with serving(link.app()) as server:
        secrets = {"report_link": f"https://manage.altaro.com{PATH}?m=all&x=%2F", "api_key": "k3y-of-link"}
        source = MANIFEST.open("Backup", {"base_url": server.url}, secrets)
        assert isinstance(source, Billing)
        assert quantities(source.read(NOW)) == EXPECTED


@pytest.mark.parametrize("door", ["report", "local", "control_panel"])
def test_what_a_door_needs_is_asked_for(door: str) -> None:
    with pytest.raises(SettingsError):
        MANIFEST.open("Backup", {"door": door}, {})


@dataclass
class Installation:
    """The REST API of one VM Backup installation: nine machines, six of them configured."""

    lost: int = 0
    broken: bool = False
    sessions: int = 0

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/rest/{rest:path}", self.answer, methods=["GET", "POST"])])

    async def answer(self, request: Request) -> Response:
        path = request.path_params["rest"]
        if path == "sessions/start":
            self.sessions += 1
            return JSONResponse(
                {"Success": True, "Data": f"t0ken-{self.sessions}", "ErrorCode": 0, "ErrorMessage": None}
            )
        if path.startswith("sessions/end/"):
            return JSONResponse({"Success": True, "ErrorCode": 0})
        if self.broken:
            return JSONResponse({"Success": False, "ErrorCode": 7, "ErrorMessage": f"Service stopped for {path}"})
        if self.lost:
            self.lost -= 1
            return JSONResponse({"Success": False, "ErrorCode": 5, "ErrorMessage": "Invalid Token"})
        machines = [
            {
                "AltaroVirtualMachineRef": f"r{number}", "HypervisorVirtualMachineUuid": f"u{number}", "Configured": number < 6,
                "HostName": "HV03" if number >= 6 else ("HV01", "hv01", "HV02")[number % 3], "LastBackupResult": "Unknown",
            }
            for number in range(9)
        ]  # fmt: skip
        machines.append({**machines[0], "AltaroVirtualMachineRef": "added-again"})
        return JSONResponse({"Success": True, "ErrorCode": 0, "ErrorMessage": None, "VirtualMachines": machines})


@contextmanager
def installed(fake: Installation, pinned_certificate: str = "", **tls: str) -> Iterator[tuple[Local, Server]]:
    with serving(fake.app(), **tls) as server:
        settings = {
            "door": "local", "base_url": f"{server.url}/api/rest", "customer_id": "acme", "customer_name": "Acme B.V.", "user": "svc",
            "domain": "ACME", "pinned_certificate": pinned_certificate,
        }  # fmt: skip
        source = MANIFEST.open("VM Backup", settings, {"password": "pa55-word"})
        assert isinstance(source, Local)
        source.api.backoff = Backoff(attempts=3, first=0.01, longest=0.05)
        yield source, server


@contextmanager
def controlled(error: Response | None, **settings: object) -> Iterator[tuple[ControlPanel, Server]]:
    async def answer(request: Request) -> Response:
        if error is not None:
            return error
        first, size = int(request.query_params["offset"]), int(request.query_params["limit"])
        return JSONResponse({"hierarchy": [{"id": number} for number in range(250)][first : first + size]})

    with serving(Starlette(routes=[Route("/hierarchy/", answer)])) as server:
        options = {"door": "control_panel", "base_url": server.url, "app_id": "app", **settings}
        source = MANIFEST.open("Panel", options, {"token": "cp-t0ken"})
        assert isinstance(source, ControlPanel)
        source.api.backoff = Backoff(attempts=2, first=0.01, longest=0.05)
        yield source, server
