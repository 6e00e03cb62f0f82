"""Access tokens of Zoho accounts (MDM §2, §3, §7). They are few, so all readings of one connection share one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import orjson

from connectors._kit.auth import Token, TokenAuth, with_header
from connectors._kit.http import Answer, Http, Request
from core.domain.errors import RateLimited, RemoteError, Unauthorized
from core.domain.text import T

__all__ = ["DATA_CENTERS", "DataCenter", "Grant", "life_seconds", "zoho_auth"]

WINDOW_SECONDS = 600.0
"""Ten tokens are given in this time; then none until it is over."""
LONGEST_SECONDS = 86_400.0
"""A longer life is meant in milliseconds: old answers had it so."""


class DataCenter(NamedTuple):
    """An account lives in one data centre: the hosts of its tokens and of its interface."""

    accounts: str
    api: str


DATA_CENTERS: Mapping[str, DataCenter] = MappingProxyType(
    {
        "eu": DataCenter("https://accounts.zoho.eu", "https://mdm.manageengine.eu"),
        "us": DataCenter("https://accounts.zoho.com", "https://mdm.manageengine.com"),
        "uk": DataCenter("https://accounts.zoho.uk", "https://mdm.manageengine.co.uk"),
        "in": DataCenter("https://accounts.zoho.in", "https://mdm.manageengine.in"),
        "au": DataCenter("https://accounts.zoho.com.au", "https://mdm.manageengine.com.au"),
        "jp": DataCenter("https://accounts.zoho.jp", "https://mdm.manageengine.jp"),
        "ca": DataCenter("https://accounts.zohocloud.ca", "https://mdm.manageengine.ca"),
        "cn": DataCenter("https://accounts.zoho.com.cn", "https://mdm.manageengine.cn"),
        "sa": DataCenter("https://accounts.zoho.sa", "https://mdm.manageengine.sa"),
    }
)


class Grant(NamedTuple):
    """What is exchanged for an access token; `url` is the address of the token endpoint or of its host."""

    url: str
    client_id: str
    client_secret: str
    refresh_token: str


def zoho_auth(http: Http, grant: Grant) -> TokenAuth:
    """Signs requests with `Zoho-oauthtoken`. The form carries the secrets: what stands in an address ends up in logs."""
    url = grant.url if urlsplit(grant.url).path.strip("/") else f"{grant.url.rstrip('/')}/oauth/v2/token"
    fields = {
        "refresh_token": grant.refresh_token,
        "client_id": grant.client_id,
        "client_secret": grant.client_secret,
        "grant_type": "refresh_token",
    }
    blocked_until = [0.0]

    def fetch() -> Token:
        left = blocked_until[0] - time.monotonic()
        if left > 0:
            raise _too_many(left)
        request = Request(
            method="POST",
            url=url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode(fields).encode(),
        )
        answer = http.send(request)
        try:
            return _token(http, answer)
        except RateLimited as error:
            blocked_until[0] = time.monotonic() + (error.retry_after or WINDOW_SECONDS)
            raise

    def place(request: Request, token: str) -> Request:
        http.mask.learn(token)
        return with_header(request, "Authorization", f"Zoho-oauthtoken {token}")

    return TokenAuth(fetch, place, shared="\n".join((url, *fields.values())))


def _token(http: Http, answer: Answer) -> Token:
    """Errors come with status 200 too: only a token is a success."""
    body = _body(answer)
    token = body.get("access_token")
    if isinstance(token, str) and token:
        return Token.lasting(token, life_seconds(body.get("expires_in")))
    reason = f"{body.get('error') or answer.status}"
    if answer.status == 429 or "too many" in str(body.get("error_description")).lower() or reason == "Access Denied":
        raise _too_many(answer.retry_after() or WINDOW_SECONDS, answer.where)
    detail = http.mask(f"{answer.status} {answer.start()}")
    if answer.status >= 500:
        raise RemoteError(
            T("{name} answers with error {status}.", name="Zoho", status=str(answer.status)),
            retryable=True,
            place=answer.where,
            detail=detail,
            status=answer.status,
        )
    raise Unauthorized(
        T("Zoho gives no access: {reason}.", reason=http.mask(reason)[:60]),
        place=answer.where,
        remedy=T(
            "Check the data centre first: codes and clients of another one are not known. Then client and refresh token."
        ),
        detail=detail,
    )


def _body(answer: Answer) -> Mapping[str, Any]:
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _too_many(seconds: float, place: str = "") -> RateLimited:
    return RateLimited(
        T("Zoho gives no more access tokens for some minutes, because too many were asked for."),
        retry_after=seconds,
        place=place,
    )


def life_seconds(told: object) -> float:
    """How long a token holds, from `expires_in`; an hour when it is not told."""
    try:
        seconds = float(str(told))
    except ValueError:
        return 3600.0
    return seconds / 1000 if seconds > LONGEST_SECONDS else seconds
