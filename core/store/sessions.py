"""Sessions of people who are signed in: one for each browser, known by the hash of its token."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from core.store.people import PERSON, Person, person_of
from core.store.tables import table
from core.store.tables.people import LoginSessionRow

LOGIN = table(LoginSessionRow)

PASSWORD, OPENID = "password", "openid"
"""What a session began with."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When sessions end: `lifetime` after they began, and `idle` after they were last used."""

    lifetime: timedelta
    idle: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is kept of a sign-in. `id_token` is what the identity provider gave, sealed; it is shown to it at the end.
    `confirmed_at` is when the person showed who they are.
    """

    token_hash: str
    through: str
    confirmed_at: datetime
    address: str = ""
    device: str = ""
    id_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """One signed-in browser; `id` names it. `confirmed_at` is when the person last showed who they are."""

    id: int
    person: Person
    address: str
    device: str
    through: str
    id_token: str = field(repr=False)
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    confirmed_at: datetime


def open_session(session: Session, person_id: int, opening: Opening, now: datetime, lifetime: timedelta) -> int:
    """Begin a session that ends at the latest after `lifetime`; gives its number."""
    values = {
        "token_hash": opening.token_hash,
        "person_id": person_id,
        "address": opening.address,
        "device": opening.device,
        "through": opening.through,
        "id_token": opening.id_token,
        "created_at": now,
        "last_seen_at": now,
        "confirmed_at": opening.confirmed_at,
        "expires_at": now + lifetime,
    }
    return int(session.execute(LOGIN.insert().values(values).returning(LOGIN.c.id)).scalar_one())


def find_session(session: Session, token_hash: str, now: datetime, limits: Limits) -> LoginSession | None:
    """The session of this token while it is alive: within the limits, and its person active."""
    row = session.execute(_alive(now, limits).where(LOGIN.c.token_hash == token_hash)).first()
    return _session(row) if row else None


def session_of(session: Session, number: int, now: datetime, limits: Limits) -> LoginSession | None:
    """The session of this number while it is alive."""
    row = session.execute(_alive(now, limits).where(LOGIN.c.id == number)).first()
    return _session(row) if row else None


def list_sessions(session: Session, now: datetime, limits: Limits, person_id: int | None = None) -> list[LoginSession]:
    """All sessions that are alive (of one person), last seen first."""
    query = _alive(now, limits).order_by(LOGIN.c.last_seen_at.desc(), LOGIN.c.id.desc())
    return [
        _session(row)
        for row in session.execute(query if person_id is None else query.where(LOGIN.c.person_id == person_id))
    ]


def touch_session(session: Session, number: int, now: datetime) -> None:
    """The session was used: its idle time begins again."""
    session.execute(LOGIN.update().where(LOGIN.c.id == number).values(last_seen_at=now))


def confirm_session(session: Session, number: int, now: datetime) -> None:
    """The person showed again who they are."""
    session.execute(LOGIN.update().where(LOGIN.c.id == number).values(confirmed_at=now))


def close_session(session: Session, number: int) -> None:
    """End a session."""
    session.execute(LOGIN.delete().where(LOGIN.c.id == number))


def close_sessions(
    session: Session, *, person_id: int | None = None, through: str | None = None, but: int | None = None
) -> int:
    """End all sessions (of a person; that began in one way), but the one numbered `but`; gives how many."""
    closing = LOGIN.delete()
    if person_id is not None:
        closing = closing.where(LOGIN.c.person_id == person_id)
    if through is not None:
        closing = closing.where(LOGIN.c.through == through)
    if but is not None:
        closing = closing.where(LOGIN.c.id != but)
    return len(session.execute(closing.returning(LOGIN.c.id)).all())


def close_dead_sessions(session: Session, now: datetime, limits: Limits) -> int:
    """Clear away sessions that ended by themselves."""
    dead = (
        (LOGIN.c.expires_at <= now)
        | (LOGIN.c.last_seen_at <= now - limits.idle)
        | (LOGIN.c.created_at <= now - limits.lifetime)
    )
    return len(session.execute(LOGIN.delete().where(dead).returning(LOGIN.c.id)).all())


def forget_id_tokens(session: Session, key_id: str) -> None:
    """Forget what was sealed with another key: it only spares a question when somebody signs out at the provider."""
    old = (LOGIN.c.id_token != "") & LOGIN.c.id_token.not_like(f"1.{key_id}.%")
    session.execute(LOGIN.update().where(old).values(id_token=""))


def _alive(now: datetime, limits: Limits) -> Select[Any]:
    """A shorter limit counts for sessions that began before it was set, too."""
    return (
        select(
            PERSON,
            LOGIN.c.id.label("session_id"),
            LOGIN.c.address,
            LOGIN.c.device,
            LOGIN.c.through,
            LOGIN.c.id_token,
            LOGIN.c.created_at.label("began_at"),
            LOGIN.c.last_seen_at,
            LOGIN.c.expires_at,
            LOGIN.c.confirmed_at,
        )
        .join(PERSON, PERSON.c.id == LOGIN.c.person_id)
        .where(
            PERSON.c.active,
            LOGIN.c.expires_at > now,
            LOGIN.c.created_at > now - limits.lifetime,
            LOGIN.c.last_seen_at > now - limits.idle,
        )
    )


def _session(row: Row[Any]) -> LoginSession:
    return LoginSession(
        id=row.session_id,
        person=person_of(row),
        address=row.address,
        device=row.device,
        through=row.through,
        id_token=row.id_token,
        created_at=row.began_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        confirmed_at=row.confirmed_at,
    )
