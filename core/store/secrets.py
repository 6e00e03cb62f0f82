"""Secrets as they are kept: encrypted, each for its own place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.domain.errors import SettingsError
from core.store.bulk import update_rows, upsert_rows
from core.store.sealing import Box, hold
from core.store.tables import table
from core.store.tables.workspace import SecretRow

SECRET = table(SecretRow)


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """One stored secret. `value` is None when the key does not open it; it is not shown."""

    owner: str
    field: str
    updated_at: datetime
    value: str | None

    def __repr__(self) -> str:
        return f"Kept({self.owner}:{self.field})"


def put(session: Session, box: Box, owner: str, values: Mapping[str, str], now: datetime) -> None:
    """Store secrets of an owner (`portal:3`, `autotask`) by field; others of the owner stay."""
    if not values:
        return
    hold(session, box, now)
    rows = [
        {
            "owner": owner,
            "field": field,
            "ciphertext": box.seal(value, _place(owner, field)),
            "key_id": box.key_id,
            "updated_at": now,
        }
        for field, value in values.items()
    ]
    upsert_rows(session, SECRET, rows, ["owner", "field"])


def get(session: Session, box: Box, owner: str) -> dict[str, str]:
    """All secrets of an owner, in the clear. Raises SettingsError for one that this key does not open."""
    query = select(SECRET.c.field, SECRET.c.ciphertext).where(SECRET.c.owner == owner)
    return {field: box.open(sealed, _place(owner, field)) for field, sealed in session.execute(query)}


def fields(session: Session, owners: Sequence[str]) -> dict[str, frozenset[str]]:
    """Which secrets each owner has: names alone."""
    found: dict[str, set[str]] = {owner: set() for owner in owners}
    for owner, field in session.execute(select(SECRET.c.owner, SECRET.c.field).where(SECRET.c.owner.in_(list(owners)))):
        found[owner].add(field)
    return {owner: frozenset(names) for owner, names in found.items()}


def remove(session: Session, owner: str, names: Sequence[str] | None = None) -> None:
    """Forget secrets of an owner: those named, or all."""
    statement = SECRET.delete().where(SECRET.c.owner == owner)
    session.execute(statement if names is None else statement.where(SECRET.c.field.in_(list(names))))


def take(session: Session, box: Box, owner: str, name: str) -> str | None:
    """A secret of an owner, which is gone after this: of several who ask at once, one gets it."""
    gone = SECRET.delete().where(SECRET.c.owner == owner, SECRET.c.field == name).returning(SECRET.c.ciphertext)
    sealed = session.execute(gone).scalar()
    return None if sealed is None else box.open(sealed, _place(owner, name))


def remove_older(session: Session, prefix: str, before: datetime) -> None:
    """Forget the secrets of owners that begin like this and were not touched since."""
    owners = SECRET.c.owner.startswith(prefix, autoescape=True)
    session.execute(SECRET.delete().where(owners, SECRET.c.updated_at < before))


def reseal(session: Session, box: Box, now: datetime) -> int:
    """Seal everything that was sealed with an older key with the present one; gives how many those were.

    Raises SettingsError, with nothing changed, when one of them does not open.
    """
    query = select(SECRET.c.id, SECRET.c.owner, SECRET.c.field, SECRET.c.ciphertext).where(
        SECRET.c.key_id != box.key_id
    )
    rows = []
    for number, owner, field, sealed in session.execute(query).all():
        place = _place(owner, field)
        fresh = box.seal(box.open(sealed, place), place)
        rows.append({"id": number, "ciphertext": fresh, "key_id": box.key_id, "updated_at": now})
    update_rows(session, SECRET, rows, ["id"])
    return len(rows)


def everything(session: Session, box: Box) -> list[Kept]:
    """Every stored secret, by owner and field, in the clear where it opens: to look whether all of them are still good."""
    query = select(SECRET.c.owner, SECRET.c.field, SECRET.c.ciphertext, SECRET.c.updated_at)
    return [
        Kept(owner, name, updated_at, _opened(box, sealed, _place(owner, name)))
        for owner, name, sealed, updated_at in session.execute(query.order_by(SECRET.c.owner, SECRET.c.field))
    ]


def _opened(box: Box, sealed: str, place: str) -> str | None:
    try:
        return box.open(sealed, place)
    except SettingsError:
        return None


def sealed_otherwise(session: Session, key_id: str) -> int:
    """How many secrets are sealed with another key than this one."""
    return int(session.execute(select(func.count()).select_from(SECRET).where(SECRET.c.key_id != key_id)).scalar_one())


def _place(owner: str, field: str) -> str:
    return f"{owner}:{field}"
