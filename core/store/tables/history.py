"""What was used, at any past moment: readings, usage lines, and the intervals in which a quantity was true."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, UniqueConstraint

from core.store.tables.base import Row, document, exact, instant, key, reference


class ReadingRow(Row, table=True):
    """One fetch of one portal, used or not. Counts are usage lines."""

    __tablename__ = "reading"
    __table_args__ = (Index(None, "portal_id", "taken_at"),)
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    run_id: int | None = reference("run.id", on_delete="SET NULL")
    taken_at: datetime = instant()
    status: str
    complete: bool = True
    scope: str = "portal"
    lines: int = 0
    customers: int = 0
    new: int = 0
    changed: int = 0
    ended: int = 0
    unchanged: int = 0
    kept: int = 0
    fingerprint: str = ""
    notes: list[Any] = document()
    failed_customers: dict[str, Any] = document()
    error: Any = document(optional=True)
    file_name: str = ""
    sha256: str = ""


class UsageLineRow(Row, table=True):
    """A usage line of one portal, with the words the portal last used for it."""

    __tablename__ = "usage_line"
    __table_args__ = (
        UniqueConstraint(
            "portal_id",
            "customer_id",
            "product_key",
            "term",
            "billing_frequency",
            "subscription_id",
            name="uq_usage_line_key",
        ),
        Index(None, "portal_id", "product_key"),
    )
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    customer_id: str
    product_key: str
    term: str = ""
    billing_frequency: str = ""
    subscription_id: str = ""
    product: str = ""
    unit: str = ""
    attributes: dict[str, Any] = document()
    first_seen_at: datetime = instant()
    confirmed_at: datetime = instant()


class UsageIntervalRow(Row, table=True):
    """A quantity of a line from `valid_from` until before `valid_to` (`OPEN_END`: still).

    A line has exactly one open interval; `present` is False in it once a reading proved that the line is gone.
    `quantity_since` is when this quantity began, which may be earlier than a new price.
    """

    __tablename__ = "usage_interval"
    __table_args__ = (
        UniqueConstraint("line_id", "valid_from"),
        UniqueConstraint("line_id", "valid_to"),
        Index(None, "valid_to", "valid_from"),
    )
    id: int | None = key()
    line_id: int = reference("usage_line.id", index=False)
    reading_id: int = reference("reading.id")
    valid_from: datetime = instant()
    valid_to: datetime = instant()
    quantity: Decimal = exact()
    present: bool = True
    quantity_since: datetime = instant()
    effective_date: date | None = None
    period_start: date | None = None
    period_end: date | None = None
    unit_cost: Decimal | None = exact(optional=True)
    unit_price: Decimal | None = exact(optional=True)
    currency: str = ""
    origin_source: str = ""
    origin_place: str = ""
    origin_rows: int = 1
