"""What reports ask of history: lines at a moment, sums at several, what moved between two. Each is one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from core.store.folding import contains
from core.store.history.moments import touching, valid_at
from core.store.tables import table
from core.store.tables.directory import CompanyRow
from core.store.tables.history import ReadingRow, UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import PortalCustomerRow, PortalProductRow
from core.store.tables.workspace import PortalRow
from core.store.types import ExactDecimal

PORTAL, CUSTOMER, PRODUCT = table(PortalRow), table(PortalCustomerRow), table(PortalProductRow)
COMPANY, READING = table(CompanyRow), table(ReadingRow)
LINE, INTERVAL = table(UsageLineRow), table(UsageIntervalRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """What a report is about; empty or None: everything. `customer_ids` are numbers of portal customers (their rows)."""

    portal_ids: tuple[int, ...] | None = None
    customer_ids: tuple[int, ...] | None = None
    products: tuple[tuple[int, str], ...] | None = None
    """(number of the portal, product key)."""


class Customer(NamedTuple):
    """A portal customer and the company it is mapped to (None and empty: none yet)."""

    id: int
    portal_id: int
    customer_id: str
    name: str
    company_id: int | None
    company: str


class Line(NamedTuple):
    """A usage line at a moment. `since` is the UTC instant from which it had this quantity."""

    line_id: int
    portal_id: int
    customer_id: str
    product_key: str
    product: str
    unit: str
    term: str
    billing_frequency: str
    subscription_id: str
    quantity: Decimal
    since: datetime
    unit_price: Decimal | None
    currency: str
    origin: str


class Sum(NamedTuple):
    """Quantities of one product (of one customer, where asked for; else empty) at each moment; None: it was not there."""

    portal_id: int
    product_key: str
    customer_id: str
    totals: tuple[Decimal | None, ...]


class Event(NamedTuple):
    """At `at` a line got another quantity. `before` None: it was new; `after` None: it ended."""

    line_id: int
    portal_id: int
    customer_id: str
    product_key: str
    term: str
    billing_frequency: str
    at: datetime
    before: Decimal | None
    after: Decimal | None
    origin: str


def portal_names(session: Session) -> dict[int, str]:
    """Names of all portals, those put away too: their history is still there."""
    return {row[0]: row[1] for row in session.execute(select(PORTAL.c.id, PORTAL.c.name))}


def product_names(session: Session) -> dict[tuple[int, str], str]:
    """What each product of each portal is called now: after a rename its past is told under the new name."""
    query = select(PRODUCT.c.portal_id, PRODUCT.c.product_key, PRODUCT.c.name).order_by(PRODUCT.c.id)
    return {(row[0], row[1]): row[2] or row[1] for row in session.execute(query)}


def customers(session: Session, customer_ids: Sequence[int] | None = None) -> dict[tuple[int, str], Customer]:
    """Portal customers by portal and id."""
    query = _customers()
    if customer_ids is not None:
        query = query.where(CUSTOMER.c.id.in_(list(customer_ids)))
    return {(row.portal_id, row.customer_id): Customer(*row) for row in session.execute(query)}


def customers_named(session: Session, name: str) -> list[Customer]:
    """Portal customers whose name, id or company is exactly this, without regard to case."""
    query = _customers().where(or_(contains(CUSTOMER.c.folded, name), contains(COMPANY.c.folded, name)))
    wanted = name.casefold().strip()
    found = (Customer(*row) for row in session.execute(query))
    return [one for one in found if wanted in (one.name.casefold(), one.customer_id.casefold(), one.company.casefold())]


def customers_of(session: Session, company_id: int) -> list[Customer]:
    """The portal customers that are mapped to a company."""
    query = _customers().where(CUSTOMER.c.company_id == company_id, CUSTOMER.c.ignored.is_(None))
    return [Customer(*row) for row in session.execute(query)]


def first_readings(session: Session) -> dict[int, datetime]:
    """Since when each portal's history can be asked: before that its numbers are unknown, not zero (M2)."""
    query = (
        select(READING.c.portal_id, func.min(READING.c.taken_at))
        .where(READING.c.status == "used")
        .group_by(READING.c.portal_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def last_readings(session: Session, instant: datetime) -> dict[int, datetime]:
    """When each portal had last been read wholly at an instant."""
    query = (
        select(READING.c.portal_id, func.max(READING.c.taken_at))
        .where(
            READING.c.status == "used", READING.c.complete, READING.c.scope == "portal", READING.c.taken_at <= instant
        )
        .group_by(READING.c.portal_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def lines_at(session: Session, instant: datetime, within: Within | None = None) -> list[Line]:
    """All lines in use at an instant, in no order."""
    query = select(
        LINE.c.id, LINE.c.portal_id, LINE.c.customer_id, LINE.c.product_key, LINE.c.product, LINE.c.unit, LINE.c.term,
        LINE.c.billing_frequency, LINE.c.subscription_id, INTERVAL.c.quantity, INTERVAL.c.quantity_since,
        INTERVAL.c.unit_price, INTERVAL.c.currency, INTERVAL.c.origin_source, INTERVAL.c.origin_place,
    )  # fmt: skip
    query = _within(query.select_from(INTERVAL).join(LINE, LINE.c.id == INTERVAL.c.line_id), within or Within())
    rows = session.execute(query.where(INTERVAL.c.present, valid_at(instant)))
    return [Line._make((*row[:13], " · ".join(filter(None, row[13:])))) for row in rows]


def sums_at(
    session: Session, instants: Sequence[datetime], within: Within | None = None, *, by_customer: bool = False
) -> list[Sum]:
    """Sums per product, or per product and customer, at each instant; what was there at none of them is left out."""
    customer: ColumnElement[Any] = LINE.c.customer_id if by_customer else literal("").label("customer_id")
    keys = [LINE.c.portal_id, LINE.c.product_key, *([LINE.c.customer_id] if by_customer else [])]
    totals = [
        func.sum(case((valid_at(instant), INTERVAL.c.quantity)), type_=ExactDecimal()).label(f"at_{place}")
        for place, instant in enumerate(instants)
    ]
    query = select(LINE.c.portal_id, LINE.c.product_key, customer, *totals).select_from(INTERVAL)
    query = _within(query.join(LINE, LINE.c.id == INTERVAL.c.line_id), within or Within())
    query = query.where(INTERVAL.c.present, touching(instants)).group_by(*keys)
    rows = (Sum(row[0], row[1], row[2], tuple(row[3:])) for row in session.execute(query))
    return [one for one in rows if any(total is not None for total in one.totals)]


def events_between(
    session: Session, start: datetime, end: datetime, within: Within | None = None, *, limit: int | None = None
) -> list[Event]:
    """Each change of a quantity after `start` until `end`, newest first; changes of price alone are none.

    `limit` keeps the newest; ask for one more than you show to know whether there are others.
    """
    before = INTERVAL.alias("before")
    query = (
        select(
            LINE.c.id, LINE.c.portal_id, LINE.c.customer_id, LINE.c.product_key, LINE.c.term, LINE.c.billing_frequency,
            INTERVAL.c.valid_from, before.c.quantity, before.c.present, INTERVAL.c.quantity, INTERVAL.c.present,
            INTERVAL.c.origin_source, INTERVAL.c.origin_place,
        )
        .select_from(INTERVAL)
        .join(LINE, LINE.c.id == INTERVAL.c.line_id)
        .outerjoin(before, and_(before.c.line_id == INTERVAL.c.line_id, before.c.valid_to == INTERVAL.c.valid_from))
        .where(INTERVAL.c.valid_from > start, INTERVAL.c.valid_from <= end)
        # An interval in which the quantity began is one in which it changed.
        .where(INTERVAL.c.quantity_since == INTERVAL.c.valid_from, or_(INTERVAL.c.present, before.c.present))
        # A second reading of the same instant may have put back what was before.
        .where(
            or_(
                before.c.id.is_(None),
                before.c.quantity != INTERVAL.c.quantity,
                before.c.present != INTERVAL.c.present,
            )
        )
        .order_by(INTERVAL.c.valid_from.desc(), LINE.c.id)
    )  # fmt: skip
    query = _within(query, within or Within())
    return [_event(row) for row in session.execute(query if limit is None else query.limit(limit))]


def _event(row: Any) -> Event:
    was = row[7] if row[8] else None
    now = row[9] if row[10] else None
    return Event._make((*row[:7], was, now, " · ".join(filter(None, row[11:]))))


def _customers() -> Select[Any]:
    return (
        select(
            CUSTOMER.c.id, CUSTOMER.c.portal_id, CUSTOMER.c.customer_id, CUSTOMER.c.name, CUSTOMER.c.company_id,
            func.coalesce(COMPANY.c.name, "").label("company"),
        )
        .select_from(CUSTOMER)
        .outerjoin(COMPANY, COMPANY.c.id == CUSTOMER.c.company_id)
        .order_by(CUSTOMER.c.id)
    )  # fmt: skip


def _within(query: Select[Any], within: Within) -> Select[Any]:
    for condition in _conditions(within):
        query = query.where(condition)
    if within.customer_ids is not None:
        joined = and_(CUSTOMER.c.portal_id == LINE.c.portal_id, CUSTOMER.c.customer_id == LINE.c.customer_id)
        query = query.join(CUSTOMER, joined).where(CUSTOMER.c.id.in_(within.customer_ids))
    return query


def _conditions(within: Within) -> Iterator[ColumnElement[bool]]:
    if within.portal_ids is not None:
        yield LINE.c.portal_id.in_(within.portal_ids)
    if within.products is not None:
        yield or_(
            literal(False),
            *(and_(LINE.c.portal_id == portal, LINE.c.product_key == key) for portal, key in within.products),
        )
