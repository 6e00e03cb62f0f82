"""Ways to sign a request in. A connector picks one; `Api` calls `sign` before each request and `renew` after a 401.

Tokens are fetched once and shared by all threads of a reading, renewed shortly before they end, and once more when the
other side says 401 although they should still hold.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode

from connectors._kit.http import Answer, Http, Request
from connectors._kit.retry import Backoff, retrying
from core.domain.connector import RotatingSecret
from core.domain.errors import RateLimited, RemoteError, ShapeChanged, Unauthorized
from core.domain.text import T, Text

__all__ = ["ApiKey", "Auth", "Basic", "Bearer", "NoAuth", "OAuth", "Token", "TokenAuth"]

UNTIL_FURTHER_NOTICE = float("inf")
EARLY_SECONDS = 60.0
"""A token is renewed this long before its end, so that no request is under way when it ends."""


class Auth(Protocol):
    """How requests are signed in. Safe for several threads."""

    def sign(self, request: Request) -> Request:
        """The request with credentials. May fetch a token first; raises Unauthorized when that is refused."""
        ...

    def renew(self, refused: Request) -> bool:
        """After a 401 on this signed request: whether there are other credentials now, and repeating makes sense."""
        ...


class NoAuth:
    def sign(self, request: Request) -> Request:
        return request

    def renew(self, refused: Request) -> bool:
        return False


def with_header(request: Request, name: str, value: str) -> Request:
    return replace(request, headers={**request.headers, name: value})


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A fixed key in a header (`prefix` before it) or, with `query`, in a query parameter."""

    name: str
    value: str
    prefix: str = ""
    query: bool = False

    def sign(self, request: Request) -> Request:
        if self.query:
            return replace(request, params={**request.params, self.name: self.value})
        return with_header(request, self.name, self.header)

    @property
    def header(self) -> str:
        """The header's value."""
        return f"{self.prefix}{self.value}"

    def renew(self, refused: Request) -> bool:
        return False


class Bearer(ApiKey):
    """A fixed token in `Authorization: Bearer`."""

    def __init__(self, token: str) -> None:
        super().__init__("Authorization", token, "Bearer ")


class Basic(ApiKey):
    """User name and password (RFC 7617, UTF-8)."""

    def __init__(self, user: str, password: str) -> None:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        super().__init__("Authorization", pair, "Basic ")


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the moment it ends, on the monotonic clock."""

    value: str
    ends: float = UNTIL_FURTHER_NOTICE

    @classmethod
    def lasting(cls, value: str, seconds: float | None) -> Token:
        """A token that lasts `seconds` from now; None: until it is refused."""
        return cls(value, UNTIL_FURTHER_NOTICE if seconds is None else time.monotonic() + seconds)

    def holds(self) -> bool:
        return time.monotonic() < self.ends - EARLY_SECONDS


@dataclass(slots=True)
class _Held:
    """The token that all users of one TokenAuth, or of one `shared` name, have in common."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: Token | None = None
    fresh: bool = False


_SHARED: dict[str, _Held] = {}


class TokenAuth:
    """Credentials that are exchanged for a token. `fetch` gets one, `place` puts it on a request.

    With `shared`, a text that stands for these credentials, the token outlives this object and is used by all of the same
    text in this process: for portals that give only few tokens an hour. The text itself is not kept, only its digest.
    """

    def __init__(
        self,
        fetch: Callable[[], Token],
        place: Callable[[Request, str], Request] = lambda request, token: with_header(
            request, "Authorization", f"Bearer {token}"
        ),
        *,
        shared: str = "",
    ) -> None:
        self._fetch = fetch
        self._place = place
        digest = hashlib.sha256(shared.encode()).hexdigest()
        self._held = _SHARED.setdefault(digest, _Held()) if shared else _Held()

    def sign(self, request: Request) -> Request:
        return self._place(request, self._current().value)

    def _current(self) -> Token:
        held = self._held
        with held.lock:
            if held.token is None or not (held.fresh or held.token.holds()):
                held.token = self._fetch()
                # A token that lasts less than EARLY_SECONDS in all is used until it ends or is refused.
                held.fresh = not held.token.holds() and time.monotonic() < held.token.ends
            elif held.fresh and time.monotonic() >= held.token.ends:
                held.token, held.fresh = self._fetch(), False
            return held.token

    def renew(self, refused: Request) -> bool:
        held = self._held
        with held.lock:
            if held.token is not None and self._place(refused, held.token.value) == refused:
                held.token = None
            return True

    def give_up(self) -> Token | None:
        """The token there is, which is not used any more after this: for portals whose sessions should be ended."""
        with self._held.lock:
            token, self._held.token = self._held.token, None
            return token


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """OAuth 2.0: where the token comes from, and with which grant.

    `fields` are the grant's own: `{"grant_type": "client_credentials", "scope": …}` and so on, with the client's id and
    secret unless `client` sends them as HTTP Basic. `as_json` sends a JSON body instead of a form. `rotating` is a refresh
    token that changes with each use: it goes into the field `refresh_token`, and the next one is kept before anything else.
    """

    url: str
    fields: Mapping[str, str]
    client: tuple[str, str] | None = None
    headers: Mapping[str, str] | None = None
    as_json: bool = False
    rotating: RotatingSecret | None = None

    def auth(self, http: Http, backoff: Backoff = Backoff()) -> TokenAuth:
        """The way to sign requests with tokens of this grant."""

        def ask(fields: Mapping[str, str]) -> Mapping[str, Any]:
            answer = retrying(lambda: _token_answer(http, self._request(fields)), backoff)
            body = answer.json()
            if not isinstance(body, Mapping) or not isinstance(body.get("access_token"), str):
                raise ShapeChanged(T("{name} gave no token at sign-in.", name=http.name), place=answer.where)
            return body

        def use(refresh_token: str) -> tuple[str, Mapping[str, Any]]:
            body = ask({**self.fields, "refresh_token": refresh_token})
            return str(body.get("refresh_token") or refresh_token), body

        def fetch() -> Token:
            body = ask(self.fields) if self.rotating is None else self.rotating.exchange(use)
            return Token.lasting(body["access_token"], _seconds(body.get("expires_in")))

        return TokenAuth(fetch)

    def _request(self, fields: Mapping[str, str]) -> Request:
        headers = dict(self.headers or {})
        if self.client is not None:
            headers["Authorization"] = Basic(*self.client).header
        if self.as_json:
            return Request(method="POST", url=self.url, headers=headers, json=dict(fields))
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return Request(method="POST", url=self.url, headers=headers, content=urlencode(dict(fields)).encode())


def _token_answer(http: Http, request: Request) -> Answer:
    answer = http.send(request)
    if answer.ok:
        return answer
    if answer.status == 429:
        raise RateLimited(
            T("{name} asks to slow down.", name=http.name), retry_after=answer.retry_after(), place=answer.where
        )
    if answer.status >= 500 or answer.status == 408:
        raise RemoteError(
            T("{name} answers with error {status}.", name=http.name, status=str(answer.status)),
            retryable=True,
            place=answer.where,
            status=answer.status,
        )
    raise credentials_refused(http, answer)


def credentials_refused(http: Http, answer: Answer, remedy: Text | None = None) -> Unauthorized:
    """The error for wrong, ended or insufficient credentials; what the other side said goes to the log, masked."""
    return Unauthorized(
        T("{name} does not accept the credentials.", name=http.name),
        place=answer.where,
        remedy=remedy or T("Check key, secret and address, and enter them again on the Portals page."),
        detail=http.mask(f"{answer.status} {answer.start()}"),
    )


def _seconds(value: object) -> float | None:
    """`expires_in` as seconds; some servers send it as text, some not at all."""
    try:
        return float(str(value)) if value is not None else None
    except ValueError:
        return None
