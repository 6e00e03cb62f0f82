"""People who may sign in. Passwords are hashed elsewhere; only hashes come here. Their sessions are in `core.store.sessions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from core.store.bulk import dialect
from core.store.tables import table
from core.store.tables.people import PersonRow

PERSON = table(PersonRow)


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
    last_login_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Person(id={self.id}, name={self.name!r}, role={self.role!r})"


def one_at_a_time(session: Session) -> None:
    """Inside a writing transaction, before counting people: until its end nobody else changes any. Two administrators who take
    the role from one another at the same moment would both see one left.
    """
    if dialect(session) == "postgresql":
        session.execute(text("LOCK TABLE person IN EXCLUSIVE MODE"))


def count(session: Session, *, role: str | None = None, with_password: bool = False) -> int:
    """How many active people there are (with a role; with a password of their own)."""
    query = select(func.count()).select_from(PERSON).where(PERSON.c.active)
    if role is not None:
        query = query.where(PERSON.c.role == role)
    if with_password:
        query = query.where(PERSON.c.password_hash != "")
    return session.execute(query).scalar_one()


def has_anybody_signed_in(session: Session) -> bool:
    """Whether somebody ever did."""
    return session.execute(select(PERSON.c.id).where(PERSON.c.last_login_at.is_not(None)).limit(1)).first() is not None


def all_people(session: Session) -> list[Person]:
    """Everybody, in order of name."""
    return [person_of(row) for row in session.execute(select(PERSON).order_by(PERSON.c.folded))]


def by_id(session: Session, person_id: int, *, lock: bool = False) -> Person | None:
    """The person with this number; with `lock` nobody changes it until the transaction ends."""
    query = select(PERSON).where(PERSON.c.id == person_id)
    row = session.execute(query.with_for_update() if lock else query).first()
    return person_of(row) if row else None


def by_name(session: Session, name: str) -> Person | None:
    """The person of this name, whatever its case."""
    row = session.execute(select(PERSON).where(PERSON.c.folded == folded(name))).first()
    return person_of(row) if row else None


def by_oidc_subject(session: Session, subject: str) -> Person | None:
    """The person whom the identity provider knows by this subject."""
    row = session.execute(select(PERSON).where(PERSON.c.oidc_subject == subject)).first()
    return person_of(row) if row else None


def add(session: Session, person: Person, now: datetime) -> int:
    """Add a person; gives the number. A name that is taken (in any case) raises IntegrityError: look first."""
    values = {
        "name": person.name.strip(),
        "folded": folded(person.name),
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
        fresh |= {"name": str(fresh["name"]).strip(), "folded": folded(str(fresh["name"]))}
    session.execute(PERSON.update().where(PERSON.c.id == person_id).values(fresh))


def note_login(session: Session, person_id: int, now: datetime) -> None:
    """Somebody signed in."""
    session.execute(PERSON.update().where(PERSON.c.id == person_id).values(last_login_at=now))


def folded(name: str) -> str:
    """A name without its case, as it is looked up."""
    return name.strip().casefold()


def person_of(row: Row[Any]) -> Person:
    """The person that a row with all columns of `person` holds."""
    return Person(
        id=row.id,
        name=row.name,
        password_hash=row.password_hash,
        role=row.role,
        language=row.language,
        locale=row.locale,
        active=row.active,
        oidc_subject=row.oidc_subject,
        last_login_at=row.last_login_at,
    )
