"""ID tokens: whose signature is good, and which claims must be what (OpenID Connect Core 1.0 §3.1.3.7)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard

import structlog
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from core.domain.identity import Errand, OpenIdSettings, refused
from core.domain.text import T

log = structlog.get_logger()

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures with a key of the provider's alone. Never `none`, and nothing that the client's secret could be the key of."""
LEEWAY_SECONDS = 60
LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say. `signed_in_after` is the earliest moment of signing in, as seconds; None where any is good.
    `time_is_needed`: a token that does not tell that moment is not good either.
    """

    issuer: str
    client_id: str
    nonce: str
    now: float
    signed_in_after: float | None
    time_is_needed: bool = True

    @classmethod
    def of(cls, settings: OpenIdSettings, errand: Errand, now: datetime) -> Expected:
        after = errand.started.timestamp() - LEEWAY_SECONDS / 2 if errand.session else None
        needed = not settings.confirm_without_time
        return cls(settings.issuer, settings.client_id, errand.nonce, now.timestamp(), after, needed)


@dataclass(frozen=True, slots=True)
class Keys:
    """The provider's keys for signatures, by their id; `nameless` are those without one."""

    named: Mapping[str, Key]
    nameless: tuple[Key, ...]

    def has(self, token: str) -> bool:
        """Whether the key that the token names is here."""
        try:
            self.of(jws.extract_compact(token.encode()).headers())
        except (JoseError, KeyError, ValueError):
            return False
        return True

    def of(self, header: Mapping[str, Any]) -> Key:
        """The key that a header names; the only one where it names none. KeyError where that is none."""
        name = header.get("kid")
        if isinstance(name, str):
            return self.named[name]
        everyone = (*self.named.values(), *self.nameless)
        if len(everyone) != 1:
            raise KeyError(name)
        return everyone[0]


def keys_of(document: Mapping[str, Any]) -> Keys:
    """The usable keys of a key set; those of a kind that is not known here are left out."""
    named: dict[str, Key] = {}
    nameless: list[Key] = []
    told = document.get("keys")
    for entry in told if isinstance(told, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") not in ("RSA", "EC"):
            continue
        try:
            key = import_key(entry)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            log.info("openid.key_left_out", error=type(error).__name__)
            continue
        if isinstance(name := entry.get("kid"), str):
            named[name] = key
        else:
            nameless.append(key)
    return Keys(named, tuple(nameless))


def verified(token: str, keys: Keys, expected: Expected) -> dict[str, Any]:
    """The claims of an ID token that is good in every respect. Raises PersonError, with the reason for the log."""
    try:
        header = jws.extract_compact(token.encode()).headers()
        if header.get("alg") not in ALGORITHMS:
            raise refused(f"signed with {str(header.get('alg'))[:20]}")
        claims = jwt.decode(token, keys.of(header), algorithms=list(ALGORITHMS)).claims
    except KeyError:
        raise refused("signed with a key that is not known") from None
    except (JoseError, ValueError, TypeError) as error:
        raise refused(f"not a good signature: {type(error).__name__}") from None
    wrong = _wrong(claims, expected)
    if wrong:
        raise refused(wrong)
    _check_fresh(claims, expected)
    return dict(claims)


def _wrong(claims: Mapping[str, Any], expected: Expected) -> str:
    """What is wrong with the claims; "" when nothing is."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    ends, begins = claims.get("exp"), claims.get("iat")
    subject = claims.get("sub")
    checks = {
        "iss": claims.get("iss") == expected.issuer,
        "sub": isinstance(subject, str) and 0 < len(subject) <= LONGEST_SUBJECT,
        "aud": expected.client_id in audiences,
        "azp": claims.get("azp", expected.client_id) == expected.client_id and (len(audiences) == 1 or "azp" in claims),
        "nonce": hmac.compare_digest(str(claims.get("nonce")).encode(), expected.nonce.encode()),
        "exp": _number(ends) and ends > expected.now - LEEWAY_SECONDS,
        "iat": _number(begins) and begins < expected.now + LEEWAY_SECONDS,
        "nbf": "nbf" not in claims or (_number(claims["nbf"]) and claims["nbf"] < expected.now + LEEWAY_SECONDS),
    }
    return ", ".join(f"{name} is wrong" for name, right in checks.items() if not right)


def _check_fresh(claims: Mapping[str, Any], expected: Expected) -> None:
    """Where the provider was told to ask for the password again: that it did. A moment that is told counts in any case; without one
    the token itself must be as fresh, and that is no proof (`core.domain.identity.OpenIdSettings.confirm_without_time`).
    """
    if expected.signed_in_after is None:
        return
    moment = claims.get("auth_time")
    if moment is None and not expected.time_is_needed:
        moment = claims["iat"]
    if not _number(moment):
        raise refused(
            "no auth_time",
            T("The company's sign-in does not tell when you signed in (auth_time)."),
            T("An administrator can add the claim auth_time to the ID token; in Entra ID under Token configuration."),
        )
    if moment < expected.signed_in_after:
        raise refused("auth_time is too old", T("The company's sign-in did not ask for your password again."))


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
