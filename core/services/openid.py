"""Signing in with the company account: the provider's settings, the way there and back, and the role that groups give."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from sqlalchemy.orm import Session

from core.domain.errors import ContractBridgeError, InputError, PersonError, SettingsError
from core.domain.identity import Errand, Identified, OpenIdSettings, groups_of, refused
from core.domain.text import T
from core.services import sessions
from core.services.access import SYSTEM, Actor, Role, require, require_confirmed
from core.services.audited import note
from core.services.sessions import Visit
from core.store import people as store
from core.store import secrets as secret_store
from core.store import sessions as session_store
from core.store import workspace

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

OPENID = "openid"
"""Name of the setting, and owner of the secret."""
GROUPS_SETTING = "oidc.groups"
EVERYBODY = "*"
ERRAND_LASTS = timedelta(minutes=10)
PLACE = "openid:errand"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdView:
    """The provider as it may be shown, without the secret."""

    configured: bool
    issuer: str = ""
    client_id: str = ""
    secret_set: bool = False
    scopes: str = "profile email"
    groups_claim: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """Send the browser to `address`; `errand` goes into a cookie of the name that belongs to `state`."""

    address: str
    errand: str
    state: str


@dataclass(frozen=True, slots=True)
class Entered:
    """Who came back. `token` is that of the new session, "" where somebody confirmed who they are; `onward` is where to go."""

    token: str
    actor: Actor
    onward: str


def openid_settings(ctx: Context, actor: Actor) -> OpenIdView:
    """The company's identity provider as it may be shown. For admins."""
    require(actor, Role.ADMIN)
    with ctx.database.session() as session:
        stored = workspace.get(session, OPENID)
        kept = secret_store.fields(session, [OPENID])[OPENID]
    if not stored:
        return OpenIdView(configured=False)
    return OpenIdView(configured="client_secret" in kept, secret_set="client_secret" in kept, **stored)


def save_openid(
    ctx: Context, actor: Actor, *, issuer: str, client_id: str, client_secret: str | None, scopes: str = "profile email",
    groups_claim: str = "",
) -> bool:  # fmt: skip
    """Set the provider; a secret that is None (or empty) stays as it is stored. Tells whether anything changed. For admins,
    confirmed. Who is signed in through another provider is signed out.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    wanted = {
        "issuer": checked_issuer(issuer), "client_id": client_id.strip(), "scopes": " ".join(scopes.split()),
        "groups_claim": groups_claim.strip(),
    }  # fmt: skip
    if not wanted["client_id"]:
        raise SettingsError(T("The client id is needed."), place="client_id")

    def work(session: Session) -> bool:
        before = workspace.get(session, OPENID)
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


def begin_openid(ctx: Context, *, redirect_uri: str, onward: str, actor: Actor | None = None) -> Begun:
    """Begin to sign in, or, for an `actor` with a session, to show again who one is. Raises what the provider's port raises."""
    errand = Errand(
        state=secrets.token_urlsafe(24), nonce=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48),
        redirect_uri=redirect_uri, onward=onward, started=ctx.clock.now(), session=actor.session if actor else 0,
    )  # fmt: skip
    address = ctx.identity(_settings(ctx)).begin(errand)
    written = asdict(errand) | {"started": errand.started.isoformat()}
    return Begun(address, ctx.secrets.seal(json.dumps(written), PLACE), errand.state)


def finish_openid(
    ctx: Context, sealed: str, answer: Mapping[str, str], visit: Visit, actor: Actor | None = None
) -> Entered:
    """Who comes back from the provider: a new session, or a confirmed one. `actor` is who has a session in this browser.

    The role follows from the groups, again at every sign-in. Raises PersonError for an answer that is not valid, for an errand
    that is not this browser's or lasted too long, and for who has no role; RemoteError when the provider cannot be asked.
    """
    errand = _opened(ctx, sealed)
    now = ctx.clock.now()
    if errand is None or now - errand.started > ERRAND_LASTS:
        raise refused(
            "no errand", T("This sign-in was begun too long ago, or in another browser."), T("Please try again.")
        )
    if errand.session and (actor is None or actor.session != errand.session):
        raise refused("another session", T("Your session has ended."), T("Please sign in again."))
    settings = _settings(ctx)
    try:
        found = ctx.identity(settings).finish(errand, answer, now)
        if errand.session and actor is not None:
            return Entered("", _confirmed(ctx, actor, found), errand.onward)
        person = _person(ctx, found, settings, visit.language)
    except ContractBridgeError as error:
        log.warning("openid.refused", address=visit.address, kind=error.kind, reason=error.detail)
        raise

    def work(session: Session) -> tuple[str, Actor]:
        return sessions.open_session(ctx, session, person, visit, through=session_store.OPENID, id_token=found.id_token)

    token, entered = ctx.database.run(work)
    return Entered(token, entered, errand.onward)


def leave_openid(ctx: Context, token: str, back_to: str) -> str:
    """End a session; gives the address at the provider to sign out there too, "" for a session that did not begin there, or
    where the provider cannot be asked: here the session has ended in any case.
    """
    closed = sessions.close(ctx, token)
    if closed is None or closed[0] != session_store.OPENID:
        return ""
    try:
        return ctx.identity(_settings(ctx)).leave(closed[1], back_to)
    except ContractBridgeError as error:
        log.warning("openid.not_left", kind=error.kind, reason=error.detail)
        return ""


def oidc_groups(ctx: Context, actor: Actor) -> dict[str, Role]:
    """Which group of the identity provider (by id or name) gives which role. `*` is everybody who can sign in there."""
    require(actor, Role.ADMIN)
    with ctx.database.session() as session:
        stored = workspace.get(session, GROUPS_SETTING, {})
    return {str(group): Role(role) for group, role in stored.items()}


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


def _settings(ctx: Context) -> OpenIdSettings:
    with ctx.database.session() as session:
        stored = workspace.get(session, OPENID)
        secret = secret_store.get(session, ctx.secrets, OPENID).get("client_secret", "") if stored else ""
    if not stored or not secret:
        raise SettingsError(T("The company account is not set up."), kind="openid_missing")
    return OpenIdSettings(client_secret=secret, **stored)


def _opened(ctx: Context, sealed: str) -> Errand | None:
    """What the browser brought along; None for anything that we did not give it."""
    try:
        written = json.loads(ctx.secrets.open(sealed, PLACE))
    except (SettingsError, ValueError):
        return None
    return Errand(**(written | {"started": datetime.fromisoformat(written["started"])}))


def _confirmed(ctx: Context, actor: Actor, found: Identified) -> Actor:
    """The person of a session showed at the provider that it is still them."""

    def work(session: Session) -> Actor:
        person = store.by_id(session, actor.id)
        if person is None or person.oidc_subject != found.subject:
            raise refused("somebody else", T("That is another company account than the one you are signed in with."))
        sessions.confirm(ctx, session, actor)
        minutes = sessions.limits_of(session).confirm_minutes
        return replace(actor, confirmed_until=ctx.clock.now() + timedelta(minutes=minutes))

    return ctx.database.run(work)


def _person(ctx: Context, found: Identified, settings: OpenIdSettings, language: str) -> store.Person:
    """The person with the role that the groups give now; a first visit makes an account without a password, in the browser's
    language.
    """
    groups = groups_of(found.claims, settings.groups_claim)

    def work(session: Session) -> store.Person | PersonError:
        person = store.by_oidc_subject(session, found.subject)
        role = role_of(workspace.get(session, GROUPS_SETTING, {}), groups)
        if role is None or (person is not None and not person.active):
            _refuse(ctx, session, person)
            return _no_role() if role is None else _switched_off()
        if person is None:
            return _add(ctx, session, found, role, language)
        if person.role == role.value:
            return person
        store.change(session, person.id, {"role": role.value})
        before, after = {"role": person.role}, {"role": role.value}
        note(ctx, session, SYSTEM, "person.changed", person.name, before=before, after=after)
        return replace(person, role=role.value)

    result = ctx.database.run(work)
    if isinstance(result, PersonError):
        raise result
    return result


def role_of(stored: Mapping[str, str], groups: frozenset[str]) -> Role | None:
    """The highest role that one of the groups gives; None where none gives one."""
    roles = [Role(role) for group, role in stored.items() if group == EVERYBODY or group in groups]
    return max(roles, key=lambda role: role.rank, default=None)


def _refuse(ctx: Context, session: Session, person: store.Person | None) -> None:
    """Somebody without a role (any more) has no session either."""
    if person is not None:
        session_store.close_sessions(session, person_id=person.id)
        note(ctx, session, SYSTEM, "person.refused", person.name, after={"through": OPENID})


def _no_role() -> PersonError:
    return InputError(
        T("Your company account has no role here."),
        remedy=T("Ask an administrator to give one of your groups a role."),
        kind="no_role",
    )


def _switched_off() -> PersonError:
    return InputError(
        T("Your account is switched off here."), remedy=T("Ask an administrator to switch it on."), kind="switched_off"
    )


def _add(ctx: Context, session: Session, found: Identified, role: Role, language: str) -> store.Person:
    names = (found.claims.get(claim) for claim in ("preferred_username", "email", "name"))
    wished = next((clean for name in names if name and (clean := _as_name(str(name)))), found.subject[:80])
    known_as = wished if store.by_name(session, wished) is None else f"{wished} ({_short(found.subject)})"
    person = store.Person(name=known_as, role=role.value, oidc_subject=found.subject, language=language)
    number = store.add(session, person, ctx.clock.now())
    note(ctx, session, SYSTEM, "person.added", known_as, after={"role": role.value, "through": OPENID})
    return replace(person, id=number)


def _as_name(told: str) -> str:
    """A name from outside: one line, not too long, and not one that the product keeps for itself."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in told).split())[:80]
    return "" if clean.casefold() == SYSTEM.name or clean.casefold().startswith("terminal:") else clean


def _short(subject: str) -> str:
    return sessions.token_hash(subject)[:8]
