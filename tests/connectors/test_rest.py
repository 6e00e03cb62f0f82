"""The conformance cases of endpoints of one's own, over real HTTP (REST reference A8)."""

from __future__ import annotations

import base64
import time
import tracemalloc
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from connectors._kit.contract import InMemory
from connectors._kit.guard import GuardPolicy
from connectors._kit.http import Http
from connectors._kit.http import Request as Asking
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from tests.connectors.rest_fakes import FLAT, NOW, REFERENCE, answer, endpoint, quantities, read, rows, source

PRODUCTS = {
    "records": "customers", "expand": "products[*]", "customer_id": "parent.id", "customer": "parent.name",
    "product": "sku", "quantity": "qty",
}  # fmt: skip


def test_s1_57_case_1_the_reference_document() -> None:
    with endpoint({"/x": REFERENCE}) as server:
        reading = read(server, mapping=PRODUCTS)
        assert quantities(reading) == [("00123", "BP", "25"), ("00123", "EDR", "3")]
        assert reading.complete
        assert reading.proves_absence("124")
        addons = PRODUCTS | {"expand": "addons.*", "product": "key"}
        assert quantities(read(server, mapping=addons)) == [("125", "ARCHIVE", "0"), ("125", "BACKUP", "2")]


def test_m13_a_line_tells_request_page_and_record() -> None:
    with endpoint({"/x": REFERENCE}) as server:
        line = read(server, "/x?api_key=hush-hush", mapping=PRODUCTS).lines[0]
    assert line.origin.source == f"GET {server.url}/x?api_key=***"
    assert line.origin.place == "page 1: customers[0].products[0]"


def test_case_2_a_row_on_two_pages_counts_once() -> None:
    pages = {0: rows(1, 2), 2: rows(3, 4), 4: rows(3, 5)}

    def page(request: Request) -> Any:
        return {"total": 5, "data": pages[int(request.query_params["offset"])]}

    paging = {"kind": "offset", "param": "offset", "size_param": "limit", "size": 2, "total_at": "total"}
    with endpoint({"/x": page}) as server:
        reading = read(server, paging=paging, mapping=FLAT | {"record_key": "id"})
    assert quantities(reading) == [(f"C{n}", "P", str(n)) for n in range(1, 6)]
    assert reading.complete


def test_m2_fewer_records_than_the_total_is_not_complete() -> None:
    paging = {"kind": "offset", "param": "offset", "size_param": "limit", "size": 2, "total_at": "total"}

    def page(request: Request) -> Any:
        return {"total": 5, "data": rows(1, 2) if request.query_params["offset"] == "0" else []}

    with endpoint({"/x": page}) as server:
        assert not read(server, paging=paging).complete


def test_case_3_a_cursor_that_never_changes_ends_with_an_error() -> None:
    paging = {"kind": "cursor", "param": "after", "cursor_at": "next"}
    with endpoint({"/x": {"next": "same", "data": rows(1)}}) as server:
        with pytest.raises(ShapeChanged, match="does not end"):
            read(server, paging=paging)
        assert len(server.asked) <= 2


@pytest.mark.parametrize("link", ["http://169.254.169.254/latest", "https://elsewhere.example/x"])
def test_case_4_a_next_address_on_another_host_is_not_asked(link: str) -> None:
    paging = {"kind": "next_url", "cursor_at": "next"}
    with endpoint({"/x": {"next": link, "data": rows(1)}}) as server:
        with pytest.raises(ShapeChanged, match="another server"):
            read(server, paging=paging)
        assert len(server.asked) == 1


def test_case_5_names_that_lead_inside_are_refused_and_are_resolved_once() -> None:
    inside = Http("Own", policy=GuardPolicy(resolve=lambda _host, _port: ["10.0.0.5"]))
    with pytest.raises(SettingsError, match="internal network"):
        inside.send(Asking(method="GET", url="https://api.example.com/x"))
    asked: list[str] = []

    def turns(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1" if len(asked) == 1 else "10.0.0.5"]

    with endpoint({"/x": {}}) as server:
        port = server.url.rpartition(":")[2]
        policy = GuardPolicy(resolve=turns, allowed_hosts=frozenset({"rebound.example"}))
        http = Http("Own", policy=policy)
        for _ in range(2):
            assert http.send(Asking(method="GET", url=f"http://rebound.example:{port}/x")).ok
        assert asked == ["rebound.example"]
        assert [one.headers["host"] for one in server.asked] == [f"rebound.example:{port}"] * 2


def test_case_6_a_redirect_inside_is_refused() -> None:
    with endpoint({"/x": answer({}, 302, location="http://localhost/")}) as server:
        with pytest.raises(RemoteError, match="sends on to another address"):
            read(server)
        with pytest.raises(SettingsError, match="may not call"):
            read(server, network={"internal": True, "redirects": 3})


def test_case_7_too_many_requests_waits_as_long_as_told() -> None:
    calls: list[float] = []

    def busy(_: Request) -> Response:
        calls.append(time.monotonic())
        return answer({}, 429, retry_after="2") if len(calls) == 1 else answer({"data": rows(1)})

    with endpoint({"/x": busy}) as server:
        assert read(server).complete
    assert calls[1] - calls[0] >= 2


def test_case_8_one_parent_that_fails_for_good_is_not_zero() -> None:
    def child(request: Request) -> Any:
        if request.path_params["id"] == "2":
            return answer({}, 500)
        return {"data": [{"p": "P", "q": 4}]}

    first = {"url": "/customers", "records": "data"}
    mapping = {
        "records": "data",
        "customer_id": "parent.id",
        "customer": "parent.name",
        "product": "p",
        "quantity": "q",
    }
    customers = {"data": [{"id": n, "name": f"N{n}"} for n in (1, 2, 3)]}
    with endpoint({"/customers": customers, "/c/{id}": child}) as server:
        reading = read(server, "/c/{{ parent.id }}", for_each=first, mapping=mapping)
    assert quantities(reading) == [("1", "P", "4"), ("3", "P", "4")]
    assert set(reading.failed_customers) == {"2"}
    assert not reading.proves_absence("2")
    assert reading.proves_absence("1")


def test_case_9_an_error_inside_a_good_answer() -> None:
    with endpoint({"/x": {"error": "no access"}}) as server, pytest.raises(RemoteError, match="no access"):
        read(server, mapping=FLAT | {"error_path": "error"})


def test_case_10_a_broken_line_among_good_ones() -> None:
    good = b'{"c":"A","p":"P","q":1}\n{"c":"B","p":"P","q":2}\n{"c":"C","p":\n{"c":"D","p":"P","q":4}\n'
    with endpoint({"/x": answer(good, content_type="application/x-ndjson")}) as server:
        reading = read(server, mapping=FLAT | {"records": ""})
    assert len(reading.lines) == 3
    assert not reading.complete
    assert any("line cannot be read" in str(note) for note in reading.notes)


@pytest.mark.parametrize("count", [1, 2])
def test_case_11_xml_with_one_product_and_with_two(count: int) -> None:
    products = "".join(f'<product sku="P{n}"><qty unit="seats">{n}</qty></product>' for n in range(1, count + 1))
    xml = f'<r xmlns="urn:x"><customer id="1"><name>A</name>{products}</customer></r>'.encode()
    mapping = {
        "records": "r.customer[*]", "expand": "product[*]", "customer_id": 'parent."@id"', "customer": "parent.name",
        "product": '"@sku"', "quantity": "qty", "unit": 'qty."@unit"',
    }  # fmt: skip
    with endpoint({"/x": answer(xml, content_type="application/json")}) as server:
        reading = read(server, mapping=mapping)
    assert quantities(reading) == [("1", f"P{n}", str(n)) for n in range(1, count + 1)]
    assert reading.lines[0].unit == "seats"


def test_case_12_a_session_that_ends_is_begun_again() -> None:
    tokens: list[str] = []
    used: dict[str, int] = {}

    def log_in(_: Request) -> Any:
        tokens.append(f"token-{len(tokens)}")
        return {"result": {"token": tokens[-1]}}

    def page(request: Request) -> Any:
        token = request.headers["x-session"].removeprefix("S ")
        used[token] = used.get(token, 0) + 1
        if used[token] > 2 or token != tokens[-1]:
            return answer({}, 401)
        number = int(request.query_params["page"])
        return {"data": rows(number) if number < 6 else []}

    auth = {
        "kind": "session", "url": "/login", "json_body": {"password": "{{ secret.password }}"},
        "token_at": "result.token", "name": "X-Session", "prefix": "S ",
    }  # fmt: skip
    with endpoint({"/login": log_in, "/x": page}) as server:
        reading = read(server, auth=auth, paging={"kind": "page", "param": "page"}, secrets={"password": 'quo"te'})
    assert len(reading.lines) == 5
    assert len(tokens) == 3
    assert next(one for one in server.asked if one.path == "/login").body == b'{"password":"quo\\"te"}'


def test_case_13_a_rotating_refresh_token_survives_a_crash() -> None:
    """What is stored when the process ends right after the exchange is the new token."""
    good = ["first"]

    async def token(request: Request) -> Response:
        form = dict(await request.form())
        if form["refresh_token"] != good[-1]:
            return answer({"error": "invalid_grant"}, 400)
        good.append(f"next-{len(good)}")
        return answer({"access_token": "a", "refresh_token": good[-1], "expires_in": 3600})

    stored: dict[str, InMemory] = {}

    def rotation(field: str, value: str) -> InMemory:
        return stored.setdefault(field, InMemory(value))

    auth = {"kind": "refresh_token", "token_url": "/token", "client_id": "me"}
    with endpoint({"/token": token, "/x": answer({}, 500), "/y": {"data": rows(1)}}) as server:
        options: dict[str, Any] = {"auth": auth, "secrets": {"refresh_token": "first"}, "rotation": rotation}
        with pytest.raises(RemoteError):
            read(server, "/x", **options)
        assert stored["refresh_token"].value == "next-1"
        assert read(server, "/y", **options).complete


def test_case_14_a_text_number_that_can_be_two_things_is_not_guessed() -> None:
    text = {"data": [{"c": "A", "p": "P", "q": "1.250"}, {"c": "B", "p": "P", "q": 3}]}
    with endpoint({"/x": text}) as server:
        reading = read(server)
        assert set(reading.failed_customers) == {"A"}
        settled = FLAT | {"quantity": {"path": "q", "number_format": "point"}}
        assert quantities(read(server, mapping=settled)) == [("A", "P", "1.250"), ("B", "P", "3")]
    with endpoint({"/x": {"data": [*text["data"], {"c": "C", "p": "P", "q": "2,5"}]}}) as server:
        assert ("A", "P", "1250") in quantities(read(server))
    with endpoint({"/x": b'{"data": [{"c": "A", "p": "P", "q": 1.250}]}'}) as server:
        assert quantities(read(server)) == [("A", "P", "1.250")]


def test_case_15_basic_sign_in() -> None:
    with endpoint({"/x": {"data": rows(1)}}) as server:
        read(server, auth={"kind": "basic", "user": "svc-license"}, secrets={"password": "p@ss:word"})
        assert server.asked[0].headers["authorization"] == "Basic c3ZjLWxpY2Vuc2U6cEBzczp3b3Jk"
    assert base64.b64decode("c3ZjLWxpY2Vuc2U6cEBzczp3b3Jk") == b"svc-license:p@ss:word"


def test_case_16_an_unknown_name_is_an_error_when_it_is_saved() -> None:
    with endpoint({}) as server:
        with pytest.raises(SettingsError, match=r"secret\.MISSING"):
            source(server, headers={"X-Key": "{{ secret.MISSING }}"})
        with pytest.raises(SettingsError, match="key"):
            source(server, headers={"X-Key": "{{ secret.key }}"})


def test_case_17_a_large_answer_is_stopped_at_the_cap() -> None:
    chunk = b"x" * 1024 * 1024

    async def pour() -> Any:
        yield b'{"data": ["'
        for _ in range(150):
            yield chunk

    def flood(_: Request) -> Response:
        return StreamingResponse(pour(), media_type="application/json")

    with endpoint({"/x": flood}) as server:
        own = source(server, paging={"kind": "page", "param": "page"})
        tracemalloc.start()
        with pytest.raises(RemoteError, match="larger than 20 MB"):
            own.read(NOW)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 100 * 1024 * 1024


def test_m2_an_empty_list_is_an_error_unless_it_is_allowed() -> None:
    with endpoint({"/x": {"data": []}}) as server:
        with pytest.raises(ShapeChanged, match="empty list"):
            read(server)
        reading = read(server, allow_empty=True)
    assert reading.complete
    assert reading.lines == ()


def test_m2_an_answer_without_its_list_is_not_an_empty_one() -> None:
    with endpoint({"/x": {"items": []}}) as server:
        reading = read(server, allow_empty=True)
    assert not reading.complete


def test_a_web_page_instead_of_data_says_so() -> None:
    page = b"<!DOCTYPE html><html><head><title>Log in &amp; go</title></head></html>"
    with endpoint({"/x": answer(page)}) as server, pytest.raises(ShapeChanged, match="Log in & go"):
        read(server)
