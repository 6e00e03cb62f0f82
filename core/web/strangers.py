"""What somebody without a session gets of the parts of Streamlit that hold data or memory: next to nothing.

Its files (`/media`), its places for uploads and its own numbers ask nobody who they are, and the address of a file outlives the
session that it was made in. Its WebSocket has to stay open to who was signed out meanwhile, because the page says so over it;
it is narrow for them.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.web.address import session_token

log = structlog.get_logger()

LOCKED = ("/media/", "/_stcore/upload_file/", "/_stcore/metrics", "/_stcore/agent/", "/oauth2callback")
MOST_AT_ONCE = 16
"""Open WebSockets without a session."""
MOST_MESSAGES = 50
"""Of one such WebSocket: a page that says that the session has ended needs a few."""
MOST_BYTES = 64 * 1024
REFUSED = 1008
"""The code of a WebSocket that is closed because of who asks (RFC 6455: policy violation)."""


class Strangers:
    """Stands before Streamlit. `is_valid` tells whether a session token is good; `below` is the sub-path of all pages."""

    def __init__(self, app: ASGIApp, is_valid: Callable[[str], bool], below: str = "") -> None:
        self.app = app
        self.is_valid = is_valid
        self.below = below
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._talk(scope, receive, send)
        elif scope["type"] == "http" and not await self._may_ask(scope):
            # Not found, whether it is there or not.
            await PlainTextResponse("Not Found", 404, {"cache-control": "no-store"})(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _may_ask(self, scope: Scope) -> bool:
        path = scope["path"]
        if not path.isprintable():
            # A line end after a path is the same path to the router, and another one to the proxy that keeps some inside.
            return False
        return not path.removeprefix(self.below).startswith(LOCKED) or await self._is_known(scope)

    async def _is_known(self, scope: Scope) -> bool:
        token = session_token(HTTPConnection(scope))
        return bool(token) and await run_in_threadpool(self.is_valid, token)

    async def _talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _comes_from_here(HTTPConnection(scope)):
            # Streamlit would ask a server on the internet for its own address first, and everybody would wait for that.
            log.warning("web.foreign_page_refused")
            await _refuse(receive, send)
        elif await self._is_known(scope):
            await self.app(scope, receive, send)
        elif self._open >= MOST_AT_ONCE:
            log.warning("web.too_many_strangers", most=MOST_AT_ONCE)
            await _refuse(receive, send)
        else:
            self._open += 1
            try:
                await self.app(scope, _narrow(receive, send), send)
            finally:
                self._open -= 1


def _comes_from_here(connection: HTTPConnection) -> bool:
    """Whether a page of ours opened the WebSocket; programs tell no origin, and have no cookies of other people."""
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower()
    except ValueError:
        return False


def _narrow(receive: Receive, send: Send) -> Receive:
    """The same messages, until there are too many or one is too large; then the connection ends."""
    told = 0

    async def next_message() -> Message:
        nonlocal told
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        told += 1
        if told <= MOST_MESSAGES and len(message.get("bytes") or message.get("text") or "") <= MOST_BYTES:
            return message
        await send({"type": "websocket.close", "code": REFUSED})
        return {"type": "websocket.disconnect", "code": REFUSED}

    return next_message


async def _refuse(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": REFUSED})
