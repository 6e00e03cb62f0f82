"""What is known now, as the plan needs it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from core.domain.policy import Mode
from core.domain.target import KnownLine, PortalUsage
from core.domain.text import T, Text
from core.domain.usage import NOTHING, Origin, Scope, UsageLine
from core.store import workspace
from core.store.history.readings import FAILED, NEEDS_REVIEW, READING, USED, latest_readings
from core.store.portals import all_portals
from core.store.tables import table
from core.store.tables.history import UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import PortalCustomerRow
from core.store.types import OPEN_END

LINE, INTERVAL, CUSTOMER = table(UsageLineRow), table(UsageIntervalRow), table(PortalCustomerRow)

COLUMNS = (
    LINE.c.portal_id, LINE.c.id, LINE.c.customer_id, CUSTOMER.c.name, LINE.c.product_key, LINE.c.product, LINE.c.unit,
    LINE.c.term, LINE.c.billing_frequency, LINE.c.subscription_id, LINE.c.attributes, LINE.c.first_seen_at,
    LINE.c.confirmed_at, CUSTOMER.c.read_at, INTERVAL.c.quantity, INTERVAL.c.present, INTERVAL.c.quantity_since,
    INTERVAL.c.effective_date, INTERVAL.c.period_start, INTERVAL.c.period_end, INTERVAL.c.unit_cost,
    INTERVAL.c.unit_price, INTERVAL.c.currency, INTERVAL.c.origin_source, INTERVAL.c.origin_place,
    INTERVAL.c.origin_rows,
)  # fmt: skip


def known_lines(session: Session, portal_ids: Sequence[int] | None = None) -> dict[int, list[KnownLine]]:
    """Per portal, every line as it is known now, those that are proven gone too (`present=False`)."""
    lines: dict[int, list[KnownLine]] = defaultdict(list)
    zone = workspace.time_zone(session)
    for row in session.execute(_query(portal_ids)):
        lines[row[0]].append(known_line(row, zone))
    return lines


def portal_usage(session: Session, portal_ids: Sequence[int] | None = None) -> list[PortalUsage]:
    """All that the plan needs to know of the portals (all enabled ones, or those with these numbers), by name."""
    portals = [portal for portal in all_portals(session) if _wanted(portal.id, portal.enabled, portal_ids)]
    ids = [portal.id for portal in portals]
    lines = known_lines(session, ids)
    latest = latest_readings(session, ids)
    read = _customers_read(session, ids)
    failed = _failed_customers(session, ids)
    failing = {number: info for number, info in latest.items() if info.status in (FAILED, NEEDS_REVIEW)}
    return [
        PortalUsage(
            portal=portal.name,
            mode=Mode(portal.mode),
            policy=portal.policy,
            overrides=portal.overrides,
            lines=tuple(lines.get(portal.id, ())),
            read_at=portal.read_at,
            confirmed_at=read.get(portal.id, {}),
            failing=_reason(failing[portal.id].error) if portal.id in failing else None,
            failed_customers=failed.get(portal.id, frozenset()),
        )
        for portal in portals
    ]


def _wanted(portal_id: int, enabled: bool, portal_ids: Sequence[int] | None) -> bool:
    return enabled if portal_ids is None else portal_id in portal_ids


def _reason(error: Text | None) -> Text:
    return error or T("The last reading could not be used.")


def _customers_read(session: Session, portal_ids: Sequence[int]) -> dict[int, dict[str, datetime]]:
    read: dict[int, dict[str, datetime]] = defaultdict(dict)
    query = select(CUSTOMER.c.portal_id, CUSTOMER.c.customer_id, CUSTOMER.c.read_at).where(
        CUSTOMER.c.portal_id.in_(list(portal_ids)), CUSTOMER.c.read_at.is_not(None)
    )
    for portal_id, customer_id, read_at in session.execute(query):
        read[portal_id][customer_id] = read_at
    return read


def _failed_customers(session: Session, portal_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """Per portal, the customers that its newest whole reading could not get."""
    whole = (
        select(READING.c.portal_id, func.max(READING.c.taken_at).label("taken_at"))
        .where(READING.c.status == USED, READING.c.complete, READING.c.scope == Scope.PORTAL.value)
        .where(READING.c.portal_id.in_(list(portal_ids)))
        .group_by(READING.c.portal_id)
        .subquery()
    )
    query = (
        select(READING.c.portal_id, READING.c.failed_customers)
        .join(whole, (READING.c.portal_id == whole.c.portal_id) & (READING.c.taken_at == whole.c.taken_at))
        .where(READING.c.status == USED, READING.c.complete, READING.c.scope == Scope.PORTAL.value)
        .order_by(READING.c.id)
    )
    return {portal_id: frozenset(failed) for portal_id, failed in session.execute(query)}


def _query(portal_ids: Sequence[int] | None) -> Select[Any]:
    query = (
        select(*COLUMNS)
        .join(INTERVAL, (INTERVAL.c.line_id == LINE.c.id) & (INTERVAL.c.valid_to == OPEN_END))
        .join(CUSTOMER, (CUSTOMER.c.portal_id == LINE.c.portal_id) & (CUSTOMER.c.customer_id == LINE.c.customer_id))
        .order_by(LINE.c.id)
    )
    return query if portal_ids is None else query.where(LINE.c.portal_id.in_(list(portal_ids)))


def known_line(row: Sequence[Any], zone: tzinfo) -> KnownLine:
    """A row of `COLUMNS` as a line; plain dates are those of `zone`."""
    (
        _, line_id, customer_id, customer, product_key, product, unit, term, billing_frequency, subscription_id,
        attributes, first_seen, confirmed_at, read_at, quantity, present, since, effective_date, period_start, period_end,
        unit_cost, unit_price, currency, source, place, rows,
    ) = tuple(row)  # fmt: skip
    usage = UsageLine(
        customer_id=customer_id,
        customer=customer,
        product_key=product_key,
        product=product,
        quantity=quantity,
        unit=unit,
        term=term,
        billing_frequency=billing_frequency,
        subscription_id=subscription_id,
        effective_date=effective_date,
        period_start=period_start,
        period_end=period_end,
        unit_cost=unit_cost,
        unit_price=unit_price,
        currency=currency,
        attributes=attributes or NOTHING,
        origin=Origin(source, place, rows),
    )
    # A whole reading from before the line was ever named says nothing about it.
    whole = read_at if read_at is not None and read_at >= first_seen else confirmed_at
    changed_on = since.astimezone(zone).date()
    if effective_date is not None and present:
        changed_on = effective_date
    return KnownLine(usage, present, since, max(whole, confirmed_at), line_id, changed_on)
