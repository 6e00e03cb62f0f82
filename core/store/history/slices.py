"""Slices of history for people who look back: filtered, sorted and cut in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from core.store.folding import contains
from core.store.history.moments import valid_at
from core.store.tables import table
from core.store.tables.directory import CompanyRow
from core.store.tables.history import UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import PortalCustomerRow
from core.store.tables.workspace import PortalRow

PORTAL, CUSTOMER, COMPANY = table(PortalRow), table(PortalCustomerRow), table(CompanyRow)
LINE, INTERVAL = table(UsageLineRow), table(UsageIntervalRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedLine:
    """One usage line at a moment; `since` is the UTC instant from which it had this quantity."""

    line_id: int
    portal: str
    customer: str
    company: str
    product: str
    term: str
    billing_frequency: str
    quantity: Decimal
    since: datetime
    origin: str


def used_at(
    session: Session,
    instant: datetime,
    *,
    text: str = "",
    portal: str = "",
    sort: str = "",
    offset: int = 0,
    limit: int = 100,
) -> tuple[list[UsedLine], int]:
    """Lines in use at an instant: one slice of them, and how many there are in all."""
    query = _lines(instant, text, portal)
    total = session.execute(select(func.count()).select_from(query.order_by(None).subquery())).scalar_one()
    rows = session.execute(query.order_by(*_order(sort)).offset(offset).limit(limit))
    return [_line(row) for row in rows], total


def _lines(instant: datetime, text: str, portal: str) -> Select[Any]:
    query = (
        select(
            LINE.c.id,
            PORTAL.c.name.label("portal"),
            CUSTOMER.c.name.label("customer"),
            func.coalesce(COMPANY.c.name, "").label("company"),
            LINE.c.product,
            LINE.c.term,
            LINE.c.billing_frequency,
            INTERVAL.c.quantity,
            INTERVAL.c.quantity_since,
            INTERVAL.c.origin_source,
            INTERVAL.c.origin_place,
        )
        .select_from(INTERVAL)
        .join(LINE, LINE.c.id == INTERVAL.c.line_id)
        .join(PORTAL, PORTAL.c.id == LINE.c.portal_id)
        .join(CUSTOMER, and_(CUSTOMER.c.portal_id == LINE.c.portal_id, CUSTOMER.c.customer_id == LINE.c.customer_id))
        .outerjoin(COMPANY, COMPANY.c.id == CUSTOMER.c.company_id)
        .where(INTERVAL.c.present, valid_at(instant))
    )
    if portal:
        query = query.where(PORTAL.c.name == portal)
    if text:
        query = query.where(
            or_(
                contains(CUSTOMER.c.folded, text),
                contains(func.lower(LINE.c.product), text),
                contains(COMPANY.c.folded, text),
            )
        )
    return query


def _order(sort: str) -> tuple[ColumnElement[Any], ...]:
    by_name = (CUSTOMER.c.folded, LINE.c.product, LINE.c.id)
    return {
        "product": (LINE.c.product, *by_name),
        "portal": (PORTAL.c.name, *by_name),
        "company": (COMPANY.c.folded, *by_name),
        "quantity": (INTERVAL.c.quantity.desc(), *by_name),
        "since": (INTERVAL.c.quantity_since.desc(), *by_name),
    }.get(sort, by_name)


def _line(row: Any) -> UsedLine:
    origin = " · ".join(part for part in (row.origin_source, row.origin_place) if part)
    return UsedLine(
        line_id=row.id, portal=row.portal, customer=row.customer, company=row.company, product=row.product, term=row.term,
        billing_frequency=row.billing_frequency, quantity=row.quantity, since=row.quantity_since, origin=origin,
    )  # fmt: skip
