"""The charges of the current plan as people look at them: one row each, to filter, sort, page, count and add up in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, Numeric, Select, cast, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.domain.charges.plan import ChargeChange, ChargePlan, ChargeRow
from core.domain.charges.template import resources_of
from core.domain.paging import Page, PageQuery
from core.store.codec import text_to_json
from core.store.folding import contains, folded
from core.store.tables import table
from core.store.tables.consumption import ChargeFindingRow, ChargeShownRow
from core.store.types import SCALE

SHOWN, FINDING = table(ChargeShownRow), table(ChargeFindingRow)
RIGHT = "right"
"""Status of a charge that is in Autotask as it should be."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What the charges of a filter come to in one currency: as they should be, at cost, and as Autotask has them."""

    currency: str
    price: Decimal
    cost: Decimal
    in_autotask: Decimal
    charges: int
    companies: int


@dataclass(frozen=True, slots=True)
class CompanySum:
    """The same for one company."""

    company_id: int
    company: str
    currency: str
    price: Decimal
    cost: Decimal
    in_autotask: Decimal
    charges: int


def shown_rows(plan: ChargePlan, companies: Mapping[int, str], contracts: Mapping[int, str]) -> list[dict[str, Any]]:
    """The rows of a plan. A charge that goes, as its source tells nothing of it any more, is one too: it comes to 0."""
    changes = {change.key.base: change for change in plan.changes}
    wanted = {row.key for row in plan.rows}
    rows = [_row(row, changes.get(row.key)) for row in plan.rows]
    currencies = {row.portal: row.currency for row in plan.rows}
    rows += [
        _going(change, currencies.get(change.portal, "EUR")) for base, change in changes.items() if base not in wanted
    ]
    for row in rows:
        data = row["data"]
        row["company"] = companies.get(row["company_id"], "")
        row["contract"] = contracts.get(row["contract_id"], "")
        row["search"] = folded(
            row["company"], data["customer"], data["title"], row["portal"], data["name"], data["resource"]
        )
    return rows


def _row(row: ChargeRow, change: ChargeChange | None) -> dict[str, Any]:
    resource, quantity, unit = resources_of(row.lines)
    return {
        "key": row.key,
        "portal": row.portal,
        "customer_id": row.customer_id,
        "company_id": row.company_id,
        "contract_id": row.contract_id,
        "period_start": row.period_start,
        "period_end": row.period_end,
        "status": change.status.value if change else RIGHT,
        "price": row.price,
        "data": {
            "customer": row.customer, "title": row.title, "name": row.name, "description": row.description,
            "currency": row.currency, "cost": str(row.cost), "in_autotask": str(row.in_autotask),
            "billed": str(row.billed), "charge_ids": list(row.charge_ids), "lines": len(row.lines),
            "resource": resource, "quantity": None if quantity is None else str(quantity), "unit": unit,
            **_change_data(change),
        },
    }  # fmt: skip


def _going(change: ChargeChange, currency: str) -> dict[str, Any]:
    before = change.before.price if change.before else Decimal(0)
    values = change.before or change.after
    return {
        "key": change.key.base,
        "portal": change.portal,
        "customer_id": change.customer_id,
        "company_id": change.company_id,
        "contract_id": change.contract_id,
        "period_start": change.period_start,
        "period_end": change.period_end,
        "status": change.status.value,
        "price": Decimal(0),
        "data": {
            "customer": change.customer, "title": change.title, "name": values.name if values else change.title,
            "description": values.description if values else "", "currency": currency, "cost": "0",
            "in_autotask": str(before or -change.amount), "billed": "0" if before else str(-change.amount),
            "charge_ids": [change.charge_id] if change.charge_id else [], "lines": 0, "resource": change.title,
            "quantity": None, "unit": "", **_change_data(change),
        },
    }  # fmt: skip


def _change_data(change: ChargeChange | None) -> dict[str, Any]:
    if change is None:
        return {}
    return {
        "change_id": change.id, "kind": change.kind.value, "reason": text_to_json(change.reason),
        "holds": [text_to_json(hold) for hold in change.holds],
    }  # fmt: skip


def shown(query: PageQuery, period: date | None, *, statuses: Collection[str] = ()) -> Select[Any]:
    """The charges that pass a filter."""
    rows: Select[Any] = select(SHOWN)
    if period is not None:
        rows = rows.where(SHOWN.c.period_start == period)
    if wanted := statuses or ([query.status] if query.status else []):
        rows = rows.where(SHOWN.c.status.in_(sorted(wanted)))
    if query.portal:
        rows = rows.where(SHOWN.c.portal == query.portal)
    if query.text:
        rows = rows.where(contains(SHOWN.c.search, query.text))
    return rows


def sums(
    session: Session, query: PageQuery, period: date | None = None, *, statuses: Collection[str] = ()
) -> list[Sum]:
    """By currency: currencies are never added up."""
    rows = shown(query, period, statuses=statuses).subquery()
    currency = json_text(rows.c.data, "currency")
    found = select(
        currency.label("currency"), *_totals(rows), func.count(), func.count(rows.c.company_id.distinct())
    ).group_by(currency)
    return sorted(
        (
            Sum(row[0], Decimal(row.price), _money(row.cost), _money(row.there), row[4], row[5])
            for row in session.execute(found)
        ),
        key=lambda one: -one.charges,
    )


def page_companies(session: Session, query: PageQuery, period: date | None = None) -> Page[CompanySum]:
    """What each company's charges come to, the filtered ones; sorted by name, or by `price`."""
    rows = shown(query, period).subquery()
    currency = json_text(rows.c.data, "currency")
    found = select(
        rows.c.company_id, rows.c.company, currency.label("currency"), *_totals(rows), func.count().label("charges")
    ).group_by(rows.c.company_id, rows.c.company, currency)
    total = session.execute(select(func.count()).select_from(found.subquery())).scalar_one()
    by_price = func.sum(rows.c.price)
    order = (by_price.desc() if query.descending else by_price) if query.sort == "price" else rows.c.company
    page = session.execute(
        found.order_by(order, rows.c.company, rows.c.company_id).limit(query.size).offset(query.offset)
    )
    return Page(
        tuple(
            CompanySum(
                row.company_id, row.company, row.currency, Decimal(row.price), _money(row.cost), _money(row.there),
                row.charges,
            )
            for row in page
        ),
        total,
    )  # fmt: skip


def by_status(session: Session, period: date | None = None) -> dict[str, int]:
    """How many charges of a period there are of each status."""
    rows = select(SHOWN.c.status, func.count()).group_by(SHOWN.c.status)
    if period is not None:
        rows = rows.where(SHOWN.c.period_start == period)
    return {row[0]: row[1] for row in session.execute(rows)}


def by_finding(session: Session) -> dict[str, int]:
    """How many findings of the charge plan there are of each kind."""
    rows = select(FINDING.c.kind, func.count()).group_by(FINDING.c.kind)
    return {row[0]: row[1] for row in session.execute(rows)}


def change_ids(
    session: Session, query: PageQuery, period: date | None = None, *, statuses: Collection[str] = ()
) -> list[str]:
    """The changes of the charges that pass a filter."""
    rows = shown(query, period, statuses=statuses).subquery()
    found = session.execute(select(json_text(rows.c.data, "change_id"))).scalars()
    return [one for one in found if one]


def cost_by_customer(session: Session, period: date) -> dict[tuple[str, str], Decimal]:
    """What the charges of a period come to at cost, by portal and its customer."""
    cost = func.sum(_millionths(SHOWN.c.data, "cost"))
    rows = select(SHOWN.c.portal, SHOWN.c.customer_id, cost).where(SHOWN.c.period_start == period)
    found = session.execute(rows.group_by(SHOWN.c.portal, SHOWN.c.customer_id))
    return {(row[0], row[1]): _money(row[2]) for row in found}


def _totals(rows: Any) -> tuple[ColumnElement[Any], ...]:
    return (
        func.sum(rows.c.price).label("price"),
        func.sum(_millionths(rows.c.data, "cost")).label("cost"),
        func.sum(_millionths(rows.c.data, "in_autotask")).label("there"),
    )


def json_text(data: Any, name: str) -> ColumnElement[Any]:
    found: ColumnElement[Any] = type_coerce(data, JSON)[name].as_string()
    return found


def _millionths(data: Any, name: str) -> ColumnElement[Any]:
    """An amount in a document as a whole number, so that it is added up without floats."""
    return cast(func.round(cast(json_text(data, name), Numeric(30, 6)) * SCALE), BigInteger)


def _money(millionths: object) -> Decimal:
    return Decimal(int(str(millionths or 0))) / Decimal(SCALE)
