"""Names of a portal's customers and products, to choose from."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Table, or_, select
from sqlalchemy.orm import Session

from core.store.folding import contains
from core.store.tables import table
from core.store.tables.mapping import PortalCustomerRow, PortalProductRow

CUSTOMER, PRODUCT = table(PortalCustomerRow), table(PortalProductRow)


def customers(session: Session, portal_id: int, text: str, named: Collection[str], limit: int) -> dict[str, str]:
    """Id → name, in order of name: those whose name contains all words of `text`, and those that are `named` in any case."""
    return _names(session, CUSTOMER, CUSTOMER.c.customer_id, (portal_id, text, limit), named)


def products(session: Session, portal_id: int, text: str, named: Collection[str], limit: int) -> dict[str, str]:
    """Key → name of products, whatever their terms, in the same way."""
    return _names(session, PRODUCT, PRODUCT.c.product_key, (portal_id, text, limit), named)


def _names(
    session: Session, found: Table, key: Any, wanted: tuple[int, str, int], named: Collection[str]
) -> dict[str, str]:
    portal_id, text, limit = wanted
    query = select(key, found.c.name).where(found.c.portal_id == portal_id).distinct()
    listed = session.execute(query.where(contains(found.c.folded, text)).order_by(found.c.name, key).limit(limit))
    names = {row[0]: row[1] or row[0] for row in listed}
    missing = sorted(set(named) - set(names))
    if missing:
        names |= {row[0]: row[1] or row[0] for row in session.execute(query.where(or_(key.in_(missing))))}
    return names
