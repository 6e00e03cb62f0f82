"""Incoming webhooks, the rules: who sent it (signature schemes), and whether it came before (idempotency).

Everything is computed from the raw bytes as they came, before anything is parsed. What to check is said by the portal's settings
alone: no algorithm and no key is ever taken from the request. Standard Webhooks is the specification of that name, version 1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from core.domain.text import T, Text

TOLERANCE_SECONDS = 300
"""How much older or newer than now a signed time may be: the tolerance of the reference libraries of Standard Webhooks."""
ID_HEADERS = ("webhook-id", "svix-id", "idempotency-key", "x-github-delivery", "x-request-id")
"""Where senders name a delivery, the first that is there counts."""
SECRET_BYTES = (24, 64)
"""A key of Standard Webhooks has at least and at most so many bytes."""
_PLACES = re.compile(r"\{(body|timestamp|id|url|method)\}")
_DIGITS = re.compile(r"[0-9]{1,12}")


class Scheme(StrEnum):
    """How a sender shows who it is."""

    STANDARD = "standard"
    HMAC_HEX = "hmac_hex"
    HMAC_BASE64 = "hmac_base64"
    STRIPE = "stripe"
    SLACK = "slack"
    HEADER = "header"
    BASIC = "basic"
    CUSTOM = "custom"
    URL_ONLY = "url_only"


HEADERS: Mapping[Scheme, str] = {
    Scheme.STANDARD: "webhook-signature",
    Scheme.HMAC_HEX: "X-Hub-Signature-256",
    Scheme.HMAC_BASE64: "X-Shopify-Hmac-Sha256",
    Scheme.STRIPE: "Stripe-Signature",
    Scheme.SLACK: "X-Slack-Signature",
    Scheme.HEADER: "Authorization",
    Scheme.BASIC: "Authorization",
}
"""The header in which each scheme looks unless the settings name another one."""
TIMED = (Scheme.STANDARD, Scheme.STRIPE, Scheme.SLACK)
"""Schemes that sign the time with the body."""


class Verification(BaseModel):
    """What is checked of each request. Empty fields mean what is usual for the scheme.

    `template` is the signed text of scheme `custom`, with `{body}`, `{timestamp}`, `{id}`, `{url}` (path and query), `{method}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    scheme: Scheme = Scheme.STANDARD
    header: str = ""
    prefix: str = ""
    user: str = ""
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    template: str = "{body}"
    timestamp_header: str = ""
    id_header: str = ""
    tolerance_seconds: int = Field(TOLERANCE_SECONDS, ge=1, le=3600)

    @property
    def signed_in(self) -> str:
        """Name of the header with the signature or key, in lower case."""
        return (self.header or HEADERS.get(self.scheme, "")).lower()

    @property
    def needs_secret(self) -> bool:
        return self.scheme is not Scheme.URL_ONLY

    @property
    def warnings(self) -> tuple[Text, ...]:
        """What is weak about this choice."""
        found: list[Text] = []
        if self.scheme is Scheme.URL_ONLY:
            found.append(
                T("Whoever knows the address can send numbers. Choose a signature if the sender can make one.")
            )
        if self.scheme is Scheme.CUSTOM and self.algorithm == "sha1":
            found.append(T("SHA-1 is weak. Choose SHA-256 if the sender can."))
        return tuple(found)

    @field_validator("header", "timestamp_header", "id_header")
    @classmethod
    def _header_name(cls, name: str) -> str:
        if name and not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", name):
            raise ValueError(T("{name} is no name of a header.", name=name))
        return name

    @model_validator(mode="after")
    def _fits(self) -> Verification:
        if self.scheme is Scheme.BASIC and (not self.user or ":" in self.user):
            raise ValueError(T("A user name without a colon is needed."))
        if self.scheme is Scheme.CUSTOM:
            self._check_builder()
        return self

    def _check_builder(self) -> None:
        if not self.header:
            raise ValueError(T("The name of the header with the signature is needed."))
        rest = _PLACES.sub("", self.template)
        if "{" in rest or "}" in rest or "{body}" not in self.template:
            raise ValueError(T("The signed text needs {body}, and may hold {places}.", body="{body}", places=PLACES))
        if "{timestamp}" in self.template and not self.timestamp_header:
            raise ValueError(T("The name of the header with the time is needed."))


PLACES = ("{timestamp}", "{id}", "{url}", "{method}")


@dataclass(frozen=True, slots=True)
class Delivered:
    """One request as it came. Header names in lower case; `url` is path and query; `address` the sender's IP address."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    address: str = ""


def check_secret(verification: Verification, secret: str) -> Text | None:
    """What is wrong with a secret for this scheme, for people; None when it is usable."""
    if not verification.needs_secret:
        return None
    if not secret:
        return T("This way of checking needs a secret.")
    if verification.scheme is not Scheme.STANDARD:
        return None if len(secret) >= 8 else T("A secret of at least 8 characters is needed.")
    if secret.startswith("whpk_"):
        return None if len(_base64(secret.removeprefix("whpk_")) or b"") == 32 else _not_standard()
    raw = _base64(secret.removeprefix("whsec_"))
    return None if raw is not None and SECRET_BYTES[0] <= len(raw) <= SECRET_BYTES[1] else _not_standard()


def _not_standard() -> Text:
    return T("A secret of Standard Webhooks is whsec_ and 24 to 64 bytes in Base64, or whpk_ and an Ed25519 key.")


def comes_from(networks: Sequence[str], address: str) -> bool:
    """Whether the sender's address is in one of these networks; an empty list means from anywhere."""
    if not networks:
        return True
    try:
        sender = ip_address(address)
    except ValueError:
        return False
    plain = getattr(sender, "ipv4_mapped", None) or sender
    return any(plain in ip_network(network, strict=False) for network in networks)


class _Asked(NamedTuple):
    verification: Verification
    secret: str
    delivered: Delivered
    now: datetime


def is_genuine(verification: Verification, secrets: Sequence[str], delivered: Delivered, now: datetime) -> bool:
    """Whether the request is signed with one of the secrets, and not too long ago. Never says why it is not."""
    check = _CHECKS[verification.scheme]
    # Every secret is tried, also after one that fits: the time it takes tells nothing.
    found = [check(_Asked(verification, secret, delivered, now)) for secret in secrets or ("",)]
    return any(found)


def _standard(asked: _Asked) -> bool:
    verification, secret, delivered, now = asked
    headers = delivered.headers
    family = "svix" if "webhook-id" not in headers and "svix-id" in headers else "webhook"
    message, moment = headers.get(f"{family}-id", ""), headers.get(f"{family}-timestamp", "")
    given = headers.get(verification.header.lower() or f"{family}-signature", "").split()
    if not message or not secret or not _is_recent(moment, verification, now):
        return False
    signed = f"{message}.{moment}.".encode() + delivered.body
    if secret.startswith("whpk_"):
        return _ed25519(secret, signed, given)
    key = _base64(secret.removeprefix("whsec_")) or b""
    right = hmac.new(key, signed, hashlib.sha256).digest()
    return bool(key) and _any_equal(right, (_base64(value) for value in _of_version(given, "v1")))


def _ed25519(secret: str, signed: bytes, given: Sequence[str]) -> bool:
    key = _base64(secret.removeprefix("whpk_")) or b""
    if len(key) != 32:
        return False
    public = Ed25519PublicKey.from_public_bytes(key)
    return any(_is_signed_by(public, _base64(value) or b"", signed) for value in _of_version(given, "v1a"))


def _is_signed_by(public: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _of_version(given: Iterable[str], version: str) -> list[str]:
    """The signatures of this version; those of versions nobody knows are passed over."""
    return [value.partition(",")[2] for value in given if value.partition(",")[0] == version]


def _body_hmac(asked: _Asked) -> bool:
    verification, secret, delivered, _ = asked
    usual = "sha256=" if verification.scheme is Scheme.HMAC_HEX else ""
    decode = _hex if verification.scheme is Scheme.HMAC_HEX else _base64
    right = _hmac(secret, delivered.body, verification.algorithm)
    values = _split(delivered.headers.get(verification.signed_in, ""))
    return bool(secret) and _any_equal(
        right, (decode(_without(value, verification.prefix or usual)) for value in values)
    )


def _stripe(asked: _Asked) -> bool:
    verification, secret, delivered, now = asked
    parts = [part.strip().partition("=") for part in delivered.headers.get(verification.signed_in, "").split(",")]
    moments = [value for name, _, value in parts if name == "t"]
    if not secret or len(moments) != 1 or not _is_recent(moments[0], verification, now):
        return False
    right = _hmac(secret, f"{moments[0]}.".encode() + delivered.body)
    return _any_equal(right, (_hex(value) for name, _, value in parts if name == "v1"))


def _slack(asked: _Asked) -> bool:
    verification, secret, delivered, now = asked
    moment = delivered.headers.get((verification.timestamp_header or "X-Slack-Request-Timestamp").lower(), "")
    if not secret or not _is_recent(moment, verification, now):
        return False
    right = _hmac(secret, f"v0:{moment}:".encode() + delivered.body)
    values = _split(delivered.headers.get(verification.signed_in, ""))
    return _any_equal(right, (_hex(value.removeprefix("v0=")) for value in values if value.startswith("v0=")))


def _header(asked: _Asked) -> bool:
    verification, secret, delivered, _ = asked
    usual = "Bearer " if verification.signed_in == "authorization" else ""
    given = _without(delivered.headers.get(verification.signed_in, ""), verification.prefix or usual).strip()
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


def _basic(asked: _Asked) -> bool:
    verification, secret, delivered, _ = asked
    kind, _, given = delivered.headers.get(verification.signed_in, "").partition(" ")
    told = (_base64(given.strip()) if kind.lower() == "basic" else None) or b""
    return bool(secret) and hmac.compare_digest(told, f"{verification.user}:{secret}".encode())


def _custom(asked: _Asked) -> bool:
    verification, secret, delivered, now = asked
    moment = delivered.headers.get(verification.timestamp_header.lower(), "") if verification.timestamp_header else ""
    if not secret or (verification.timestamp_header and not _is_recent(moment, verification, now)):
        return False
    message = delivered.headers.get(verification.id_header.lower(), "") if verification.id_header else ""
    places = {"timestamp": moment, "id": message, "url": delivered.url, "method": delivered.method}
    pieces = _PLACES.split(verification.template)
    signed = b"".join(
        (delivered.body if piece == "body" else places[piece].encode()) if at % 2 else piece.encode()
        for at, piece in enumerate(pieces)
    )
    decode = _hex if verification.encoding == "hex" else _base64
    values = _split(delivered.headers.get(verification.signed_in, ""))
    right = _hmac(secret, signed, verification.algorithm)
    return _any_equal(right, (decode(_without(value, verification.prefix)) for value in values))


def _url_only(asked: _Asked) -> bool:
    return asked.verification.scheme is Scheme.URL_ONLY


_Check = Callable[[_Asked], bool]
_CHECKS: Mapping[Scheme, _Check] = {
    Scheme.STANDARD: _standard,
    Scheme.HMAC_HEX: _body_hmac,
    Scheme.HMAC_BASE64: _body_hmac,
    Scheme.STRIPE: _stripe,
    Scheme.SLACK: _slack,
    Scheme.HEADER: _header,
    Scheme.BASIC: _basic,
    Scheme.CUSTOM: _custom,
    Scheme.URL_ONLY: _url_only,
}


def _hmac(secret: str, signed: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(secret.encode(), signed, algorithm).digest()


def _any_equal(right: bytes, given: Iterable[bytes | None]) -> bool:
    """Whether one of the values is the right one; all are compared, each in constant time."""
    found = [hmac.compare_digest(right, value or b"") for value in given]
    return any(found)


def _is_recent(moment: str, verification: Verification, now: datetime) -> bool:
    if not _DIGITS.fullmatch(moment):
        return False
    return abs(now.timestamp() - int(moment)) <= verification.tolerance_seconds


def _split(value: str) -> list[str]:
    """Several signatures in one header stand behind commas or spaces."""
    return [part for part in re.split(r"[,\s]+", value) if part]


def _without(value: str, prefix: str) -> str:
    return value[len(prefix) :] if value[: len(prefix)].lower() == prefix.lower() else value


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def body_hash(body: bytes) -> str:
    """SHA-256 of the raw bytes, in hex."""
    return hashlib.sha256(body).hexdigest()


def delivery_id(verification: Verification, headers: Mapping[str, str]) -> str:
    """How the sender names this delivery; empty where it does not."""
    names = (verification.id_header.lower(),) if verification.id_header else ID_HEADERS
    return next((value for name in names if (value := headers.get(name, "").strip())), "")


def idempotency_key(named: str, digest: str, now: datetime) -> str:
    """Under which key a delivery is recognised when it comes again: the sender's id, or the body's hash with the UTC day."""
    return f"id:{hashlib.sha256(named.encode()).hexdigest()}" if named else f"body:{digest}:{now:%Y-%m-%d}"
