"""Events of subscriptions: found whenever a reading is written into history, in the same transaction, each with an audit entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.domain.subscription.events import EventKind, Seen, SubscriptionEvent, events_between
from core.domain.subscription.pairs import Pair
from core.domain.subscription.words import vendor_id_of
from core.domain.usage import NOTHING, LineKey, Reading, UsageLine
from core.store import audit, workspace
from core.store.audit import Audited
from core.store.bulk import in_keys, insert_rows
from core.store.history.compare import Difference, Known, facts_of, usable
from core.store.tables import table
from core.store.tables.history import UsageLineRow
from core.store.tables.mapping import PortalCustomerRow
from core.store.tables.subscription_events import SubscriptionEventRow

EVENT, LINE, CUSTOMER = table(SubscriptionEventRow), table(UsageLineRow), table(PortalCustomerRow)

ACTOR = "system"
TOGETHER = timedelta(days=31)
"""So long after one product took the place of another their lines still change together."""
MOVED_WITHIN = timedelta(days=62)
"""A subscription that ends at one portal and begins at another within this time was moved."""
_MOVES = (EventKind.ADDED.value, EventKind.REACTIVATED.value, EventKind.CANCELLED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event as it was kept. `at` is when a reading first showed it, a UTC instant."""

    id: int
    kind: EventKind
    product: str
    effective_date: date
    at: datetime
    before: Mapping[str, str]
    after: Mapping[str, str]
    line_id: int | None
    old_line_id: int | None
    certain: bool


def record(
    session: Session,
    portal_id: int,
    reading: Reading,
    known: Mapping[LineKey, Known],
    difference: Difference,
    reading_id: int,
) -> int:
    """Keep what the reading tells to have happened; gives how many events. Of a portal's first subscriptions nothing is kept."""
    if not any(key.subscription_id for key in known):
        return 0
    before, after = _states(reading, known, difference)
    if not before and not after:
        return 0
    day = reading.taken_at.astimezone(workspace.time_zone(session)).date()
    events = events_between(before, after, day)
    if not events:
        return 0
    ids = {key: one.line_id for key, one in known.items()} | _new_ids(session, portal_id, events, known)
    rows = [_row(portal_id, reading.taken_at, reading_id, event, ids) for event in events]
    rows += _moved(session, portal_id, rows, reading.taken_at)
    insert_rows(session, EVENT, rows)
    names = _names(session, portal_id, {row["customer_id"] for row in rows})
    audit.append(session, reading.taken_at, [_audited(reading.portal, row, names) for row in rows])
    return len(rows)


def pairs(session: Session, now: datetime) -> tuple[Pair, ...]:
    """Usage lines of which one took the place of the other, as long as their lines change together; oldest first."""
    query = (
        select(EVENT.c.old_line_id, EVENT.c.line_id, EVENT.c.certain)
        .where(
            EVENT.c.kind.in_([EventKind.UPGRADED.value, EventKind.RESELLER.value]),
            EVENT.c.seen_at >= now - TOGETHER,
            EVENT.c.old_line_id.is_not(None),
            EVENT.c.line_id.is_not(None),
        )
        .order_by(EVENT.c.id)
    )
    return tuple(Pair(*row) for row in session.execute(query))


def recent(session: Session, kinds: Iterable[EventKind], since: datetime) -> list[StoredEvent]:
    """Events of these kinds since an instant, oldest first."""
    query = select(EVENT).where(EVENT.c.kind.in_([kind.value for kind in kinds]), EVENT.c.seen_at >= since)
    return [_event(row) for row in session.execute(query.order_by(EVENT.c.id))]


def of_subscription(session: Session, portal_id: int, customer_id: str, subscription_id: str) -> list[StoredEvent]:
    """All events of one subscription, in their order."""
    query = select(EVENT).where(
        EVENT.c.portal_id == portal_id,
        EVENT.c.customer_id == customer_id,
        EVENT.c.subscription_id == subscription_id,
    )
    return [_event(row) for row in session.execute(query.order_by(EVENT.c.seen_at, EVENT.c.id))]


def last_increases(session: Session, since: datetime) -> dict[int, date]:
    """Per usage line the last day on which seats were added, since an instant: those can be given back for a few days."""
    found: dict[int, date] = {}
    for one in recent(session, (EventKind.QUANTITY,), since):
        if one.line_id is not None and _quantity(one.after) > _quantity(one.before):
            found[one.line_id] = one.effective_date
    return found


def _quantity(values: Mapping[str, str]) -> Decimal:
    return Decimal(values.get("quantity") or 0)


def _states(
    reading: Reading, known: Mapping[LineKey, Known], difference: Difference
) -> tuple[dict[LineKey, Seen], dict[LineKey, Seen]]:
    """The lines of subscriptions that the reading touched, before and after."""
    before: dict[LineKey, Seen] = {}
    after: dict[LineKey, Seen] = {}
    for line, _ in difference.new:
        if line.subscription_id:
            after[line.key] = Seen(_exact(line))
    changed = {change.known.line_id for change in difference.changed}
    accepted = set(difference.confirmed)
    for line in usable(reading):
        one = known.get(line.key)
        if not line.subscription_id or one is None or one.line_id not in accepted:
            continue
        if one.line_id in changed or one.words[2] != dict(line.attributes):
            before[line.key] = Seen(_usage(line.key, one), one.facts.present)
            after[line.key] = Seen(_exact(line))
    ended = {change.known.line_id for change in difference.ended}
    for key, one in known.items():
        if key.subscription_id and one.line_id in ended:
            before[key] = Seen(_usage(key, one), one.facts.present)
            after[key] = Seen(before[key].usage, False)
    return before, after


def _exact(line: UsageLine) -> UsageLine:
    """The line as history keeps it: what was known and what is new are then compared in one exactness."""
    facts = facts_of(line)
    return replace(line, quantity=facts.quantity, unit_cost=facts.unit_cost, unit_price=facts.unit_price)


def _usage(key: LineKey, known: Known) -> UsageLine:
    product, unit, attributes = known.words
    facts = known.facts
    return UsageLine(
        **key._asdict(),
        customer=key.customer_id,
        product=product,
        unit=unit,
        quantity=facts.quantity,
        effective_date=facts.effective_date,
        period_start=facts.period_start,
        period_end=facts.period_end,
        unit_cost=facts.unit_cost,
        unit_price=facts.unit_price,
        currency=facts.currency,
        attributes=attributes or NOTHING,
    )


def _new_ids(
    session: Session, portal_id: int, events: Sequence[SubscriptionEvent], known: Mapping[LineKey, Known]
) -> dict[LineKey, int]:
    fresh = {event.now.subscription_id for event in events if event.now is not None and event.now.key not in known}
    query = select(
        LINE.c.customer_id, LINE.c.product_key, LINE.c.term, LINE.c.billing_frequency, LINE.c.subscription_id, LINE.c.id
    ).where(LINE.c.portal_id == portal_id)
    return {LineKey(*row[:5]): row[5] for row in in_keys(session, query, [LINE.c.subscription_id], fresh)}


def _row(
    portal_id: int, seen_at: datetime, reading_id: int, event: SubscriptionEvent, ids: Mapping[LineKey, int]
) -> dict[str, Any]:
    line = event.line
    other = event.was if event.was is not None and event.now is not None and event.was.key != event.now.key else None
    return {
        "portal_id": portal_id,
        "customer_id": line.customer_id,
        "subscription_id": line.subscription_id,
        "product": line.product,
        "kind": event.kind.value,
        "effective_date": event.effective_date,
        "seen_at": seen_at,
        "reading_id": reading_id,
        "line_id": ids.get(line.key),
        "old_line_id": ids.get(other.key) if other is not None else None,
        "certain": event.certain,
        "vendor_id": vendor_id_of(line),
        "before": event.before,
        "after": event.after,
    }


def _moved(
    session: Session, portal_id: int, rows: Sequence[Mapping[str, Any]], seen_at: datetime
) -> list[dict[str, Any]]:
    """Subscriptions that ended at one portal and began at another, by the vendor's own number of them (S5-19).

    Where the portal at which it ended had also seen it begin lately, both portals tell of one subscription: nothing moved (M9).
    """
    own = {row["vendor_id"]: row for row in rows if row["kind"] in _MOVES and row["vendor_id"]}
    query = select(EVENT).where(EVENT.c.kind.in_(_MOVES), EVENT.c.seen_at >= seen_at - MOVED_WITHIN)
    earlier = [row._mapping for row in in_keys(session, query.order_by(EVENT.c.id), [EVENT.c.vendor_id], own)]
    cancelled = EventKind.CANCELLED.value
    began = {(one["portal_id"], one["vendor_id"]) for one in earlier if one["kind"] != cancelled}
    elsewhere = {one["vendor_id"]: one for one in earlier if one["portal_id"] != portal_id}
    found: list[dict[str, Any]] = []
    for vendor_id, other in elsewhere.items():
        row = own[vendor_id]
        old, new = (row, other) if row["kind"] == cancelled else (other, row)
        is_move = old["kind"] == cancelled and new["kind"] != cancelled
        if is_move and (old["portal_id"], vendor_id) not in began:
            found.append(_move(row, old, new, seen_at))
    return found


def _move(row: Mapping[str, Any], old: Mapping[Any, Any], new: Mapping[Any, Any], seen_at: datetime) -> dict[str, Any]:
    return {name: new[name] for name in row} | {
        "kind": EventKind.RESELLER.value,
        "seen_at": seen_at,
        "reading_id": row["reading_id"],
        "old_line_id": old["line_id"],
        "before": dict(old["before"]),
        "after": dict(new["after"]),
    }


def _names(session: Session, portal_id: int, customers: Iterable[str]) -> dict[str, str]:
    query = select(CUSTOMER.c.customer_id, CUSTOMER.c.name).where(CUSTOMER.c.portal_id == portal_id)
    return {row[0]: row[1] for row in in_keys(session, query, [CUSTOMER.c.customer_id], customers)}


def _audited(portal: str, row: Mapping[str, Any], names: Mapping[str, str]) -> Audited:
    subject = " · ".join((portal, names.get(row["customer_id"], row["customer_id"]), row["product"]))
    more = {"subscription": row["subscription_id"], "date": row["effective_date"]}
    return Audited(
        actor=ACTOR,
        event=f"subscription.{row['kind']}",
        subject=subject,
        before=row["before"] or None,
        after={**row["after"], **more},
    )


def _event(row: Row[Any]) -> StoredEvent:
    return StoredEvent(
        id=row.id,
        kind=EventKind(row.kind),
        product=row.product,
        effective_date=row.effective_date,
        at=row.seen_at,
        before=row.before,
        after=row.after,
        line_id=row.line_id,
        old_line_id=row.old_line_id,
        certain=row.certain,
    )
