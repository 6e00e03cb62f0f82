"""Counts for cards and overviews: a handful of grouped queries, however many portals there are."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from core.store.tables import table
from core.store.tables.history import UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import PortalCustomerRow, PortalProductRow, RuleSourceRow
from core.store.tables.workspace import PortalRow
from core.store.types import OPEN_END

PORTAL, CUSTOMER, PRODUCT = table(PortalRow), table(PortalCustomerRow), table(PortalProductRow)
LINE, INTERVAL, SOURCE = table(UsageLineRow), table(UsageIntervalRow), table(RuleSourceRow)


@dataclass(slots=True)
class PortalNumbers:
    """Of one portal: usage lines it has now, customers and products it ever had, and how many of those wait for a mapping."""

    lines: int = 0
    customers: int = 0
    customers_pending: int = 0
    customers_mapped: int = 0
    products: int = 0
    products_pending: int = 0
    products_mapped: int = 0


def portal_numbers(session: Session) -> dict[int, PortalNumbers]:
    """The numbers of every portal that is not archived, by its id."""
    found = {
        row[0]: PortalNumbers() for row in session.execute(select(PORTAL.c.id).where(PORTAL.c.archived_at.is_(None)))
    }
    for portal_id, lines in session.execute(_lines()):
        if portal_id in found:
            found[portal_id].lines = lines
    for portal_id, total, pending, mapped in session.execute(_customers()):
        if portal_id in found:
            numbers = found[portal_id]
            numbers.customers, numbers.customers_pending, numbers.customers_mapped = total, pending, mapped
    for portal_id, total, pending, mapped in session.execute(_products()):
        if portal_id in found:
            numbers = found[portal_id]
            numbers.products, numbers.products_pending, numbers.products_mapped = total, pending, mapped
    return found


def _lines() -> Select[Any]:
    return (
        select(LINE.c.portal_id, func.count())
        .join(INTERVAL, (INTERVAL.c.line_id == LINE.c.id) & (INTERVAL.c.valid_to == OPEN_END))
        .where(INTERVAL.c.present)
        .group_by(LINE.c.portal_id)
    )


def _customers() -> Select[Any]:
    pending = CUSTOMER.c.company_id.is_(None) & CUSTOMER.c.ignored.is_(None)
    mapped = CUSTOMER.c.company_id.is_not(None) & CUSTOMER.c.ignored.is_(None)
    return select(
        CUSTOMER.c.portal_id,
        func.count(),
        func.sum(case((pending, 1), else_=0)),
        func.sum(case((mapped, 1), else_=0)),
    ).group_by(CUSTOMER.c.portal_id)


def _products() -> Select[Any]:
    has_rule = select(SOURCE.c.id).where(SOURCE.c.product_id == PRODUCT.c.id).exists()
    return select(
        PRODUCT.c.portal_id,
        func.count(),
        func.sum(case((~has_rule & PRODUCT.c.ignored.is_(None), 1), else_=0)),
        func.sum(case((has_rule, 1), else_=0)),
    ).group_by(PRODUCT.c.portal_id)


def portal_total(session: Session, portal_id: int) -> Decimal | None:
    """The sum of all quantities a portal has now; None before it has any line."""
    query = (
        select(func.count(), func.sum(INTERVAL.c.quantity))
        .select_from(LINE)
        .join(INTERVAL, (INTERVAL.c.line_id == LINE.c.id) & (INTERVAL.c.valid_to == OPEN_END))
        .where(LINE.c.portal_id == portal_id, INTERVAL.c.present)
    )
    count, total = session.execute(query).one()
    return Decimal(total) if count else None
