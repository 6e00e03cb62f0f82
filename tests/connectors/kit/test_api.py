"""The kit over real HTTP: sign-in, pages, throttling, retries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as Incoming
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from connectors._kit.api import Api, Call
from connectors._kit.auth import ApiKey, Basic, OAuth, Token, TokenAuth
from connectors._kit.contract import InMemory
from connectors._kit.http import Answer, Http
from connectors._kit.paging import Cursor, LinkHeader, NextUrl, Offset, PageNumber, Paging, follow
from connectors._kit.retry import Backoff
from connectors._kit.throttle import Throttle
from core.domain.errors import RateLimited, RemoteError, ShapeChanged, Unauthorized
from core.domain.text import T
from tests.connectors.fakes import Server, serving

ROWS = [{"id": number} for number in range(23)]
QUICK = Backoff(attempts=4, first=0.01, longest=0.05)

Handler = Callable[[Incoming], Response]


def app(handler: Handler) -> Starlette:
    async def endpoint(request: Incoming) -> Response:
        await request.body()
        return handler(request)

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=["GET", "POST"])])


def api(server: Server, **options: Any) -> Api:
    return Api(http=Http("Fake"), base_url=server.url, backoff=QUICK, **options)


def page_number(request: Incoming) -> Response:
    page, size = int(request.query_params["page"]), int(request.query_params["size"])
    return JSONResponse({"rows": ROWS[page * size : (page + 1) * size], "page": {"totalPages": 3}})


def offset(request: Incoming) -> Response:
    start = int(request.query_params["offset"])
    return JSONResponse({"rows": ROWS[start : start + 10], "total": len(ROWS)})


def cursor(request: Incoming) -> Response:
    start = int(request.query_params.get("after", "0"))
    following = start + 9
    return JSONResponse({"rows": ROWS[start:following], "meta": {"next": str(following) if following < 23 else None}})


def next_url(request: Incoming) -> Response:
    start = int(request.query_params.get("$skip", "0"))
    body: dict[str, Any] = {"rows": ROWS[start : start + 8]}
    if start + 8 < len(ROWS):
        body["@odata.nextLink"] = str(request.url.include_query_params(**{"$skip": start + 8}))
    return JSONResponse(body)


def link_header(request: Incoming) -> Response:
    start = int(request.query_params.get("from", "0"))
    following = {"Link": f'</list?from={start + 20}>; rel="next"'} if start + 20 < len(ROWS) else {}
    return JSONResponse({"rows": ROWS[start : start + 20]}, headers=following)


@pytest.mark.parametrize(
    ("handler", "paging", "requests"),
    [
        (page_number, PageNumber(start=0, size_param="size", size=10, pages_at="page.totalPages"), 3),
        (offset, Offset(size=10, total_at="total"), 3),
        (offset, Offset(size=50, total_at="total"), 3),
        (cursor, Cursor(param="after", at="meta.next"), 3),
        (next_url, NextUrl(at='"@odata.nextLink"'), 3),
        (link_header, LinkHeader(), 2),
    ],
    ids=["page number", "offset", "offset with a capped page", "cursor", "next link", "link header"],
)
def test_all_pages_are_read_once(handler: Handler, paging: Paging, requests: int) -> None:
    with serving(app(handler)) as server:
        found = list(api(server).all(Call(path="list"), paging, "rows"))
    assert found == ROWS
    assert len(server.asked) == requests


def test_a_list_that_does_not_end_is_an_error() -> None:
    def same(request: Incoming) -> Response:
        return JSONResponse({"rows": ROWS[:3], "next": "abc"})

    with serving(app(same)) as server, pytest.raises(ShapeChanged):
        list(api(server).all(Call(path="list"), Cursor(param="after", at="next"), "rows"))


def test_m2_a_missing_list_is_an_error_and_never_empty() -> None:
    with serving(app(lambda request: JSONResponse({"message": "maintenance"}))) as server, pytest.raises(ShapeChanged):
        list(api(server).all(Call(path="list"), None, "rows"))


def test_m2_null_may_be_an_empty_list_but_a_missing_one_never_is() -> None:
    with serving(app(lambda request: JSONResponse({"rows": None}))) as server:
        assert list(api(server).all(Call(path="list"), None, "rows", or_null=True)) == []
    with serving(app(lambda request: JSONResponse({"message": "maintenance"}))) as server, pytest.raises(ShapeChanged):
        list(api(server).all(Call(path="list"), None, "rows", or_null=True))


def test_a_link_to_another_server_gets_no_credentials() -> None:
    def elsewhere(request: Incoming) -> Response:
        return JSONResponse({"rows": ROWS[:1], "next": "http://127.0.0.1:9/steal"})

    with serving(app(elsewhere)) as server, pytest.raises(ShapeChanged, match="another server"):
        list(api(server, auth=ApiKey("X-Key", "k")).all(Call(path="list"), NextUrl(at="next"), "rows"))


def test_keys_go_where_they_belong() -> None:
    with serving(app(lambda request: JSONResponse({}))) as server:
        api(server, auth=ApiKey("X-Key", "k1", prefix="Token ")).get("a")
        api(server, auth=ApiKey("key", "k 2", query=True)).get("b", other="x")
        api(server, auth=Basic("svc-license", "p@ss:word")).get("c")
    assert server.asked[0].headers["x-key"] == "Token k1"
    assert dict(parse_qsl(server.asked[1].query)) == {"key": "k 2", "other": "x"}
    assert server.asked[2].headers["authorization"] == "Basic c3ZjLWxpY2Vuc2U6cEBzczp3b3Jk"


@pytest.fixture
def tokens() -> Iterator[tuple[Server, list[str]]]:
    """A server whose tokens can be revoked: only the last one issued holds."""
    issued: list[str] = []

    def handler(request: Incoming) -> Response:
        if request.url.path == "/token":
            issued.append(f"t{len(issued) + 1}")
            return JSONResponse({"access_token": issued[-1], "expires_in": 3600, "refresh_token": f"r{len(issued)}"})
        good = issued and request.headers.get("authorization") == f"Bearer {issued[-1]}"
        return JSONResponse({"ok": True}) if good else JSONResponse({}, status_code=401)

    with serving(app(handler)) as server:
        yield server, issued


def test_s1_42_one_token_serves_all_threads_and_is_renewed_in_mid_run(tokens: tuple[Server, list[str]]) -> None:
    server, issued = tokens
    http = Http("Fake")
    oauth = OAuth(
        url=f"{server.url}/token", fields={"grant_type": "client_credentials", "client_id": "i", "client_secret": "s"}
    )
    portal = Api(http=http, base_url=server.url, auth=oauth.auth(http), backoff=QUICK)
    threads = [threading.Thread(target=portal.get, args=("x",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert issued == ["t1"]
    issued.append("revoked by the server")
    assert portal.get("y") == {"ok": True}
    assert server.paths().count("POST /token") == 2


def test_a_rotating_refresh_token_is_kept_before_it_is_used(tokens: tuple[Server, list[str]]) -> None:
    server, _ = tokens
    http = Http("Fake")
    kept = InMemory("r0")
    oauth = OAuth(url=f"{server.url}/token", fields={"grant_type": "refresh_token"}, client=("i", "s"), rotating=kept)
    portal = Api(http=http, base_url=server.url, auth=oauth.auth(http), backoff=QUICK)
    portal.get("x")
    assert kept.value == "r1"
    assert b"refresh_token=r0" in server.asked[0].body
    assert server.asked[0].headers["authorization"].startswith("Basic ")


def test_refused_credentials_are_said_once_and_not_tried_again() -> None:
    with serving(app(lambda request: JSONResponse({"error": "access_denied"}, status_code=401))) as server:
        http = Http("Fake", secrets=["s3cret"])
        oauth = OAuth(url=f"{server.url}/token", fields={"grant_type": "client_credentials", "client_secret": "s3cret"})
        with pytest.raises(Unauthorized) as caught:
            Api(http=http, base_url=server.url, auth=oauth.auth(http), backoff=QUICK).get("x")
    assert len(server.asked) == 1
    assert "s3cret" not in f"{caught.value} {caught.value.detail}"


def test_a_short_token_is_used_until_it_ends() -> None:
    fetched: list[Token] = []

    def fetch() -> Token:
        fetched.append(Token.lasting(f"t{len(fetched)}", 30))
        return fetched[-1]

    with serving(app(lambda request: JSONResponse({}))) as server:
        portal = api(server, auth=TokenAuth(fetch))
        portal.get("a")
        portal.get("b")
    assert len(fetched) == 1


def failing_first(count: int, response: Response) -> Handler:
    left = [count]

    def handler(request: Incoming) -> Response:
        left[0] -= 1
        return response if left[0] >= 0 else JSONResponse({"ok": True})

    return handler


def test_html_errors_of_a_gateway_are_tried_again() -> None:
    with serving(app(failing_first(2, PlainTextResponse("<html>Bad gateway</html>", status_code=502)))) as server:
        assert api(server).get("x") == {"ok": True}
    assert len(server.asked) == 3


def test_retry_after_is_kept_to_by_everybody() -> None:
    limited = JSONResponse({}, status_code=429, headers={"Retry-After": "1"})
    with serving(app(failing_first(1, limited))) as server:
        assert api(server).get("x") == {"ok": True}
    assert server.asked[1].at - server.asked[0].at >= 0.95


def test_a_limit_that_lasts_too_long_is_an_error() -> None:
    limited = JSONResponse({}, status_code=429, headers={"Retry-After": "900"})
    with serving(app(lambda request: limited)) as server, pytest.raises(RateLimited):
        api(server).get("x")


@pytest.mark.parametrize(("status", "kind"), [(403, "forbidden"), (404, "not_found"), (400, "")])
def test_what_cannot_get_better_is_not_tried_again(status: int, kind: str) -> None:
    answer = JSONResponse({"m": 1}, status_code=status)
    with serving(app(lambda request: answer)) as server, pytest.raises(RemoteError) as caught:
        api(server).get("x")
    assert (len(server.asked), caught.value.kind, caught.value.status) == (1, kind, status)


def test_no_more_at_once_than_allowed() -> None:
    busy, most = [0], [0]
    lock = threading.Lock()

    def slow(request: Incoming) -> Response:
        return JSONResponse({})

    async def endpoint(request: Incoming) -> Response:
        import asyncio

        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        await asyncio.sleep(0.03)
        with lock:
            busy[0] -= 1
        return slow(request)

    with serving(Starlette(routes=[Route("/x", endpoint)])) as server:
        portal = api(server, throttle=Throttle(at_once=2))
        threads = [threading.Thread(target=portal.get, args=("x",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most[0] == 2


def test_no_more_a_minute_than_allowed() -> None:
    now = [0.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    throttle = Throttle(requests=3, seconds=60, clock=lambda: now[0], sleep=sleep)
    for _ in range(7):
        with throttle.turn():
            now[0] += 1
    assert now[0] >= 120
    assert len(waits) == 2


def test_pages_are_handed_on_one_at_a_time() -> None:
    with serving(app(offset)) as server:
        pages = api(server).pages(Call(path="list"), Offset(size=10, total_at="total"), "rows")
        next(pages)
        time.sleep(0.05)
        assert len(server.asked) == 1


def test_a_list_that_leads_in_a_circle_is_an_error() -> None:
    def circle(request: Incoming) -> Response:
        here = int(request.query_params.get("after", "0"))
        return JSONResponse({"rows": [{"id": here}], "next": str(here % 2 + 1)})

    with serving(app(circle)) as server, pytest.raises(ShapeChanged):
        list(api(server).all(Call(path="list"), Cursor(param="after", at="next"), "rows"))
    assert len(server.asked) == 3


@pytest.mark.parametrize(("missing", "requests"), [(1, 6), (2, None)])
def test_m2_a_list_shorter_than_it_says_is_read_again_and_then_refused(missing: int, requests: int | None) -> None:
    """The first reading lacks a record; with two of them missing the second one does too."""
    left = [missing]

    def short(request: Incoming) -> Response:
        start = int(request.query_params["offset"])
        rows = ROWS[start : start + 10]
        if start == 20 and left[0]:
            left[0] -= 1
            rows = rows[:-1]
        return JSONResponse({"rows": rows if start < 22 else [], "total": len(ROWS)})

    with serving(app(short)) as server:

        def read() -> dict[str, int]:
            return api(server).whole(
                Call(path="list"), Offset(size=10, total_at="total"), "rows", key="id", total_at="total", keep=len
            )

        if requests is None:
            with pytest.raises(ShapeChanged):
                read()
        else:
            assert list(read()) == [str(row["id"]) for row in ROWS]
            assert [one.query for one in server.asked].count("offset=0&limit=10") == 2


def test_a_shared_token_outlives_the_reading() -> None:
    fetched: list[str] = []

    def fetch() -> Token:
        fetched.append(f"t{len(fetched)}")
        return Token(fetched[-1])

    def protected(request: Incoming) -> Response:
        return JSONResponse({}, status_code=200 if request.headers["authorization"] == f"Bearer {fetched[-1]}" else 401)

    with serving(app(protected)) as server:
        for _ in range(3):
            api(server, auth=TokenAuth(fetch, shared=server.url)).get("x")
        assert len(fetched) == 1
        api(server, auth=TokenAuth(fetch)).get("x")
        api(server, auth=TokenAuth(fetch, shared=server.url)).get("x")
    assert len(fetched) == 3


def test_without_a_time_to_wait_the_backoff_decides() -> None:
    answers = [JSONResponse({}, status_code=429), JSONResponse({})]
    with serving(app(lambda _: answers.pop(0))) as server:
        assert api(server, wait=None).get("x") == {}
    assert server.asked[1].at - server.asked[0].at < 1


def test_pages_may_differ_by_a_header_alone() -> None:
    class ByHeader:
        def first(self, call: Call) -> Call:
            return call

        def next(self, call: Call, body: object, headers: object, rows: int) -> Call | None:
            at = int(call.headers.get("position", "0")) + 1
            return Call(path=call.path, headers={"position": str(at)}) if at < 3 else None

    with serving(app(lambda request: JSONResponse([{"id": request.headers.get("position")}]))) as server:
        assert len(list(api(server).all(Call(path="x"), ByHeader()))) == 3


def test_what_is_learned_later_is_masked_too_and_remedies_are_the_connectors() -> None:
    refused = PlainTextResponse("your token t0ken-of-today is no good", status_code=403)
    with serving(app(lambda request: refused)) as server, pytest.raises(RemoteError) as caught:
        portal = api(server, remedy=T("Ask Ann."))
        portal.http.mask.learn("t0ken-of-today")
        portal.get("x")
    assert "t0ken-of-today" not in caught.value.detail
    assert "Ask Ann." in str(caught.value)


def test_a_portal_that_ends_sessions_with_500_is_signed_in_again_once_for_each_call() -> None:
    tokens = iter(f"t{number}" for number in range(1, 10))

    def handler(request: Incoming) -> Response:
        if request.headers["authorization"] == "Bearer t1":
            return PlainTextResponse("session over", status_code=500)
        return JSONResponse([])

    with serving(app(handler)) as server:
        auth = TokenAuth(lambda: Token(next(tokens)))
        assert api(server, auth=auth, lapsed=lambda answer: b"session over" in answer.content).get("x") == []
    assert [one.headers["authorization"] for one in server.asked] == ["Bearer t1", "Bearer t2"]


def test_a_session_that_was_given_up_is_not_used_again() -> None:
    tokens = iter(["t1", "t2"])
    with serving(app(lambda request: JSONResponse([]))) as server:
        auth = TokenAuth(lambda: Token(next(tokens)))
        assert auth.give_up() is None
        portal = api(server, auth=auth)
        portal.get("x")
        assert auth.give_up() == Token("t1")
        portal.get("x")
    assert [one.headers["authorization"] for one in server.asked] == ["Bearer t1", "Bearer t2"]


def test_what_a_fault_says_goes_before_its_status() -> None:
    def fault(answer: Answer) -> RemoteError | None:
        return Unauthorized(T("Closed.")) if b"closed" in answer.content else None

    bodies = iter(["busy", "closed"])
    fake = app(lambda request: PlainTextResponse(next(bodies), status_code=500))
    with serving(fake) as server, pytest.raises(Unauthorized, match="Closed"):
        api(server, fault=fault).get("x")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "link",
    ["//evil.example/x", "//evil.example:443/x", "//own.example@evil.example/x", "https://own.example.evil.example/",
     "https://own.example@evil.example/", "https://own.example:8443/", "http://own.example/", "ftp://own.example/x"],
)  # fmt: skip
def test_no_spelling_of_a_link_takes_credentials_to_another_server(link: str) -> None:
    asked = Api(http=Http("Fake"), base_url="https://own.example/api/", auth=ApiKey("X-Key", "hush"))
    for call in (Call(path=link), follow(Call(path="things"), link), follow(Call(path="https://own.example/a"), link)):
        with pytest.raises(ShapeChanged, match="another server"):
            asked.fetch(call)


def test_addresses_show_no_secrets_and_only_what_they_may() -> None:
    with serving(app(lambda request: JSONResponse({}, status_code=404))) as server:
        masked = Api(http=Http("Fake", secrets=["tok-123"]), base_url=server.url)
        with pytest.raises(RemoteError) as caught:
            masked.get("vms/tok-123")
        assert caught.value.place == f"GET {server.url}/vms/***"
        shown = Api(http=Http("Fake", show=lambda url: "the report"), base_url=server.url)
        with pytest.raises(RemoteError) as caught:
            shown.get("acme")
        assert caught.value.place == "GET the report"
