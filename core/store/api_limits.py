"""Autotask's limits over all processes: who holds which place, and how many requests went out (Autotask reference §5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from core.domain.ports import ApiBudget, Metered, Slot
from core.store.bulk import dialect, inserting, update_rows
from core.store.tables import table
from core.store.tables.workers import ApiMeterRow, ApiMinuteRow, ApiSlotRow

SLOT, MINUTE, METER = table(ApiSlotRow), table(ApiMinuteRow), table(ApiMeterRow)

KEPT_MINUTES = 24 * 60
"""Minutes are forgotten after a day: no time frame of Autotask's is longer."""


def lightly(session: Session) -> None:
    """What this transaction writes may be lost with the database server: it outlives a request by seconds only."""
    if dialect(session) == "postgresql":
        session.execute(text("SET LOCAL synchronous_commit = off"))


def ensure(session: Session, integration: str, entities: Sequence[str], at_most: int, now: datetime) -> None:
    """There are places for these entities: one more than may be used, for those that were just left."""
    rows = [
        {"integration": integration, "entity": entity, "number": number, "owner": "", "until": now}
        for entity in sorted(entities)
        for number in range(at_most + 1)
    ]
    session.execute(inserting(session, SLOT).on_conflict_do_nothing(), rows)


def take(
    session: Session,
    integration: str,
    entities: Sequence[str],
    at_most: int,
    owner: str,
    now: datetime,
    seconds: float,
    is_dead: Callable[[str], bool],
) -> list[Slot]:
    """A place in each entity, or none at all. At most `at_most` are held, and one more counts where it was just left:
    Autotask has one slot more than we use, and frees it a little after its answer has arrived.
    """
    query = (
        select(SLOT)
        .where(SLOT.c.integration == integration, SLOT.c.entity.in_(list(entities)))
        .order_by(SLOT.c.entity, SLOT.c.number)
        .with_for_update()
    )
    rows: dict[str, list[Any]] = {entity: [] for entity in entities}
    for row in session.execute(query):
        rows[row.entity].append(row)
    taken: list[Slot] = []
    for entity, places in rows.items():
        busy = [row for row in places if row.until > now and not is_dead(row.owner)]
        free = [row for row in places if row not in busy and row.number <= at_most]
        if not free or sum(row.owner != "" for row in busy) >= at_most:
            return []
        taken.append(Slot(entity, free[0].number))
    until = now + timedelta(seconds=seconds)
    _set(session, integration, [{**_key(slot), "owner": owner, "until": until} for slot in taken])
    return taken


def give(session: Session, integration: str, owner: str, slots: Sequence[Slot], now: datetime, linger: float) -> None:
    """Free these places; nothing happens to one that somebody else has by now."""
    mine = _held(session, integration, owner, slots)
    until = now + timedelta(seconds=linger)
    _set(session, integration, [{**_key(slot), "owner": "", "until": until} for slot in mine])


def keep(session: Session, integration: str, owner: str, slots: Sequence[Slot], now: datetime, seconds: float) -> None:
    """Hold these places for longer; nothing happens to one that somebody else has by now."""
    mine = _held(session, integration, owner, slots)
    until = now + timedelta(seconds=seconds)
    _set(session, integration, [{**_key(slot), "owner": owner, "until": until} for slot in mine])


def _held(session: Session, integration: str, owner: str, slots: Sequence[Slot]) -> list[Slot]:
    query = (
        select(SLOT.c.entity, SLOT.c.number)
        .where(SLOT.c.integration == integration, SLOT.c.owner == owner)
        .where(SLOT.c.entity.in_({slot.entity for slot in slots}))
        .order_by(SLOT.c.entity, SLOT.c.number)
        .with_for_update()
    )
    found = {Slot(row.entity, row.number) for row in session.execute(query)}
    return [slot for slot in slots if slot in found]


def _key(slot: Slot) -> dict[str, Any]:
    return {"entity": slot.entity, "number": slot.number}


def _set(session: Session, integration: str, rows: Sequence[dict[str, Any]]) -> None:
    update_rows(
        session, SLOT, [{"integration": integration, **row} for row in rows], ["integration", "entity", "number"]
    )


# ---- the hour


def count(session: Session, integration: str, requests: int, now: datetime) -> None:
    """So many requests went out."""
    minute = int(now.timestamp()) // 60
    insert = inserting(session, MINUTE).values(integration=integration, minute=minute, requests=requests)
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["integration", "minute"], set_={"requests": MINUTE.c.requests + insert.excluded.requests}
        )
    )
    session.execute(MINUTE.delete().where(MINUTE.c.minute < minute - KEPT_MINUTES))
    meter = inserting(session, METER).values(
        integration=integration, limit=0, used=0, window_minutes=60, since_told=requests, since_asked=requests
    )
    session.execute(
        meter.on_conflict_do_update(
            index_elements=["integration"],
            set_={
                "since_told": METER.c.since_told + meter.excluded.since_told,
                "since_asked": METER.c.since_asked + meter.excluded.since_asked,
            },
        )
    )


def told(session: Session, integration: str, budget: ApiBudget, now: datetime) -> None:
    """Autotask's own figure."""
    said: dict[str, Any] = {
        "limit": budget.limit,
        "used": budget.used,
        "window_minutes": budget.window_minutes,
        "told_at": now,
        "since_told": 0,
        "since_asked": 0,
    }
    insert = inserting(session, METER).values(integration=integration, **said)
    session.execute(insert.on_conflict_do_update(index_elements=["integration"], set_=said))


def claim_question(session: Session, integration: str, ask_every: int) -> bool:
    """Whether so many requests went out since somebody asked Autotask; True for one caller only."""
    update = METER.update().where(METER.c.integration == integration, METER.c.since_asked >= ask_every)
    return session.execute(update.values(since_asked=0).returning(METER.c.integration)).first() is not None


def look(session: Session, integration: str, now: datetime) -> Metered:
    """How much is used now."""
    row = session.execute(select(METER).where(METER.c.integration == integration)).first()
    window = row.window_minutes if row else 60
    since = int(now.timestamp()) // 60 - window
    query = select(func.coalesce(func.sum(MINUTE.c.requests), 0)).where(
        MINUTE.c.integration == integration, MINUTE.c.minute > since
    )
    own = int(session.execute(query).scalar_one())
    if row is None or row.told_at is None or row.told_at <= now - timedelta(minutes=window):
        return Metered(None, 0, own)
    return Metered(ApiBudget(row.limit, row.used, row.window_minutes), row.since_told, own)
