"""Tokens for Graph (one per customer tenant) and Partner Center, by MSAL (Microsoft 365 §3).

MSAL makes the requests of the v2 endpoint and signs certificates' assertions. It speaks through the kit's HTTP, and its
discovery of a tenant's endpoints is answered from their documented form: one request less per customer. Partner Center's v1
endpoint, which MSAL does not know, is a plain form.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

import msal

from connectors._kit.auth import Token
from connectors._kit.http import Answer, Http, Request
from connectors._kit.pem import rewrapped
from connectors._kit.retry import Backoff, retrying
from core.domain.connector import RotatingSecret
from core.domain.errors import RateLimited, RemoteError, SettingsError, ShapeChanged, Unauthorized
from core.domain.text import T, Text

FORM = "application/x-www-form-urlencoded"
CODE = re.compile(r"AADSTS(\d+)")

WRONG_SECRET = T("Microsoft does not accept the client secret: it is wrong or has expired.")
MAKE_SECRET = T("Make a new client secret or certificate for the app registration and enter it on the Portals page.")
SIGN_IN_AGAIN = T(
    "A partner user must sign in again, with MFA, and the new refresh token must be entered on the Portals page."
)
WHOLE_RUN: Mapping[int, tuple[Text, Text]] = {
    7000215: (WRONG_SECRET, MAKE_SECRET),
    7000222: (WRONG_SECRET, MAKE_SECRET),
    50173: (T("The refresh token has been revoked."), SIGN_IN_AGAIN),
    700082: (T("The refresh token has expired: it was not used for too long."), SIGN_IN_AGAIN),
    70008: (T("The refresh token has expired: it was not used for too long."), SIGN_IN_AGAIN),
    50076: (T("Microsoft demands MFA, which the refresh token does not carry."), SIGN_IN_AGAIN),
    50079: (T("Microsoft demands MFA, which the refresh token does not carry."), SIGN_IN_AGAIN),
}
"""AADSTS codes that hold for all tenants at once (§3.4)."""
NO_CONSENT = T("The app has no consent in this tenant.")
ONE_TENANT: Mapping[int, tuple[Text, str]] = {
    700016: (NO_CONSENT, "no_consent"),
    65001: (NO_CONSENT, "no_consent"),
    90002: (T("This tenant does not exist (any more)."), "gone"),
}
"""AADSTS codes of one tenant; the others go on (§3.4)."""


class SignInRefused(Unauthorized):
    """No tenant can be signed in to: going on makes no sense."""


@dataclass(frozen=True, slots=True)
class App:
    """The app registration: a secret, or a certificate with its private key (both PEM, in one text)."""

    client_id: str
    secret: str = ""
    certificate: str = ""

    @property
    def credential(self) -> str | dict[str, str]:
        """As MSAL takes it."""
        if not self.certificate:
            return self.secret
        pem = rewrapped(self.certificate)
        return {"private_key": pem, "public_certificate": pem}


class SignIn:
    """Gets tokens. With `refresh_token` a user's (secure application model), without it the app's own. Safe for threads."""

    def __init__(self, http: Http, login: str, app: App, refresh_token: RotatingSecret | None) -> None:
        self.backoff = Backoff(attempts=5, first=2.0, longest=16.0)
        self._http = http
        self._login = login
        self._app = app
        self._refresh_token = refresh_token
        self._one_at_a_time = threading.Lock()

    def v2(self, tenant: str, scope: str, *, delegated: bool) -> Token:
        """A token of the v2 endpoint. Raises SignInRefused when no tenant can be signed in to, RemoteError when this one cannot."""
        client = self._client(tenant)
        if not delegated:
            return _token(client.acquire_token_for_client([scope]), tenant)
        return self._exchanged(lambda known: client.acquire_token_by_refresh_token(known, [scope]), tenant)

    def v1(self, tenant: str, fields: Mapping[str, str], *, delegated: bool) -> Token:
        """A token of the v1 endpoint, which has resources where v2 has scopes."""
        base = {"client_id": self._app.client_id, "client_secret": self._app.secret, **fields}

        def ask(more: Mapping[str, str]) -> Mapping[str, Any]:
            answer = self._post(f"{self._login}/{tenant}/oauth2/token", urlencode({**base, **more}))
            return _body(answer)

        if not delegated:
            return _token(ask({"grant_type": "client_credentials"}), tenant)
        return self._exchanged(lambda known: ask({"grant_type": "refresh_token", "refresh_token": known}), tenant)

    def _exchanged(self, ask: Callable[[str], Mapping[str, Any]], tenant: str) -> Token:
        """With the refresh token; the new one that may come back is kept before the access token is used (§3.2)."""
        assert self._refresh_token is not None

        def use(known: str) -> tuple[str, Token]:
            result = ask(known)
            return str(result.get("refresh_token") or known), _token(result, tenant)

        with self._one_at_a_time:
            return self._refresh_token.exchange(use)

    def _client(self, tenant: str) -> Any:
        """A fresh one each time: tokens are cached by the kit, and one that was refused must not come back from MSAL's cache."""
        try:
            return msal.ConfidentialClientApplication(
                self._app.client_id,
                authority=f"https://{urlsplit(self._login).netloc}/{tenant}",
                client_credential=self._app.credential,
                instance_discovery=False,
                http_client=_MsalHttp(f"{self._login}/{tenant}/oauth2/v2.0/token", self._post),
            )
        except ValueError as error:
            raise SettingsError(
                T("The certificate cannot be used."),
                remedy=T("Paste the private key and the certificate, both in PEM, one after the other."),
                detail=type(error).__name__,
            ) from error

    def _post(self, url: str, form: str) -> Answer:
        """The answer, good or refused; tried again while it says neither."""
        request = Request(method="POST", url=url, headers={"Content-Type": FORM}, content=form.encode())

        def attempt() -> Answer:
            answer = self._http.send(request)
            if answer.status == 429:
                raise RateLimited(
                    T("{name} asks to slow down.", name=self._http.name),
                    retry_after=answer.retry_after(),
                    place=answer.where,
                )
            if answer.status >= 500 or answer.status == 408:
                raise RemoteError(
                    T("{name} answers with error {status}.", name=self._http.name, status=str(answer.status)),
                    retryable=True, place=answer.where, status=answer.status,
                )  # fmt: skip
            return answer

        return retrying(attempt, self.backoff)


@dataclass(frozen=True, slots=True)
class _MsalHttp:
    """What MSAL asks of an HTTP client. It insists on https; where the token really comes from is decided here."""

    token_url: str
    send: Callable[[str, str], Answer]

    def get(self, url: str, **_: Any) -> _MsalAnswer:
        """The tenant's discovery document."""
        base = url.partition("/v2.0/")[0]
        endpoints = {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        }
        return _MsalAnswer(200, json.dumps(endpoints), {})

    def post(self, url: str, data: Mapping[str, Any] | None = None, **_: Any) -> _MsalAnswer:
        answer = self.send(self.token_url, urlencode(data or {}))
        return _MsalAnswer(answer.status, json.dumps(_body(answer)), dict(answer.headers))

    def close(self) -> None:
        """Nothing is held open here."""


@dataclass(frozen=True, slots=True)
class _MsalAnswer:
    status_code: int
    text: str
    headers: dict[str, str]

    def raise_for_status(self) -> None:
        """Errors of the server never get this far."""


def _body(answer: Answer) -> Mapping[str, Any]:
    body = answer.json()
    if not isinstance(body, Mapping):
        raise ShapeChanged(T("The sign-in gave no usable answer."), place=answer.where)
    return body


def _token(result: Mapping[str, Any], tenant: str) -> Token:
    """Raises what an answer without a token means."""
    value = result.get("access_token")
    if not isinstance(value, str) or not value:
        _refused(result, tenant)
    try:
        seconds = float(str(result["expires_in"]))
    except (KeyError, ValueError):
        seconds = None
    return Token.lasting(value, seconds)


def _refused(result: Mapping[str, Any], tenant: str) -> NoReturn:
    error = str(result.get("error", ""))
    described = str(result.get("error_description", ""))
    codes = [
        int(code) for code in (*(result.get("error_codes") or ()), *CODE.findall(described)) if str(code).isdigit()
    ]
    detail = f"{error} {' '.join(f'AADSTS{code}' for code in dict.fromkeys(codes))}"
    for code in codes:
        if code in WHOLE_RUN:
            message, remedy = WHOLE_RUN[code]
            raise SignInRefused(message, place="Microsoft 365", remedy=remedy, detail=detail)
    for code in codes:
        if code in ONE_TENANT:
            message, kind = ONE_TENANT[code]
            raise RemoteError(message, retryable=False, place=tenant, detail=detail, kind=kind)
    if error in ("invalid_client", "interaction_required"):
        raise SignInRefused(
            T("Microsoft refuses the sign-in ({code}).", code=detail.strip()),
            place="Microsoft 365",
            remedy=MAKE_SECRET,
            detail=detail,
        )
    raise RemoteError(
        T("Microsoft refuses the sign-in to this tenant ({code}).", code=detail.strip() or "?"),
        retryable=False, place=tenant, detail=detail, kind="sign_in",
    )  # fmt: skip
