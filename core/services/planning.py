"""The plan as people see it: changes and findings, filtered and paged; and how a new one is made."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.contract import ItemRef, LineRef
from core.domain.errors import InputError, RemoteError, SettingsError
from core.domain.plan import Change, Plan
from core.domain.text import T, Text
from core.services import directory, plan_making
from core.services.access import Actor, Role, require
from core.services.paging import Page, PageQuery
from core.services.provisioning import words_of
from core.store import directory as directory_store
from core.store import ledger, plans
from core.store.ledger import Entry, Event

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


@dataclass(frozen=True, slots=True)
class NamedPlan:
    """A plan with the names that people know."""

    plan: Plan
    companies: Mapping[int, str]
    items: Mapping[ItemRef, str]

    def company(self, company_id: int | None) -> str:
        return self.companies.get(-1 if company_id is None else company_id, "")

    def service(self, change: Change) -> str:
        """What a change is about: a service, or what is made."""
        return str(words_of(change)) if change.step is not None else self.item(change.item)

    def item(self, item: ItemRef) -> str:
        return self.items.get(item, f"{item.kind} {item.id}")


def plan_head(ctx: Context, actor: Actor) -> PlanHead | None:
    """The current plan in one look; None before the first one. For viewers, as is everything that only looks."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        head = plans.head(session)
    if head is None:
        return None
    return PlanHead(
        plan_id=head.id,
        made_at=head.made_at,
        checksum=head.checksum,
        by_status=head.by_status,
        by_finding=head.by_finding,
        unchanged=head.unchanged,
    )


def changes(ctx: Context, actor: Actor, query: PageQuery) -> Page[ChangeRow]:
    """Changes of the current plan: `status`, `portal` and `text` filter; sorted by any column."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = plans.page_changes(session, query)
    return Page(tuple(_row(one) for one in page.rows), page.total)


def findings(ctx: Context, actor: Actor, query: PageQuery) -> Page[FindingRow]:
    """Findings of the current plan; `status` is the kind."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = plans.page_findings(session, query)
    rows = (
        FindingRow(
            kind=one.finding.kind.value,
            key=one.finding.key,
            portal=one.finding.portal,
            subject=one.finding.subject,
            company=one.company,
            message=one.finding.message,
            remedy=one.finding.remedy,
            candidates=one.finding.candidates,
        )
        for one in page.rows
    )
    return Page(tuple(rows), page.total)


def change_detail(ctx: Context, actor: Actor, change_id: str) -> ChangeDetail:
    """One change with its way from the portal to the read-back. Raises InputError for one that no plan had."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        found = plans.find_change(session, change_id)
        entries = ledger.of_change(session, change_id)
    if found is None:
        raise InputError(T("No plan has a change {change}.", change=change_id), place=change_id, kind="unknown_change")
    steps = tuple(
        LedgerStep(at=entry.at, event=entry.event.value, run_id=entry.run_id, data=_data(entry)) for entry in entries
    )
    return ChangeDetail(_row(found, _status(entries)), found.change, steps)


def current_plan(ctx: Context, actor: Actor) -> Plan | None:
    """The stored plan that pages show."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return plans.load(session)


def replan(ctx: Context, actor: Actor) -> Plan:
    """Compare what is known of the portals with Autotask as it is now; nothing is written there. For operators.

    Raises SettingsError while Autotask is not set up, RemoteError when it cannot be read: the plan then stays as it was.
    """
    require(actor, Role.OPERATOR)
    with closing(ctx.autotask()) as target:
        facts = plan_making.gather(ctx)
        state = directory.refresh(ctx, target, plan_making.companies_of(facts.mapping))
        planned = plan_making.make(ctx, target, facts, state)
    ctx.database.run(lambda session: plan_making.keep(session, ctx, planned, facts, None))
    return planned.plan


def named_plan(ctx: Context, actor: Actor, *, fresh: bool = True) -> NamedPlan:
    """The plan as of now, with names. Where Autotask cannot be asked, or for a viewer, the stored one.

    Raises SettingsError or RemoteError where there is none yet and none can be made.
    """
    stored = current_plan(ctx, actor)
    if stored is None or (fresh and actor.role.covers(Role.OPERATOR)):
        try:
            stored = replan(ctx, actor)
        except (SettingsError, RemoteError):
            if stored is None:
                raise
    with ctx.database.session() as session:
        companies = directory_store.company_names(session)
        items = {item.ref: item.name for item in directory_store.items(session)}
    return NamedPlan(stored, companies, items)


def _row(one: plans.StoredChange, status: str = "") -> ChangeRow:
    change = one.change
    return ChangeRow(
        id=change.id,
        kind=change.kind.value,
        status=status or change.status.value,
        company=one.company,
        contract_id=change.contract_id,
        contract=one.contract,
        line=change.line,
        item=one.item,
        from_units=change.from_units,
        to_units=change.to_units,
        unit_change=change.unit_change,
        effective_date=change.effective_date,
        money=change.money_per_period,
        portals=change.portals,
        reason=change.reason,
        holds=change.holds,
    )


ENDS = {
    Event.VERIFIED: "applied", Event.FAILED: "failed", Event.REFUSED: "failed", Event.SKIPPED: "waiting",
}  # fmt: skip


def _status(entries: list[Entry]) -> str:
    """What became of a change by the ledger; empty while nothing was tried."""
    if not entries:
        return ""
    last = entries[-1]
    if last.event is Event.SETTLED:
        return "applied" if last.payload.get("applied") else "waiting"
    return ENDS.get(last.event, "waiting")


def _data(entry: Entry) -> Mapping[str, object]:
    """What a step tells beyond the change itself, which is shown already."""
    return {name: value for name, value in entry.payload.items() if name != "change"}
