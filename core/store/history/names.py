"""The words of a portal: names of its customers and products, as they were last told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.domain.usage import LineKey, Reading, UsageLine
from core.store.bulk import insert_rows, update_rows
from core.store.folding import folded
from core.store.history.compare import Known, usable
from core.store.tables import table
from core.store.tables.history import UsageLineRow
from core.store.tables.mapping import PortalCustomerRow, PortalProductRow

CUSTOMER, PRODUCT, LINE = table(PortalCustomerRow), table(PortalProductRow), table(UsageLineRow)


def save_names(
    session: Session,
    portal_id: int,
    reading: Reading,
    known: Mapping[LineKey, Known],
    customers_read: Mapping[str, datetime | None],
    *,
    newest: bool,
) -> None:
    """Add customers and products that are new; where the reading is the `newest`, take over names that changed.

    `customers_read` tells when a customer was last read wholly, also one that is new: absent from a whole reading.
    """
    customers: dict[str, UsageLine] = {}
    products: dict[tuple[str, str, str], UsageLine] = {}
    for line in usable(reading):
        customers.setdefault(line.customer_id, line)
        products.setdefault((line.product_key, line.term, line.billing_frequency), line)
    fresh = _save_customers(session, portal_id, reading, customers, newest)
    insert_rows(session, CUSTOMER, [row | {"read_at": customers_read.get(row["customer_id"])} for row in fresh])
    _save_products(session, portal_id, reading, products, newest)
    if newest:
        _save_words(session, reading, known)


def words_of(line: UsageLine) -> tuple[str, str, dict[str, str]]:
    """What a usage line carries besides its facts: product name, unit, attributes."""
    return line.product, line.unit, dict(line.attributes)


def _save_customers(
    session: Session, portal_id: int, reading: Reading, customers: dict[str, UsageLine], newest: bool
) -> list[dict[str, Any]]:
    """Take over names that changed; gives the rows of customers that are new."""
    have = {
        row.customer_id: row
        for row in session.execute(
            select(CUSTOMER.c.id, CUSTOMER.c.customer_id, CUSTOMER.c.name).where(CUSTOMER.c.portal_id == portal_id)
        )
    }
    fresh = [
        {
            "portal_id": portal_id,
            "customer_id": name,
            "name": line.customer,
            "folded": folded(line.customer, name),
            "first_seen_at": reading.taken_at,
        }
        for name, line in customers.items()
        if name not in have
    ]
    renamed = [
        {"id": have[name].id, "name": line.customer, "folded": folded(line.customer, name)}
        for name, line in customers.items()
        if newest and name in have and line.customer and have[name].name != line.customer
    ]
    update_rows(session, CUSTOMER, renamed, ["id"])
    return fresh


def _save_products(
    session: Session, portal_id: int, reading: Reading, products: dict[tuple[str, str, str], UsageLine], newest: bool
) -> None:
    query = select(
        PRODUCT.c.product_key, PRODUCT.c.term, PRODUCT.c.billing_frequency,
        PRODUCT.c.id, PRODUCT.c.name, PRODUCT.c.unit,
    ).where(PRODUCT.c.portal_id == portal_id)  # fmt: skip
    have = {tuple(row[:3]): row for row in session.execute(query)}
    fresh: list[dict[str, Any]] = []
    renamed: list[dict[str, Any]] = []
    for key, line in products.items():
        words = {"name": line.product, "folded": folded(line.product, line.product_key), "unit": line.unit}
        if key not in have:
            fresh.append(
                {"portal_id": portal_id, "product_key": key[0], "term": key[1], "billing_frequency": key[2]}
                | words
                | {"first_seen_at": reading.taken_at}
            )
        elif newest and line.product and (have[key].name, have[key].unit) != (line.product, line.unit):
            renamed.append({"id": have[key].id} | words)
    insert_rows(session, PRODUCT, fresh)
    update_rows(session, PRODUCT, renamed, ["id"])


def _save_words(session: Session, reading: Reading, known: Mapping[LineKey, Known]) -> None:
    changed: list[dict[str, Any]] = []
    for line in usable(reading):
        before = known.get(line.key)
        if before is not None and before.words != (words := words_of(line)):
            product, unit, attributes = words
            changed.append({"id": before.line_id, "product": product, "unit": unit, "attributes": attributes})
    update_rows(session, LINE, changed, ["id"])
