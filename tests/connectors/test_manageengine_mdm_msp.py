"""The MDM MSP server over real HTTP against a fake of it; one test for each conformance case (MSP §13)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors._kit.retry import Backoff
from connectors.manageengine_mdm_msp.manifest import MANIFEST
from connectors.manageengine_mdm_msp.source import ManageEngineMdmMsp
from core.domain.errors import RemoteError, SettingsError, Unauthorized
from core.domain.usage import Reading
from tests.connectors.fakes import Server, self_signed, serving
from tests.connectors.manageengine_fakes import Pages, counts, device

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
KEY = "A1B2-the-key-of-the-technician"


def customer(number: object, name: str = "Acme Dental", **fields: Any) -> dict[str, Any]:
    return {
        "customer_id": number, "customer_name": name, "customer_email": "", "device_count": 14, "no_of_devices": 25,
        "added_time": 1714550400000, **fields,
    }  # fmt: skip


@dataclass
class Msp:
    """The server, and its bad days."""

    customers: list[dict[str, Any]] = field(default_factory=lambda: [customer(601)])
    devices: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"601": []})
    pages: Pages = field(default_factory=Pages)
    bare_customers: bool = False
    ignores_header: bool = False
    before: list[Response] = field(default_factory=list)
    failing: dict[str, Response] = field(default_factory=dict)
    html_errors: bool = False

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/api/v1/mdm/customers", self.answer), Route("/api/v1/mdm/devices", self.answer)],
            exception_handlers={404: lambda request, error: HTMLResponse("<h1>404</h1>", status_code=404)},
        )

    def refused(self, status: int, key: str) -> Response:
        if self.html_errors:
            return HTMLResponse(f"<h1>no {key}</h1>", status_code=status)
        return JSONResponse({"error_code": "COM0013", "error_description": f"no {key}"}, status_code=status)

    async def answer(self, request: Request) -> Response:
        if (key := request.headers.get("authorization", "")) != KEY:
            return self.refused(401, key)
        if self.before:
            return self.before.pop(0)
        if request.url.path.endswith("customers"):
            return JSONResponse(self.customers if self.bare_customers else {"customers": self.customers})
        asked = request.headers["x-customer"]
        if asked in self.failing:
            return self.failing[asked]
        if self.ignores_header:
            return self.pages.answer(request, [row for rows in self.devices.values() for row in rows])
        return self.pages.answer(request, self.devices[asked])


@contextmanager
def connected(
    fake: Msp, key: str = KEY, tls: dict[str, str] | None = None, **settings: object
) -> Iterator[tuple[ManageEngineMdmMsp, Server]]:
    with serving(fake.app(), **(tls or {})) as server:
        source = MANIFEST.open("Mobiles", {"base_url": server.url, **settings}, {"api_key": key})
        assert isinstance(source, ManageEngineMdmMsp)
        source.api.backoff = Backoff(attempts=4, first=0.01, longest=0.05)
        try:
            yield source, server
        finally:
            source.api.close()


def read(fake: Msp, **settings: object) -> Reading:
    with connected(fake, **settings) as (source, _):
        return source.read(NOW)


def two(first: list[dict[str, Any]], second: list[dict[str, Any]] | None = None, **options: Any) -> Msp:
    customers = [customer(601), customer(902, "Borealis Logistics", device_count=0, no_of_devices=10)]
    return Msp(customers, {"601": first, "902": second or []}, **options)


def test_case_01_a_customer_without_devices_has_zeros() -> None:
    reading = read(two([device(n, customer_id="601") for n in range(14)]))
    assert counts(reading, "601") == {
        "devices_managed": 14, "devices_ios": 14, "devices_corporate": 14, "portal_device_count": 14, "portal_no_of_devices": 25,
    }  # fmt: skip
    assert counts(reading, "902") == {"portal_no_of_devices": 10}
    assert len([line for line in reading.lines if line.customer_id == "902"]) == 11
    assert reading.notes == ()


def test_case_02_each_request_carries_the_bare_key_and_its_customer() -> None:
    with connected(two([device(1)], [device(2)])) as (source, server):
        source.read(NOW)
    assert [one.headers["authorization"] for one in server.asked] == [KEY] * 3
    assert [one.headers.get("x-customer") for one in server.asked] == [None, "601", "902"]


@pytest.mark.parametrize("tells_customer", [True, False])
def test_case_03_a_server_that_mixes_customers_ends_the_reading(tells_customer: bool) -> None:
    rows = [device(1, customer_id="601"), device(2, customer_id="902")]
    if not tells_customer:
        rows = [device(1), device(2)]
    with pytest.raises(SettingsError, match="X-Customer"):
        read(two(rows[:1], rows[1:], ignores_header=True))


def test_case_03_one_customer_alone_shows_it_too() -> None:
    with pytest.raises(SettingsError, match="902"):
        read(Msp(devices={"601": [device(1, customer_id="601"), device(2, customer_id=902)]}))


def test_case_04_only_managed_devices_count() -> None:
    states = ["2", "1", "3", "10", "11", "42"]
    reading = read(two([device(n, managed_status=state) for n, state in enumerate(states)]))
    found = counts(reading, "601")
    assert (found["devices_managed"], found["devices_pending"], found["devices_retired"]) == (1, 2, 2)
    assert "1 devices with the unknown status 42 are not counted." in [str(note) for note in reading.notes]


def test_case_05_removed_devices_do_not_count() -> None:
    found = counts(read(two([device(1, is_removed="true"), device(2)])), "601")
    assert (found["devices_managed"], found["devices_retired"]) == (1, 1)


def test_case_06_long_customer_ids_keep_all_digits() -> None:
    ids = ["9007199254740992", "9007199254740993"]
    fake = Msp([customer(int(one)) for one in ids], {one: [device(n)] for n, one in enumerate(ids)})
    with connected(fake) as (source, server):
        reading = source.read(NOW)
    assert [one.headers.get("x-customer") for one in server.asked[1:]] == ids
    assert {line.customer_id for line in reading.lines} == set(ids)


def test_case_07_the_bare_list_of_old_builds() -> None:
    assert counts(read(Msp(bare_customers=True, devices={"601": [device(1)]})), "601")["devices_managed"] == 1


@pytest.mark.parametrize(("manner", "requests", "number"), [
    ("link", 3, 120), ("total", 3, 120), ("bare", 3, 120), ("bare", 2, 50), ("bare", 1, 49), ("total", 1, 50),
])  # fmt: skip
def test_case_08_long_lists_in_every_manner(manner: str, requests: int, number: int) -> None:
    fake = Msp(devices={"601": [device(n) for n in range(number)]}, pages=Pages(manner))
    with connected(fake) as (source, server):
        reading = source.read(NOW)
    assert counts(reading, "601")["devices_managed"] == number
    asked = [one for one in server.asked if one.path.endswith("devices")]
    assert len(asked) == requests
    assert {one.headers["x-customer"] for one in asked} == {"601"}


@pytest.mark.parametrize("manner", ["repeat", "repeat bare"])
def test_case_09_m2_a_page_that_repeats_ends_and_is_not_counted(manner: str) -> None:
    fake = two([device(n) for n in range(120)], [device(500)], pages=Pages(manner))
    with connected(fake) as (source, server):
        reading = source.read(NOW)
    assert list(reading.failed_customers) == ["601"]
    assert counts(reading, "902")["devices_managed"] == 1
    assert len(server.asked) <= 6


@pytest.mark.parametrize("html", [False, True])
def test_case_10_a_refused_key_is_tried_once_and_said(html: bool) -> None:
    fake = Msp(html_errors=html)
    with (
        connected(fake, key="wrong-key-value") as (source, server),
        pytest.raises(Unauthorized, match="six mon") as caught,
    ):
        source.test()
    assert len(server.asked) == 1
    assert "wrong-key-value" not in f"{caught.value} {caught.value.detail}"


def test_case_10_some_builds_refuse_with_403() -> None:
    with pytest.raises(RemoteError, match="six months"):
        read(Msp(before=[JSONResponse({}, status_code=403)]))


@pytest.mark.parametrize("answer", [HTMLResponse("<html>Sign in</html>"), RedirectResponse("/login")])
def test_case_11_a_login_page_is_a_wrong_address_and_no_zero(answer: Response) -> None:
    with pytest.raises(SettingsError, match="address"):
        read(Msp(before=[answer]))


def test_case_12_a_self_signed_certificate_is_refused_unless_it_is_given(tmp_path: Path) -> None:
    tls = self_signed(tmp_path)
    with connected(Msp(), tls=tls) as (source, _), pytest.raises(RemoteError, match="certificate"):
        source.test()
    for name in ("ca_certificate", "pinned_certificate"):
        with connected(Msp(), tls=tls, **{name: tls["ssl_certfile"]}) as (source, _):
            source.test()
            assert len(source.read(NOW).lines) == 11


def test_case_13_a_busy_server_is_tried_again() -> None:
    fake = Msp(devices={"601": [device(1)]}, before=[Response(status_code=503), HTMLResponse("busy", status_code=503)])
    with connected(fake) as (source, server):
        assert counts(source.read(NOW), "601")["devices_managed"] == 1
    assert server.paths().count("GET /api/v1/mdm/customers") == 3


def test_case_14_names_stay_as_they_are() -> None:
    assert {line.customer for line in read(Msp([customer(601, "Cøbalt Legal LLP")])).lines} == {"Cøbalt Legal LLP"}


@pytest.mark.parametrize("answer", [
    Response(status_code=500), Response(status_code=503), JSONResponse({}, status_code=404), JSONResponse({}, status_code=403),
    JSONResponse({"devices": None}),
])  # fmt: skip
def test_case_15_m2_one_customer_that_fails_spoils_no_other(answer: Response) -> None:
    reading = read(two([device(1)], [device(2)], failing={"601": answer}))
    assert list(reading.failed_customers) == ["601"]
    assert counts(reading, "601") == {}
    assert counts(reading, "902")["devices_managed"] == 1
    assert not reading.proves_absence("601")


def test_numbers_of_the_server_that_differ_from_the_count_are_said() -> None:
    reading = read(Msp(devices={"601": [device(1)]}))
    assert str(reading.notes[0]) == "Acme Dental: 1 managed devices were counted; the server shows 14, 25."
    silent = Msp([customer(601, device_count=None, no_of_devices="1")], {"601": [device(1)]})
    assert counts(read(silent), "601") == {
        "devices_managed": 1, "devices_ios": 1, "devices_corporate": 1, "portal_no_of_devices": 1,
    }  # fmt: skip


def test_m2_a_technician_without_customers_is_no_zero() -> None:
    with pytest.raises(SettingsError, match="no customers"):
        read(Msp(customers=[]))


@pytest.mark.parametrize(("made", "notes"), [(date(2026, 7, 1), 0), (date(2026, 6, 20), 1)])
def test_the_end_of_the_key_is_announced(made: date, notes: int) -> None:
    fake = Msp([customer(601, device_count=0)])
    reading = read(fake, key_made_on=made)
    assert len(reading.notes) == notes
    assert all("2026-06-20" in str(note) and "2026-12-19" in str(note) for note in reading.notes)


@pytest.mark.parametrize(("settings", "taken"), [
    ({"base_url": "http://mdm.msp.example:9020"}, False), ({"base_url": "http://mdm.msp.example:9020", "allow_http": True}, True),
    ({"base_url": "https://mdm.msp.example:9383"}, True),
])  # fmt: skip
def test_an_address_without_encryption_is_refused(settings: dict[str, object], taken: bool) -> None:
    if taken:
        assert MANIFEST.open("Mobiles", settings, {"api_key": KEY})
        return
    with pytest.raises(SettingsError, match="encrypted"):
        MANIFEST.open("Mobiles", settings, {"api_key": KEY})


def test_the_key_is_never_shown() -> None:
    with structlog.testing.capture_logs() as logs, pytest.raises(RemoteError) as caught:
        read(Msp(before=[JSONResponse({"echo": KEY}, status_code=400)]))
    assert logs
    assert KEY not in f"{caught.value} {caught.value.detail} {logs}"
