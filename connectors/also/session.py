"""Signing in to ALSO: user and password for a session token, which goes into a header of ALSO's own (ALSO §3)."""

from __future__ import annotations

import orjson

from connectors._kit.auth import Token, TokenAuth, with_header
from connectors._kit.http import Answer, Http, Request
from connectors._kit.retry import Backoff, retrying
from connectors.also.faults import is_xml, refused_sign_in
from core.domain.errors import RateLimited, ShapeChanged
from core.domain.text import T


def with_session(request: Request, token: str) -> Request:
    return with_header(request, "Authenticate", f"CCPSessionId {token}")


class Session(TokenAuth):
    """One session for all calls; how long it lasts is unknown, so it is used until ALSO says that it is over."""

    def __init__(self, http: Http, url: str, user: str, password: str) -> None:
        self.http = http
        self.url = url
        self.login = {"username": user, "password": password}
        self.backoff = Backoff(attempts=4, first=8.0, longest=32.0)
        super().__init__(self._sign_in, with_session)

    def _sign_in(self) -> Token:
        token = _token(retrying(self._ask, self.backoff))
        self.http.mask.learn(token)
        return Token(token)

    def end(self, url: str) -> None:
        """Give the session back, if there is one. Raises RemoteError when ALSO does not take it."""
        token = self.give_up()
        if token is not None:
            self.http.send(with_session(Request(method="POST", url=url, json={}), token.value))

    def _ask(self) -> Answer:
        answer = self.http.send(Request(method="POST", url=self.url, json=self.login))
        if answer.status == 429:
            raise RateLimited(
                T("{name} asks to slow down.", name="ALSO"), retry_after=answer.retry_after(), place=answer.where
            )
        if not answer.ok or is_xml(answer):
            raise refused_sign_in(answer)
        return answer


def _token(answer: Answer) -> str:
    """A JSON string, plain text, or an object with a Value (ALSO §3)."""
    plain = answer.content.decode("utf-8", "replace").strip().strip("\ufeff")
    try:
        told: object = orjson.loads(plain)
    except orjson.JSONDecodeError:
        told = plain
    if isinstance(told, dict):
        told = next((value for name, value in told.items() if name.lower() == "value"), None)
    token = told.strip() if isinstance(told, str) else plain if isinstance(told, int) else ""
    if not token or not token.isascii() or not token.isprintable() or " " in token or "<" in token:
        raise ShapeChanged(T("{name} gave no token at sign-in.", name="ALSO"), place=answer.where)
    return token
