"""Signing in to a marketplace, both ways (CloudBlue §3, §9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from connectors._kit.auth import Auth, Basic, OAuth, Token, TokenAuth
from connectors._kit.http import Answer, Http, Request
from connectors._kit.retry import Backoff, retrying
from connectors._kit.select import find, whole
from core.domain.errors import RemoteError, ShapeChanged, Unauthorized
from core.domain.text import T, Text

TOKEN_SECONDS = 1500.0
MOVED = T("There is no such interface at this address.")


class OpenId(NamedTuple):
    """The second way to sign in, which some operators have: where, and as which client."""

    url: str
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marketplace:
    """One marketplace and the API user there. `moved` says what a 404 at sign-in means to this distributor's partners."""

    name: str
    base_url: str
    marketplace: str
    user: str
    password: str
    subscription_key: str
    count_hold: bool = True
    client_id: str = ""
    openid: OpenId | None = None
    moved: Text = MOVED

    @property
    def headers(self) -> dict[str, str]:
        """On each request, besides the token."""
        client = {"X-Client-Id": self.client_id} if self.client_id else {}
        return {"X-Subscription-Key": self.subscription_key, **client}


@dataclass(frozen=True, slots=True)
class SignIn:
    """Gets tokens of one marketplace."""

    of: Marketplace
    http: Http
    backoff: Backoff

    def auth(self) -> Auth:
        return TokenAuth(self._token) if self.of.openid is None else self._openid(self.of.openid)

    def _token(self) -> Token:
        of = self.of
        basic = Basic(of.user, of.password).header
        request = Request(
            method="POST",
            url=f"{of.base_url.rstrip('/')}/token",
            headers={"Authorization": basic, **of.headers},
            json={"marketplace": of.marketplace},
        )
        answer = retrying(lambda: self._signed_in(self.http.send(request)), self.backoff)
        body = answer.json()
        value = find(body, "token") if isinstance(body, Mapping) else None
        if not isinstance(value, str) or not value:
            raise ShapeChanged(T("{name} gave no token at sign-in.", name=of.name), place=answer.where)
        seconds = whole(body, "expiresInSeconds")
        return Token.lasting(value, TOKEN_SECONDS if seconds is None else float(seconds))

    def _signed_in(self, answer: Answer) -> Answer:
        """Raises what a refusal means: user, key, marketplace or address (CloudBlue §9)."""
        if answer.ok:
            return answer
        name, detail = self.of.name, self.http.mask(f"{answer.status} {answer.start()}")
        if answer.status == 429 or answer.status >= 500:
            raise RemoteError(
                T("{name} answers with error {status}.", name=name, status=str(answer.status)),
                retryable=True, place=answer.where, detail=detail, status=answer.status,
            )  # fmt: skip
        said = answer.content[:4000].decode("utf-8", "replace").lower()
        if answer.status == 401 and "subscription key" in said:
            message = T(
                "{name} does not accept the subscription key: it is wrong, or the API product was cancelled.", name=name
            )
        elif answer.status == 401:
            message = T("{name} does not accept user and password. Has the API user been activated?", name=name)
        elif answer.status in (400, 403):
            message = T(
                "{name} refuses the sign-in: is the marketplace code {code} right?", name=name, code=self.of.marketplace
            )
        elif answer.status == 404:
            raise RemoteError(
                self.of.moved, retryable=False, place=answer.where, detail=detail, kind="not_found", status=404
            )
        else:
            message = T("{name} does not accept the credentials.", name=name)
        raise Unauthorized(message, place=answer.where, detail=detail)

    def _openid(self, openid: OpenId) -> TokenAuth:
        fields = {
            "grant_type": "password", "username": self.of.user, "password": self.of.password,
            "client_id": openid.client_id, "client_secret": openid.client_secret, "scope": "openid",
        }  # fmt: skip
        return OAuth(url=openid.url, fields=fields).auth(self.http, self.backoff)
