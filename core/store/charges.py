"""Charges: how portals charge, what is in Autotask by our last look, the current charge plan, and what people decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core.domain.charges.keys import ChargeKey
from core.domain.charges.plan import ChargeChange, ChargePlan, ChargeReversal, KnownCharge
from core.domain.charges.settings import ChargeSettings
from core.domain.contract import Contract, PeriodType
from core.domain.finding import Finding
from core.domain.paging import Page, PageQuery
from core.domain.plan import ChangeStatus
from core.domain.text import Text
from core.store.bulk import chunks, delete_rows, in_keys, insert_rows, upsert_rows
from core.store.charge_codec import change_from_json, change_to_json
from core.store.charge_shown import json_text, shown, shown_rows
from core.store.codec import text_from_json, text_to_json
from core.store.plan_codec import finding_from_json, finding_to_json
from core.store.tables import table
from core.store.tables.consumption import (
    BookingRow,
    ChargeChangeRow,
    ChargeFindingRow,
    ChargeRefusedRow,
    ChargeReversalRow,
    ChargeRow,
    ChargeSettingsRow,
    ChargeShownRow,
)
from core.store.tables.directory import CompanyRow, ContractRow

CHARGE, SETTINGS = table(ChargeRow), table(ChargeSettingsRow)
CHANGE, SHOWN, FINDING = table(ChargeChangeRow), table(ChargeShownRow), table(ChargeFindingRow)
REFUSED, REVERSAL, BOOKING = table(ChargeRefusedRow), table(ChargeReversalRow), table(BookingRow)
COMPANY, CONTRACT = table(CompanyRow), table(ContractRow)


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """How a portal charges; `identity` is its lasting name in keys."""

    portal_id: int
    identity: str
    settings: ChargeSettings


@dataclass(frozen=True, slots=True)
class VerifiedCharge:
    """A charge that was read back after a write."""

    key: ChargeKey
    portal_id: int
    customer_id: str
    contract_id: int
    period_start: date
    charge_id: int
    price: Decimal
    change_id: str
    run_id: int | None


@dataclass(frozen=True, slots=True)
class Booking:
    """What charges can be booked on. `kind` is `billing_code` or `product`."""

    kind: str
    id: int
    name: str
    number: str = ""


# ---- settings


def all_settings(session: Session) -> dict[int, StoredSettings]:
    """By portal number."""
    return {
        row.portal_id: StoredSettings(row.portal_id, row.identity, ChargeSettings.model_validate(row.settings))
        for row in session.execute(select(SETTINGS))
    }


def save_settings(session: Session, portal_id: int, name: str, settings: ChargeSettings, now: datetime) -> None:
    """Keep how a portal charges; `name` becomes its identity the first time."""
    row = {
        "portal_id": portal_id,
        "identity": name,
        "settings": settings.model_dump(mode="json", exclude_defaults=True),
        "updated_at": now,
    }
    known = session.execute(select(SETTINGS.c.identity).where(SETTINGS.c.portal_id == portal_id)).scalar()
    upsert_rows(session, SETTINGS, [{**row, "identity": known or name}], ["portal_id"])


# ---- charges as they were read back


def known_charges(session: Session, since: date) -> dict[str, tuple[KnownCharge, ...]]:
    """Those of periods that begin on or after a day, by base key."""
    query = select(CHARGE.c.key, CHARGE.c.base, CHARGE.c.charge_id, CHARGE.c.price)
    rows = session.execute(query.where(CHARGE.c.period_start >= since))
    found: dict[str, list[KnownCharge]] = defaultdict(list)
    for row in rows:
        key = ChargeKey.parse(row.key)
        if key is not None:
            found[row.base].append(KnownCharge(key=key, charge_id=row.charge_id, price=row.price))
    return {base: tuple(ones) for base, ones in found.items()}


def charge_ids(session: Session, since: date) -> set[int]:
    """Autotask's numbers of charges of periods that begin on or after a day."""
    return set(session.execute(select(CHARGE.c.charge_id).where(CHARGE.c.period_start >= since)).scalars())


def remember(session: Session, charges: Sequence[VerifiedCharge], at: datetime) -> None:
    """Keep what was read back."""
    rows = [
        {
            "key": one.key.text,
            "base": one.key.base,
            "portal_id": one.portal_id,
            "customer_id": one.customer_id,
            "contract_id": one.contract_id,
            "period_start": one.period_start,
            "charge_id": one.charge_id,
            "price": one.price,
            "change_id": one.change_id,
            "run_id": one.run_id,
            "verified_at": at,
        }
        for one in charges
    ]
    upsert_rows(session, CHARGE, rows, ["key"])


def forget(session: Session, keys: Iterable[ChargeKey]) -> None:
    """These charges are gone."""
    delete_rows(session, CHARGE, [CHARGE.c.key], [key.text for key in keys])


def totals_by_period(session: Session, since: date) -> dict[tuple[int, str, date], Decimal]:
    """What the charges that we read back come to, by portal, customer and period."""
    query = (
        select(CHARGE.c.portal_id, CHARGE.c.customer_id, CHARGE.c.period_start, CHARGE.c.price)
        .where(CHARGE.c.period_start >= since)
    )  # fmt: skip
    found: dict[tuple[int, str, date], Decimal] = defaultdict(Decimal)
    for portal_id, customer_id, period, price in session.execute(query):
        found[portal_id, customer_id, period] += price
    return dict(found)


def contracts(session: Session) -> dict[int, Contract]:
    """Recurring service contracts as they were last read, without their lines."""
    return {
        row.id: Contract(
            row.id, row.company_id, row.name, row.start, row.end, PeriodType(row.period_type), row.active, row.number
        )
        for row in session.execute(select(CONTRACT))
    }


# ---- the current plan


def save_plan(session: Session, plan: ChargePlan) -> None:
    """Make this the current charge plan."""
    for target in (CHANGE, SHOWN, FINDING):
        session.execute(target.delete())
    companies = {row[0]: row[1] for row in session.execute(select(COMPANY.c.id, COMPANY.c.name))}
    contracts = {row[0]: row[1] for row in session.execute(select(CONTRACT.c.id, CONTRACT.c.name))}
    insert_rows(session, CHANGE, [_change_row(place, change) for place, change in enumerate(plan.changes)])
    insert_rows(session, SHOWN, shown_rows(plan, companies, contracts))
    findings = [
        {"key": one.key, "kind": one.kind.value, "portal": one.portal, "company_id": one.company_id,
         "data": finding_to_json(one)}
        for one in plan.findings
    ]  # fmt: skip
    insert_rows(session, FINDING, findings)


def _change_row(position: int, change: ChargeChange) -> dict[str, Any]:
    return {
        "position": position + 1,
        "change_id": change.id,
        "lane": change.lane,
        "dismissal_key": change.dismissal_key,
        "status": change.status.value,
        "kind": change.kind.value,
        "portal": change.portal,
        "period_start": change.period_start,
        "data": change_to_json(change),
    }


def changes(session: Session, *, period: date | None = None, ids: Collection[str] | None = None) -> list[ChargeChange]:
    """Changes of the current plan, in order: all, those of a period, or these."""
    query = select(CHANGE).order_by(CHANGE.c.position)
    if period is not None:
        query = query.where(CHANGE.c.period_start == period)
    rows: Iterable[Any] = session.execute(query)
    if ids is not None:
        rows = in_keys(session, query, [CHANGE.c.change_id], sorted(ids))
    return [change_from_json(row.data, status=row.status) for row in sorted(rows, key=lambda row: row.position)]


def with_lanes(session: Session, ids: Collection[str]) -> list[ChargeChange]:
    """These changes and all others of the same customer and period: they stand or fall together."""
    lanes = {row.lane for row in in_keys(session, select(CHANGE.c.lane), [CHANGE.c.change_id], sorted(ids))}
    rows = list(in_keys(session, select(CHANGE), [CHANGE.c.lane], sorted(lanes)))
    return [change_from_json(row.data, status=row.status) for row in sorted(rows, key=lambda row: row.position)]


def set_status(session: Session, decided: Sequence[ChargeChange], status: ChangeStatus) -> None:
    """Show a decision in the current plan at once."""
    for chunk in chunks([change.id for change in decided]):
        session.execute(CHANGE.update().where(CHANGE.c.change_id.in_(chunk)).values(status=status.value))
    for bases in chunks(sorted({change.key.base for change in decided})):
        session.execute(SHOWN.update().where(SHOWN.c.key.in_(bases)).values(status=status.value))


def findings(session: Session) -> list[Finding]:
    """Findings of the current charge plan."""
    return [finding_from_json(row.data) for row in session.execute(select(FINDING).order_by(FINDING.c.key))]


def drop_findings(session: Session, keys: Collection[str]) -> None:
    """What a person settled is shown no more."""
    delete_rows(session, FINDING, [FINDING.c.key], sorted(keys))


def page_shown(session: Session, query: PageQuery, *, period: date | None = None) -> Page[Row[Any]]:
    """Charges of the current plan, filtered, sorted and cut. `status` as of changes, or `right`."""
    rows = shown(query, period)
    total = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    sorts = {"price": SHOWN.c.price, "company": SHOWN.c.company, "portal": SHOWN.c.portal, "status": SHOWN.c.status,
             "period": SHOWN.c.period_start}  # fmt: skip
    column = sorts.get(query.sort, SHOWN.c.company)
    rows = rows.order_by(column.desc() if query.descending else column, SHOWN.c.period_start.desc(), SHOWN.c.key)
    return Page(tuple(session.execute(rows.limit(query.size).offset(query.offset))), total)


def totals_shown(session: Session, query: PageQuery, *, period: date | None = None) -> list[Row[Any]]:
    """What the charges that pass the filter come to, per company, period and currency: (company, period_start, currency, price,
    charges).
    """
    rows = shown(query, period).subquery()
    by = [rows.c.company, rows.c.period_start, json_text(rows.c.data, "currency")]
    grouped = select(
        by[0], by[1], by[2].label("currency"), func.sum(rows.c.price).label("price"), func.count().label("charges")
    )
    return list(session.execute(grouped.group_by(*by).order_by(*by)))


def one_shown(session: Session, key: str) -> Row[Any] | None:
    """One charge of the current plan by its base key."""
    return session.execute(select(SHOWN).where(SHOWN.c.key == key)).first()


# ---- what was refused, what is to go back


def refused(session: Session) -> dict[str, Text]:
    """What Autotask said no to, by change."""
    found = ((row.change_id, text_from_json(row.message)) for row in session.execute(select(REFUSED)))
    return {change_id: text for change_id, text in found if text is not None}


def note_refused(session: Session, said: Mapping[str, Text], at: datetime) -> None:
    """Keep what Autotask said no to."""
    rows = [{"change_id": one, "at": at, "message": text_to_json(text)} for one, text in said.items()]
    upsert_rows(session, REFUSED, rows, ["change_id"])


def reversals(session: Session) -> dict[str, ChargeReversal]:
    """By base key."""
    return {row.base: ChargeReversal(row.source, row.back) for row in session.execute(select(REVERSAL))}


def propose_reversals(
    session: Session, run_id: int, wanted: Mapping[str, ChargeReversal], person: str, at: datetime
) -> None:
    """Ask for these keys to come to what they were."""
    rows = [
        {"base": base, "run_id": run_id, "source": one.source, "back": one.back, "person": person, "at": at}
        for base, one in wanted.items()
    ]
    upsert_rows(session, REVERSAL, rows, ["base"])


def drop_reversals(session: Session, bases: Collection[str]) -> None:
    """These keys follow their source again."""
    delete_rows(session, REVERSAL, [REVERSAL.c.base], sorted(bases))


# ---- what can be booked on


def bookings(session: Session, kind: str = "") -> list[Booking]:
    """In order of name."""
    query = select(BOOKING).order_by(BOOKING.c.name, BOOKING.c.id)
    if kind:
        query = query.where(BOOKING.c.kind == kind)
    return [Booking(row.kind, row.id, row.name, row.number) for row in session.execute(query)]


def save_bookings(session: Session, found: Sequence[Booking]) -> None:
    """All there are; what is not among them is not active any more."""
    session.execute(BOOKING.delete())
    insert_rows(session, BOOKING, [{"kind": b.kind, "id": b.id, "name": b.name, "number": b.number} for b in found])
