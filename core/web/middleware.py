"""What stands before every request: no page without a session, and headers that keep the browser careful."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.web.address import is_secure, session_token

OPEN_PATHS = ("/auth/", "/healthz", "/readyz", "/metrics", "/_stcore/", "/static/", "/component/",
              "/app/static/", "/hooks/")  # fmt: skip
"""What needs no session: our own doors, and the parts of Streamlit that hold no data of ours without one."""
OWN_PATHS = ("/auth/", "/healthz", "/readyz", "/metrics", "/hooks/")
"""Our own routes. Streamlit puts its sub-path (`server.baseUrlPath`) before its routes, not before these."""

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob: data:",
        "frame-ancestors 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
"""Nothing from other hosts. Streamlit and Vega need inline styles and evaluated expressions."""

HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
TRANSPORT = "max-age=31536000"
"""Told over https alone: for a year this browser comes over https, whatever a link says."""


class SecurityHeaders:
    """Adds the headers above to every answer that does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if is_secure(HTTPConnection(scope)):
                    headers.setdefault("strict-transport-security", TRANSPORT)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class BelowPath:
    """Serves our own routes below the sub-path too, as `/portal/healthz`; `request.scope["root_path"]` tells them about it.

    They stay where they were as well, for whoever watches the process beside the proxy.
    """

    def __init__(self, app: ASGIApp, below: str) -> None:
        self.app = app
        self.below = below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(tuple(self.below + path for path in OWN_PATHS)):
            scope = {**scope, "root_path": self.below}
        await self.app(scope, receive, send)


class SignInFirst:
    """Sends page loads without a valid session to the sign-in page.

    `is_valid` tells whether a session token is good. The pages check it again on every run: this is the polite way,
    not the only lock. `below` is the sub-path of all pages, as `/portal`.
    """

    def __init__(self, app: ASGIApp, is_valid: Callable[[str], bool], below: str = "") -> None:
        self.app = app
        self.is_valid = is_valid
        self.below = below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or await self.may_pass(HTTPConnection(scope)):
            await self.app(scope, receive, send)
            return
        path = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        start = path.rstrip("/") == self.below
        target = f"{self.below}/auth/login" + ("" if start else f"?next={quote(path)}")
        await RedirectResponse(target, status_code=303)(scope, receive, send)

    async def may_pass(self, connection: HTTPConnection) -> bool:
        is_page = connection.scope["method"] == "GET" and "text/html" in connection.headers.get("accept", "")
        if not is_page or connection.url.path.removeprefix(self.below).startswith(OPEN_PATHS):
            return True
        token = session_token(connection)
        return bool(token) and await run_in_threadpool(self.is_valid, token)
