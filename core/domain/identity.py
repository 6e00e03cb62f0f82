"""Signing in at a company's own identity provider (OpenID Connect), as the use cases see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from core.domain.errors import PersonError
from core.domain.text import T, Text

GROUP_CLAIMS = ("groups", "roles")
"""Where providers tell groups (`groups`) and the roles of an application (`roles`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdSettings:
    """The provider and what we are known by there. `scopes` are asked for beside `openid`; `groups_claim` names a further claim
    with groups, for providers that tell them under a name of their own.

    `confirm_without_time`: a fresh answer confirms who somebody is also where the provider does not tell when it asked for the
    password (`auth_time`). Weaker: whoever sits before a browser that is still signed in there can take the wish for that question
    out of the address that leads there, and nothing that the provider signs tells so.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str = "profile email"
    groups_claim: str = ""
    confirm_without_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A sign-in that is under way. It travels sealed in a cookie of the browser; what comes back must fit it.

    `session` is 0 for signing in; else the session whose person is to show again who they are. `onward` is where to go then.
    """

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    onward: str
    started: datetime
    session: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """Who came back. `claims` are those of the ID token, which was verified, with those of the user information beside them."""

    subject: str
    claims: Mapping[str, Any]
    id_token: str = field(repr=False)

    @property
    def signed_in_at(self) -> datetime | None:
        """When the person last signed in at the provider (`auth_time`); None where it does not tell."""
        told = self.claims.get("auth_time")
        if isinstance(told, bool) or not isinstance(told, int | float):
            return None
        try:
            return datetime.fromtimestamp(told, UTC)
        except (OverflowError, OSError, ValueError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """What a provider tells of itself. `keys`: how many of those that it signs with are of a kind that is known here. `tells_time`:
    whether it says that it can tell when somebody signed in; None where it does not list its claims.
    """

    keys: int
    tells_time: bool | None


class IdentityProvider(Protocol):
    """One provider, as its settings say. Raises RemoteError when it cannot be asked, SettingsError when it cannot be used."""

    def begin(self, errand: Errand) -> str:
        """Where to send the browser. For an errand of a session the provider is told to ask for the password again."""

    def finish(self, errand: Errand, answer: Mapping[str, str], now: datetime) -> Identified:
        """Who came back with this answer. Raises PersonError for an answer that is not valid."""

    def facts(self) -> ProviderFacts:
        """What it tells of itself now, asked afresh."""

    def leave(self, id_token: str, back_to: str) -> str:
        """Where to send the browser to sign out there too, and then back; "" where the provider has no such place."""


def groups_of(claims: Mapping[str, Any], further: str = "") -> frozenset[str]:
    """The groups and roles that the provider told. Raises PersonError where it left them out because there are too many."""
    names = (*GROUP_CLAIMS, further) if further else GROUP_CLAIMS
    found: set[str] = set()
    for name in names:
        value = claims.get(name)
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, list | tuple | set | frozenset):
            found |= {item for item in value if isinstance(item, str)}
    if not found and _left_out(claims):
        raise PersonError(
            T("You are in more groups than the company's sign-in tells, and it told none of them."),
            remedy=T(
                "An administrator of Entra ID can limit the groups claim to groups assigned to the application,"
                " or use roles of the application instead."
            ),
            kind="group_overage",
        )
    return frozenset(found)


def refused(reason: str, message: Text | None = None, remedy: Text | None = None) -> PersonError:
    """The answer of a provider is not valid. `reason` is for the log."""
    return PersonError(
        message or T("The answer of the company's sign-in is not valid."),
        remedy=remedy or T("Please try again. If it stays so, an administrator finds the reason in the log."),
        detail=reason,
        kind="openid",
    )


def _left_out(claims: Mapping[str, Any]) -> bool:
    """Entra ID's way to say that there are too many groups for a token: in `_claim_names`, or as `hasgroups`."""
    names = claims.get("_claim_names")
    return (isinstance(names, Mapping) and "groups" in names) or claims.get("hasgroups") in (True, "true")
