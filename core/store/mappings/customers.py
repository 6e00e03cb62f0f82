"""Portal customers: the grid, links to companies, aliases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, Subquery, case, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.domain.mapping import CustomerKey, CustomerMapping
from core.domain.paging import Page, PageQuery
from core.store.bulk import in_keys, insert_or_nothing, update_rows, upsert_rows
from core.store.folding import contains, folded
from core.store.mappings.edits import Author, Key, State, apply_edit, register
from core.store.portal_ids import portal_ids, portal_names
from core.store.tables import table
from core.store.tables.directory import CompanyRow
from core.store.tables.history import UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import CustomerAliasRow, PortalCustomerRow
from core.store.tables.workspace import PortalRow
from core.store.types import OPEN_END

PORTAL, CUSTOMER, ALIAS = table(PortalRow), table(PortalCustomerRow), table(CustomerAliasRow)
COMPANY, LINE, INTERVAL = table(CompanyRow), table(UsageLineRow), table(UsageIntervalRow)

status_of = case(
    (CUSTOMER.c.ignored.is_not(None), "ignored"), (CUSTOMER.c.company_id.is_not(None), "mapped"), else_="pending"
)
SORTS: Mapping[str, ColumnElement[Any]] = {
    "customer": CUSTOMER.c.folded,
    "portal": PORTAL.c.name,
    "company": COMPANY.c.folded,
    "status": status_of,
    "customer_id": CUSTOMER.c.customer_id,
}
COUNTED = ("lines", "quantity")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEntry:
    """One portal customer. `status`: mapped, pending, ignored. `lines` and `quantity` are what it uses now."""

    portal: str
    customer_id: str
    customer: str
    status: str
    company_id: int | None
    company: str
    ignored: str
    confirmed_by: str
    confirmed_at: datetime | None
    lines: int
    quantity: Decimal


def page_customers(session: Session, query: PageQuery) -> Page[CustomerEntry]:
    """Portal customers, filtered, sorted and cut. `text` is searched in the names of customer and company."""
    where = _where(query)
    source = CUSTOMER.join(PORTAL, PORTAL.c.id == CUSTOMER.c.portal_id).outerjoin(
        COMPANY, COMPANY.c.id == CUSTOMER.c.company_id
    )
    # Counting needs no names unless they are searched.
    counted = source if query.text else CUSTOMER.join(PORTAL, PORTAL.c.id == CUSTOMER.c.portal_id)
    total = session.execute(select(func.count()).select_from(counted).where(*where)).scalar_one()
    rows = _rows(query, source).where(*where).limit(query.size).offset(query.offset)
    found = session.execute(rows).all()
    used = _used(session, [(row.portal_id, row.customer_id) for row in found])
    nothing = (0, Decimal(0))
    return Page(tuple(_entry(row, used.get((row.portal_id, row.customer_id), nothing)) for row in found), total)


def find_customers(session: Session, keys: Sequence[CustomerKey]) -> dict[CustomerKey, CustomerMapping]:
    """How these customers are mapped; unknown ones are left out."""
    ids = portal_ids(session)
    names = {number: name for name, number in ids.items()}
    wanted = [(ids[key.portal], key.customer_id) for key in keys if key.portal in ids]
    query = select(
        CUSTOMER.c.portal_id, CUSTOMER.c.customer_id, CUSTOMER.c.name, CUSTOMER.c.company_id, CUSTOMER.c.ignored
    )
    found = (
        CustomerMapping(CustomerKey(names[row[0]], row[1]), *row[2:])
        for row in in_keys(session, query, [CUSTOMER.c.portal_id, CUSTOMER.c.customer_id], wanted)
    )
    return {mapping.key: mapping for mapping in found}


def pending_customers(session: Session, portal: str = "") -> list[CustomerMapping]:
    """All customers that are neither linked nor ignored, by name: what suggestions are made for."""
    query = (
        select(PORTAL.c.name, CUSTOMER.c.customer_id, CUSTOMER.c.name)
        .join(PORTAL, PORTAL.c.id == CUSTOMER.c.portal_id)
        .where(PORTAL.c.archived_at.is_(None), CUSTOMER.c.company_id.is_(None), CUSTOMER.c.ignored.is_(None))
        .order_by(CUSTOMER.c.folded, CUSTOMER.c.id)
    )
    if portal:
        query = query.where(PORTAL.c.name == portal)
    return [CustomerMapping(CustomerKey(row[0], row[1]), row[2]) for row in session.execute(query)]


def count_customers(session: Session) -> dict[tuple[str, str], int]:
    """How many customers there are by (portal, status)."""
    query = (
        select(PORTAL.c.name, status_of, func.count())
        .join(PORTAL, PORTAL.c.id == CUSTOMER.c.portal_id)
        .where(PORTAL.c.archived_at.is_(None))
        .group_by(PORTAL.c.name, status_of)
    )
    return {(row[0], row[1]): row[2] for row in session.execute(query)}


def set_customers(
    session: Session, mappings: Sequence[CustomerMapping], author: Author, *, text: str = ""
) -> int | None:
    """Link, ignore or (both None) set free these customers, in one batch; gives its number, None when nothing changed.

    A customer that no reading has named yet is added. Raises LookupError for an unknown portal.
    """
    ids = portal_ids(session)
    states: dict[Key, State] = {}
    names: dict[Key, str] = {}
    for mapping in mappings:
        if mapping.key.portal not in ids:
            raise LookupError(f"no portal {mapping.key.portal}")
        key = (ids[mapping.key.portal], mapping.key.customer_id)
        states[key] = {"company_id": mapping.company_id, "ignored": mapping.ignored}
        names[key] = mapping.customer or mapping.key.customer_id
    rows = [
        {
            "portal_id": key[0],
            "customer_id": key[1],
            "name": name,
            "folded": folded(name, key[1]),
            "first_seen_at": author.at,
        }
        for key, name in names.items()
    ]
    if rows:
        session.execute(insert_or_nothing(session, CUSTOMER, ["portal_id", "customer_id"]), rows)
    return apply_edit(session, CUSTOMERS, states, author, text)


def learn_aliases(session: Session, companies: Mapping[str, int], at: datetime) -> None:
    """Remember which company a normalised name was linked to; the last link counts."""
    rows = [
        {"name": name, "company_id": company_id, "learned_at": at} for name, company_id in companies.items() if name
    ]
    upsert_rows(session, ALIAS, rows, ["name"])


def aliases(session: Session) -> dict[str, int]:
    """Normalised names with the company they were linked to."""
    return {row[0]: row[1] for row in session.execute(select(ALIAS.c.name, ALIAS.c.company_id))}


class _Customers:
    name = "customer"

    def read(self, session: Session, keys: Iterable[Key]) -> dict[Key, State]:
        query = select(CUSTOMER.c.portal_id, CUSTOMER.c.customer_id, CUSTOMER.c.company_id, CUSTOMER.c.ignored)
        rows = in_keys(session, query, [CUSTOMER.c.portal_id, CUSTOMER.c.customer_id], keys)
        return {(row[0], row[1]): {"company_id": row[2], "ignored": row[3]} for row in rows}

    def write(self, session: Session, states: Mapping[Key, State], author: Author) -> None:
        rows = [
            {"portal_id": key[0], "customer_id": key[1]}
            | (state or {"company_id": None, "ignored": None})
            | {"confirmed_by": author.person, "confirmed_at": author.at}
            for key, state in states.items()
        ]
        update_rows(session, CUSTOMER, rows, ["portal_id", "customer_id"])

    def titles(self, session: Session, keys: Iterable[Key]) -> dict[Key, str]:
        portals = portal_names(session)
        query = select(CUSTOMER.c.portal_id, CUSTOMER.c.customer_id, CUSTOMER.c.name)
        rows = in_keys(session, query, [CUSTOMER.c.portal_id, CUSTOMER.c.customer_id], keys)
        return {(row[0], row[1]): f"{portals.get(row[0], '')} / {row[2]}" for row in rows}


CUSTOMERS = register(_Customers())


def _where(query: PageQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [PORTAL.c.archived_at.is_(None)]
    if query.portal:
        where.append(PORTAL.c.name == query.portal)
    if query.status:
        where.append(status_of == query.status)
    if query.text:
        where.append(or_(contains(CUSTOMER.c.folded, query.text), contains(COMPANY.c.folded, query.text)))
    return where


def _rows(query: PageQuery, source: Any) -> Select[Any]:
    columns = (CUSTOMER, PORTAL.c.name.label("portal"), COMPANY.c.name.label("company"), status_of.label("status"))
    if query.sort in COUNTED:
        totals = usage_totals(LINE.c.portal_id, LINE.c.customer_id)
        source = source.outerjoin(
            totals, (totals.c.portal_id == CUSTOMER.c.portal_id) & (totals.c.customer_id == CUSTOMER.c.customer_id)
        )
        order: ColumnElement[Any] = func.coalesce(totals.c[query.sort], 0)
    else:
        order = SORTS.get(query.sort, CUSTOMER.c.folded)
    order = order.desc() if query.descending else order.asc()
    return select(*columns).select_from(source).order_by(order, CUSTOMER.c.id)


def usage_totals(*by: ColumnElement[Any]) -> Subquery:
    """Present lines and the sum of their quantities, grouped."""
    return (
        select(*by, func.count().label("lines"), func.sum(INTERVAL.c.quantity).label("quantity"))
        .join(INTERVAL, (INTERVAL.c.line_id == LINE.c.id) & (INTERVAL.c.valid_to == OPEN_END) & INTERVAL.c.present)
        .group_by(*by)
        .subquery()
    )


def _used(session: Session, keys: Sequence[Key]) -> dict[Key, tuple[int, Decimal]]:
    query = (
        select(LINE.c.portal_id, LINE.c.customer_id, func.count(), func.sum(INTERVAL.c.quantity))
        .join(INTERVAL, (INTERVAL.c.line_id == LINE.c.id) & (INTERVAL.c.valid_to == OPEN_END) & INTERVAL.c.present)
        .group_by(LINE.c.portal_id, LINE.c.customer_id)
    )
    rows = in_keys(session, query, [LINE.c.portal_id, LINE.c.customer_id], keys)
    return {(row[0], row[1]): (row[2], row[3] or Decimal(0)) for row in rows}


def _entry(row: Row[Any], used: tuple[int, Decimal]) -> CustomerEntry:
    return CustomerEntry(
        portal=row.portal,
        customer_id=row.customer_id,
        customer=row.name,
        status=row.status,
        company_id=row.company_id,
        company=row.company or "",
        ignored=row.ignored or "",
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        lines=used[0],
        quantity=used[1],
    )
