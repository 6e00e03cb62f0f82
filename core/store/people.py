"""People who may sign in, and their sessions. Passwords are hashed elsewhere; only hashes come here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core.store.tables import table
from core.store.tables.people import LoginSessionRow, PersonRow

PERSON, LOGIN = table(PersonRow), table(LoginSessionRow)

FREE_TRIES = 3
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may sign in. `password_hash` is empty for who signs in through the identity provider alone."""

    id: int = 0
    name: str
    password_hash: str = ""
    role: str = "viewer"
    language: str = "en"
    locale: str = ""
    active: bool = True
    oidc_subject: str | None = None
    failed_logins: int = 0
    locked_until: datetime | None = None
    last_login_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Person(id={self.id}, name={self.name!r}, role={self.role!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """One signed-in browser; `id` names it, only the hash of its token is stored."""

    id: int
    person: Person
    address: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


def count(session: Session, *, role: str | None = None) -> int:
    """How many active people there are (with a role)."""
    query = select(func.count()).select_from(PERSON).where(PERSON.c.active)
    return session.execute(query if role is None else query.where(PERSON.c.role == role)).scalar_one()


def all_people(session: Session) -> list[Person]:
    """Everybody, in order of name."""
    return [_person(row) for row in session.execute(select(PERSON).order_by(PERSON.c.folded))]


def by_id(session: Session, person_id: int) -> Person | None:
    """The person with this number."""
    row = session.execute(select(PERSON).where(PERSON.c.id == person_id)).first()
    return _person(row) if row else None


def by_name(session: Session, name: str) -> Person | None:
    """The person of this name, whatever its case."""
    row = session.execute(select(PERSON).where(PERSON.c.folded == _folded(name))).first()
    return _person(row) if row else None


def by_oidc_subject(session: Session, subject: str) -> Person | None:
    """The person whom the identity provider knows by this subject."""
    row = session.execute(select(PERSON).where(PERSON.c.oidc_subject == subject)).first()
    return _person(row) if row else None


def add(session: Session, person: Person, now: datetime) -> int:
    """Add a person; gives the number. A name that is taken (in any case) raises IntegrityError: look first."""
    values = {
        "name": person.name.strip(),
        "folded": _folded(person.name),
        "password_hash": person.password_hash,
        "role": person.role,
        "language": person.language,
        "locale": person.locale,
        "active": person.active,
        "oidc_subject": person.oidc_subject,
        "created_at": now,
    }
    return int(session.execute(PERSON.insert().values(values).returning(PERSON.c.id)).scalar_one())


def change(session: Session, person_id: int, values: Mapping[str, Any]) -> None:
    """Change fields of a person: role, active, language, locale, password_hash, oidc_subject, name."""
    unknown = set(values) - {"role", "active", "language", "locale", "password_hash", "oidc_subject", "name"}
    if unknown:
        raise ValueError(f"a person has no changeable {sorted(unknown)}")
    fresh = dict(values)
    if "name" in fresh:
        fresh |= {"name": str(fresh["name"]).strip(), "folded": _folded(str(fresh["name"]))}
    session.execute(PERSON.update().where(PERSON.c.id == person_id).values(fresh))


def note_failed_login(session: Session, person_id: int, now: datetime) -> datetime | None:
    """Count a wrong password; after three in a row each further one doubles the wait. Gives the end of the wait."""
    failed = session.execute(
        PERSON.update()
        .where(PERSON.c.id == person_id)
        .values(failed_logins=PERSON.c.failed_logins + 1)
        .returning(PERSON.c.failed_logins)
    ).scalar_one()
    until = wait_after(failed, now)
    if until is not None:
        session.execute(PERSON.update().where(PERSON.c.id == person_id).values(locked_until=until))
    return until


def wait_after(failed: int, now: datetime) -> datetime | None:
    """Until when to wait after so many wrong passwords in a row; None: not at all."""
    if failed < FREE_TRIES:
        return None
    return now + min(LONGEST_WAIT, timedelta(seconds=2 ** min(failed - FREE_TRIES, 20)))


def note_login(session: Session, person_id: int, now: datetime) -> None:
    """Somebody signed in: failed tries are forgotten."""
    values = {"failed_logins": 0, "locked_until": None, "last_login_at": now}
    session.execute(PERSON.update().where(PERSON.c.id == person_id).values(values))


def open_session(
    session: Session, person_id: int, token_hash: str, now: datetime, lifetime: timedelta, *, address: str = ""
) -> int:
    """Begin a session that ends at the latest after `lifetime`; gives its number."""
    values = {
        "token_hash": token_hash,
        "person_id": person_id,
        "address": address,
        "created_at": now,
        "last_seen_at": now,
        "expires_at": now + lifetime,
    }
    return int(session.execute(LOGIN.insert().values(values).returning(LOGIN.c.id)).scalar_one())


def find_session(session: Session, token_hash: str, now: datetime, idle: timedelta) -> LoginSession | None:
    """The session of this token while it is alive: not past its end, seen within `idle`, and its person active."""
    query = _sessions(now, idle).where(LOGIN.c.token_hash == token_hash)
    row = session.execute(query).first()
    return _session(row) if row else None


def list_sessions(session: Session, now: datetime, idle: timedelta) -> list[LoginSession]:
    """All sessions that are alive, last seen first."""
    return [_session(row) for row in session.execute(_sessions(now, idle).order_by(LOGIN.c.last_seen_at.desc()))]


def touch_session(session: Session, session_id: int, now: datetime) -> None:
    """The session was used: its idle time begins again."""
    session.execute(LOGIN.update().where(LOGIN.c.id == session_id).values(last_seen_at=now))


def close_session(session: Session, token_hash: str) -> None:
    """End a session."""
    session.execute(LOGIN.delete().where(LOGIN.c.token_hash == token_hash))


def close_sessions_of(session: Session, person_id: int | None = None, *, but: str = "") -> int:
    """End all sessions of a person (of everybody), but the one with the token hash `but`; gives how many."""
    closing = LOGIN.delete().where(LOGIN.c.token_hash != but)
    if person_id is not None:
        closing = closing.where(LOGIN.c.person_id == person_id)
    return len(session.execute(closing.returning(LOGIN.c.id)).all())


def close_dead_sessions(session: Session, now: datetime, idle: timedelta) -> int:
    """Clear away sessions that ended by themselves."""
    dead = (LOGIN.c.expires_at <= now) | (LOGIN.c.last_seen_at <= now - idle)
    return len(session.execute(LOGIN.delete().where(dead).returning(LOGIN.c.id)).all())


def _folded(name: str) -> str:
    return name.strip().casefold()


def _sessions(now: datetime, idle: timedelta) -> Any:
    return (
        select(
            PERSON,
            LOGIN.c.id.label("session_id"),
            LOGIN.c.address,
            LOGIN.c.created_at.label("began_at"),
            LOGIN.c.last_seen_at,
            LOGIN.c.expires_at,
        )
        .join(PERSON, PERSON.c.id == LOGIN.c.person_id)
        .where(PERSON.c.active, LOGIN.c.expires_at > now, LOGIN.c.last_seen_at > now - idle)
    )


def _session(row: Row[Any]) -> LoginSession:
    return LoginSession(
        id=row.session_id,
        person=_person(row),
        address=row.address,
        created_at=row.began_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
    )


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        password_hash=row.password_hash,
        role=row.role,
        language=row.language,
        locale=row.locale,
        active=row.active,
        oidc_subject=row.oidc_subject,
        failed_logins=row.failed_logins,
        locked_until=row.locked_until,
        last_login_at=row.last_login_at,
    )
