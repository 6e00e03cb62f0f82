"""From a declared way to sign in to the kit's, with the secrets filled in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets as random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from connectors._kit.auth import Auth, Basic, Bearer, NoAuth, Token, TokenAuth, credentials_refused, with_header
from connectors._kit.http import Answer, Http, Request
from connectors._kit.pem import rewrapped
from connectors._kit.retry import Backoff, retrying
from connectors.rest import signin
from connectors.rest.decode import xml_document
from connectors.rest.oauth import Declared, OAuthSignIn
from connectors.rest.template import Names, in_header, render, render_json
from core.domain.connector import RotatingSecret
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from core.domain.selection import compile_path
from core.domain.text import T

__all__ = ["Digest", "Placed", "SignInMaker", "Signed", "not_given", "signed_jwt", "with_query"]


def not_given(secret: str) -> SettingsError:
    """The error for a secret that the settings need and nobody entered."""
    return SettingsError(
        T("The secret {name} is not given.", name=secret), remedy=T("Enter it on the page Portals."), place=secret
    )


def with_query(request: Request, name: str, value: str) -> Request:
    """The request with one more parameter in its address, in place of one of the same name."""
    parts = urlsplit(request.url)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return replace(request, url=urlunsplit(parts._replace(query=urlencode([*pairs, (name, value)]))))


def with_cookie(request: Request, name: str, value: str) -> Request:
    there = request.headers.get("Cookie", "")
    kept = [part for part in there.split("; ") if part and not part.startswith(f"{name}=")]
    return with_header(request, "Cookie", "; ".join([*kept, f"{name}={value}"]))


def with_field(request: Request, name: str, value: str) -> Request:
    """The request with one more field in its JSON or form body."""
    if isinstance(request.json, dict):
        return replace(request, json={**request.json, name: value})
    form = [pair for pair in parse_qsl((request.content or b"").decode(), keep_blank_values=True) if pair[0] != name]
    return replace(request, content=urlencode([*form, (name, value)]).encode())


PLACES: Mapping[str, Callable[[Request, str, str], Request]] = {
    "header": with_header,
    "query": with_query,
    "cookie": with_cookie,
    "body": with_field,
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A fixed value somewhere in the request."""

    place: str
    name: str
    value: str

    def sign(self, request: Request) -> Request:
        return PLACES[self.place](request, self.name, self.value)

    def renew(self, refused: Request) -> bool:
        return False


@dataclass(slots=True, kw_only=True)
class SignInMaker:
    """Makes the way to sign in. `resolve` makes an address below the base whole.

    `by_certificate`: the other side knows us by our certificate, so that a client needs no secret (RFC 8705).
    """

    http: Http
    names: Names
    auth_url: str
    resolve: Callable[[str], str]
    rotating: RotatingSecret
    backoff: Backoff
    by_certificate: bool = False

    def make(self, declared: signin.SignIn) -> Auth:
        """Raises SettingsError where a secret is not given."""
        needed = signin.NEEDED.get(declared.kind)
        otherwise = isinstance(declared, signin.ClientSignIn) and bool(declared.headers or self.by_certificate)
        if needed and not otherwise and not self._secret(needed):
            raise not_given(needed)
        match declared:
            case signin.KeySignIn():
                value = in_header(render(declared.value, self.names))
                self.http.mask.learn(value)
                return Placed(declared.place, declared.name, value)
            case signin.BearerSignIn():
                return Bearer(self._secret("token"))
            case signin.BasicSignIn():
                return Basic(declared.user, self._secret("password"))
            case signin.DigestSignIn():
                return Digest(declared.user, self._secret("password"))
            case signin.ClientSignIn() | signin.RefreshSignIn() | signin.PasswordSignIn() | signin.CodeSignIn():
                return self.oauth(declared).auth()
            case signin.SessionSignIn():
                return self._session(declared)
            case signin.JwtSignIn():
                return self._jwt(declared)
            case signin.SignedSignIn():
                return Signed(declared, self._secret("signing_key"))
        return NoAuth()

    def _secret(self, name: str) -> str:
        return self.names.secrets.get(name, "")

    def oauth(self, declared: Declared) -> OAuthSignIn:
        """Tokens of a declared grant."""
        return OAuthSignIn(
            declared=declared,
            http=self.http,
            names=self.names,
            auth_url=self.auth_url,
            resolve=self.resolve,
            rotating=self.rotating,
            ask=self._ask,
        )

    def _session(self, declared: signin.SessionSignIn) -> Auth:
        url = declared.url or self.auth_url
        if not url:
            raise SettingsError(T("Say where to log in."), place="auth.url")

        def fetch() -> Token:
            headers = {name: in_header(render(value, self.names)) for name, value in declared.headers.items()}
            request = Request(method=declared.method, url=self.resolve(render(url, self.names)), headers=headers)
            if declared.form is not None:
                form = {name: render(value, self.names) for name, value in declared.form.items()}
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                request = replace(request, headers=headers, content=urlencode(form).encode())
            elif declared.json_body is not None:
                request = replace(request, json=render_json(declared.json_body, self.names))
            value = _session_token(self._ask(request), declared, self.http.name)
            self.http.mask.learn(value)
            return Token.lasting(value, declared.seconds)

        def place(request: Request, value: str) -> Request:
            return PLACES[declared.place](request, declared.name, f"{declared.prefix}{value}")

        return TokenAuth(fetch, place)

    def _jwt(self, declared: signin.JwtSignIn) -> Auth:
        key = self._secret("signing_key")
        claims = render_json(declared.claims, self.names)

        def fetch() -> Token:
            value = signed_jwt(declared, claims, key, int(time.time()))
            self.http.mask.learn(value)
            return Token.lasting(value, declared.seconds)

        prefix = f"{declared.prefix} " if declared.prefix else ""
        return TokenAuth(fetch, lambda request, value: with_header(request, "Authorization", f"{prefix}{value}"))

    def _ask(self, request: Request, look: Callable[[Answer], None] = lambda _: None) -> Answer:
        """The answer of a sign-in call, after a look at it. Refusals are Unauthorized; what may work later is tried again."""

        def once() -> Answer:
            answer = self.http.send(request)
            look(answer)
            if answer.ok:
                return answer
            if answer.status >= 500 or answer.status in (408, 425, 429):
                raise RemoteError(
                    T("{name} answers with error {status}.", name=self.http.name, status=str(answer.status)),
                    retryable=True,
                    place=answer.where,
                    status=answer.status,
                )
            raise credentials_refused(self.http, answer)

        return retrying(once, self.backoff)


def _session_token(answer: Answer, declared: signin.SessionSignIn, name: str) -> str:
    if declared.token_header:
        told = answer.headers.get(declared.token_header.lower(), "")
        cookie = re.search(
            rf"(?:^|[,;]\s*){re.escape(declared.token_header)}=([^;,]+)", answer.headers.get("set-cookie", "")
        )
        value: object = told or (cookie[1] if cookie else "")
    elif declared.token_at:
        value = compile_path(declared.token_at)(_document(answer))
    else:
        value = answer.content.decode("utf-8", "replace").strip().strip('"')
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value):
        raise ShapeChanged(T("{name} gave no token at sign-in.", name=name), place=answer.where)
    return str(value)


def _document(answer: Answer) -> object:
    return xml_document(answer.content) if answer.content.lstrip()[:1] == b"<" else answer.json()


class Digest:
    """RFC 7616 with MD5 or SHA-256 and qop=auth. `challenged` takes the server's challenge from a 401."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._challenge: dict[str, str] | None = None
        self._count = 0
        self._lock = threading.Lock()

    def challenged(self, answer: Answer) -> None:
        """Remember what the server wants; the strongest kind that is known here is taken."""
        told = answer.headers.get("www-authenticate", "")
        found = [_challenge(part) for part in re.split(r"(?i)\bdigest\s+", told)[1:]]
        known = [one for one in found if one.get("algorithm", "MD5").upper() in _HASHES and "nonce" in one]
        known.sort(key=lambda one: "SHA" not in one.get("algorithm", "").upper())
        with self._lock:
            self._challenge, self._count = (known[0] if known else None), 0

    def sign(self, request: Request) -> Request:
        with self._lock:
            challenge = self._challenge
            self._count += 1
            count = self._count
        if challenge is None:
            return request
        parts = urlsplit(request.url)
        uri = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        return with_header(request, "Authorization", self._answer(challenge, request.method, uri, count))

    def renew(self, refused: Request) -> bool:
        return self._challenge is not None

    def _answer(self, challenge: Mapping[str, str], method: str, uri: str, count: int) -> str:
        algorithm = challenge.get("algorithm", "MD5")
        digest = _HASHES[algorithm.upper()]
        realm, nonce = challenge.get("realm", ""), challenge["nonce"]
        client, number = random.token_hex(8), f"{count:08x}"
        first = digest(f"{self._user}:{realm}:{self._password}")
        if algorithm.upper().endswith("-SESS"):
            first = digest(f"{first}:{nonce}:{client}")
        second = digest(f"{method}:{uri}")
        parts = {"username": self._user, "realm": realm, "nonce": nonce, "uri": uri}
        if "auth" in [one.strip() for one in challenge.get("qop", "").split(",")]:
            response = digest(f"{first}:{nonce}:{number}:{client}:auth:{second}")
            extra = f', qop=auth, nc={number}, cnonce="{client}"'
        else:
            response, extra = digest(f"{first}:{nonce}:{second}"), ""
        opaque = f', opaque="{challenge["opaque"]}"' if "opaque" in challenge else ""
        told = ", ".join(f'{name}="{value}"' for name, value in parts.items())
        return f'Digest {told}, response="{response}", algorithm={algorithm}{extra}{opaque}'


def _hash(name: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(name, text.encode()).hexdigest()


_HASHES = {"MD5": _hash("md5"), "MD5-SESS": _hash("md5"), "SHA-256": _hash("sha256"), "SHA-256-SESS": _hash("sha256")}


LONGEST_CHALLENGE = 4096
"""Of a `WWW-Authenticate` header: the rest is nobody's."""


def _challenge(text: str) -> dict[str, str]:
    pairs = re.findall(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', text[:LONGEST_CHALLENGE])
    return {name.lower(): quoted or plain for name, quoted, plain in pairs}


class Signed:
    """An HMAC over parts of each request."""

    def __init__(self, declared: signin.SignedSignIn, key: str) -> None:
        self._declared = declared
        self._key = key.encode()

    def sign(self, request: Request) -> Request:
        declared = self._declared
        parts = urlsplit(request.url)
        body = orjson.dumps(request.json) if request.json is not None else request.content or b""
        now = str(int(time.time()))
        told = {"method": request.method, "path": parts.path, "query": parts.query, "timestamp": now}
        pieces = re.split(r"(\{\w+\})", declared.text)
        text = b"".join(
            body if p == "{body}" else told.get(p[1:-1], p).encode() if p[:1] == "{" else p.encode() for p in pieces
        )
        made = hmac.new(self._key, text, declared.algorithm)
        value = made.hexdigest() if declared.encoding == "hex" else base64.b64encode(made.digest()).decode("ascii")
        signed = with_header(request, declared.header, f"{declared.prefix}{value}")
        return with_header(signed, declared.timestamp_header, now) if declared.timestamp_header else signed

    def renew(self, refused: Request) -> bool:
        return False


def signed_jwt(declared: signin.JwtSignIn, claims: Mapping[str, Any], key: str, now: int) -> str:
    """A signed token (RFC 7519). Raises SettingsError for a key that does not fit the algorithm."""
    head = {"typ": "JWT", "alg": declared.algorithm, **declared.headers}
    body = {"iat": now, "exp": now + declared.seconds, **claims}
    text = b".".join(_url64(json.dumps(part, separators=(",", ":")).encode()) for part in (head, body))
    return (text + b"." + _url64(_signature(declared.algorithm, text, key))).decode("ascii")


def _signature(algorithm: str, text: bytes, key: str) -> bytes:
    if algorithm == "HS256":
        return hmac.new(key.encode(), text, "sha256").digest()
    try:
        private = serialization.load_pem_private_key(rewrapped(key).encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(T("The signing key is not a private key in PEM text."), place="signing_key") from error
    if algorithm == "RS256" and isinstance(private, rsa.RSAPrivateKey):
        return private.sign(text, padding.PKCS1v15(), hashes.SHA256())
    if algorithm == "ES256" and isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.key_size == 256:
        first, second = decode_dss_signature(private.sign(text, ec.ECDSA(hashes.SHA256())))
        return first.to_bytes(32, "big") + second.to_bytes(32, "big")
    raise SettingsError(T("The signing key does not fit {algorithm}.", algorithm=algorithm), place="signing_key")


def _url64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
