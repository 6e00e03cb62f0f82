"""Invoice checks, mutes, sign-offs of months, and what they ask of history. Each is one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from core.domain.invoice.model import CheckSettings, Mute, Place
from core.domain.paging import Page, PageQuery
from core.store.bulk import upsert_rows
from core.store.tables import table
from core.store.tables.consumption import ChargeShownRow
from core.store.tables.directory import ContractRow
from core.store.tables.history import ReadingRow, UsageIntervalRow, UsageLineRow
from core.store.tables.ledger import AuditRow, ChainHeadRow, LedgerRow
from core.store.tables.mapping import PortalCustomerRow
from core.store.tables.plans import PlanChangeRow
from core.store.tables.reporting import InvoiceCheckRow, InvoiceMuteRow, InvoiceSettingsRow, MonthSignOffRow
from core.store.tables.workspace import PortalRow
from core.store.types import OPEN_END

CHANGE = table(PlanChangeRow)
SETTINGS, CHECK, MUTE = table(InvoiceSettingsRow), table(InvoiceCheckRow), table(InvoiceMuteRow)
SIGNED, HEAD, LEDGER, AUDIT = table(MonthSignOffRow), table(ChainHeadRow), table(LedgerRow), table(AuditRow)
CONTRACT = table(ContractRow)
PORTAL, CUSTOMER, SHOWN = table(PortalRow), table(PortalCustomerRow), table(ChargeShownRow)
LINE, INTERVAL, READING = table(UsageLineRow), table(UsageIntervalRow), table(ReadingRow)


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """How invoices of a portal's vendor are read and checked."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    check: CheckSettings = CheckSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCheck:
    """One check as it was kept; `result` is JSON of `core.store.reporting_codec`."""

    id: int = 0
    portal_id: int
    portal: str = ""
    first: date
    last: date
    made_at: datetime
    person: str
    file_name: str
    file_digest: str
    stored_path: str
    rows: int
    open_rows: int
    invoice_amount: Decimal | None
    own_amount: Decimal | None
    digest: str
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignOff:
    """One signature under a month. The heads are those of both chains just before it."""

    id: int = 0
    month: date
    person: str
    at: datetime
    remark: str
    gates_open: int
    to_bill: Decimal
    digest: str
    ledger_position: int
    ledger_hash: str
    audit_position: int
    audit_hash: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


class Interval(NamedTuple):
    """A quantity of a usage line from `start` until before `end` (UTC instants; OPEN_END: still)."""

    line_id: int
    customer_id: str
    customer: str
    product_key: str
    quantity: Decimal
    start: datetime
    end: datetime
    unit_cost: Decimal | None
    currency: str


class Head(NamedTuple):
    """The end of a chain."""

    position: int
    hash: str


def settings(session: Session, portal_id: int) -> StoredSettings:
    """Of one portal; the usual ones where nothing was said."""
    row = session.execute(select(SETTINGS).where(SETTINGS.c.portal_id == portal_id)).first()
    return StoredSettings() if row is None else StoredSettings(row.columns, CheckSettings.model_validate(row.settings))


def save_settings(session: Session, portal_id: int, wanted: StoredSettings, at: datetime) -> None:
    """Remember them."""
    row = {
        "portal_id": portal_id,
        "columns": dict(wanted.columns),
        "settings": wanted.check.model_dump(mode="json", exclude_defaults=True),
        "updated_at": at,
    }
    upsert_rows(session, SETTINGS, [row], ["portal_id"])


def portals_with_invoices(session: Session) -> dict[int, str]:
    """Portals (not put away) whose vendor's invoices are checked: somebody said how."""
    query = select(PORTAL.c.id, PORTAL.c.name).join(SETTINGS, SETTINGS.c.portal_id == PORTAL.c.id)
    return {row[0]: row[1] for row in session.execute(query.where(PORTAL.c.archived_at.is_(None)))}


def intervals(session: Session, portal_id: int, start: datetime, end: datetime) -> list[Interval]:
    """What was in use between two instants, in order of line and time."""
    query = (
        select(
            LINE.c.id, LINE.c.customer_id, func.coalesce(CUSTOMER.c.name, LINE.c.customer_id), LINE.c.product_key,
            INTERVAL.c.quantity, INTERVAL.c.valid_from, INTERVAL.c.valid_to, INTERVAL.c.unit_cost, INTERVAL.c.currency,
        )
        .select_from(INTERVAL)
        .join(LINE, LINE.c.id == INTERVAL.c.line_id)
        .outerjoin(CUSTOMER, (CUSTOMER.c.portal_id == LINE.c.portal_id) & (CUSTOMER.c.customer_id == LINE.c.customer_id))
        .where(LINE.c.portal_id == portal_id, INTERVAL.c.present)
        .where(INTERVAL.c.valid_to > start, INTERVAL.c.valid_from <= end)
        .order_by(LINE.c.id, INTERVAL.c.valid_from)
    )  # fmt: skip
    return [Interval._make(row) for row in session.execute(query)]


def is_open(interval: Interval) -> bool:
    """Whether a quantity is still true."""
    return interval.end == OPEN_END


def whole_readings(session: Session, portal_id: int, start: datetime, end: datetime) -> list[datetime]:
    """When a portal was read wholly between two instants, in order."""
    query = select(READING.c.taken_at).where(
        READING.c.portal_id == portal_id, READING.c.status == "used", READING.c.complete, READING.c.taken_at > start
    )
    return list(session.execute(query.where(READING.c.taken_at <= end).order_by(READING.c.taken_at)).scalars())


def companies_mapped_after(session: Session, instant: datetime) -> frozenset[int]:
    """Companies that no customer was mapped to before an instant: what was read until then knows nothing of their lines."""
    query = (
        select(CUSTOMER.c.company_id)
        .where(CUSTOMER.c.company_id.is_not(None), CUSTOMER.c.ignored.is_(None))
        .group_by(CUSTOMER.c.company_id)
        .having(func.min(CUSTOMER.c.confirmed_at) > instant)
    )
    return frozenset(session.execute(query).scalars())


def has_running_contracts(session: Session, today: date) -> bool:
    """Whether any company that a customer is mapped to has a contract that has not ended."""
    mapped = select(CUSTOMER.c.company_id).where(CUSTOMER.c.company_id.is_not(None), CUSTOMER.c.ignored.is_(None))
    running = (CONTRACT.c.active, CONTRACT.c.end >= today, CONTRACT.c.company_id.in_(mapped))
    return session.execute(select(CONTRACT.c.id).where(*running).limit(1)).first() is not None


def add_check(session: Session, check: StoredCheck) -> int:
    """Keep a check; gives its number."""
    values = {
        "portal_id": check.portal_id,
        "period_first": check.first,
        "period_last": check.last,
        "made_at": check.made_at,
        "person": check.person,
        "file_name": check.file_name,
        "file_digest": check.file_digest,
        "stored_path": check.stored_path,
        "rows": check.rows,
        "open_rows": check.open_rows,
        "invoice_amount": check.invoice_amount,
        "own_amount": check.own_amount,
        "digest": check.digest,
        "result": dict(check.result),
    }
    return int(session.execute(CHECK.insert().values(values).returning(CHECK.c.id)).scalar_one())


def set_open(session: Session, check_id: int, open_rows: int) -> None:
    """So many rows of a check are still open."""
    session.execute(CHECK.update().where(CHECK.c.id == check_id).values(open_rows=open_rows))


def get_check(session: Session, check_id: int) -> StoredCheck | None:
    """A check with all its numbers."""
    row = session.execute(_checks().where(CHECK.c.id == check_id)).first()
    return None if row is None else _check(row)


def page_checks(
    session: Session, query: PageQuery, *, first: date | None = None, last: date | None = None
) -> Page[StoredCheck]:
    """Checks, newest first. `portal`, `text` (the file's name) and `status` (`open`, `settled`) filter, and days."""
    rows = _checks()
    if query.portal:
        rows = rows.where(PORTAL.c.name == query.portal)
    if query.text:
        rows = rows.where(CHECK.c.file_name.icontains(query.text, autoescape=True))
    if query.status:
        rows = rows.where(CHECK.c.open_rows > 0 if query.status == "open" else CHECK.c.open_rows == 0)
    if first is not None and last is not None:
        rows = rows.where(CHECK.c.period_first <= last, CHECK.c.period_last >= first)
    total = session.execute(select(func.count()).select_from(rows.order_by(None).subquery())).scalar_one()
    found = session.execute(rows.limit(query.size).offset(query.offset))
    return Page(tuple(_check(row) for row in found), total)


def last_checks(session: Session, first: date, last: date) -> dict[int, tuple[int, int]]:
    """The newest check of each portal whose period touches these days: portal → (check, open rows)."""
    newest = (
        select(func.max(CHECK.c.id))
        .where(CHECK.c.period_first <= last, CHECK.c.period_last >= first)
        .group_by(CHECK.c.portal_id)
    )
    query = select(CHECK.c.portal_id, CHECK.c.id, CHECK.c.open_rows).where(CHECK.c.id.in_(newest))
    return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def mutes(session: Session, portal_id: int) -> dict[Place, Mute]:
    """Differences of a portal that somebody called right."""
    rows = session.execute(select(MUTE).where(MUTE.c.portal_id == portal_id))
    return {Place(row.customer_id, row.product_key): Mute(row.difference, row.reason, row.person) for row in rows}


def save_mute(session: Session, portal_id: int, place: Place, mute: Mute, at: datetime) -> None:
    """Remember one."""
    row = {
        "portal_id": portal_id,
        "customer_id": place.customer_id,
        "product_key": place.product_key,
        "difference": mute.difference,
        "reason": mute.reason,
        "person": mute.person,
        "at": at,
    }
    upsert_rows(session, MUTE, [row], ["portal_id", "customer_id", "product_key"])


def drop_mute(session: Session, portal_id: int, place: Place) -> None:
    """Forget one."""
    session.execute(
        MUTE.delete().where(
            MUTE.c.portal_id == portal_id,
            MUTE.c.customer_id == place.customer_id,
            MUTE.c.product_key == place.product_key,
        )
    )


def add_sign_off(session: Session, signed: StoredSignOff) -> int:
    """Keep a signature; gives its number."""
    names = [name for name in StoredSignOff.__dataclass_fields__ if name not in ("id", "numbers")]
    values = {name: getattr(signed, name) for name in names} | {"numbers": dict(signed.numbers)}
    return int(session.execute(SIGNED.insert().values(values).returning(SIGNED.c.id)).scalar_one())


def sign_offs(session: Session, month: date | None = None) -> list[StoredSignOff]:
    """The last signature of each month (or of one), newest month first."""
    newest = select(func.max(SIGNED.c.id)).group_by(SIGNED.c.month)
    query = select(SIGNED).where(SIGNED.c.id.in_(newest)).order_by(SIGNED.c.month.desc())
    if month is not None:
        query = query.where(SIGNED.c.month == month)
    return [StoredSignOff(**row._asdict()) for row in session.execute(query)]


def charges(
    session: Session, *, open_only: bool = False, first: date | None = None, last: date | None = None
) -> list[Row[Any]]:
    """Charges of the current charge plan, by company: those that are not in Autotask as they should be, or of periods that end
    on these days. What a person dismissed is not open.
    """
    query = select(SHOWN).order_by(SHOWN.c.company, SHOWN.c.period_start, SHOWN.c.key)
    if open_only:
        query = query.where(SHOWN.c.status.not_in(("right", "dismissed")))
    if first is not None and last is not None:
        query = query.where(SHOWN.c.period_end >= first, SHOWN.c.period_end <= last)
    return list(session.execute(query))


def open_changes(session: Session, plan_id: int, statuses: Collection[str]) -> int:
    """Changes of a plan in one of these states that were not written since."""
    done = select(LEDGER.c.id).where(
        LEDGER.c.change_id == CHANGE.c.change_id, LEDGER.c.event.in_(("verified", "settled"))
    )
    query = select(func.count()).select_from(CHANGE).where(CHANGE.c.plan_id == plan_id)
    return int(session.execute(query.where(CHANGE.c.status.in_(tuple(statuses)), ~done.exists())).scalar_one())


def head(session: Session, chain: str) -> Head:
    """The end of a chain (`ledger`, `audit`)."""
    row = session.execute(select(HEAD.c.position, HEAD.c.hash).where(HEAD.c.name == chain)).first()
    return Head(0, "") if row is None else Head(row[0], row[1])


def hash_at(session: Session, chain: str, position: int) -> str | None:
    """The hash of one entry of a chain; empty before the first, None where there is no such entry."""
    if position == 0:
        return ""
    target = LEDGER if chain == LEDGER.name else AUDIT
    found: str | None = session.execute(select(target.c.hash).where(target.c.id == position)).scalar()
    return found


def _checks() -> Select[Any]:
    return (
        select(CHECK, PORTAL.c.name.label("portal"))
        .join(PORTAL, PORTAL.c.id == CHECK.c.portal_id)
        .order_by(CHECK.c.made_at.desc(), CHECK.c.id.desc())
    )


def _check(row: Row[Any]) -> StoredCheck:
    values = row._asdict()
    return StoredCheck(first=values.pop("period_first"), last=values.pop("period_last"), **values)
