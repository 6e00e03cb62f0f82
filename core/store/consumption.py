"""Consumption as it was told: readings are kept, and of each customer and period the latest complete one counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core.domain.consumption import ConsumptionLine, ConsumptionReading
from core.domain.consumption_lines import month_of
from core.store.bulk import in_keys, insert_rows, upsert_rows
from core.store.charge_codec import line_from_json, line_to_json
from core.store.codec import canonical, digest, text_to_json
from core.store.folding import folded
from core.store.tables import table
from core.store.tables.consumption import ConsumptionCurrentRow, ConsumptionLineRow, ConsumptionReadingRow
from core.store.tables.mapping import PortalCustomerRow
from core.store.tables.workspace import PortalRow

READING, LINE, CURRENT = table(ConsumptionReadingRow), table(ConsumptionLineRow), table(ConsumptionCurrentRow)
CUSTOMER, PORTAL = table(PortalCustomerRow), table(PortalRow)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a reading: its numbers, and whether it was known already (nothing is stored twice)."""

    reading_ids: tuple[int, ...]
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConsumption:
    """What counts for one customer and period."""

    portal_id: int
    portal: str
    reading_id: int
    customer_id: str
    customer: str
    period_start: date
    period_end: date
    provisional: bool
    taken_at: datetime
    lines: tuple[ConsumptionLine, ...]


def record(
    session: Session,
    portal_id: int,
    reading: ConsumptionReading,
    *,
    run_id: int | None = None,
    files: Sequence[str] = (),
) -> Recorded:
    """Keep a reading, month by month where it holds several. The one that is known already, by its fingerprint, is not kept again.

    An incomplete reading is kept for people to look at; what counted before goes on counting (M2).
    """
    ids: list[int] = []
    known = True
    _save_customers(session, portal_id, reading)
    for part in by_month(reading):
        found = _known(session, portal_id, part)
        if found is not None and _is_newest(session, portal_id, part, found):
            ids.append(found)
            continue
        known = False
        ids.append(_store(session, portal_id, part, run_id, files))
    return Recorded(tuple(ids), known and bool(ids))


def by_month(reading: ConsumptionReading) -> list[ConsumptionReading]:
    """The reading as one of each month; as it is, where all its lines lie in its own period."""
    first_month = month_of(reading.period_start)
    if month_of(reading.period_end) == first_month:
        return [reading]
    months: dict[tuple[date, date], list[ConsumptionLine]] = defaultdict(list)
    told = any(line.provisional for line in reading.lines)
    for line in reading.lines:
        months[month_of(line.period_start)].append(line)
    return [
        replace(
            reading,
            period_start=first,
            period_end=last,
            lines=tuple(lines),
            total=None,
            # Of a source that tells it by line, a month that is final stays final beside one that still runs.
            provisional=reading.provisional and (any(line.provisional for line in lines) or not told),
        )
        for (first, last), lines in sorted(months.items())
    ]


def current(
    session: Session,
    *,
    portal_ids: Collection[int] | None = None,
    since: date | None = None,
    period: date | None = None,
    customer_id: str | None = None,
) -> list[StoredConsumption]:
    """What counts, with all lines, in order of portal, period and customer: of all periods, of those that begin on or after
    `since`, or of the one that begins on `period`.
    """
    query = (
        select(CURRENT, READING.c.period_end, READING.c.provisional, READING.c.taken_at, PORTAL.c.name)
        .join(READING, READING.c.id == CURRENT.c.reading_id)
        .join(PORTAL, PORTAL.c.id == CURRENT.c.portal_id)
        .where(PORTAL.c.archived_at.is_(None))
        .order_by(PORTAL.c.name, CURRENT.c.period_start, CURRENT.c.customer_id)
    )
    if portal_ids is not None:
        query = query.where(CURRENT.c.portal_id.in_(sorted(portal_ids)))
    if since is not None:
        query = query.where(CURRENT.c.period_start >= since)
    if period is not None:
        query = query.where(CURRENT.c.period_start == period)
    if customer_id is not None:
        query = query.where(CURRENT.c.customer_id == customer_id)
    rows = list(session.execute(query))
    lines = _lines_of(session, {row.reading_id for row in rows}, customer_id)
    periods = {row.reading_id: (row.period_start, row.period_end) for row in rows}
    return [_stored(row, lines.get((row.reading_id, row.customer_id), []), periods) for row in rows]


def example(session: Session, portal_id: int, customer_id: str | None = None) -> StoredConsumption | None:
    """The last month of a portal for one customer: this one, or the one of whom it tells most lines."""
    ours = CURRENT.c.portal_id == portal_id
    last = select(func.max(CURRENT.c.period_start)).where(ours)
    if customer_id is not None:
        last = last.where(CURRENT.c.customer_id == customer_id)
    period = session.execute(last).scalar()
    if period is None:
        return None
    if customer_id is None:
        most = (
            select(LINE.c.customer_id)
            .join(CURRENT, (CURRENT.c.reading_id == LINE.c.reading_id) & (CURRENT.c.customer_id == LINE.c.customer_id))
            .where(ours, CURRENT.c.period_start == period)
            .group_by(LINE.c.customer_id)
            .order_by(func.count().desc(), LINE.c.customer_id)
            .limit(1)
        )
        customer_id = session.execute(most).scalar()
    found = current(session, portal_ids=[portal_id], period=period, customer_id=customer_id)
    return found[0] if found and found[0].lines else None


def customers(session: Session, portal_id: int) -> list[tuple[str, str]]:
    """Id and name of everybody of whom a portal ever told amounts, by name."""
    known = (CUSTOMER.c.portal_id == CURRENT.c.portal_id) & (CUSTOMER.c.customer_id == CURRENT.c.customer_id)
    query = (
        select(CURRENT.c.customer_id, CUSTOMER.c.name)
        .outerjoin(CUSTOMER, known)
        .where(CURRENT.c.portal_id == portal_id)
        .distinct()
    )  # fmt: skip
    rows = [(row[0], row[1] or row[0]) for row in session.execute(query)]
    return sorted(rows, key=lambda one: (one[1].casefold(), one[0]))


def amounts(session: Session, period: date) -> list[Row[Any]]:
    """Every amount that counts in a period: portal, customer_id, customer, kind, amount (text), currency, provisional."""
    mine = (CURRENT.c.reading_id == LINE.c.reading_id) & (CURRENT.c.customer_id == LINE.c.customer_id)
    query = (
        select(
            PORTAL.c.name.label("portal"), LINE.c.customer_id, LINE.c.customer, LINE.c.kind, LINE.c.amount,
            LINE.c.currency, READING.c.provisional,
        )
        .join(CURRENT, mine)
        .join(READING, READING.c.id == LINE.c.reading_id)
        .join(PORTAL, PORTAL.c.id == CURRENT.c.portal_id)
        .where(CURRENT.c.period_start == period, PORTAL.c.archived_at.is_(None))
    )  # fmt: skip
    return list(session.execute(query))


def portals_with_consumption(session: Session) -> set[int]:
    """Portals of which any amount was ever told."""
    return set(session.execute(select(CURRENT.c.portal_id).distinct()).scalars())


def periods(session: Session) -> list[date]:
    """First days of the periods that are known, the latest first."""
    return list(
        session.execute(select(CURRENT.c.period_start).distinct().order_by(CURRENT.c.period_start.desc())).scalars()
    )


def readings(session: Session, portal_id: int, *, limit: int = 100) -> list[Row[Any]]:
    """The readings of a portal, the latest first: when, which period, how many lines, complete or not."""
    query = select(READING).where(READING.c.portal_id == portal_id).order_by(READING.c.id.desc()).limit(limit)
    return list(session.execute(query))


def last_readings(session: Session) -> dict[int, tuple[datetime, int]]:
    """When amounts were last told and how many lines came then, by portal."""
    newest = (
        select(READING.c.portal_id, func.max(READING.c.taken_at).label("at")).group_by(READING.c.portal_id).subquery()
    )
    then = (READING.c.portal_id == newest.c.portal_id) & (READING.c.taken_at == newest.c.at)
    rows = (
        select(READING.c.portal_id, READING.c.taken_at, func.sum(READING.c.lines))
        .join(newest, then)
        .group_by(READING.c.portal_id, READING.c.taken_at)
    )  # fmt: skip
    return {row[0]: (row[1], int(row[2])) for row in session.execute(rows)}


def files_of(session: Session, reading_ids: Collection[int]) -> list[str]:
    """Paths in the data directory of the files behind these readings."""
    found: list[str] = []
    for row in in_keys(session, select(READING.c.files), [READING.c.id], sorted(reading_ids)):
        found += row.files
    return list(dict.fromkeys(found))


def _known(session: Session, portal_id: int, reading: ConsumptionReading) -> int | None:
    query = (
        select(READING.c.id)
        .where(
            READING.c.portal_id == portal_id,
            READING.c.period_start == reading.period_start,
            READING.c.fingerprint == fingerprint_of(reading),
        )
        .order_by(READING.c.id.desc())
        .limit(1)
    )
    return session.execute(query).scalar()


def _is_newest(session: Session, portal_id: int, reading: ConsumptionReading, known: int) -> bool:
    """Whether nothing came in between about these customers: an old file that is brought again counts again."""
    wanted = {line.customer_id for line in reading.lines}
    if not reading.complete:
        return True
    counts = select(CURRENT.c.customer_id, CURRENT.c.reading_id).where(
        CURRENT.c.portal_id == portal_id, CURRENT.c.period_start == reading.period_start
    )
    found = {row[0]: row[1] for row in session.execute(counts)}
    return all(found.get(customer) == known for customer in wanted)


def fingerprint_of(reading: ConsumptionReading) -> str:
    """What tells a reading from another one: the source's own fingerprint with what makes it count, or all its lines."""
    lines = [_line_row(0, place, line) for place, line in enumerate(reading.lines)]
    parts = (reading.fingerprint, reading.period_start, reading.complete, reading.provisional, lines)
    return digest(canonical(parts))


def _store(
    session: Session, portal_id: int, reading: ConsumptionReading, run_id: int | None, files: Sequence[str]
) -> int:
    values = {
        "portal_id": portal_id,
        "run_id": run_id,
        "taken_at": reading.taken_at,
        "period_start": reading.period_start,
        "period_end": reading.period_end,
        "complete": reading.complete,
        "provisional": reading.provisional,
        "total": None if reading.total is None else str(reading.total),
        "fingerprint": fingerprint_of(reading),
        "lines": len(reading.lines),
        "notes": [text_to_json(note) for note in reading.notes],
        "files": list(files),
    }
    reading_id = int(session.execute(READING.insert().values(values).returning(READING.c.id)).scalar_one())
    insert_rows(session, LINE, [_line_row(reading_id, place, line) for place, line in enumerate(reading.lines)])
    if reading.complete:
        rows = [
            {"portal_id": portal_id, "period_start": reading.period_start, "customer_id": customer,
             "reading_id": reading_id}
            for customer in dict.fromkeys(line.customer_id for line in reading.lines)
        ]  # fmt: skip
        upsert_rows(session, CURRENT, rows, ["portal_id", "period_start", "customer_id"])
    return reading_id


def _save_customers(session: Session, portal_id: int, reading: ConsumptionReading) -> None:
    """Customers that are new can be mapped from now on; a name that was empty is filled in."""
    named: dict[str, str] = {}
    for line in reading.lines:
        named[line.customer_id] = named.get(line.customer_id) or line.customer
    query = select(CUSTOMER.c.customer_id).where(CUSTOMER.c.portal_id == portal_id)
    have = set(session.execute(query).scalars())
    rows = [
        {
            "portal_id": portal_id, "customer_id": customer_id, "name": name, "folded": folded(name),
            "confirmed_by": "", "first_seen_at": reading.taken_at,
        }
        for customer_id, name in named.items()
        if customer_id not in have
    ]  # fmt: skip
    insert_rows(session, CUSTOMER, rows)


def _line_row(reading_id: int, position: int, line: ConsumptionLine) -> dict[str, Any]:
    return {
        "reading_id": reading_id,
        "position": position,
        "customer_id": line.customer_id,
        "customer": line.customer,
        "kind": line.kind.value,
        "amount": str(line.amount),
        "currency": line.currency,
        "price": None if line.price is None else str(line.price),
        "quantity": None if line.quantity is None else str(line.quantity),
        "data": line_to_json(line),
    }


def _lines_of(
    session: Session, reading_ids: Iterable[int], customer_id: str | None
) -> Mapping[tuple[int, str], list[ConsumptionLine]]:
    query = select(LINE)
    if customer_id is not None:
        query = query.where(LINE.c.customer_id == customer_id)
    found: dict[tuple[int, str], list[tuple[int, ConsumptionLine]]] = defaultdict(list)
    for row in in_keys(session, query, [LINE.c.reading_id], sorted(reading_ids)):
        found[row.reading_id, row.customer_id].append((row.position, line_from_json(row.data)))
    return {key: [line for _, line in sorted(lines, key=lambda one: one[0])] for key, lines in found.items()}


def _stored(
    row: Row[Any], lines: Sequence[ConsumptionLine], periods: Mapping[int, tuple[date, date]]
) -> StoredConsumption:
    first, last = periods[row.reading_id]
    return StoredConsumption(
        portal_id=row.portal_id,
        portal=row.name,
        reading_id=row.reading_id,
        customer_id=row.customer_id,
        customer=next((line.customer for line in lines if line.customer), row.customer_id),
        period_start=first,
        period_end=last,
        provisional=row.provisional,
        taken_at=row.taken_at,
        lines=tuple(lines),
    )


def count(session: Session) -> int:
    """How many readings there are."""
    return int(session.execute(select(func.count()).select_from(READING)).scalar_one())
