"""Portal products: the grid, and which are ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, case, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.domain.mapping import ProductKey
from core.domain.paging import Page, PageQuery
from core.store.bulk import in_keys, insert_or_nothing, update_rows
from core.store.folding import contains, folded
from core.store.mappings.edits import Author, Key, State, apply_edit, register
from core.store.portal_ids import portal_ids, portal_names
from core.store.tables import table
from core.store.tables.history import UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import PortalProductRow, RuleSourceRow
from core.store.tables.workspace import PortalRow
from core.store.types import OPEN_END

PORTAL, PRODUCT, SOURCE = table(PortalRow), table(PortalProductRow), table(RuleSourceRow)
LINE, INTERVAL = table(UsageLineRow), table(UsageIntervalRow)
KEY = (PRODUCT.c.portal_id, PRODUCT.c.product_key, PRODUCT.c.term, PRODUCT.c.billing_frequency)

RULED = select(SOURCE.c.id).where(SOURCE.c.product_id == PRODUCT.c.id).exists()
status_of = case((PRODUCT.c.ignored.is_not(None), "ignored"), (RULED, "mapped"), else_="pending")
SORTS: Mapping[str, ColumnElement[Any]] = {
    "product": PRODUCT.c.folded,
    "portal": PORTAL.c.name,
    "status": status_of,
    "product_key": PRODUCT.c.product_key,
    "term": PRODUCT.c.term,
    "billing_frequency": PRODUCT.c.billing_frequency,
}
COUNTED = ("customers", "quantity")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductEntry:
    """One portal product. `status`: mapped, pending, ignored. `customers` use `quantity` of it now; `rules` are numbers."""

    key: ProductKey
    product: str
    unit: str
    status: str
    ignored: str
    customers: int
    quantity: Decimal
    rules: tuple[int, ...]


def page_products(session: Session, query: PageQuery) -> Page[ProductEntry]:
    """Portal products, filtered, sorted and cut. `text` is searched in name and key."""
    where = _where(query)
    source = PRODUCT.join(PORTAL, PORTAL.c.id == PRODUCT.c.portal_id)
    total = session.execute(select(func.count()).select_from(source).where(*where)).scalar_one()
    found = session.execute(_rows(query, source).where(*where).limit(query.size).offset(query.offset)).all()
    used = _used(session, [_key(row) for row in found])
    rules = _rules(session, [row.id for row in found])
    return Page(tuple(_entry(row, used.get(_key(row)), rules.get(row.id, ())) for row in found), total)


def find_products(session: Session, portal: str = "") -> dict[ProductKey, str]:
    """Names of all products that are known (of one portal)."""
    query = select(PORTAL.c.name, *KEY[1:], PRODUCT.c.name).join(PORTAL, PORTAL.c.id == PRODUCT.c.portal_id)
    query = query.where(PORTAL.c.archived_at.is_(None)).order_by(PRODUCT.c.folded, PRODUCT.c.id)
    if portal:
        query = query.where(PORTAL.c.name == portal)
    return {ProductKey(*row[:4]): row[4] for row in session.execute(query)}


def pending_products(session: Session, portal: str = "") -> dict[ProductKey, str]:
    """Names of products that feed no rule and are not ignored: what suggestions are made for."""
    query = select(PORTAL.c.name, *KEY[1:], PRODUCT.c.name).join(PORTAL, PORTAL.c.id == PRODUCT.c.portal_id)
    query = query.where(PORTAL.c.archived_at.is_(None), PRODUCT.c.ignored.is_(None), ~RULED)
    if portal:
        query = query.where(PORTAL.c.name == portal)
    return {ProductKey(*row[:4]): row[4] for row in session.execute(query.order_by(PRODUCT.c.folded, PRODUCT.c.id))}


def count_products(session: Session) -> dict[tuple[str, str], int]:
    """How many products there are by (portal, status)."""
    inner = (
        select(PORTAL.c.name.label("portal"), status_of.label("status"))
        .join(PORTAL, PORTAL.c.id == PRODUCT.c.portal_id)
        .where(PORTAL.c.archived_at.is_(None))
        .subquery()
    )
    query = select(inner.c.portal, inner.c.status, func.count()).group_by(inner.c.portal, inner.c.status)
    return {(row[0], row[1]): row[2] for row in session.execute(query)}


def ignore_products(
    session: Session, reasons: Mapping[ProductKey, str | None], author: Author, *, text: str = ""
) -> int | None:
    """Ignore products with a reason (None: no longer), in one batch; gives its number, None when nothing changed.

    A product that no reading has named yet is added. Raises LookupError for an unknown portal.
    """
    ensure_products(session, reasons, author)
    ids = portal_ids(session)
    states = {(ids[key.portal], *key[1:]): {"ignored": reason} for key, reason in reasons.items()}
    return apply_edit(session, PRODUCTS, states, author, text)


def ensure_products(session: Session, keys: Iterable[ProductKey], author: Author) -> None:
    """Add products that are not known yet. Raises LookupError for an unknown portal."""
    ids = portal_ids(session)
    rows = []
    for key in keys:
        if key.portal not in ids:
            raise LookupError(f"no portal {key.portal}")
        values = {"portal_id": ids[key.portal], "name": key.product_key, "folded": folded(key.product_key)}
        rows.append(values | key._asdict() | {"first_seen_at": author.at})
    for row in rows:
        del row["portal"]
    if rows:
        names = [column.name for column in KEY]
        session.execute(insert_or_nothing(session, PRODUCT, names), rows)


def product_numbers(session: Session, keys: Sequence[Key]) -> dict[Key, int]:
    """Row numbers of products by (portal number, key, term, billing frequency)."""
    return {tuple(row[:4]): row[4] for row in in_keys(session, select(*KEY, PRODUCT.c.id), KEY, keys)}


class _Products:
    name = "product"

    def read(self, session: Session, keys: Iterable[Key]) -> dict[Key, State]:
        rows = in_keys(session, select(*KEY, PRODUCT.c.ignored), KEY, keys)
        return {tuple(row[:4]): {"ignored": row[4]} for row in rows}

    def write(self, session: Session, states: Mapping[Key, State], author: Author) -> None:
        names = [column.name for column in KEY]
        rows = [
            dict(zip(names, key, strict=True)) | {"ignored": (state or {}).get("ignored")}
            for key, state in states.items()
        ]
        update_rows(session, PRODUCT, rows, names)

    def titles(self, session: Session, keys: Iterable[Key]) -> dict[Key, str]:
        portals = portal_names(session)
        rows = in_keys(session, select(*KEY, PRODUCT.c.name), KEY, keys)
        return {tuple(row[:4]): f"{portals.get(row[0], '')} / {row[4]}" for row in rows}


PRODUCTS = register(_Products())


def _where(query: PageQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [PORTAL.c.archived_at.is_(None)]
    if query.portal:
        where.append(PORTAL.c.name == query.portal)
    if query.status:
        where.append(status_of == query.status)
    if query.text:
        where.append(contains(PRODUCT.c.folded, query.text))
    return where


def _rows(query: PageQuery, source: Any) -> Select[Any]:
    if query.sort in COUNTED:
        totals = _totals().group_by(*LINE_KEY).subquery()
        same = [totals.c[column.name] == column for column in KEY]
        source = source.outerjoin(totals, same[0] & same[1] & same[2] & same[3])
        order: ColumnElement[Any] = func.coalesce(totals.c[query.sort], 0)
    else:
        order = SORTS.get(query.sort, PRODUCT.c.folded)
    order = order.desc() if query.descending else order.asc()
    columns = (PRODUCT, PORTAL.c.name.label("portal"), status_of.label("status"))
    return select(*columns).select_from(source).order_by(order, PRODUCT.c.id)


LINE_KEY = (LINE.c.portal_id, LINE.c.product_key, LINE.c.term, LINE.c.billing_frequency)


def _totals() -> Select[Any]:
    return select(
        *LINE_KEY,
        func.count(LINE.c.customer_id.distinct()).label("customers"),
        func.sum(INTERVAL.c.quantity).label("quantity"),
    ).join(INTERVAL, (INTERVAL.c.line_id == LINE.c.id) & (INTERVAL.c.valid_to == OPEN_END) & INTERVAL.c.present)


def _used(session: Session, keys: Sequence[Key]) -> dict[Key, tuple[int, Decimal]]:
    rows = in_keys(session, _totals().group_by(*LINE_KEY), LINE_KEY, keys)
    return {tuple(row[:4]): (row[4], row[5] or Decimal(0)) for row in rows}


def _rules(session: Session, product_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    query = select(SOURCE.c.product_id, SOURCE.c.rule_id).order_by(SOURCE.c.rule_id)
    rules: dict[int, tuple[int, ...]] = {}
    for product_id, rule_id in in_keys(session, query, [SOURCE.c.product_id], product_ids):
        rules[product_id] = (*rules.get(product_id, ()), rule_id)
    return rules


def _key(row: Row[Any]) -> Key:
    return (row.portal_id, row.product_key, row.term, row.billing_frequency)


def _entry(row: Row[Any], used: tuple[int, Decimal] | None, rules: tuple[int, ...]) -> ProductEntry:
    customers, quantity = used or (0, Decimal(0))
    return ProductEntry(
        key=ProductKey(row.portal, row.product_key, row.term, row.billing_frequency),
        product=row.name,
        unit=row.unit,
        status=row.status,
        ignored=row.ignored or "",
        customers=customers,
        quantity=quantity,
        rules=rules,
    )
