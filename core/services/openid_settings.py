"""The company's identity provider as it is set up here: where it is, what we are known by there, which group gives which role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from core.domain.errors import SettingsError
from core.domain.identity import OpenIdSettings
from core.domain.text import T
from core.services.access import Actor, Role, require, require_confirmed
from core.services.audited import note
from core.store import secrets as secret_store
from core.store import sessions as session_store
from core.store import workspace

if TYPE_CHECKING:
    from core.services.context import Context

OPENID = "openid"
"""Name of the setting, and owner of the secret."""
GROUPS_SETTING = "oidc.groups"
EVERYBODY = "*"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LAST = "openid.last"
"""Setting that remembers the last sign-in with the company account: when, and to which address the provider led back."""
REMEMBERED = timedelta(hours=1)
"""So long it is not written again."""
USUAL: dict[str, Any] = {"scopes": "profile email", "groups_claim": "", "confirm_without_time": False}
"""What counts where nothing else was said, also for what was stored by a version that did not ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdView:
    """The provider as it may be shown, without the secret. `confirm_without_time`: see `core.domain.identity.OpenIdSettings`."""

    configured: bool
    issuer: str = ""
    client_id: str = ""
    secret_set: bool = False
    scopes: str = "profile email"
    groups_claim: str = ""
    confirm_without_time: bool = False


@dataclass(frozen=True, slots=True)
class LastSuccess:
    """Somebody came in with the company account, and the provider led back to `redirect_uri`."""

    at: datetime
    redirect_uri: str


def openid_settings(ctx: Context, actor: Actor) -> OpenIdView:
    """The company's identity provider as it may be shown. For admins."""
    require(actor, Role.ADMIN)
    with ctx.database.session() as session:
        found = stored(session)
        kept = secret_store.fields(session, [OPENID])[OPENID]
    if not found:
        return OpenIdView(configured=False)
    return OpenIdView(configured="client_secret" in kept, secret_set="client_secret" in kept, **found)


def save_openid(
    ctx: Context, actor: Actor, *, issuer: str, client_id: str, client_secret: str | None, scopes: str = "profile email",
    groups_claim: str = "", confirm_without_time: bool = False,
) -> bool:  # fmt: skip
    """Set the provider; a secret that is None (or empty) stays as it is stored. Tells whether anything changed. For admins,
    confirmed. Who is signed in through another provider is signed out.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    wanted: dict[str, Any] = {
        "issuer": checked_issuer(issuer), "client_id": client_id.strip(), "scopes": " ".join(scopes.split()),
        "groups_claim": groups_claim.strip(), "confirm_without_time": confirm_without_time,
    }  # fmt: skip
    if not wanted["client_id"]:
        raise SettingsError(T("The client id is needed."), place="client_id")

    def work(session: Session) -> bool:
        before = stored(session)
        kept = secret_store.get(session, ctx.secrets, OPENID).get("client_secret", "")
        if not client_secret and not kept:
            raise SettingsError(T("The client secret is needed."), place="client_secret")
        fresh = bool(client_secret) and client_secret != kept
        if before == wanted and not fresh:
            return False
        workspace.put(session, {OPENID: wanted})
        if client_secret:
            secret_store.put(session, ctx.secrets, OPENID, {"client_secret": client_secret}, ctx.clock.now())
        if before and before["issuer"] != wanted["issuer"]:
            session_store.close_sessions(session, through=session_store.OPENID)
        after = wanted | ({"secrets_replaced": ["client_secret"]} if fresh else {})
        note(ctx, session, actor, "openid.changed", wanted["issuer"], before=before, after=after)
        return True

    return ctx.database.run(work)


def remove_openid(ctx: Context, actor: Actor) -> bool:
    """Sign in with passwords alone; who came through the provider is signed out. Tells whether there was one.

    For admins, confirmed.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)

    def work(session: Session) -> bool:
        before = workspace.get(session, OPENID)
        if not before:
            return False
        workspace.remove(session, OPENID)
        secret_store.remove(session, OPENID)
        session_store.close_sessions(session, through=session_store.OPENID)
        note(ctx, session, actor, "openid.removed", before["issuer"], before=before)
        return True

    return ctx.database.run(work)


def openid_is_set_up(ctx: Context) -> bool:
    """Whether to offer the company account at all; the sign-in page asks."""
    with ctx.database.session() as session:
        return bool(workspace.get(session, OPENID))


def oidc_groups(ctx: Context, actor: Actor) -> dict[str, Role]:
    """Which group of the identity provider (by id or name) gives which role. `*` is everybody who can sign in there."""
    require(actor, Role.ADMIN)
    with ctx.database.session() as session:
        return stored_groups(session)


def save_oidc_groups(ctx: Context, actor: Actor, groups: Mapping[str, Role]) -> bool:
    """Set which groups give which role; tells whether that changed. For admins, confirmed.

    Who is signed in through the provider signs in anew, so that the new role counts: groups are told at signing in alone.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    wanted = {group.strip(): role.value for group, role in groups.items() if group.strip()}

    def work(session: Session) -> bool:
        before = workspace.get(session, GROUPS_SETTING, {})
        if before == wanted:
            return False
        workspace.put(session, {GROUPS_SETTING: wanted})
        session_store.close_sessions(session, through=session_store.OPENID, but=actor.session)
        note(ctx, session, actor, "settings.changed", GROUPS_SETTING, before=before, after=wanted)
        return True

    return ctx.database.run(work)


def checked_issuer(issuer: str) -> str:
    """The address of a provider as it calls itself: https, on this machine http too. Raises SettingsError for anything else."""
    text = issuer.strip()
    parts = urlsplit(text)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not safe or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise SettingsError(
            T("{address} is no address of an identity provider.", address=text[:200] or "-"),
            remedy=T("It begins with https:// and stands before /.well-known/openid-configuration."),
            place="issuer",
        )
    return text


def stored(session: Session) -> dict[str, Any]:
    """The provider as it is stored, without its secret; empty where none is set up."""
    found = workspace.get(session, OPENID)
    return USUAL | found if found else {}


def stored_groups(session: Session) -> dict[str, Role]:
    """Which group gives which role."""
    return {str(group): Role(role) for group, role in workspace.get(session, GROUPS_SETTING, {}).items()}


def note_success(session: Session, redirect_uri: str, now: datetime) -> None:
    """Inside a transaction: somebody came in, and the provider led back to this address. For the doctor."""
    before = last_success(session)
    if before is None or before.redirect_uri != redirect_uri or now - before.at > REMEMBERED:
        workspace.put(session, {LAST: {"at": now.isoformat(), "redirect_uri": redirect_uri}})


def last_success(session: Session) -> LastSuccess | None:
    """The last time that somebody came in with the company account."""
    found = workspace.get(session, LAST)
    return LastSuccess(datetime.fromisoformat(found["at"]), found["redirect_uri"]) if found else None


def connection(ctx: Context) -> OpenIdSettings:
    """What the provider is spoken to with. Raises SettingsError (kind `openid_missing`) while it is not set up."""
    with ctx.database.session() as session:
        found = stored(session)
        secret = secret_store.get(session, ctx.secrets, OPENID).get("client_secret", "") if found else ""
    if not found or not secret:
        raise SettingsError(T("The company account is not set up."), kind="openid_missing")
    return OpenIdSettings(client_secret=secret, **found)
