"""Writing a reading into history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.domain.target import NEVER
from core.domain.usage import LineKey, Reading, Scope, UsageLine
from core.store import subscription_events
from core.store.bulk import analyse, chunks, insert_rows
from core.store.cleaning import clean, clean_reading
from core.store.codec import text_to_json
from core.store.history.compare import Change, Difference, Facts, Known, compare
from core.store.history.names import save_names
from core.store.tables import table
from core.store.tables.history import ReadingRow, UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import PortalCustomerRow, PortalProductRow
from core.store.tables.workspace import PortalRow
from core.store.types import OPEN_END

PORTAL, READING = table(PortalRow), table(ReadingRow)
LINE, INTERVAL = table(UsageLineRow), table(UsageIntervalRow)
CUSTOMER, PRODUCT = table(PortalCustomerRow), table(PortalProductRow)

MANY = 1_000
"""New lines in one reading, from which on the database should know how much it holds now."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a reading did to history, in usage lines. `kept`: lines that it named or missed but could not change (M2)."""

    reading_id: int
    new: int
    changed: int
    ended: int
    unchanged: int
    kept: int

    @property
    def changes_anything(self) -> bool:
        return bool(self.new or self.changed or self.ended)


def record_reading(
    session: Session,
    portal_id: int,
    reading: Reading,
    *,
    run_id: int | None = None,
    file_name: str = "",
    sha256: str = "",
) -> Recorded:
    """Keep a reading and let it change what is known, by the rules of `core.store.history.compare`.

    Readings of one portal take turns. A reading that changes nothing adds one row to `reading` and none elsewhere.
    Raises InputError, with nothing written, for a reading that contradicts itself.
    """
    reading = clean_reading(reading)
    portal_read = session.execute(
        select(PORTAL.c.read_at).where(PORTAL.c.id == portal_id).with_for_update()
    ).scalar_one()
    newest = not session.execute(
        select(READING.c.id)
        .where(READING.c.portal_id == portal_id, READING.c.status == "used", READING.c.taken_at > reading.taken_at)
        .limit(1)
    ).first()
    known = _known(session, portal_id)
    # A customer nobody has named yet was absent from the last whole reading: that counts as evidence about it, too.
    customers_read = dict.fromkeys((line.customer_id for line in reading.lines), portal_read)
    customers_read |= _customers_read(session, portal_id)
    difference = compare(reading, known, customers_read)
    reading_id = _insert_reading(session, portal_id, reading, difference, (run_id, file_name, sha256))
    save_names(session, portal_id, reading, known, customers_read, newest=newest)
    _insert_new(session, portal_id, reading, difference, reading_id)
    _move_intervals(session, [*difference.changed, *difference.ended], reading.taken_at, reading_id)
    _confirm(session, portal_id, reading, difference)
    subscription_events.record(session, portal_id, reading, known, difference, reading_id)
    if len(difference.new) >= MANY:
        analyse(session, LINE, INTERVAL, CUSTOMER, PRODUCT)
    return Recorded(
        reading_id,
        len(difference.new),
        len(difference.changed),
        len(difference.ended),
        difference.unchanged,
        difference.kept,
    )


def _customers_read(session: Session, portal_id: int) -> dict[str, datetime | None]:
    query = select(CUSTOMER.c.customer_id, CUSTOMER.c.read_at).where(CUSTOMER.c.portal_id == portal_id)
    return {row[0]: row[1] for row in session.execute(query)}


def _known(session: Session, portal_id: int) -> dict[LineKey, Known]:
    query = (
        select(
            LINE.c.customer_id, LINE.c.product_key, LINE.c.term, LINE.c.billing_frequency, LINE.c.subscription_id,
            LINE.c.id, INTERVAL.c.id,
            INTERVAL.c.quantity, INTERVAL.c.present, INTERVAL.c.effective_date, INTERVAL.c.period_start,
            INTERVAL.c.period_end, INTERVAL.c.unit_cost, INTERVAL.c.unit_price, INTERVAL.c.currency,
            INTERVAL.c.valid_from, INTERVAL.c.quantity_since, LINE.c.confirmed_at, CUSTOMER.c.read_at,
            LINE.c.product, LINE.c.unit, LINE.c.attributes,
        )
        .join(INTERVAL, (INTERVAL.c.line_id == LINE.c.id) & (INTERVAL.c.valid_to == OPEN_END))
        .join(CUSTOMER, (CUSTOMER.c.portal_id == LINE.c.portal_id) & (CUSTOMER.c.customer_id == LINE.c.customer_id))
        .where(LINE.c.portal_id == portal_id)
    )  # fmt: skip
    known: dict[LineKey, Known] = {}
    for row in session.execute(query):
        values = tuple(row)
        valid_from, since, confirmed_at, customer_read = values[15:19]
        evidence = max(valid_from, confirmed_at, customer_read or confirmed_at)
        known[LineKey(*values[:5])] = Known(
            values[5], values[6], Facts(*values[7:15]), valid_from, since, evidence, values[19:22]
        )
    return known


def _insert_reading(
    session: Session, portal_id: int, reading: Reading, difference: Difference, source: tuple[int | None, str, str]
) -> int:
    run_id, file_name, sha256 = source
    values = {
        "portal_id": portal_id,
        "run_id": run_id,
        "taken_at": reading.taken_at,
        "status": "used",
        "complete": reading.complete,
        "scope": reading.scope.value,
        "lines": len(reading.lines),
        "customers": len({line.customer_id for line in reading.lines}),
        "new": len(difference.new),
        "changed": len(difference.changed),
        "ended": len(difference.ended),
        "unchanged": difference.unchanged,
        "kept": difference.kept,
        "fingerprint": reading.fingerprint,
        "notes": [text_to_json(note) for note in reading.notes],
        "failed_customers": {name: text_to_json(why) for name, why in reading.failed_customers.items()},
        "file_name": clean(file_name),
        "sha256": sha256,
    }
    return int(session.execute(READING.insert().values(values).returning(READING.c.id)).scalar_one())


def _insert_new(session: Session, portal_id: int, reading: Reading, difference: Difference, reading_id: int) -> None:
    if not difference.new:
        return
    rows = [
        line.key._asdict()
        | {
            "portal_id": portal_id,
            "product": line.product,
            "unit": line.unit,
            "attributes": dict(line.attributes),
            "first_seen_at": reading.taken_at,
            "confirmed_at": reading.taken_at if reading.complete else NEVER,
        }
        for line, _ in difference.new
    ]
    insert_rows(session, LINE, rows)
    unlinked = session.execute(
        select(
            LINE.c.customer_id, LINE.c.product_key, LINE.c.term, LINE.c.billing_frequency, LINE.c.subscription_id,
            LINE.c.id,
        )
        .outerjoin(INTERVAL, INTERVAL.c.line_id == LINE.c.id)
        .where(LINE.c.portal_id == portal_id, INTERVAL.c.id.is_(None))
    )  # fmt: skip
    ids = {LineKey(*row[:5]): row[5] for row in unlinked}
    taken_at = reading.taken_at
    insert_rows(
        session,
        INTERVAL,
        [_interval(ids[line.key], facts, line, (taken_at, taken_at), reading_id) for line, facts in difference.new],
    )


def _move_intervals(session: Session, changes: list[Change], taken_at: datetime, reading_id: int) -> None:
    """End the open intervals and begin new ones; one that began at this very instant is replaced instead."""
    replaced = [change for change in changes if change.known.valid_from == taken_at]
    followed = [change for change in changes if change.known.valid_from != taken_at]
    for chunk in chunks(change.known.interval_id for change in replaced):
        session.execute(INTERVAL.delete().where(INTERVAL.c.id.in_(chunk)))
    for chunk in chunks(change.known.interval_id for change in followed):
        session.execute(INTERVAL.update().where(INTERVAL.c.id.in_(chunk)).values(valid_to=taken_at))
    insert_rows(
        session,
        INTERVAL,
        [
            _interval(
                change.known.line_id,
                change.facts,
                change.line,
                (taken_at, taken_at if _moved(change) else change.known.quantity_since),
                reading_id,
            )
            for change in changes
        ],
    )


def _moved(change: Change) -> bool:
    before, after = change.known.facts, change.facts
    return (before.quantity, before.present) != (after.quantity, after.present)


def _interval(
    line_id: int, facts: Facts, line: UsageLine | None, since: tuple[datetime, datetime], reading_id: int
) -> dict[str, Any]:
    origin = line.origin if line else ("", "", 0)
    return facts._asdict() | {
        "line_id": line_id,
        "reading_id": reading_id,
        "valid_from": since[0],
        "valid_to": OPEN_END,
        "quantity_since": since[1],
        "origin_source": origin[0],
        "origin_place": origin[1],
        "origin_rows": origin[2],
    }


def _confirm(session: Session, portal_id: int, reading: Reading, difference: Difference) -> None:
    """Note when customers were read wholly; where that cannot be said, when the single lines were named.

    A reading that broke off confirms nothing: its numbers may be too low (M2).
    """
    if not reading.complete:
        return
    taken_at = reading.taken_at
    if reading.scope is Scope.PORTAL:
        failed = list(reading.failed_customers)
        wholly = CUSTOMER.c.customer_id.not_in(failed) if failed else CUSTOMER.c.id.is_not(None)
        _confirm_customers(session, portal_id, wholly, taken_at)
        session.execute(
            PORTAL.update()
            .where(PORTAL.c.id == portal_id, (PORTAL.c.read_at.is_(None)) | (PORTAL.c.read_at < taken_at))
            .values(read_at=taken_at)
        )
        return
    _confirm_lines(session, difference.confirmed, taken_at)
    for chunk in chunks(name for name in reading.customers_covered if reading.proves_absence(name)):
        _confirm_customers(session, portal_id, CUSTOMER.c.customer_id.in_(chunk), taken_at)


def _confirm_customers(session: Session, portal_id: int, which: Any, taken_at: datetime) -> None:
    session.execute(
        CUSTOMER.update()
        .where(
            CUSTOMER.c.portal_id == portal_id,
            which,
            (CUSTOMER.c.read_at.is_(None)) | (CUSTOMER.c.read_at < taken_at),
        )
        .values(read_at=taken_at)
    )


def _confirm_lines(session: Session, line_ids: list[int], taken_at: datetime) -> None:
    for chunk in chunks(line_ids):
        session.execute(
            LINE.update().where(LINE.c.id.in_(chunk), LINE.c.confirmed_at < taken_at).values(confirmed_at=taken_at)
        )
