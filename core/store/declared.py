"""What was mapped before any reading named it: by the words a person wrote in the workspace file, to be found in readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.domain.mapping import CustomerKey, CustomerMapping, ProductKey
from core.store.bulk import delete_rows
from core.store.tables import table
from core.store.tables.history import UsageLineRow
from core.store.tables.mapping import PortalCustomerRow, PortalProductRow, RuleSourceRow
from core.store.tables.workspace import PortalRow

PORTAL, CUSTOMER, PRODUCT = table(PortalRow), table(PortalCustomerRow), table(PortalProductRow)
LINE, SOURCE = table(UsageLineRow), table(RuleSourceRow)


@dataclass(frozen=True, slots=True)
class DeclaredProduct:
    """A product that no reading named; `ignored` is the reason to ignore it, None where rules use it."""

    row_id: int
    key: ProductKey
    ignored: str | None


def declared_customers(session: Session, portal: str) -> dict[int, CustomerMapping]:
    """Mapped customers of a portal that no reading named, by the number of their row."""
    read = select(LINE.c.id).where(
        LINE.c.portal_id == CUSTOMER.c.portal_id, LINE.c.customer_id == CUSTOMER.c.customer_id
    )
    query = (
        select(CUSTOMER.c.id, CUSTOMER.c.customer_id, CUSTOMER.c.name, CUSTOMER.c.company_id, CUSTOMER.c.ignored)
        .join(PORTAL, PORTAL.c.id == CUSTOMER.c.portal_id)
        .where(
            PORTAL.c.name == portal,
            PORTAL.c.archived_at.is_(None),
            CUSTOMER.c.company_id.is_not(None) | CUSTOMER.c.ignored.is_not(None),
            ~read.exists(),
        )
    )
    return {row[0]: CustomerMapping(CustomerKey(portal, row[1]), *row[2:]) for row in session.execute(query)}


def customer_names(session: Session, portal: str = "") -> dict[CustomerKey, str]:
    """Names of all customers that are known (of one portal)."""
    query = select(PORTAL.c.name, CUSTOMER.c.customer_id, CUSTOMER.c.name).join(
        PORTAL, PORTAL.c.id == CUSTOMER.c.portal_id
    )
    query = query.where(PORTAL.c.archived_at.is_(None))
    if portal:
        query = query.where(PORTAL.c.name == portal)
    return {CustomerKey(row[0], row[1]): row[2] for row in session.execute(query)}


def declared_products(session: Session, portal: str) -> list[DeclaredProduct]:
    """Mapped or ignored products of a portal that no reading named."""
    read = select(LINE.c.id).where(
        LINE.c.portal_id == PRODUCT.c.portal_id,
        LINE.c.product_key == PRODUCT.c.product_key,
        LINE.c.term == PRODUCT.c.term,
        LINE.c.billing_frequency == PRODUCT.c.billing_frequency,
    )
    ruled = select(SOURCE.c.id).where(SOURCE.c.product_id == PRODUCT.c.id)
    query = (
        select(PRODUCT.c.id, PRODUCT.c.product_key, PRODUCT.c.term, PRODUCT.c.billing_frequency, PRODUCT.c.ignored)
        .join(PORTAL, PORTAL.c.id == PRODUCT.c.portal_id)
        .where(
            PORTAL.c.name == portal,
            PORTAL.c.archived_at.is_(None),
            ruled.exists() | PRODUCT.c.ignored.is_not(None),
            ~read.exists(),
        )
    )
    return [DeclaredProduct(row[0], ProductKey(portal, *row[1:4]), row[4]) for row in session.execute(query)]


def drop_customers(session: Session, row_ids: Sequence[int]) -> None:
    """Remove customers that turned out to be others, which carry their mapping now."""
    delete_rows(session, CUSTOMER, [CUSTOMER.c.id], row_ids)


def drop_products(session: Session, row_ids: Sequence[int]) -> None:
    """Remove products that turned out to be others; no rule may use them any more."""
    delete_rows(session, PRODUCT, [PRODUCT.c.id], row_ids)


def linked_names(session: Session) -> list[tuple[str, int]]:
    """Names of portal customers, in all portals, with the company each is linked to: what a person confirmed is an alias."""
    query = select(CUSTOMER.c.name, CUSTOMER.c.company_id).where(
        CUSTOMER.c.company_id.is_not(None), CUSTOMER.c.ignored.is_(None)
    )
    return [(row[0], row[1]) for row in session.execute(query.distinct())]
