"""Sessions: who is signed in where, when that ends, and whether the person showed a moment ago that it is them."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.errors import InputError, SettingsError
from core.domain.text import T
from core.services.access import Actor, Role, require, require_confirmed
from core.services.audited import note
from core.services.storage import trouble_of
from core.store import people as people_store
from core.store import sealing, workspace
from core.store import sessions as store
from core.store.sessions import Limits, LoginSession, Opening

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

SETTING = "sign_in.limits"
TOUCH_EVERY = timedelta(minutes=1)
"""A session that was seen a moment ago need not be written again."""
LONGEST_DEVICE = 60


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """When sessions end: so many hours after they began, so many minutes after they were last used. What a person confirmed
    counts for `confirm_minutes`.
    """

    lifetime_hours: int = 12
    idle_minutes: int = 120
    confirm_minutes: int = 10


BOUNDS = {"lifetime_hours": (1, 24 * 7), "idle_minutes": (5, 24 * 60), "confirm_minutes": (1, 60)}


@dataclass(frozen=True, slots=True)
class Visit:
    """Where somebody signs in from: the address, what the browser calls itself (its `User-Agent`), the language it asks for, and
    the mark that it brought along (`known_browsers`).
    """

    address: str = ""
    browser: str = ""
    language: str = "en"
    mark: str = ""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One signed-in browser. `id` names it; it is not the token. `device` is what the browser says of itself, `openid` whether
    it began at the company's identity provider, `current` whether it is the asker's own.
    """

    id: int
    person: str
    address: str
    device: str
    openid: bool
    started: datetime
    last_seen: datetime
    expires: datetime
    current: bool


def actor_of_token(ctx: Context, token: str) -> Actor | None:
    """Who a session's token belongs to; None when it has ended, or its person may no longer sign in."""
    if not token:
        return None
    now = ctx.clock.now()
    with ctx.database.session() as session:
        limits = limits_of(session)
        found = store.find_session(session, token_hash(token), now, bounds_of(limits))
    if found is None:
        return None
    if now - found.last_seen_at >= TOUCH_EVERY:
        _touch(ctx, found.id, now)
    until = found.confirmed_at + timedelta(minutes=limits.confirm_minutes)
    return replace(actor_of(found.person), session=found.id, confirmed_until=until)


def _touch(ctx: Context, session_id: int, now: datetime) -> None:
    """Note that it is used. On a disk that cannot be written people go on to see what is known, until they were idle too long."""
    try:
        ctx.database.run(lambda session: store.touch_session(session, session_id, now))
    except SQLAlchemyError as error:
        if (trouble := trouble_of(error, ctx.database)) is None:
            raise
        log.info("session.not_touched", trouble=trouble.kind)


def list_sessions(ctx: Context, actor: Actor, *, everybody: bool = False) -> list[SessionRow]:
    """The own sessions that are alive; those of `everybody` for admins."""
    require(actor, Role.ADMIN if everybody else Role.VIEWER)
    now = ctx.clock.now()
    with ctx.database.session() as session:
        limits = bounds_of(limits_of(session))
        found = store.list_sessions(session, now, limits, None if everybody else actor.id)
    return [
        SessionRow(
            s.id, s.person.name, s.address, s.device, s.through == store.OPENID, s.created_at, s.last_seen_at,
            min(s.expires_at, s.created_at + limits.lifetime), s.id == actor.session,
        )
        for s in found
    ]  # fmt: skip


def end_session(ctx: Context, actor: Actor, session_id: int) -> None:
    """End one session: an own one, or for admins anybody's. One that has ended already is no mistake."""
    require(actor, Role.VIEWER)

    def work(session: Session) -> None:
        found = store.session_of(session, session_id, ctx.clock.now(), bounds_of(limits_of(session)))
        if found is None:
            return
        if found.person.id != actor.id:
            require(actor, Role.ADMIN)
        store.close_session(session, session_id)
        note(ctx, session, actor, "person.session_ended", found.person.name, after=_told(found))

    ctx.database.run(work)


def sign_out_everywhere(ctx: Context, actor: Actor, person_id: int | None = None) -> int:
    """End all sessions of oneself, or (for admins) of somebody else; gives how many there were."""
    whose = actor.id if person_id is None else person_id
    require(actor, Role.VIEWER if whose == actor.id else Role.ADMIN)

    def work(session: Session) -> int:
        person = people_store.by_id(session, whose)
        ended = store.close_sessions(session, person_id=whose)
        name = person.name if person else ""
        note(ctx, session, actor, "person.signed_out_everywhere", name, after={"sessions": ended})
        return ended

    return ctx.database.run(work)


def session_limits(ctx: Context, actor: Actor) -> SessionLimits:
    """When sessions end. For admins."""
    require(actor, Role.ADMIN)
    with ctx.database.session() as session:
        return limits_of(session)


def save_session_limits(ctx: Context, actor: Actor, limits: SessionLimits) -> bool:
    """Set when sessions end; counts at once, for those that are open too. Tells whether it changed. For admins, confirmed."""
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    wanted = _as_kept(limits)
    wrong = next((name for name, (least, most) in BOUNDS.items() if not least <= wanted[name] <= most), "")
    if wrong:
        raise SettingsError(
            T(
                "Sessions last 1 to 168 hours, end unused after 5 to 1440 minutes, and a confirmation counts 1 to 60 minutes."
            ),
            place=wrong,
            kind="limits",
        )

    def work(session: Session) -> bool:
        before = _as_kept(limits_of(session))
        if before == wanted:
            return False
        workspace.put(session, {SETTING: wanted})
        note(ctx, session, actor, "settings.changed", SETTING, before=before, after=wanted)
        return True

    return ctx.database.run(work)


def open_session(
    ctx: Context, session: Session, person: people_store.Person, visit: Visit, *, through: str, id_token: str = "",
    shown_at: datetime | None = None,
) -> tuple[str, Actor]:  # fmt: skip
    """Inside a transaction: a new session's token, and who it is for. `id_token` is kept sealed. `shown_at` is when the person
    showed who they are, where that was not now.
    """
    now, limits = ctx.clock.now(), limits_of(session)
    token = secrets.token_urlsafe(32)
    sealed = ""
    if id_token:
        sealing.hold(session, ctx.secrets, now)
        sealed = ctx.secrets.seal(id_token, _place(token_hash(token)))
    opening = Opening(
        token_hash=token_hash(token), through=through, address=visit.address, device=device_of(visit.browser),
        id_token=sealed, confirmed_at=shown_at or now,
    )  # fmt: skip
    bounds = bounds_of(limits)
    store.close_dead_sessions(session, now, bounds)
    people_store.note_login(session, person.id, now)
    number = store.open_session(session, person.id, opening, now, bounds.lifetime)
    until = opening.confirmed_at + timedelta(minutes=limits.confirm_minutes)
    actor = replace(actor_of(person), session=number, confirmed_until=until)
    after = {"address": visit.address, "device": opening.device} | (
        {"through": through} if through == store.OPENID else {}
    )
    note(ctx, session, actor, "person.signed_in", person.name, after=after)
    return token, actor


def confirm(ctx: Context, session: Session, actor: Actor) -> None:
    """Inside a transaction: the person of a session showed that it is them. Raises InputError when the session has ended."""
    now = ctx.clock.now()
    if store.session_of(session, actor.session, now, bounds_of(limits_of(session))) is None:
        raise InputError(T("Your session has ended."), remedy=T("Please sign in again."), kind="session_ended")
    store.confirm_session(session, actor.session, now)
    note(ctx, session, actor, "person.confirmed", actor.name)


def close(ctx: Context, token: str) -> tuple[str, str] | None:
    """End the session of a token; gives what it began with and the ID token that it was opened with, "" where there is none (any
    more). A token that is not known is no mistake: None.
    """

    def work(session: Session) -> LoginSession | None:
        limits = bounds_of(limits_of(session))
        found = store.find_session(session, token_hash(token), ctx.clock.now(), limits)
        if found is not None:
            store.close_session(session, found.id)
            note(ctx, session, actor_of(found.person), "person.signed_out", found.person.name)
        return found

    found = ctx.database.run(work)
    if found is None:
        return None
    try:
        return found.through, ctx.secrets.open(found.id_token, _place(token_hash(token))) if found.id_token else ""
    except SettingsError:
        log.info("session.id_token_unreadable", reason="the key was changed since")
        return found.through, ""


def limits_of(session: Session) -> SessionLimits:
    """The limits as they are set, or the usual ones."""
    return SessionLimits(**workspace.get(session, SETTING, {}))


def bounds_of(limits: SessionLimits) -> Limits:
    """The same as lengths of time."""
    return Limits(timedelta(hours=limits.lifetime_hours), timedelta(minutes=limits.idle_minutes))


def actor_of(person: people_store.Person) -> Actor:
    """The actor that a stored person is, without a session."""
    return Actor(person.id, person.name, Role(person.role), person.language, person.locale)


def token_hash(token: str) -> str:
    """Only the hash of a token is kept: a copy of the database opens no session."""
    return hashlib.sha256(token.encode()).hexdigest()


BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("Windows", "Windows"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_of(browser: str) -> str:
    """What a person recognises of a `User-Agent`: "Firefox, Windows". Anything else as it is, cut and cleaned."""
    known = [next((name for mark, name in table if mark in browser), "") for table in (BROWSERS, SYSTEMS)]
    if all(known):
        return ", ".join(known)
    return re.sub(r"[^\x20-\x7e]+", " ", browser).strip()[:LONGEST_DEVICE]


def _as_kept(limits: SessionLimits) -> dict[str, int]:
    return {name: int(getattr(limits, name)) for name in BOUNDS}


def _told(found: LoginSession) -> dict[str, str]:
    return {"address": found.address, "device": found.device, "since": found.created_at.isoformat()}


def _place(hashed: str) -> str:
    return f"session:{hashed}"
