"""Tries to sign in, counted in the database: several web processes count together, and a restart forgets nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from core.store.bulk import inserting
from core.store.tables import table
from core.store.tables.people import SignInTryRow

TRY = table(SignInTryRow)

LONGEST_WAIT = timedelta(minutes=15)
KEPT = timedelta(days=1)
"""What was not tried for so long is forgotten."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries are free; each further one doubles the wait. After `forgotten` without a try it begins anew."""

    free: int
    forgotten: timedelta = KEPT


def take(session: Session, key: str, now: datetime, limit: Limit) -> datetime | None:
    """Count a try before it is made, so that many at once are not free; gives until when to wait where it is not allowed.

    `succeeded` or `give_back` afterwards when it was right.
    """
    fresh = TRY.c.last_at <= now - limit.forgotten
    counting = inserting(session, TRY).values(key=key, tries=1, locked_until=None, last_at=now)
    counted = session.execute(
        counting.on_conflict_do_update(
            index_elements=["key"],
            set_={"tries": case((fresh, 1), else_=TRY.c.tries + 1), "last_at": now},
            where=TRY.c.locked_until.is_(None) | (TRY.c.locked_until <= now),
        ).returning(TRY.c.tries)
    ).scalar()
    if counted is None:
        locked: datetime | None = session.execute(select(TRY.c.locked_until).where(TRY.c.key == key)).scalar_one()
        return locked
    session.execute(TRY.update().where(TRY.c.key == key).values(locked_until=wait_after(counted, now, limit.free)))
    return None


def count(session: Session, key: str, now: datetime, forgotten: timedelta) -> None:
    """Count a try that nobody has to wait for."""
    fresh = TRY.c.last_at <= now - forgotten
    counting = inserting(session, TRY).values(key=key, tries=1, locked_until=None, last_at=now)
    session.execute(
        counting.on_conflict_do_update(
            index_elements=["key"], set_={"tries": case((fresh, 1), else_=TRY.c.tries + 1), "last_at": now}
        )
    )


def counted(session: Session, key: str, now: datetime, forgotten: timedelta) -> int:
    """How many tries were counted, of which the last is not forgotten yet."""
    query = select(TRY.c.tries).where(TRY.c.key == key, TRY.c.last_at > now - forgotten)
    return int(session.execute(query).scalar() or 0)


def wait_after(tries: int, now: datetime, free: int) -> datetime | None:
    """Until when to wait after so many tries in a row; None: not at all."""
    if tries < free:
        return None
    return now + min(LONGEST_WAIT, timedelta(seconds=2 ** min(tries - free, 20)))


def succeeded(session: Session, key: str) -> None:
    """It was right: the wrong ones before it are forgotten."""
    session.execute(TRY.delete().where(TRY.c.key == key))


def give_back(session: Session, key: str) -> None:
    """It was right, and counts no more; the wrong ones stay, for they may have been somebody else's."""
    session.execute(
        TRY.update().where(TRY.c.key == key, TRY.c.tries > 0).values(tries=TRY.c.tries - 1, locked_until=None)
    )


def forget_old(session: Session, now: datetime) -> None:
    """Clear away what counts no more."""
    session.execute(TRY.delete().where(TRY.c.last_at <= now - KEPT))
