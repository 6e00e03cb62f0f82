"""Plans as they were made: kept in one go, shown in slices, applied as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.domain.finding import Finding
from core.domain.paging import Page, PageQuery
from core.domain.plan import Change, ChangeStatus, Plan
from core.store.bulk import chunks, insert_rows
from core.store.folding import contains, folded
from core.store.plan_codec import change_from_json, change_to_json, finding_from_json, finding_to_json
from core.store.tables import table
from core.store.tables.directory import CompanyRow, ContractRow, ItemRow
from core.store.tables.ledger import LedgerRow
from core.store.tables.plans import PlanChangeRow, PlanFindingRow, PlanRow
from core.store.types import LARGEST, to_millionths

PLAN, CHANGE, FINDING = table(PlanRow), table(PlanChangeRow), table(PlanFindingRow)
COMPANY, ITEM, CONTRACT, LEDGER = table(CompanyRow), table(ItemRow), table(ContractRow), table(LedgerRow)

SORTS: Mapping[str, tuple[ColumnElement[Any], ...]] = {
    "company": (CHANGE.c.company, CHANGE.c.item),
    "item": (CHANGE.c.item,),
    "contract": (CHANGE.c.contract,),
    "status": (CHANGE.c.status,),
    "kind": (CHANGE.c.kind,),
    "from_units": (CHANGE.c.from_units,),
    "to_units": (CHANGE.c.to_units,),
    "unit_change": (CHANGE.c.unit_change,),
    "effective_date": (CHANGE.c.effective_date,),
    "money": (CHANGE.c.money,),
    "portals": (CHANGE.c.portals,),
}


@dataclass(frozen=True, slots=True)
class PlanHead:
    """One plan in one look. `by_status` and `by_finding` are counts."""

    id: int
    run_id: int | None
    made_at: datetime
    checksum: str
    unchanged: int
    by_status: Mapping[str, int]
    by_finding: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change of a stored plan with the names that people know."""

    change: Change
    company: str
    contract: str
    item: str


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding of a stored plan with the company's name."""

    finding: Finding
    company: str


def save(session: Session, plan: Plan, made_at: datetime, *, run_id: int | None = None) -> int:
    """Keep a plan and make it the current one; gives its number."""
    session.execute(PLAN.update().where(PLAN.c.current).values(current=False))
    values = {
        "run_id": run_id,
        "made_at": made_at,
        "today": plan.today,
        "checksum": plan.checksum,
        "changes": len(plan.changes),
        "findings": len(plan.findings),
        "unchanged": plan.unchanged,
        "current": True,
    }
    plan_id = int(session.execute(PLAN.insert().values(values).returning(PLAN.c.id)).scalar_one())
    names = _Names.load(session)
    insert_rows(session, CHANGE, [_change_row(plan_id, i, change, names) for i, change in enumerate(plan.changes)])
    insert_rows(session, FINDING, [_finding_row(plan_id, i, found, names) for i, found in enumerate(plan.findings)])
    return plan_id


def current_id(session: Session) -> int | None:
    """The number of the plan that pages show."""
    return session.execute(select(PLAN.c.id).where(PLAN.c.current).order_by(PLAN.c.id.desc()).limit(1)).scalar()


def head(session: Session, plan_id: int | None = None) -> PlanHead | None:
    """One plan in one look: the current one, or the one named."""
    number = current_id(session) if plan_id is None else plan_id
    row = session.execute(select(PLAN).where(PLAN.c.id == number)).first()
    if row is None:
        return None
    statuses = select(CHANGE.c.status, func.count()).where(CHANGE.c.plan_id == row.id).group_by(CHANGE.c.status)
    kinds = select(FINDING.c.kind, func.count()).where(FINDING.c.plan_id == row.id).group_by(FINDING.c.kind)
    return PlanHead(
        row.id,
        row.run_id,
        row.made_at,
        row.checksum,
        row.unchanged,
        {row[0]: row[1] for row in session.execute(statuses)},
        {row[0]: row[1] for row in session.execute(kinds)},
    )


def load(session: Session, plan_id: int | None = None) -> Plan | None:
    """The plan itself, equal to the one that was saved but for decisions since: the current one, or the one named."""
    number = current_id(session) if plan_id is None else plan_id
    row = session.execute(select(PLAN).where(PLAN.c.id == number)).first()
    if row is None:
        return None
    changes = session.execute(
        select(CHANGE.c.data, CHANGE.c.status).where(CHANGE.c.plan_id == row.id).order_by(CHANGE.c.position)
    )
    findings = session.execute(select(FINDING.c.data).where(FINDING.c.plan_id == row.id).order_by(FINDING.c.position))
    return Plan(
        row.today,
        tuple(change_from_json(data, status=status) for data, status in changes),
        tuple(finding_from_json(data) for (data,) in findings),
        row.unchanged,
    )


def page_changes(
    session: Session, query: PageQuery, *, plan_id: int | None = None, kind: str = "", company_id: int | None = None
) -> Page[StoredChange]:
    """Changes of a plan, filtered, sorted and cut; without `sort` in the order in which they are applied."""
    rows = _changes(session, query, plan_id)
    if kind:
        rows = rows.where(CHANGE.c.kind == kind)
    if company_id is not None:
        rows = rows.where(CHANGE.c.company_id == company_id)
    total = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    order = [column.desc() if query.descending else column for column in SORTS.get(query.sort, ())]
    rows = rows.order_by(*order, CHANGE.c.position).limit(query.size).offset(query.offset)
    return Page(tuple(_stored(row) for row in session.execute(rows)), total)


def change_ids(session: Session, query: PageQuery, *, plan_id: int | None = None) -> list[str]:
    """Ids of all changes that pass the filter: for "approve all that is shown"."""
    rows = _changes(session, query, plan_id).with_only_columns(CHANGE.c.change_id).order_by(CHANGE.c.position)
    return list(session.execute(rows).scalars())


def find_change(session: Session, change_id: str) -> StoredChange | None:
    """A change by its id, from the newest plan that has it."""
    row = session.execute(
        select(CHANGE).where(CHANGE.c.change_id == change_id).order_by(CHANGE.c.plan_id.desc()).limit(1)
    ).first()
    return _stored(row) if row else None


def find_changes(session: Session, wanted: Sequence[str], *, plan_id: int | None = None) -> list[StoredChange]:
    """The changes with these ids in one plan (the current one), in the order in which they are applied."""
    number = current_id(session) if plan_id is None else plan_id
    rows = [
        row
        for chunk in chunks(wanted)
        for row in session.execute(select(CHANGE).where(CHANGE.c.plan_id == number, CHANGE.c.change_id.in_(chunk)))
    ]
    return [_stored(row) for row in sorted(rows, key=lambda row: row.position)]


def with_pairs(session: Session, chosen: list[StoredChange]) -> list[StoredChange]:
    """These changes, and those of the current plan that stand or fall together with one of them (of its line, of its pair), in the
    plan's order.
    """
    pairs = {one.change.pair for one in chosen if one.change.pair}
    lines = {one.change.line for one in chosen if one.change.line is not None}
    plan = load(session) if pairs or lines else None
    if plan is None:
        return chosen
    lines |= {change.line for change in plan.changes if change.pair in pairs and change.line is not None}
    known = {one.change.id for one in chosen}
    family = [
        change.id
        for change in plan.changes
        if change.id in known or change.pair in pairs or (change.line is not None and change.line in lines)
    ]
    return find_changes(session, family)


def page_findings(session: Session, query: PageQuery, *, plan_id: int | None = None) -> Page[StoredFinding]:
    """Findings of a plan, filtered and cut. `status` is the kind."""
    number = current_id(session) if plan_id is None else plan_id
    rows: Select[Any] = select(FINDING).where(FINDING.c.plan_id == number)
    if query.status:
        rows = rows.where(FINDING.c.kind == query.status)
    if query.portal:
        rows = rows.where(FINDING.c.portal == query.portal)
    if query.text:
        rows = rows.where(contains(FINDING.c.search, query.text))
    total = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    sort = {
        "kind": FINDING.c.kind,
        "portal": FINDING.c.portal,
        "company": FINDING.c.company,
        "subject": FINDING.c.subject,
    }
    column = sort.get(query.sort, FINDING.c.position)
    rows = rows.order_by(column.desc() if query.descending else column, FINDING.c.position)
    found = session.execute(rows.limit(query.size).offset(query.offset))
    return Page(tuple(StoredFinding(finding_from_json(row.data), row.company) for row in found), total)


def set_status(session: Session, ids: Sequence[str], status: ChangeStatus, *, plan_id: int | None = None) -> int:
    """Show a decision in a plan (the current one) at once; gives how many changes it holds."""
    number = current_id(session) if plan_id is None else plan_id
    count = 0
    for chunk in chunks(ids):
        update = CHANGE.update().where(CHANGE.c.plan_id == number, CHANGE.c.change_id.in_(chunk))
        count += len(session.execute(update.values(status=status.value).returning(CHANGE.c.position)).all())
    return count


def prune(session: Session, before: datetime) -> int:
    """Forget plans made before an instant, but for the current one and those of which something was written."""
    written = select(LEDGER.c.id).where(LEDGER.c.run_id == PLAN.c.run_id).exists()
    old = PLAN.delete().where(PLAN.c.made_at < before, ~PLAN.c.current, ~written)
    return len(session.execute(old.returning(PLAN.c.id)).all())


def _changes(session: Session, query: PageQuery, plan_id: int | None) -> Select[Any]:
    number = current_id(session) if plan_id is None else plan_id
    rows: Select[Any] = select(CHANGE).where(CHANGE.c.plan_id == number)
    if query.status:
        rows = rows.where(CHANGE.c.status == query.status)
    if query.portal:
        rows = rows.where(CHANGE.c.portals.contains(f"\n{query.portal}\n", autoescape=True))
    if query.text:
        rows = rows.where(contains(CHANGE.c.search, query.text))
    return rows


@dataclass(frozen=True, slots=True)
class _Names:
    """What people call companies, contracts and services."""

    companies: Mapping[int, str]
    contracts: Mapping[int, str]
    items: Mapping[tuple[str, int], str]

    @classmethod
    def load(cls, session: Session) -> _Names:
        return cls(
            {row[0]: row[1] for row in session.execute(select(COMPANY.c.id, COMPANY.c.name))},
            {row[0]: row[1] for row in session.execute(select(CONTRACT.c.id, CONTRACT.c.name))},
            {(row[0], row[1]): row[2] for row in session.execute(select(ITEM.c.kind, ITEM.c.id, ITEM.c.name))},
        )


def _change_row(plan_id: int, position: int, change: Change, names: _Names) -> dict[str, Any]:
    company = names.companies.get(change.company_id, "")
    contract = names.contracts.get(change.contract_id, "")
    item = names.items.get((change.item.kind.value, change.item.id), "")
    if change.step is not None:
        # What is made has no number yet: it is shown by the name it gets.
        item = change.step.name or change.step.key
    return {
        "plan_id": plan_id,
        "position": position,
        "change_id": change.id,
        "dismissal_key": change.dismissal_key,
        "kind": change.kind.value,
        "status": change.status.value,
        "company_id": change.company_id,
        "company": company,
        "contract_id": change.contract_id,
        "contract": contract,
        "line_kind": change.line.kind.value if change.line else None,
        "line_id": change.line.id if change.line else None,
        "item_kind": change.item.kind.value,
        "item_id": change.item.id,
        "item": item,
        "from_units": change.from_units,
        "to_units": change.to_units,
        "unit_change": change.unit_change,
        "effective_date": change.effective_date,
        "money": _money_column(change),
        "portals": "".join(f"\n{portal}\n" for portal in change.portals),
        "search": folded(company, contract, item, *change.portals),
        "data": change_to_json(change),
    }


def _money_column(change: Change) -> Decimal | None:
    """What the list sorts by and shows; an amount that no column holds (millions of millions) stands in `data` alone."""
    money = change.money_per_period
    return None if money is None or money.copy_abs() > LARGEST else to_millionths(money)


def _finding_row(plan_id: int, position: int, finding: Finding, names: _Names) -> dict[str, Any]:
    company = names.companies.get(finding.company_id or -1, "")
    return {
        "plan_id": plan_id,
        "position": position,
        "kind": finding.kind.value,
        "key": finding.key,
        "portal": finding.portal,
        "subject": finding.subject,
        "company_id": finding.company_id,
        "company": company,
        "search": folded(company, finding.subject, finding.portal, str(finding.message)),
        "data": finding_to_json(finding),
    }


def _stored(row: Row[Any]) -> StoredChange:
    return StoredChange(change_from_json(row.data, status=row.status), row.company, row.contract, row.item)
