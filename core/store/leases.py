"""Leases: what only one process may do at a time, on however many machines."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.store.bulk import inserting
from core.store.tables import table
from core.store.tables.runs import LeaseRow

LEASE = table(LeaseRow)


def acquire(session: Session, name: str, owner: str, now: datetime, seconds: float) -> bool:
    """Take the lease, or keep it when `owner` has it: True. False while somebody else's has not run out."""
    insert = inserting(session, LEASE).values(name=name, owner=owner, until=now + timedelta(seconds=seconds))
    statement = insert.on_conflict_do_update(
        index_elements=["name"],
        set_={"owner": insert.excluded.owner, "until": insert.excluded.until},
        where=or_(LEASE.c.owner == owner, LEASE.c.until < now),
    ).returning(LEASE.c.name)
    return session.execute(statement).first() is not None


def release(session: Session, name: str, owner: str) -> None:
    """Give the lease back; nothing happens when it is somebody else's."""
    session.execute(LEASE.delete().where(LEASE.c.name == name, LEASE.c.owner == owner))


def holder(session: Session, name: str, now: datetime) -> str:
    """Who has the lease now; empty for nobody."""
    query = select(LEASE.c.owner).where(LEASE.c.name == name, LEASE.c.until >= now)
    return str(session.execute(query).scalar() or "")


def left_behind(session: Session, name: str) -> tuple[str, datetime] | None:
    """Who had the lease last and until when, also after it ran out; None when it was given back."""
    row = session.execute(select(LEASE.c.owner, LEASE.c.until).where(LEASE.c.name == name)).first()
    return None if row is None else (row.owner, row.until)


def holders(session: Session, prefix: str, now: datetime) -> list[str]:
    """Who has leases whose names begin like this."""
    query = select(LEASE.c.owner).where(LEASE.c.name.startswith(prefix, autoescape=True), LEASE.c.until >= now)
    return sorted(session.execute(query).scalars())


def prune(session: Session, prefix: str, now: datetime) -> None:
    """Forget leases that ran out and whose names begin like this: nobody else will ever take those."""
    session.execute(LEASE.delete().where(LEASE.c.name.startswith(prefix, autoescape=True), LEASE.c.until < now))
