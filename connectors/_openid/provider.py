"""The conversation with an identity provider: OpenID Connect Core 1.0, code flow with PKCE (RFC 7636), for one confidential client.

Sources: OpenID Connect Core 1.0 §3.1 (flow, validation of the ID token), Discovery 1.0 §4, RP-Initiated Logout 1.0 §2, RFC 9207
(`iss` in the answer).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import structlog

from connectors._kit.http import Http, Request, Timeouts
from connectors._openid.id_token import Expected, keys_of, verified
from core.domain.errors import ContractBridgeError, PersonError, RemoteError, SettingsError, ShapeChanged
from core.domain.identity import (
    GROUP_CLAIMS,
    Errand,
    Identified,
    OpenIdSettings,
    ProviderFacts,
    groups_of,
    refused,
)
from core.domain.text import T

log = structlog.get_logger()

KNOWN_FOR_SECONDS = 3600.0
AWAY_FOR_SECONDS = 10.0
"""A provider that did not answer is not asked again at once: anybody may begin to sign in, as often as they like."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint")
NEEDED = ENDPOINTS[:3]
PATIENCE = Timeouts(connect=10.0, read=15.0, write=10.0, total=30.0)
MOST_BYTES = 1024 * 1024
CONFIRMING_SECONDS = "300"
"""`prompt=login` lets the provider ask; `max_age` obliges it to tell when it did (Core §3.1.2.1). Not 0: with Entra ID the token
ends so long after the password was typed, and a second factor takes its time.
"""


class OpenIdProviders:
    """All providers that were asked since the start: what one tells of itself is asked for once an hour."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._away: dict[str, tuple[float, ContractBridgeError]] = {}
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def open(self, settings: OpenIdSettings) -> OpenIdProvider:
        """The provider of these settings."""
        return OpenIdProvider(settings, self)

    def told_by(self, issuer: str, http: Http) -> Mapping[str, Any]:
        """What the provider tells of itself (`/.well-known/openid-configuration`), checked."""
        with self._lock:
            known, away = self._known.get(issuer), self._away.get(issuer)
        if known is not None and time.monotonic() - known[0] < KNOWN_FOR_SECONDS:
            return known[1]
        if away is not None and time.monotonic() - away[0] < AWAY_FOR_SECONDS:
            raise away[1].with_traceback(None)
        try:
            told = _told(issuer, http)
        except ContractBridgeError as error:
            with self._lock:
                self._away[issuer] = (time.monotonic(), error)
            raise
        with self._lock:
            self._known[issuer] = (time.monotonic(), told)
            self._keys.pop(str(told["jwks_uri"]), None)
        return told

    def keys(self, address: str, http: Http, *, afresh: bool = False) -> Mapping[str, Any]:
        """The keys that the provider signs with."""
        with self._lock:
            known = None if afresh else self._keys.get(address)
        if known is None:
            known = _document(http, address)
            with self._lock:
                self._keys[address] = known
        return known


class OpenIdProvider:
    """`core.domain.identity.IdentityProvider` over HTTP."""

    def __init__(self, settings: OpenIdSettings, known: OpenIdProviders) -> None:
        self._settings = settings
        self._known = known

    def _http(self) -> Http:
        host = urlsplit(self._settings.issuer).hostname or self._settings.issuer
        return Http(host, timeouts=PATIENCE, max_bytes=MOST_BYTES, secrets=[self._settings.client_secret])

    def begin(self, errand: Errand) -> str:
        with closing(self._http()) as http:
            told = self._known.told_by(self._settings.issuer, http)
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": errand.redirect_uri,
            "scope": " ".join(("openid", *self._settings.scopes.split())),
            "state": errand.state,
            "nonce": errand.nonce,
            "code_challenge": challenge_of(errand.verifier),
            "code_challenge_method": "S256",
        }
        if errand.session:
            asked |= {"prompt": "login", "max_age": CONFIRMING_SECONDS}
        return _with_query(str(told["authorization_endpoint"]), asked)

    def finish(self, errand: Errand, answer: Mapping[str, str], now: Any) -> Identified:
        self._check_answer(errand, answer)
        with closing(self._http()) as http:
            told = self._known.told_by(self._settings.issuer, http)
            tokens = self._redeem(http, told, errand, answer["code"])
            id_token = str(tokens.get("id_token") or "")
            claims = self._verified(http, told, id_token, Expected.of(self._settings, errand, now))
            claims = self._with_user_information(http, told, claims, str(tokens.get("access_token") or ""))
        return Identified(subject=f"{claims['iss']}|{claims['sub']}", claims=claims, id_token=id_token)

    def facts(self) -> ProviderFacts:
        with closing(self._http()) as http:
            told = _told(self._settings.issuer, http)
            keys = keys_of(_document(http, str(told["jwks_uri"])))
        claims = told.get("claims_supported")
        return ProviderFacts(
            keys=len(keys.named) + len(keys.nameless),
            tells_time="auth_time" in claims if isinstance(claims, list) else None,
        )

    def leave(self, id_token: str, back_to: str) -> str:
        with closing(self._http()) as http:
            told = self._known.told_by(self._settings.issuer, http)
        place = str(told.get("end_session_endpoint") or "")
        if not place:
            return ""
        hint = {"id_token_hint": id_token} if id_token else {}
        return _with_query(place, {"client_id": self._settings.client_id, "post_logout_redirect_uri": back_to, **hint})

    def _check_answer(self, errand: Errand, answer: Mapping[str, str]) -> None:
        if not hmac.compare_digest(answer.get("state", "").encode(), errand.state.encode()):
            raise refused("the state is another one")
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:
            raise refused("the answer is of another issuer")
        if "error" in answer:
            log.info("openid.refused", error=answer["error"][:80], words=answer.get("error_description", "")[:200])
            raise refused(
                answer["error"][:80],
                T("The company's sign-in did not let you in."),
                T("Try again, or ask who looks after the company's accounts."),
            )
        if not answer.get("code"):
            raise refused("there is no code")

    def _redeem(self, http: Http, told: Mapping[str, Any], errand: Errand, code: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": errand.redirect_uri,
            "code_verifier": errand.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        ways = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        known, secret = self._settings.client_id, self._settings.client_secret
        if "client_secret_basic" in ways:
            pair = f"{quote(known, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": known, "client_secret": secret}
        http.mask.learn(code, errand.verifier)
        answer = http.send(
            Request(method="POST", url=str(told["token_endpoint"]), headers=headers, content=urlencode(form).encode())
        )
        if answer.ok:
            return _as_object(answer.json(), answer.where)
        if answer.status in (400, 401):
            words = http.mask(answer.start())
            log.warning("openid.code_refused", status=answer.status, words=words)
            if "invalid_client" in words or answer.status == 401:
                raise SettingsError(
                    T("The company's sign-in does not know ContractBridge by this client and secret."),
                    remedy=T("An administrator can check the client and its secret on the Settings page."),
                    kind="openid_client",
                )
            raise refused(f"the code was refused with {answer.status}")
        raise _no_use(answer.where, answer.status)

    def _verified(self, http: Http, told: Mapping[str, Any], id_token: str, expected: Expected) -> dict[str, Any]:
        """The claims; the keys are fetched again once where the token names one that is not known: keys are changed."""
        address = str(told["jwks_uri"])
        known = keys_of(self._known.keys(address, http))
        if not known.has(id_token):
            known = keys_of(self._known.keys(address, http, afresh=True))
        return verified(id_token, known, expected)

    def _with_user_information(
        self, http: Http, told: Mapping[str, Any], claims: dict[str, Any], access_token: str
    ) -> dict[str, Any]:
        """Some providers tell groups only there. What the ID token says goes before it."""
        further = self._settings.groups_claim
        place = told.get("userinfo_endpoint")
        if not place or not access_token or groups_of(claims, further):
            return claims
        http.mask.learn(access_token)
        answer = http.send(Request(method="GET", url=str(place), headers={"Authorization": f"Bearer {access_token}"}))
        if not answer.ok:
            raise _no_use(answer.where, answer.status)
        more = _as_object(answer.json(), answer.where)
        if more.get("sub") != claims["sub"]:
            raise refused("the user information is of somebody else")
        wanted = (*GROUP_CLAIMS, further, "preferred_username", "email", "name")
        return {name: more[name] for name in wanted if name in more} | claims


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _told(issuer: str, http: Http) -> Mapping[str, Any]:
    """What the provider tells of itself now, checked."""
    told = _document(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    _check_told(issuer, told)
    return told


def _check_told(issuer: str, told: Mapping[str, Any]) -> None:
    """Discovery 1.0 §4.3: the issuer is exactly the one that was asked; every address is https, on loopback http too."""
    if told.get("issuer") != issuer:
        raise SettingsError(
            T("The identity provider calls itself {name}.", name=str(told.get("issuer", "-"))[:200]),
            remedy=T("Enter its address exactly so; with Entra ID that of your own tenant."),
            place=issuer,
            kind="openid_issuer",
        )
    inside = urlsplit(issuer).hostname in LOOPBACK
    for name in ENDPOINTS:
        address = told.get(name)
        if address is None and name not in NEEDED:
            continue
        parts = urlsplit(address if isinstance(address, str) else "")
        if parts.scheme != "https" and not (inside and parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise SettingsError(
                T("The identity provider tells no safe address for {name}.", name=name),
                place=issuer,
                kind="openid_address",
            )


def _document(http: Http, address: str) -> Mapping[str, Any]:
    answer = http.send(Request(method="GET", url=address))
    if not answer.ok:
        raise _no_use(answer.where, answer.status)
    return _as_object(answer.json(), answer.where)


def _as_object(document: object, where: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ShapeChanged(T("The answer is not the JSON it should be."), place=where)
    return document


def _no_use(where: str, status: int) -> RemoteError | PersonError:
    return RemoteError(
        T("The company's sign-in answers with an error ({status}).", status=status),
        retryable=status >= 500,
        place=where,
        remedy=T("Try again in a moment; people with a password of ContractBridge can sign in meanwhile."),
        status=status,
        kind="openid",
    )


def _with_query(address: str, values: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(values)}"
