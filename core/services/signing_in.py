"""Signing in: slowed down on failure, in constant time, with sessions that end; and through the company's identity provider."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from core.domain.errors import AccessDenied, InputError
from core.domain.text import T
from core.services import passwords
from core.services.access import SYSTEM, Actor, Role, require
from core.services.audited import note
from core.store import people as store
from core.store import workspace

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=2)
TOUCH_EVERY = timedelta(minutes=1)
"""A session that was seen a moment ago need not be written again."""
GROUPS_SETTING = "oidc.groups"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One signed-in browser. `id` names it; it is not the token."""

    id: int
    person: str
    address: str
    started: datetime
    last_seen: datetime
    expires: datetime


def sign_in(ctx: Context, name: str, password: str, address: str = "") -> tuple[str, Actor]:
    """A new session's token and who it belongs to.

    Raises InputError (kind `sign_in`) with the same words for an unknown name and a wrong password, and (kind `sign_in_wait`)
    while too many wrong tries have to be waited for. Takes as long for a name that does not exist.
    """
    now = ctx.clock.now()
    with ctx.database.session() as session:
        person = store.by_name(session, name)
    right, better_hash = passwords.matches(password, person.password_hash if person else "")
    locked_until = person.locked_until if person else STRANGERS.locked_until(name)
    if locked_until is not None and locked_until > now:
        raise _wait(locked_until, now)
    if person is None or not right or not person.active:
        raise _refused(ctx, person, name, address)
    token = secrets.token_urlsafe(32)

    def work(session: Session) -> None:
        store.close_dead_sessions(session, now, IDLE)
        store.note_login(session, person.id, now)
        if better_hash:
            store.change(session, person.id, {"password_hash": better_hash})
        store.open_session(session, person.id, _hash(token), now, LIFETIME, address=address)
        note(ctx, session, actor_of(person), "person.signed_in", person.name, after={"address": address})

    ctx.database.run(work)
    return token, actor_of(person)


def actor_of_token(ctx: Context, token: str) -> Actor | None:
    """Who a session's token belongs to; None when it has ended, or its person may no longer sign in."""
    if not token:
        return None
    now = ctx.clock.now()
    with ctx.database.session() as session:
        found = store.find_session(session, _hash(token), now, IDLE)
    if found is None:
        return None
    if now - found.last_seen_at >= TOUCH_EVERY:
        ctx.database.run(lambda session: store.touch_session(session, found.id, now))
    return actor_of(found.person)


def sign_out(ctx: Context, token: str) -> None:
    """End one session; a token that is not known is no mistake."""

    def work(session: Session) -> None:
        found = store.find_session(session, _hash(token), ctx.clock.now(), IDLE)
        store.close_session(session, _hash(token))
        if found is not None:
            note(ctx, session, actor_of(found.person), "person.signed_out", found.person.name)

    ctx.database.run(work)


def sign_out_everywhere(ctx: Context, actor: Actor, person_id: int | None = None) -> int:
    """End all sessions of oneself, or (for admins) of somebody else; gives how many there were."""
    whose = actor.id if person_id is None else person_id
    require(actor, Role.VIEWER if whose == actor.id else Role.ADMIN)

    def work(session: Session) -> int:
        person = store.by_id(session, whose)
        ended = store.close_sessions_of(session, whose)
        note(
            ctx,
            session,
            actor,
            "person.signed_out_everywhere",
            person.name if person else "",
            after={"sessions": ended},
        )
        return ended

    return ctx.database.run(work)


def list_sessions(ctx: Context, actor: Actor) -> list[SessionRow]:
    """Sessions that are alive: all of them for admins, the own ones for others."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        found = store.list_sessions(session, ctx.clock.now(), IDLE)
    return [
        SessionRow(s.id, s.person.name, s.address, s.created_at, s.last_seen_at, s.expires_at)
        for s in found
        if actor.role is Role.ADMIN or s.person.id == actor.id
    ]


def oidc_actor(ctx: Context, claims: Mapping[str, object]) -> Actor:
    """Who the identity provider says it is; the role follows from the groups in the claims, again at every call.

    A first visit makes an account without a password. Raises AccessDenied when no group gives a role or the account
    was switched off here.
    """
    subject = f"{claims.get('iss', '')}|{claims.get('sub', '')}"
    if not claims.get("sub"):
        raise AccessDenied(Role.VIEWER.value)
    with ctx.database.session() as session:
        person = store.by_oidc_subject(session, subject)
        role = _role_of_groups(workspace.get(session, GROUPS_SETTING, {}), claims)
    if role is None or (person is not None and not person.active):
        log.info("person.refused", reason="no role by group" if role is None else "inactive")
        raise AccessDenied(Role.VIEWER.value)
    if person is None or person.role != role.value:
        ctx.database.run(lambda session: _keep_oidc(ctx, session, subject, role, claims))
        with ctx.database.session() as session:
            person = store.by_oidc_subject(session, subject)
    assert person is not None
    return actor_of(person)


def oidc_groups(ctx: Context, actor: Actor) -> dict[str, Role]:
    """Which group of the identity provider (by id or name) gives which role. `*` is everybody who can sign in there."""
    require(actor, Role.ADMIN)
    with ctx.database.session() as session:
        stored = workspace.get(session, GROUPS_SETTING, {})
    return {str(group): Role(role) for group, role in stored.items()}


def save_oidc_groups(ctx: Context, actor: Actor, groups: Mapping[str, Role]) -> None:
    """Set which groups give which role; works from the next page on, also for who is signed in already."""
    require(actor, Role.ADMIN)
    wanted = {group.strip(): role.value for group, role in groups.items() if group.strip()}

    def work(session: Session) -> None:
        before = workspace.get(session, GROUPS_SETTING, {})
        if before != wanted:
            workspace.put(session, {GROUPS_SETTING: wanted})
            note(ctx, session, actor, "settings.changed", GROUPS_SETTING, before=before, after=wanted)

    ctx.database.run(work)


def actor_of(person: store.Person) -> Actor:
    """The actor that a stored person is."""
    return Actor(person.id, person.name, Role(person.role), person.language, person.locale)


class Strangers:
    """Names that do not exist are slowed down like those that do, or the difference would tell which exist. Forgets old ones."""

    MOST = 1_000

    def __init__(self) -> None:
        self._tries: dict[str, tuple[int, datetime | None]] = {}
        self._lock = threading.Lock()

    def locked_until(self, name: str) -> datetime | None:
        return self._tries.get(name.strip().casefold(), (0, None))[1]

    def note(self, name: str, now: datetime) -> None:
        key = name.strip().casefold()
        with self._lock:
            count = self._tries.pop(key, (0, None))[0] + 1
            self._tries[key] = (count, store.wait_after(count, now))
            while len(self._tries) > self.MOST:
                self._tries.pop(next(iter(self._tries)))


STRANGERS = Strangers()
"""Of this process."""


def _refused(ctx: Context, person: store.Person | None, name: str, address: str) -> InputError:
    """Count the wrong try, and give what is told about it."""
    log.info("person.refused", address=address, known=person is not None)
    now = ctx.clock.now()
    if person is None:
        STRANGERS.note(name, now)
    else:

        def work(session: Session) -> datetime | None:
            until = store.note_failed_login(session, person.id, now)
            note(ctx, session, SYSTEM, "person.refused", person.name, after={"address": address})
            return until

        ctx.database.run(work)
    return InputError(T("Name or password is not right."), kind="sign_in")


def _wait(until: datetime, now: datetime) -> InputError:
    seconds = int((until - now).total_seconds()) + 1
    return InputError(T("Too many wrong tries: wait {seconds} seconds.", seconds=seconds), kind="sign_in_wait")


def _role_of_groups(stored: Mapping[str, str], claims: Mapping[str, object]) -> Role | None:
    groups: set[str] = {"*"}
    for claim in ("groups", "roles"):
        value = claims.get(claim)
        groups |= {str(item) for item in value} if isinstance(value, list | tuple | set) else set()
    roles = [Role(role) for group, role in stored.items() if group in groups]
    return max(roles, key=lambda role: role.rank, default=None)


def _keep_oidc(ctx: Context, session: Session, subject: str, role: Role, claims: Mapping[str, object]) -> None:
    person = store.by_oidc_subject(session, subject)
    if person is not None:
        store.change(session, person.id, {"role": role.value})
        note(
            ctx,
            session,
            SYSTEM,
            "person.changed",
            person.name,
            before={"role": person.role},
            after={"role": role.value},
        )
        return
    wished = next((str(claims[c]) for c in ("preferred_username", "email", "name") if claims.get(c)), subject)
    name = wished if store.by_name(session, wished) is None else f"{wished} ({_hash(subject)[:8]})"
    store.add(session, store.Person(name=name, role=role.value, oidc_subject=subject), ctx.clock.now())
    note(ctx, session, SYSTEM, "person.added", name, after={"role": role.value, "through": "oidc"})


def _hash(token: str) -> str:
    """Only the hash of a token is kept: a copy of the database opens no session."""
    return hashlib.sha256(token.encode()).hexdigest()
