"""What somebody without a session gets of Streamlit's own doors: its files, its places for uploads, its WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from core.services import people
from core.web import routes, strangers
from core.web.address import SESSION_COOKIE
from tests.web.conftest import PASSWORD

LINE = "/_stcore/stream"
LOCKED = (
    ("GET", "/media/0123456789abcdef.csv"),
    ("PUT", "/_stcore/upload_file/session/file"),
    ("DELETE", "/_stcore/upload_file/session/file"),
    ("GET", "/_stcore/metrics"),
    ("POST", "/_stcore/agent/interact"),
    ("GET", "/oauth2callback"),
)


@pytest.fixture
def served(web_with_admin) -> Callable[..., TestClient]:
    """Our doors before something that has all of Streamlit's: `below` a path, `signed_in` or not."""

    async def everything(request: Request) -> Response:
        return PlainTextResponse(f"data at {request.url.path}, {len(await request.body())} bytes")

    async def line(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(f"{len(await websocket.receive_bytes())} bytes")
        except WebSocketDisconnect:
            pass

    def make(*, below: str = "", signed_in: bool = False) -> TestClient:
        methods = ["GET", "PUT", "DELETE", "POST"]
        server = Starlette(
            routes=[
                *routes.routes(lambda: web_with_admin.context),
                WebSocketRoute(f"{below}{LINE}", line),
                Route("/{rest:path}", everything, methods=methods),
            ],
            middleware=routes.middleware(lambda: web_with_admin.context, below),
        )
        client = TestClient(server, follow_redirects=False)
        if signed_in:
            token, _ = people.sign_in(web_with_admin.context, "admin", PASSWORD)
            client.cookies.set(SESSION_COOKIE, token)
        return client

    return make


@pytest.mark.parametrize("below", ["", "/portal"])
def test_files_uploads_and_numbers_of_streamlit_are_for_who_is_signed_in(served, below: str) -> None:
    stranger, somebody = served(below=below), served(below=below, signed_in=True)
    for method, path in LOCKED:
        assert stranger.request(method, f"{below}{path}", content=b"x").status_code == 404, path
        assert somebody.request(method, f"{below}{path}").text.startswith("data at"), path


def test_who_was_signed_out_gets_no_file_by_its_address(served, web_with_admin) -> None:
    client = served(signed_in=True)
    assert client.get("/media/kept.pdf").status_code == 200
    people.sign_out(web_with_admin.context, client.cookies[SESSION_COOKIE])
    assert client.get("/media/kept.pdf").status_code == 404


@pytest.mark.parametrize("end", ["%0a", "%0A", "%0d", "%09", "%7f", "%e2%80%a8"])
def test_a_path_with_an_invisible_end_is_none(served, end: str) -> None:
    """A proxy that keeps `/metrics` inside takes `/metrics%0a` for another address; our router took it for the same."""
    for client in (served(), served(signed_in=True)):
        assert client.get("/metrics").status_code == 200
        for path in ("/metrics", "/healthz", "/readyz"):
            assert client.get(f"{path}{end}").status_code == 404, path


def test_a_page_of_another_site_opens_no_line_and_streamlit_is_not_asked(served) -> None:
    client = served(signed_in=True)
    for origin in ("https://evil.example", "http://testserver.evil.example", "null", "http://[", "http://localhost:99"):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(LINE, headers={"origin": origin}):
            pass
    with client.websocket_connect(LINE, headers={"origin": "http://testserver"}) as line:
        line.send_bytes(b"abc")
        assert line.receive_text() == "3 bytes"


def test_a_stranger_says_little_and_who_is_signed_in_as_much_as_it_takes(served) -> None:
    large = b"x" * (strangers.MOST_BYTES + 1)
    with served(signed_in=True).websocket_connect(LINE) as line:
        for _ in range(strangers.MOST_MESSAGES + 1):
            line.send_bytes(large)
            assert line.receive_text() == f"{len(large)} bytes"
    with served().websocket_connect(LINE) as line:
        line.send_bytes(large)
        with pytest.raises(WebSocketDisconnect):
            line.receive_text()
    with served().websocket_connect(LINE) as line:
        for _ in range(strangers.MOST_MESSAGES):
            line.send_bytes(b"x")
            assert line.receive_text() == "1 bytes"
        line.send_bytes(b"x")
        with pytest.raises(WebSocketDisconnect):
            line.receive_text()


def test_only_so_many_strangers_are_listened_to_at_once(served) -> None:
    stranger = served()
    with ExitStack() as open_lines:
        for _ in range(strangers.MOST_AT_ONCE):
            open_lines.enter_context(stranger.websocket_connect(LINE))
        with pytest.raises(WebSocketDisconnect), stranger.websocket_connect(LINE):
            pass
    with stranger.websocket_connect(LINE) as line:
        line.send_bytes(b"there is room again")
        assert line.receive_text()
