"""Subscriptions as people look at them, where they stand by the last plan, and what is remembered for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.domain.contract import LineKind, LineRef
from core.domain.paging import Page, PageQuery
from core.domain.subscription.badge import Standing, Standpoint
from core.domain.target import KnownLine
from core.domain.text import Text
from core.store import workspace
from core.store.bulk import chunks, delete_rows, merge_rows, upsert_rows
from core.store.codec import text_from_json, text_to_json
from core.store.folding import contains
from core.store.history.usage import COLUMNS, CUSTOMER, INTERVAL, LINE, known_line
from core.store.tables import table
from core.store.tables.directory import CompanyRow, ContractRow
from core.store.tables.subscription_events import RememberedPriceRow, SubscriptionPlaceRow
from core.store.tables.subscriptions import NewSubscriptionRow
from core.store.tables.workspace import PortalRow
from core.store.types import OPEN_END

PLACE, PRICE = table(SubscriptionPlaceRow), table(RememberedPriceRow)
PORTAL, COMPANY, CONTRACT = table(PortalRow), table(CompanyRow), table(ContractRow)
SEEN = table(NewSubscriptionRow)
_OUT = (Standing.OPEN.value, Standing.BLOCKED.value, Standing.NO_LINE.value)

BADGE = case(
    (PLACE.c.state == Standing.PLACED.value, "in_sync"),
    (PLACE.c.state.in_(_OUT), "out_of_sync"),
    (PLACE.c.state == Standing.IGNORED.value, "ignored"),
    else_="unmapped",
)
"""As `core.domain.subscription.badge.badge_of`; a subscription that no plan has seen yet is not mapped."""
SORTS: Mapping[str, ColumnElement[Any]] = {
    "customer": CUSTOMER.c.folded,
    "company": COMPANY.c.folded,
    "portal": PORTAL.c.name,
    "product": LINE.c.product,
    "quantity": INTERVAL.c.quantity,
    "term": LINE.c.term,
    "renewal": INTERVAL.c.period_end,
    "badge": BADGE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEntry:
    """One usage line of a subscription, with where it stands. `standing` is None before the first plan that saw it."""

    portal_id: int
    portal: str
    line: KnownLine
    company_id: int | None
    company: str
    standing: Standing | None
    problem: Text | None
    contract_line: LineRef | None
    contract_id: int | None
    contract: str


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A subscription on no contract line. `confirmed_at` and `run_id` are set once somebody mapped it and it is on its way."""

    entry: SubscriptionEntry
    confirmed_at: datetime | None
    run_id: int | None


def page_subscriptions(session: Session, query: PageQuery) -> Page[SubscriptionEntry]:
    """Subscriptions that are there, filtered, sorted and cut. `status` is a badge; `text` is searched in all names."""
    wanted = _query().where(LINE.c.subscription_id != "", INTERVAL.c.present, *_where(query))
    total = session.execute(select(func.count()).select_from(wanted.order_by(None).subquery())).scalar_one()
    column = SORTS.get(query.sort, CUSTOMER.c.folded)
    order = column.desc() if query.descending else column
    rows = session.execute(
        wanted.order_by(order, CUSTOMER.c.folded, LINE.c.product, LINE.c.id).limit(query.size).offset(query.offset)
    )
    zone = workspace.time_zone(session)
    return Page(tuple(_entry(row, zone) for row in rows), total)


def find(session: Session, portal: str, customer_id: str, subscription_id: str) -> list[SubscriptionEntry]:
    """All usage lines of one subscription, those that ended too."""
    query = _query().where(
        PORTAL.c.name == portal, LINE.c.customer_id == customer_id, LINE.c.subscription_id == subscription_id
    )
    zone = workspace.time_zone(session)
    rows = session.execute(query.order_by(INTERVAL.c.present.desc(), LINE.c.product, LINE.c.id))
    return [_entry(row, zone) for row in rows]


def page_new(session: Session, query: PageQuery, own_contracts: Collection[str]) -> Page[NewEntry]:
    """Subscriptions that the last plan put on no contract line, the newest first.

    `status` is `open`, or `confirmed` for those that somebody mapped since. `own_contracts` are portals of which nothing is mapped
    by hand: they make a contract for each subscription.
    """
    wanted = _new(own_contracts).where(*_where(replace(query, status="")))
    if query.status:
        mapped = SEEN.c.confirmed_at.is_not(None)
        wanted = wanted.where(mapped if query.status == "confirmed" else ~mapped)
    total = session.execute(select(func.count()).select_from(wanted.order_by(None).subquery())).scalar_one()
    column = SORTS.get(query.sort, LINE.c.first_seen_at.desc())
    rows = session.execute(wanted.order_by(column, CUSTOMER.c.folded, LINE.c.id).limit(query.size).offset(query.offset))
    zone = workspace.time_zone(session)
    return Page(tuple(NewEntry(_entry(row, zone), row.confirmed_at_, row.run_id) for row in rows), total)


def count_badges(session: Session) -> dict[str, int]:
    """How many subscriptions have each badge."""
    lines = _query().where(LINE.c.subscription_id != "", INTERVAL.c.present).with_only_columns(BADGE.label("badge"))
    found = lines.subquery()
    rows = session.execute(select(found.c.badge, func.count()).group_by(found.c.badge))
    return {str(badge): int(count) for badge, count in rows}


def count_new(session: Session, own_contracts: Collection[str]) -> int:
    """How many subscriptions stand on no contract line and wait for somebody to map them."""
    wanted = _new(own_contracts).where(SEEN.c.confirmed_at.is_(None))
    return int(session.execute(select(func.count()).select_from(wanted.subquery())).scalar_one())


def with_terms(session: Session, query: PageQuery) -> list[SubscriptionEntry]:
    """All lines that are there and may have an entry in the calendar: subscriptions, and seats that are owned or assigned."""
    query_ = _query().where(INTERVAL.c.present, _has_term(), *_where(query))
    zone = workspace.time_zone(session)
    return [_entry(row, zone) for row in session.execute(query_.order_by(LINE.c.id))]


def portals_with_terms(session: Session) -> list[str]:
    """Names of the portals of which there is anything to show."""
    query = _query().where(INTERVAL.c.present, _has_term()).with_only_columns(PORTAL.c.name).distinct()
    return sorted(session.execute(query).scalars(), key=str.casefold)


def _has_term() -> ColumnElement[bool]:
    return or_(
        LINE.c.subscription_id != "", LINE.c.product_key.startswith("graph:", autoescape=True), LINE.c.term != ""
    )


def keep_places(session: Session, found: Sequence[Standpoint]) -> None:
    """Make what is kept equal to where subscriptions stand by a new plan."""
    rows = [
        {
            "usage_line_id": one.usage_line,
            "company_id": one.company_id,
            "line_kind": one.line.kind.value if one.line else None,
            "line_id": one.line.id if one.line else None,
            "contract_id": one.contract_id,
            "state": one.standing.value,
            "problem": text_to_json(one.problem) if one.problem else None,
        }
        for one in found
    ]
    kept = set(session.execute(select(PLACE.c.usage_line_id)).scalars())
    delete_rows(session, PLACE, [PLACE.c.usage_line_id], kept - {one.usage_line for one in found})
    merge_rows(session, PLACE, rows, ["usage_line_id"])


def settle_places(session: Session, opened: Collection[int | LineRef]) -> None:
    """After writing: what is no longer open is in its place. `opened` are usage lines and contract lines that still wait."""
    query = select(PLACE.c.usage_line_id, PLACE.c.line_kind, PLACE.c.line_id).where(
        PLACE.c.state == Standing.OPEN.value
    )
    done = [
        number
        for number, kind, line_id in session.execute(query)
        if number not in opened and (kind is None or LineRef(LineKind(kind), line_id) not in opened)
    ]
    for chunk in chunks(done):
        session.execute(
            PLACE.update().where(PLACE.c.usage_line_id.in_(chunk)).values(state=Standing.PLACED.value, problem=None)
        )


def place_on_lines(session: Session, made: Mapping[int, LineRef]) -> None:
    """Note the contract lines that were made for usage lines which had none."""
    if made:
        wanted = PLACE.update().where(PLACE.c.usage_line_id == bindparam("usage_line"))
        rows = [
            {"usage_line": number, "kind": line.kind.value, "number": line.id} for number, line in sorted(made.items())
        ]
        session.connection().execute(wanted.values(line_kind=bindparam("kind"), line_id=bindparam("number")), rows)


def remembered_prices(session: Session) -> dict[LineRef, Decimal]:
    """The unit prices that lines had before their subscriptions were suspended."""
    query = select(PRICE.c.kind, PRICE.c.id, PRICE.c.unit_price)
    return {LineRef(LineKind(kind), number): price for kind, number, price in session.execute(query)}


def remember_prices(session: Session, prices: Mapping[LineRef, Decimal], now: datetime) -> None:
    """Remember prices; a later one takes the place of an earlier one."""
    rows = [{"kind": line.kind.value, "id": line.id, "unit_price": price, "at": now} for line, price in prices.items()]
    upsert_rows(session, PRICE, rows, ["kind", "id"])


def forget_prices(session: Session, lines: Collection[LineRef]) -> None:
    """The price came back: nothing has to be remembered any more."""
    delete_rows(session, PRICE, [PRICE.c.kind, PRICE.c.id], [(line.kind.value, line.id) for line in lines])


def _query() -> Select[Any]:
    return (
        select(
            *COLUMNS,
            PORTAL.c.name.label("portal_name"),
            CUSTOMER.c.company_id.label("mapped_company"),
            func.coalesce(COMPANY.c.name, "").label("company_name"),
            PLACE.c.state,
            PLACE.c.problem,
            PLACE.c.line_kind,
            PLACE.c.line_id,
            PLACE.c.contract_id,
            func.coalesce(CONTRACT.c.name, "").label("contract_name"),
        )
        .select_from(LINE)
        .join(INTERVAL, and_(INTERVAL.c.line_id == LINE.c.id, INTERVAL.c.valid_to == OPEN_END))
        .join(CUSTOMER, and_(CUSTOMER.c.portal_id == LINE.c.portal_id, CUSTOMER.c.customer_id == LINE.c.customer_id))
        .join(PORTAL, PORTAL.c.id == LINE.c.portal_id)
        .outerjoin(COMPANY, COMPANY.c.id == CUSTOMER.c.company_id)
        .outerjoin(PLACE, PLACE.c.usage_line_id == LINE.c.id)
        .outerjoin(CONTRACT, CONTRACT.c.id == PLACE.c.contract_id)
        .where(PORTAL.c.archived_at.is_(None))
    )


def _new(own_contracts: Collection[str]) -> Select[Any]:
    nowhere = (Standing.NO_LINE.value, Standing.UNMAPPED.value)
    query = _query().add_columns(SEEN.c.confirmed_at.label("confirmed_at_"), SEEN.c.run_id)
    return query.outerjoin(
        SEEN,
        and_(
            SEEN.c.portal_id == LINE.c.portal_id,
            SEEN.c.customer_id == LINE.c.customer_id,
            SEEN.c.subscription_id == LINE.c.subscription_id,
        ),
    ).where(
        LINE.c.subscription_id != "",
        INTERVAL.c.present,
        CUSTOMER.c.ignored.is_(None),
        or_(PLACE.c.state.is_(None), PLACE.c.state.in_(nowhere)),
        PORTAL.c.name.not_in(sorted(own_contracts)),
    )


def _where(query: PageQuery) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if query.portal:
        where.append(PORTAL.c.name == query.portal)
    if query.status:
        where.append(BADGE.in_([query.status]))
    names = (CUSTOMER.c.folded, COMPANY.c.folded, func.lower(LINE.c.product), func.lower(LINE.c.subscription_id))
    where += [or_(*(contains(name, word) for name in names)) for word in query.text.split()]
    return where


def _entry(row: Row[Any], zone: Any) -> SubscriptionEntry:
    values = tuple(row)
    return SubscriptionEntry(
        portal_id=row.portal_id,
        portal=row.portal_name,
        line=known_line(values[: len(COLUMNS)], zone),
        company_id=row.mapped_company,
        company=row.company_name,
        standing=Standing(row.state) if row.state else None,
        problem=text_from_json(row.problem),
        contract_line=LineRef(LineKind(row.line_kind), row.line_id) if row.line_kind else None,
        contract_id=row.contract_id,
        contract=row.contract_name,
    )
