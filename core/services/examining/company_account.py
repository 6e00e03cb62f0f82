"""The company account, where it is set up: does the provider answer and sign with keys that are known here, does a group give a
role, and did somebody come in with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.domain.errors import ContractBridgeError, SettingsError
from core.domain.identity import ProviderFacts
from core.domain.ports import Contact
from core.domain.text import T
from core.services.access import Role
from core.services.examining.check import OK, TODO, WRONG, Check
from core.services.examining.connecting import not_reached
from core.services.openid_settings import (
    EVERYBODY,
    LOOPBACK,
    LastSuccess,
    connection,
    last_success,
    stored,
    stored_groups,
)

if TYPE_CHECKING:
    from core.services.context import Context

NAME = "Company account"


def look(ctx: Context, contacts: list[Contact]) -> Iterator[Check]:
    """Nothing where it is not set up. Who answered goes to `contacts`: its clock and certificate are looked at with the others'."""
    with ctx.database.session() as session:
        known = stored(session)
        groups, last = stored_groups(session), last_success(session)
    if not known:
        return
    try:
        settings = connection(ctx)
        with ctx.lookout.observing() as seen:
            try:
                facts = ctx.identity(settings).facts()
            finally:
                contacts += seen
    except ContractBridgeError as error:
        yield _failed(ctx, error)
    else:
        yield from _told(facts, time_is_needed=not settings.confirm_without_time)
    yield from _groups(groups)
    yield from _used(last)


def _failed(ctx: Context, error: ContractBridgeError) -> Check:
    if isinstance(error, SettingsError):
        return Check(NAME, WRONG, error.message, error.remedy, "openid.settings")
    far = not_reached(ctx, NAME, NAME, error)
    return far or Check(NAME, WRONG, error.message, error.remedy, "openid.fails")


def _told(facts: ProviderFacts, *, time_is_needed: bool) -> Iterator[Check]:
    if not facts.keys:
        yield Check(
            NAME, WRONG, T("The identity provider publishes no key that its answers could be checked with."),
            T("It has to sign with RSA or elliptic curves (RS256, ES256 …): nobody gets in until then."), "openid.no_keys",
        )  # fmt: skip
    else:
        yield Check(
            NAME, OK, T("The identity provider answers, with {count} keys.", count=facts.keys), code="openid.answers"
        )
    if facts.tells_time is False and time_is_needed:
        yield Check(
            NAME, TODO, T("The identity provider does not say that it tells auth_time: nobody can confirm who they are."),
            T("Let the ID token tell it, or see in docs/signing-in.md what else can be done."), "openid.no_time",
        )  # fmt: skip


def _groups(groups: Mapping[str, Role]) -> Iterator[Check]:
    if not groups:
        yield Check(
            NAME, WRONG, T("No group has a role: nobody gets in with the company account."),
            T("Say on the Settings page which group gives which role."), "openid.no_groups",
        )  # fmt: skip
    elif groups.get(EVERYBODY) is Role.ADMIN:
        yield Check(
            NAME, TODO, T("Everybody who can sign in with the company account is an administrator."),
            T("Give this role to a group instead of *."), "openid.everybody_is_admin",
        )  # fmt: skip


def _used(last: LastSuccess | None) -> Iterator[Check]:
    if last is None:
        yield Check(
            NAME, TODO, T("Nobody has come in with the company account yet."),
            T("Register the redirect address that the Settings page shows at the provider, and try it there."),
            "openid.never_used",
        )  # fmt: skip
        return
    address = urlsplit(last.redirect_uri)
    told = T(
        "Somebody last came in on {moment}, and was led back to {address}.", moment=last.at, address=last.redirect_uri
    )
    if address.scheme == "https" or address.hostname in LOOPBACK:
        yield Check(NAME, OK, told, code="openid.used")
    else:
        yield Check(
            NAME, WRONG, told, T("That is not encrypted: let a proxy with TLS stand before it (docs/operations.md)."),
            "openid.not_encrypted",
        )  # fmt: skip
