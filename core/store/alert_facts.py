"""What alerts are made of, each in one statement: quantities over time, readings, contracts that end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from core.domain.alerts.jumps import Piece
from core.domain.alerts.signals import NamedChange
from core.domain.finding import Finding, FindingKind
from core.domain.plan import ChangeStatus
from core.store.plan_codec import change_from_json, finding_from_json
from core.store.plans import current_id
from core.store.tables import table
from core.store.tables.directory import CompanyRow, ContractLineRow, ContractRow
from core.store.tables.history import ReadingRow, UsageIntervalRow, UsageLineRow
from core.store.tables.mapping import PortalCustomerRow, ProductRuleRow
from core.store.tables.plans import PlanChangeRow, PlanFindingRow

LINE, INTERVAL, READING = table(UsageLineRow), table(UsageIntervalRow), table(ReadingRow)
CUSTOMER, PRODUCT_RULE = table(PortalCustomerRow), table(ProductRuleRow)
COMPANY, CONTRACT, CONTRACT_LINE = table(CompanyRow), table(ContractRow), table(ContractLineRow)
CHANGE, FINDING = table(PlanChangeRow), table(PlanFindingRow)


def plan_findings(session: Session, kinds: Collection[FindingKind]) -> list[Finding] | None:
    """Findings of these kinds of the current plan; None where there is no plan."""
    number = current_id(session)
    if number is None:
        return None
    query = select(FINDING.c.data).where(
        FINDING.c.plan_id == number, FINDING.c.kind.in_([kind.value for kind in kinds])
    )
    return [finding_from_json(data) for (data,) in session.execute(query.order_by(FINDING.c.position))]


def open_changes(session: Session, statuses: Collection[ChangeStatus]) -> list[NamedChange]:
    """Changes of the current plan in these states."""
    query = select(CHANGE.c.data, CHANGE.c.status, CHANGE.c.company, CHANGE.c.item).where(
        CHANGE.c.plan_id == current_id(session), CHANGE.c.status.in_([status.value for status in statuses])
    )
    return [
        NamedChange(change_from_json(row.data, status=row.status), row.company, row.item)
        for row in session.execute(query.order_by(CHANGE.c.position))
    ]


def readings(session: Session, since: datetime) -> dict[int, list[datetime]]:
    """When each portal was read with success, in order of time: the first, the last before `since`, and all from then on."""
    used = READING.c.status == "used"
    first = select(READING.c.portal_id, func.min(READING.c.taken_at)).where(used).group_by(READING.c.portal_id)
    before = (
        select(READING.c.portal_id, func.max(READING.c.taken_at))
        .where(used, READING.c.taken_at < since)
        .group_by(READING.c.portal_id)
    )
    recent = select(READING.c.portal_id, READING.c.taken_at).where(used, READING.c.taken_at >= since)
    found: dict[int, set[datetime]] = defaultdict(set)
    for query in (first, before, recent):
        for portal_id, taken_at in session.execute(query):
            found[portal_id].add(taken_at)
    return {portal_id: sorted(moments) for portal_id, moments in found.items()}


def pieces(session: Session, portal_ids: Collection[int], since: datetime) -> list[Piece]:
    """Quantities of these portals' lines that were true at some time from `since` on."""
    query = (
        select(
            LINE.c.portal_id, LINE.c.customer_id, CUSTOMER.c.name, LINE.c.product_key, LINE.c.product, INTERVAL.c.quantity,
            INTERVAL.c.valid_from, INTERVAL.c.valid_to,
        )
        .select_from(INTERVAL)
        .join(LINE, LINE.c.id == INTERVAL.c.line_id)
        .join(CUSTOMER, and_(CUSTOMER.c.portal_id == LINE.c.portal_id, CUSTOMER.c.customer_id == LINE.c.customer_id))
        .where(LINE.c.portal_id.in_(list(portal_ids)), INTERVAL.c.present, INTERVAL.c.valid_to > since)
        .order_by(LINE.c.id)
    )  # fmt: skip
    return [Piece._make(row) for row in session.execute(query)]


def ending_contracts(session: Session, first: date, last: date) -> list[tuple[int, str, str, date]]:
    """Active contracts that end from `first` to `last`, of linked companies, with a service that some product is linked to.

    Number, name, company and last day of each, the soonest first.
    """
    linked = select(CUSTOMER.c.company_id).where(CUSTOMER.c.company_id.is_not(None), CUSTOMER.c.ignored.is_(None))
    used = (
        select(CONTRACT_LINE.c.contract_id)
        .join(
            PRODUCT_RULE,
            and_(
                PRODUCT_RULE.c.item_kind == CONTRACT_LINE.c.item_kind, PRODUCT_RULE.c.item_id == CONTRACT_LINE.c.item_id
            ),
        )
        .distinct()
    )
    query = (
        select(CONTRACT.c.id, CONTRACT.c.name, COMPANY.c.name, CONTRACT.c.end)
        .join(COMPANY, COMPANY.c.id == CONTRACT.c.company_id)
        .where(CONTRACT.c.active, CONTRACT.c.end >= first, CONTRACT.c.end <= last)
        .where(CONTRACT.c.company_id.in_(linked), CONTRACT.c.id.in_(used))
        .order_by(CONTRACT.c.end, CONTRACT.c.id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]
