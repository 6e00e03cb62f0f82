"""Webhooks: the addresses, and the deliveries in the order in which they came. Bodies are kept encrypted."""

from __future__ import annotations

import base64
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, case, func, select
from sqlalchemy.orm import Session

from core.store.bulk import chunks, inserting, update_rows
from core.store.cleaning import clean
from core.store.db import Database
from core.store.sealing import Box, hold
from core.store.tables import table
from core.store.tables.webhooks import WebhookDeliveryRow, WebhookHookRow
from core.store.tables.workspace import PortalRow

DELIVERY, HOOK, PORTAL = table(WebhookDeliveryRow), table(WebhookHookRow), table(PortalRow)

WAITING, APPLIED, PARTLY, FAILED = "waiting", "applied", "partly", "failed"
SUPERSEDED, IGNORED, UNREADABLE, REFUSED = "superseded", "ignored", "unreadable", "refused"
NEEDS_LOOK = (PARTLY, FAILED, UNREADABLE)
"""Somebody should look at these, and say that he did."""
KEY_DAYS = 7
BODY_DAYS = 30
REFUSED_DAYS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request. `body` is sealed (see `seal_body`), None when it is not kept any more; `problems` are Texts as JSON.

    `event_at` is when the event was true; `snapshot`: it tells the whole state of the portal at that time.
    """

    id: int = 0
    portal_id: int
    dedupe: str | None = None
    named: str = ""
    sha256: str = ""
    size: int = 0
    content_type: str = ""
    body: str | None = None
    received_at: datetime
    address: str = ""
    state: str = WAITING
    answer: int = 202
    event_type: str = ""
    event_at: datetime
    snapshot: bool = False
    replay_of: int | None = None
    replayed_by: str = ""
    lines: int = 0
    reading_id: int | None = None
    problems: Sequence[Any] = field(default_factory=tuple)
    processed_at: datetime | None = None
    seen_by: str = ""

    @property
    def tells_time(self) -> bool:
        """Whether the event itself said when it was true, or counts as of when it came."""
        return self.event_at != self.received_at

    def is_outdone(self, newest: datetime) -> bool:
        """Whether a state of that time makes this one say nothing; the very same one again, by hand, does no harm."""
        return self.event_at < newest or (self.event_at == newest and self.tells_time and not self.replay_of)


@dataclass(frozen=True, slots=True)
class Hook:
    """The address of a portal, as far as it may be shown."""

    portal_id: int
    made_at: datetime
    made_by: str
    previous_until: datetime | None
    unsynced_since: datetime | None
    last_event_at: datetime | None


def seal_body(box: Box, portal_id: int, sha256: str, body: bytes) -> str:
    """The raw bytes, packed and encrypted for this portal and content."""
    packed = base64.b64encode(zlib.compress(body, 1)).decode()
    return box.seal(packed, _place(portal_id, sha256))


def open_body(box: Box, delivery: Delivery) -> bytes | None:
    """The raw bytes again; None when they are not kept any more. Raises SettingsError for another key's."""
    if delivery.body is None:
        return None
    return zlib.decompress(base64.b64decode(box.open(delivery.body, _place(delivery.portal_id, delivery.sha256))))


def _place(portal_id: int, sha256: str) -> str:
    return f"webhook:{portal_id}:{sha256}"


def _start(box: Box) -> str:
    """How everything begins that the present key has sealed."""
    return f"1.{box.key_id}."


def reseal(session: Session, box: Box) -> int:
    """Seal kept bodies again with the present key; gives how many those were."""
    ids = session.execute(
        select(DELIVERY.c.id).where(DELIVERY.c.body.is_not(None), DELIVERY.c.body.not_like(f"{_start(box)}%"))
    ).scalars()
    count = 0
    for chunk in chunks(ids, 100):
        rows = session.execute(
            select(DELIVERY.c.id, DELIVERY.c.portal_id, DELIVERY.c.sha256, DELIVERY.c.body).where(
                DELIVERY.c.id.in_(chunk)
            )
        )
        fresh = {
            number: box.seal(box.open(body, _place(portal_id, sha256)), _place(portal_id, sha256))
            for number, portal_id, sha256, body in rows
        }
        session.execute(DELIVERY.update().where(DELIVERY.c.id.in_(chunk)).values(body=case(fresh, value=DELIVERY.c.id)))
        count += len(fresh)
    return count


# ---- addresses


@dataclass(frozen=True, slots=True)
class Address:
    """What stands behind an address: the portal, its settings, and until when the secret before the present one counts."""

    portal_id: int
    portal: str
    settings: Mapping[str, Any]
    previous_until: datetime | None


def address(session: Session, token_hash: str) -> Address | None:
    """The address with this token (its hash); asked for with every request."""
    query = (
        select(PORTAL.c.id, PORTAL.c.name, PORTAL.c.settings, HOOK.c.previous_until)
        .outerjoin(HOOK, HOOK.c.portal_id == PORTAL.c.id)
        .where(PORTAL.c.hook_token_hash == token_hash, PORTAL.c.archived_at.is_(None))
    )
    row = session.execute(query).first()
    return Address(*tuple(row)) if row else None


def set_address(session: Session, portal_id: int, token_hash: str, person: str, now: datetime) -> None:
    """Give the portal this address; the one before it is gone at once."""
    session.execute(PORTAL.update().where(PORTAL.c.id == portal_id).values(hook_token_hash=token_hash))
    insert = inserting(session, HOOK).values(portal_id=portal_id, made_at=now, made_by=person)
    session.execute(
        insert.on_conflict_do_update(index_elements=["portal_id"], set_={"made_at": now, "made_by": person})
    )


def ensure_hook(session: Session, portal_id: int, person: str, now: datetime) -> None:
    """There is a row for the portal's address, also while it has none."""
    insert = inserting(session, HOOK).values(portal_id=portal_id, made_at=now, made_by=person)
    session.execute(insert.on_conflict_do_nothing(index_elements=["portal_id"]))


def hook(session: Session, portal_id: int) -> Hook | None:
    """What is known of the portal's address; None where there never was one."""
    row = session.execute(select(HOOK).where(HOOK.c.portal_id == portal_id)).first()
    return Hook(*tuple(row)) if row else None


def set_previous_until(session: Session, portal_id: int, until: datetime | None) -> None:
    """Until when the secret before the present one counts."""
    session.execute(HOOK.update().where(HOOK.c.portal_id == portal_id).values(previous_until=until))


def note_events(session: Session, portal_id: int, now: datetime) -> None:
    """An event changed what is known: a sync is to follow."""
    since = func.coalesce(HOOK.c.unsynced_since, now)
    session.execute(HOOK.update().where(HOOK.c.portal_id == portal_id).values(unsynced_since=since, last_event_at=now))


def unsynced(session: Session) -> list[tuple[Hook, str, Mapping[str, Any]]]:
    """Addresses with events that no sync has followed, with the portal's name and settings; not of portals that are paused."""
    query = (
        select(*HOOK.c, PORTAL.c.name, PORTAL.c.settings)
        .join(PORTAL, PORTAL.c.id == HOOK.c.portal_id)
        .where(HOOK.c.unsynced_since.is_not(None), PORTAL.c.enabled, PORTAL.c.archived_at.is_(None))
        .order_by(HOOK.c.portal_id)
    )
    return [(Hook(*tuple(row)[:-2]), row.name, row.settings) for row in session.execute(query)]


def clear_unsynced(session: Session, portal_ids: Sequence[int]) -> None:
    """A sync is on its way."""
    session.execute(HOOK.update().where(HOOK.c.portal_id.in_(list(portal_ids))).values(unsynced_since=None))


# ---- deliveries


def add_all(session: Session, box: Box, deliveries: Sequence[Delivery]) -> list[int]:
    """Keep deliveries, in this order; gives their numbers. What the key before the present one has sealed is sealed again."""
    if not deliveries:
        return []
    hold(session, box, deliveries[0].received_at)
    deliveries = [_with_present_key(box, one) for one in deliveries]
    statement = DELIVERY.insert().returning(DELIVERY.c.id, sort_by_parameter_order=True)
    return list(session.execute(statement, [_values(delivery) for delivery in deliveries]).scalars())


def _with_present_key(box: Box, delivery: Delivery) -> Delivery:
    if delivery.body is None or delivery.body.startswith(_start(box)):
        return delivery
    place = _place(delivery.portal_id, delivery.sha256)
    return replace(delivery, body=box.seal(box.open(delivery.body, place), place))


def by_keys(session: Session, portal_ids: Sequence[int], keys: Sequence[str]) -> dict[tuple[int, str], Delivery]:
    """Deliveries that have one of these idempotency keys, by portal and key; without their bodies."""
    found: dict[tuple[int, str], Delivery] = {}
    for chunk in chunks(keys):
        query = _light().where(DELIVERY.c.portal_id.in_(set(portal_ids)), DELIVERY.c.dedupe.in_(chunk))
        found |= {(row.portal_id, row.dedupe): _delivery(row) for row in session.execute(query)}
    return found


def free_keys(session: Session, ids: Sequence[int]) -> None:
    """The idempotency keys of these deliveries may be used again."""
    for chunk in chunks(ids):
        session.execute(DELIVERY.update().where(DELIVERY.c.id.in_(chunk)).values(dedupe=None))


def newest_snapshots(session: Session, portal_ids: Sequence[int]) -> dict[int, datetime]:
    """The time of the newest whole state that each portal was told, applied or waiting to be."""
    query = (
        select(DELIVERY.c.portal_id, func.max(DELIVERY.c.event_at).label("newest"))
        .where(
            DELIVERY.c.portal_id.in_(set(portal_ids)),
            DELIVERY.c.snapshot,
            DELIVERY.c.state.in_((WAITING, APPLIED, PARTLY)),
        )
        .group_by(DELIVERY.c.portal_id)
    )
    return {row.portal_id: row.newest for row in session.execute(query)}


def newest_applied(session: Session, portal_id: int, except_id: int) -> datetime | None:
    """The time of the newest whole state that was applied, other than by this delivery."""
    query = select(func.max(DELIVERY.c.event_at)).where(
        DELIVERY.c.portal_id == portal_id,
        DELIVERY.c.snapshot,
        DELIVERY.c.state.in_((APPLIED, PARTLY)),
        DELIVERY.c.id != except_id,
    )
    return session.execute(query).scalar()


def waiting(session: Session, limit: int) -> list[Delivery]:
    """Deliveries that wait to be processed, in the order in which they came, with bodies; not of portals that are paused."""
    query = (
        select(DELIVERY)
        .join(PORTAL, PORTAL.c.id == DELIVERY.c.portal_id)
        .where(DELIVERY.c.state == WAITING, PORTAL.c.enabled, PORTAL.c.archived_at.is_(None))
        .order_by(DELIVERY.c.id)
        .limit(limit)
    )
    return [_delivery(row) for row in session.execute(query)]


def settle(session: Session, delivery_id: int, state: str, now: datetime, **more: Any) -> bool:
    """Say what became of a waiting delivery; False when somebody else did so already."""
    values = {"state": state, "processed_at": now, **more}
    update = DELIVERY.update().where(DELIVERY.c.id == delivery_id, DELIVERY.c.state == WAITING)
    return session.execute(update.values(values).returning(DELIVERY.c.id)).first() is not None


def still_waiting(session: Session, ids: Sequence[int]) -> set[int]:
    """Which of these wait; nobody else can settle them until this transaction ends."""
    query = select(DELIVERY.c.id).where(DELIVERY.c.id.in_(list(ids)), DELIVERY.c.state == WAITING).with_for_update()
    return set(session.execute(query).scalars())


def settle_all(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Say what became of deliveries that were found `still_waiting`; rows have their `id` and what changes."""
    update_rows(session, DELIVERY, rows, ["id"])


def newest_used(session: Session, portal_id: int) -> datetime | None:
    """The latest time of an event of the portal that was used."""
    query = select(func.max(DELIVERY.c.event_at)).where(
        DELIVERY.c.portal_id == portal_id, DELIVERY.c.state.in_((APPLIED, PARTLY))
    )
    return session.execute(query).scalar()


def link_reading(session: Session, delivery_id: int, reading_id: int) -> None:
    """The reading that a delivery turned into."""
    session.execute(DELIVERY.update().where(DELIVERY.c.id == delivery_id).values(reading_id=reading_id))


def get(session: Session, delivery_id: int) -> Delivery | None:
    """One delivery, with its body."""
    row = session.execute(select(DELIVERY).where(DELIVERY.c.id == delivery_id)).first()
    return _delivery(row) if row else None


def last(session: Session, portal_id: int, limit: int) -> list[Delivery]:
    """The newest deliveries of a portal, newest first, without bodies but for whether there is one."""
    query = _light().where(DELIVERY.c.portal_id == portal_id).order_by(DELIVERY.c.id.desc()).limit(limit)
    return [_delivery(row) for row in session.execute(query)]


def to_look_at(session: Session, portal_id: int | None = None) -> int:
    """How many deliveries a person should look at: of a portal, or of all that are in use."""
    query = (
        select(func.count())
        .select_from(DELIVERY)
        .join(PORTAL, PORTAL.c.id == DELIVERY.c.portal_id)
        .where(DELIVERY.c.state.in_(NEEDS_LOOK), DELIVERY.c.seen_by == "", PORTAL.c.archived_at.is_(None))
    )
    if portal_id is not None:
        query = query.where(DELIVERY.c.portal_id == portal_id)
    return int(session.execute(query).scalar_one())


def mark_seen(session: Session, portal_id: int, ids: Sequence[int], person: str) -> int:
    """Somebody looked at these; gives at how many that nobody had looked at."""
    update = DELIVERY.update().where(
        DELIVERY.c.portal_id == portal_id, DELIVERY.c.id.in_(list(ids)), DELIVERY.c.seen_by == ""
    )
    return len(session.execute(update.values(seen_by=person).returning(DELIVERY.c.id)).all())


def tidy(session: Session, now: datetime) -> None:
    """Forget keys after a week, bodies after a month, refused requests after a day. Deliveries stay: changes lead to them."""
    old_keys = DELIVERY.update().where(
        DELIVERY.c.dedupe.is_not(None), DELIVERY.c.received_at < now - timedelta(days=KEY_DAYS)
    )
    session.execute(old_keys.values(dedupe=None))
    old_bodies = DELIVERY.update().where(
        DELIVERY.c.body.is_not(None),
        DELIVERY.c.state != WAITING,
        DELIVERY.c.received_at < now - timedelta(days=BODY_DAYS),
    )
    session.execute(old_bodies.values(body=None))
    session.execute(
        DELIVERY.delete().where(
            DELIVERY.c.state == REFUSED, DELIVERY.c.received_at < now - timedelta(days=REFUSED_DAYS)
        )
    )


def ended_rotations(session: Session, now: datetime) -> list[int]:
    """Portals whose previous secret has come to its end."""
    return list(session.execute(select(HOOK.c.portal_id).where(HOOK.c.previous_until < now)).scalars())


def make_durable(database: Database) -> None:
    """Bring what was committed to the disk itself. SQLite leaves that to the next checkpoint in the mode we use it in;
    PostgreSQL has done it.
    """
    path = Path(f"{database.engine.url.database}-wal") if database.is_sqlite else None
    if path is None or not path.exists():
        return
    number = os.open(path, os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _light() -> Select[Any]:
    has_body = case((DELIVERY.c.body.is_(None), None), else_="").label("body")
    return select(*(has_body if column.name == "body" else column for column in DELIVERY.c))


def _values(delivery: Delivery) -> dict[str, Any]:
    names = [column.name for column in DELIVERY.columns if column.name != "id"]
    told = {name: clean(getattr(delivery, name)) for name in ("named", "content_type", "event_type", "address")}
    return {name: getattr(delivery, name) for name in names} | told | {"problems": list(delivery.problems)}


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**row._asdict())
