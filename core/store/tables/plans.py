"""Plans as they were made, and what people decided about their changes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index

from core.store.tables.base import Row, document, exact, instant, key, reference, remote_id


class PlanRow(Row, table=True):
    """One plan. `current` marks the one that pages show."""

    __tablename__ = "plan"
    __table_args__ = (Index(None, "current", "id"),)
    id: int | None = key()
    run_id: int | None = reference("run.id", on_delete="SET NULL")
    made_at: datetime = instant()
    today: date
    checksum: str
    changes: int = 0
    findings: int = 0
    unchanged: int = 0
    current: bool = True


class PlanChangeRow(Row, table=True):
    """One change: columns to filter, sort and page on, and `data`, of which the Change is made again exactly."""

    __tablename__ = "plan_change"
    __table_args__ = (
        Index(None, "plan_id", "status"),
        Index(None, "change_id"),
        Index(None, "plan_id", "company"),
        Index(None, "plan_id", "effective_date"),
    )
    plan_id: int = reference("plan.id", primary_key=True, index=False)
    position: int = key()
    change_id: str
    dismissal_key: str
    kind: str
    status: str
    company_id: int = remote_id()
    company: str = ""
    contract_id: int = remote_id()
    contract: str = ""
    line_kind: str | None = None
    line_id: int | None = remote_id(optional=True)
    item_kind: str
    item_id: int = remote_id()
    item: str = ""
    from_units: int
    to_units: int
    unit_change: int
    effective_date: date
    money: Decimal | None = exact(optional=True)
    portals: str = ""
    search: str = ""
    data: dict[str, Any] = document()


class PlanFindingRow(Row, table=True):
    """One finding of a plan."""

    __tablename__ = "plan_finding"
    __table_args__ = (Index(None, "plan_id", "kind"),)
    plan_id: int = reference("plan.id", primary_key=True, index=False)
    position: int = key()
    kind: str
    key: str
    portal: str = ""
    subject: str = ""
    company_id: int | None = remote_id(optional=True)
    company: str = ""
    search: str = ""
    data: dict[str, Any] = document()


class ApprovalRow(Row, table=True):
    """Somebody approved exactly this change."""

    __tablename__ = "approval"
    change_id: str = key()
    person: str
    at: datetime = instant()


class DismissalRow(Row, table=True):
    """Somebody dismissed this line and target, until a day or for good."""

    __tablename__ = "dismissal"
    key: str = key()
    reason: str = ""
    person: str
    at: datetime = instant()
    until: date | None = None
