"""Looking back: what was used at an instant, what moved between two, and the story of one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, and_, select
from sqlalchemy.orm import Session

from core.store.tables import table
from core.store.tables.history import UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import PortalCustomerRow
from core.store.tables.workspace import PortalRow
from core.store.types import OPEN_END

PORTAL, CUSTOMER = table(PortalRow), table(PortalCustomerRow)
LINE, INTERVAL = table(UsageLineRow), table(UsageIntervalRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A quantity of a line while it was true: from `valid_from` until before `valid_to` (None: still). UTC instants."""

    line_id: int
    portal_id: int
    portal: str
    customer_id: str
    customer: str
    company_id: int | None
    product_key: str
    product: str
    unit: str
    term: str
    billing_frequency: str
    subscription_id: str
    quantity: Decimal
    present: bool
    unit_cost: Decimal | None
    unit_price: Decimal | None
    currency: str
    valid_from: datetime
    valid_to: datetime | None
    reading_id: int
    origin: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A line whose quantity differs between two instants; None: it was not known yet."""

    used: Used
    before: Decimal | None
    after: Decimal


def as_of(
    session: Session,
    instant: datetime,
    *,
    portal_ids: Sequence[int] | None = None,
    company_ids: Sequence[int] | None = None,
    gone: bool = False,
) -> list[Used]:
    """What was used at an instant, in order of portal, customer and product; `gone` adds lines that had ended by then."""
    query = _query(portal_ids, company_ids).where(INTERVAL.c.valid_from <= instant, INTERVAL.c.valid_to > instant)
    if not gone:
        query = query.where(INTERVAL.c.present)
    return [_used(row) for row in session.execute(query)]


def changes_between(
    session: Session, start: datetime, end: datetime, *, portal_ids: Sequence[int] | None = None
) -> list[Moved]:
    """Lines whose quantity at `end` differs from that at `start`."""
    earlier = INTERVAL.alias("earlier")
    query = (
        _query(portal_ids, None)
        .add_columns(earlier.c.quantity.label("before"))
        .outerjoin(
            earlier,
            and_(earlier.c.line_id == LINE.c.id, earlier.c.valid_from <= start, earlier.c.valid_to > start),
        )
        .where(
            INTERVAL.c.valid_from <= end,
            INTERVAL.c.valid_to > end,
            INTERVAL.c.quantity_since > start,
            earlier.c.quantity.is_distinct_from(INTERVAL.c.quantity),
        )
    )
    return [Moved(_used(row), row.before, row.quantity) for row in session.execute(query)]


def timeline(session: Session, line_id: int) -> list[Used]:
    """All intervals of one line, oldest first."""
    query = _query(None, None).where(LINE.c.id == line_id).order_by(None).order_by(INTERVAL.c.valid_from)
    return [_used(row) for row in session.execute(query)]


def _query(portal_ids: Sequence[int] | None, company_ids: Sequence[int] | None) -> Select[Any]:
    query = (
        select(
            LINE.c.id.label("line_id"),
            LINE.c.portal_id,
            PORTAL.c.name.label("portal"),
            LINE.c.customer_id,
            CUSTOMER.c.name.label("customer"),
            CUSTOMER.c.company_id,
            LINE.c.product_key,
            LINE.c.product,
            LINE.c.unit,
            LINE.c.term,
            LINE.c.billing_frequency,
            LINE.c.subscription_id,
            INTERVAL.c.quantity,
            INTERVAL.c.present,
            INTERVAL.c.unit_cost,
            INTERVAL.c.unit_price,
            INTERVAL.c.currency,
            INTERVAL.c.valid_from,
            INTERVAL.c.valid_to,
            INTERVAL.c.reading_id,
            INTERVAL.c.origin_source,
            INTERVAL.c.origin_place,
        )
        .select_from(INTERVAL)
        .join(LINE, LINE.c.id == INTERVAL.c.line_id)
        .join(PORTAL, PORTAL.c.id == LINE.c.portal_id)
        .join(CUSTOMER, (CUSTOMER.c.portal_id == LINE.c.portal_id) & (CUSTOMER.c.customer_id == LINE.c.customer_id))
        .order_by(PORTAL.c.name, CUSTOMER.c.folded, LINE.c.product, LINE.c.id)
    )
    if portal_ids is not None:
        query = query.where(LINE.c.portal_id.in_(list(portal_ids)))
    if company_ids is not None:
        query = query.where(CUSTOMER.c.company_id.in_(list(company_ids)))
    return query


def _used(row: Row[Any]) -> Used:
    values = row._asdict()
    origin = f"{values.pop('origin_source')} {values.pop('origin_place')}".strip()
    values.pop("before", None)
    if values["valid_to"] == OPEN_END:
        values["valid_to"] = None
    return Used(**values, origin=origin)
