"""The plan as people see it: changes and findings, filtered and paged; and how a new one is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.contract import LineRef
from core.domain.plan import Change, Plan
from core.domain.text import Text
from core.services.access import Actor
from core.services.paging import Page, PageQuery

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One change of the current plan. `status`: ready, needs_approval, held, approved, dismissed; after a run also applied, failed,
    waiting. `money` is the difference per full period in the contract's currency.
    """

    id: str
    kind: str
    status: str
    company: str
    contract_id: int
    contract: str
    line: LineRef | None
    item: str
    from_units: int
    to_units: int
    unit_change: int
    effective_date: date
    money: Decimal | None
    portals: tuple[str, ...]
    reason: Text
    holds: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """One finding of the current plan; `candidates` as (id, words) to choose from."""

    kind: str
    key: str
    portal: str
    subject: str
    company: str
    message: Text
    remedy: Text | None
    candidates: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStep:
    """One event of a change's way: intended, sent, answered, verified …"""

    at: datetime
    event: str
    run_id: int | None
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChangeDetail:
    """Lineage (M13): the change with its sources and formula, and what the ledger says of it."""

    row: ChangeRow
    change: Change
    steps: tuple[LedgerStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHead:
    """The current plan in one look; `by_status` and `by_finding` are counts."""

    plan_id: int
    made_at: datetime
    checksum: str
    by_status: Mapping[str, int]
    by_finding: Mapping[str, int]
    unchanged: int


def plan_head(ctx: Context, actor: Actor) -> PlanHead | None: ...
def changes(ctx: Context, actor: Actor, query: PageQuery) -> Page[ChangeRow]: ...
def findings(ctx: Context, actor: Actor, query: PageQuery) -> Page[FindingRow]: ...
def change_detail(ctx: Context, actor: Actor, change_id: str) -> ChangeDetail: ...
def current_plan(ctx: Context, actor: Actor) -> Plan | None: ...
def replan(ctx: Context, actor: Actor) -> Plan: ...
