"""What stands behind a number: the lines at a moment, the reading that said so, and the file that it was read from (M13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.store import runs
from core.store.files import FILE, ImportedFile
from core.store.files import PORTAL as FILE_PORTAL
from core.store.history.moments import valid_at
from core.store.tables import table
from core.store.tables.history import ReadingRow, UsageIntervalRow, UsageLineRow
from core.store.tables.ledger import AuditRow

LINE, INTERVAL, READING = table(UsageLineRow), table(UsageIntervalRow), table(ReadingRow)
AUDIT = table(AuditRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLine:
    """A usage line at a moment, and the reading in which this quantity was first seen. `since` and `taken_at` are UTC instants.

    `present` is False where a reading proved that the line is gone. `source` and `place` say where in what was read it stands,
    `rows` how many records were summed.
    """

    line_id: int
    portal_id: int
    customer_id: str
    product_key: str
    term: str
    billing_frequency: str
    subscription_id: str
    unit: str
    attributes: dict[str, Any]
    quantity: Decimal
    present: bool
    since: datetime
    unit_price: Decimal | None
    unit_cost: Decimal | None
    currency: str
    source: str
    place: str
    rows: int
    reading_id: int
    taken_at: datetime
    complete: bool
    reading_lines: int
    run_id: int | None
    confirmed_at: datetime


def lines_behind(session: Session, line_ids: Sequence[int], instant: datetime) -> list[ReadLine]:
    """These lines (some hundreds at most) as they were at an instant; those not known yet are left out."""
    query = (
        select(
            LINE.c.id.label("line_id"), LINE.c.portal_id, LINE.c.customer_id, LINE.c.product_key, LINE.c.term,
            LINE.c.billing_frequency, LINE.c.subscription_id, LINE.c.unit, LINE.c.attributes, LINE.c.confirmed_at,
            INTERVAL.c.quantity, INTERVAL.c.present, INTERVAL.c.quantity_since.label("since"), INTERVAL.c.unit_price,
            INTERVAL.c.unit_cost, INTERVAL.c.currency, INTERVAL.c.origin_source.label("source"),
            INTERVAL.c.origin_place.label("place"), INTERVAL.c.origin_rows.label("rows"), INTERVAL.c.reading_id,
            READING.c.taken_at, READING.c.complete, READING.c.lines.label("reading_lines"), READING.c.run_id,
        )
        .select_from(INTERVAL)
        .join(LINE, LINE.c.id == INTERVAL.c.line_id)
        .join(READING, READING.c.id == INTERVAL.c.reading_id)
        .where(LINE.c.id.in_(list(line_ids)), valid_at(instant))
        .order_by(LINE.c.id)
    )  # fmt: skip
    return [ReadLine(**row._asdict()) for row in session.execute(query)]


def file_of(session: Session, reading_id: int) -> ImportedFile | None:
    """The file that a reading was made from; None where it was no file."""
    query = (
        select(FILE, FILE_PORTAL.c.name.label("portal"))
        .join(FILE_PORTAL, FILE_PORTAL.c.id == FILE.c.portal_id)
        .where(FILE.c.reading_id == reading_id)
        .order_by(FILE.c.id.desc())
        .limit(1)
    )
    row = session.execute(query).first()
    return ImportedFile(**row._asdict()) if row else None


def version(session: Session) -> tuple[int, int, int]:
    """Something that differs after every reading, everything a person did and every run that ended (which wrote, or read Autotask
    again): what was worked out before it may be old.
    """
    reading, audit = (session.execute(select(func.max(one.c.id))).scalar() or 0 for one in (READING, AUDIT))
    run = runs.last_finished(session)
    return reading, audit, run.id if run else 0
