"""Makes the plan: everything known is gathered, targets are computed, and the lines that are to change are read once more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy.orm import Session

from core.domain.contract import ContractState, LineRef, units_on
from core.domain.finding import Finding
from core.domain.mapping import WorkspaceMapping
from core.domain.period import period_start
from core.domain.plan import HELD_BY_PERSON, Change, ChangeStatus, Decisions, LineMemory, Plan
from core.domain.planner import make_plan
from core.domain.ports import Target as Autotask
from core.domain.provisioning.azure import held_azure
from core.domain.provisioning.facts import Wanted
from core.domain.reverse import reversal_targets
from core.domain.subscription.billing import with_money
from core.domain.subscription.pairs import settle_together
from core.domain.target import PortalUsage, Target, Targets
from core.domain.targets import compute_targets
from core.domain.text import T, Text
from core.services import directory, subscription_facts
from core.services.context import Context
from core.services.overdue_files import overdue_files
from core.services.provisioning import words_of
from core.services.provisioning_plan import provide, with_azure, with_chosen, with_steps
from core.services.reversals import Pending, pending_reversals
from core.services.subscription_facts import SubscriptionFacts
from core.store import decisions, history, ledger, mappings, memories, plans, provisioning
from core.store.ledger import Event, Fact


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan is made of besides Autotask itself."""

    usage: tuple[PortalUsage, ...]
    mapping: WorkspaceMapping
    memory: Mapping[LineRef, LineMemory]
    decisions: Decisions
    reversals: tuple[Pending, ...]
    findings: tuple[Finding, ...] = ()
    wanted: Wanted = Wanted()
    subscriptions: SubscriptionFacts = field(default_factory=SubscriptionFacts)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, with the Autotask it was made against and the targets it was made for."""

    plan: Plan
    state: ContractState
    targets: Targets

    def company(self, company_id: int | None) -> str:
        company = self.state.companies.get(-1 if company_id is None else company_id)
        return company.name if company else ""

    def item(self, change: Change) -> str:
        if change.step is not None:
            return str(words_of(change))
        item = self.state.items.get(change.item)
        return item.name if item else change.item.kind.value


def mapped_companies(ctx: Context) -> frozenset[int]:
    """Companies that any portal's customer is mapped to: only their contracts matter."""
    with ctx.database.session() as session:
        return companies_of(mappings.load_mapping(session))


def companies_of(known: WorkspaceMapping) -> frozenset[int]:
    """The companies of a mapping."""
    return frozenset(c.company_id for c in known.customers.values() if c.company_id is not None and c.ignored is None)


def gather(ctx: Context) -> Facts:
    """Everything as it is stored at one moment."""
    today = ctx.clock.today()
    with ctx.database.session() as session:
        return Facts(
            tuple(history.portal_usage(session)),
            mappings.load_mapping(session),
            memories.line_memories(session, today),
            decisions.load(session, today),
            pending_reversals(session),
            overdue_files(session, ctx.clock.now()),
            provisioning.load_wanted(session),
            subscription_facts.load(session, ctx.clock.now()),
        )


def make(ctx: Context, target: Autotask, facts: Facts, state: ContractState) -> Planned:
    """The plan. Lines that are to change are read once more, with all their rows, and planned again."""
    now, today = ctx.clock.now(), ctx.clock.today()
    memory = _dates_taken(facts)
    state = directory.deepen(target, state, _reversed(facts, state), _first_day(state, _reversed(facts, state), today))
    provided = provide(ctx, target, facts.wanted, facts.usage, facts.mapping, state)
    about = facts.subscriptions
    ordinary = compute_targets(provided.usage, facts.mapping, provided.state, now, today, about.remembered)
    ordinary = held_azure(ordinary, state, facts.wanted)
    findings = (*ordinary.findings, *provided.findings, *facts.findings)
    made = [with_money(one, about.remembered.get(one.line) if one.line else None) for one in provided.targets]
    targets = _with_reversals(Targets((*ordinary.targets, *made), findings), facts, state)
    plan = make_plan(targets, state, memory, facts.decisions, today, about.pairs)
    deeper = _worth_reading(plan, targets, facts, state) - _reversed(facts, state)
    if deeper:
        state = with_units(ctx, target, state, deeper)
        plan = make_plan(targets, state, memory, facts.decisions, today, about.pairs)
    plan = with_azure(ctx, target, facts, plan, state)
    plan = with_chosen(with_steps(plan, provided, facts.decisions), facts.mapping)
    more = subscription_facts.findings(about, facts.usage, targets, state, today)
    return Planned(subscription_facts.with_findings(_with_holds(plan, facts.decisions), more), state, targets)


def with_units(ctx: Context, target: Autotask, state: ContractState, lines: Collection[LineRef]) -> ContractState:
    """The same state with all rows of these lines as they are now; they are remembered, too. Raises RemoteError."""
    if lines:
        state = directory.deepen(target, state, lines, _first_day(state, lines, ctx.clock.today()))
        directory.keep_units(ctx, state, lines)
    return state


def make_for_lines(ctx: Context, facts: Facts, planned: Planned, lines: Collection[LineRef]) -> Plan:
    """The plan of these lines alone, against what is known of them already."""
    targets = Targets(tuple(one for one in planned.targets.targets if one.line in lines), ())
    plan = make_plan(targets, planned.state, facts.memory, facts.decisions, ctx.clock.today())
    return _with_holds(plan, facts.decisions)


def _with_holds(plan: Plan, decided: Decisions) -> Plan:
    """What people hold waits for them, also where policy would let it go."""
    reasons = {
        key.removeprefix(HELD_BY_PERSON): why
        for key, why in decided.dismissed.items()
        if key.startswith(HELD_BY_PERSON)
    }
    held = {_lane(change) for change in plan.changes if change.dismissal_key in reasons} if reasons else set()
    if not held:
        return plan
    waiting = (ChangeStatus.READY, ChangeStatus.NEEDS_APPROVAL)
    changes = tuple(
        replace(change, status=ChangeStatus.HELD, holds=(*change.holds, _held_text(change, reasons)))
        if _lane(change) in held and change.status in waiting
        else change
        for change in plan.changes
    )
    return replace(plan, changes=tuple(settle_together(changes)))


def _lane(change: Change) -> object:
    """What a person's hold is about: the line, or what is to be added."""
    return change.line or change.dismissal_key


def _held_text(change: Change, reasons: Mapping[str, str]) -> Text:
    return T("Held by a person: {reason}", reason=reasons.get(change.dismissal_key, "-"))


def keep(session: Session, ctx: Context, planned: Planned, facts: Facts, run_id: int | None) -> int:
    """Make this the current plan, and note units that were seen for the first time (M10). Gives the plan's number."""
    plan_id = plans.save(session, planned.plan, ctx.clock.now(), run_id=run_id)
    subscription_facts.keep(session, planned, facts, ctx.clock.now())
    seen = first_seen(planned, facts.memory, run_id)
    if seen:
        # Nobody waits for a turn to plan: what a run wrote and verified since the facts were gathered is newer than what was seen.
        now = memories.line_memories(session, planned.plan.today)
        seen = [fact for fact in seen if fact.line is None or now.get(fact.line) == facts.memory.get(fact.line)]
    ledger.append(session, ctx.clock.now(), seen)
    return plan_id


def first_seen(planned: Planned, memory: Mapping[LineRef, LineMemory], run_id: int | None) -> list[Fact]:
    """Units of lines that nothing is remembered of, or that were changed by somebody else to what they should be."""
    state, today = planned.state, planned.plan.today
    changing = {change.line for change in planned.plan.changes}
    facts: list[Fact] = []
    for target in planned.targets.targets:
        line = target.line
        if line is None or target.units is None or line not in state.units_known:
            continue
        units = units_on(state.units.get(line, ()), today)
        known = memory.get(line)
        if known is None or known.verified_units is None or (line not in changing and _outdated(known, units, today)):
            payload = {"units": units, "on": today}
            facts.append(Fact(event=Event.SEEN, run_id=run_id, line=line, effective_date=today, payload=payload))
    return facts


def _outdated(known: LineMemory, units: int, today: date) -> bool:
    return known.verified_units != units and (known.verified_on is None or known.verified_on <= today)


def _worth_reading(plan: Plan, targets: Targets, facts: Facts, state: ContractState) -> set[LineRef]:
    """Lines that are to change, and lines on which we booked something that is still to come."""
    today = plan.today
    lines = {change.line for change in plan.changes if change.line is not None}
    for target in targets.targets:
        memory = facts.memory.get(target.line) if target.line else None
        if memory and any(day > today for day in memory.our_dates):
            lines |= {target.line} if target.line else set()
    return {line for line in lines if line in state.lines}


def _first_day(state: ContractState, lines: Iterable[LineRef], today: date) -> date:
    """The start of the earliest present period: nothing is planned before it."""
    starts = (
        period_start(contract, today)
        for line in lines
        if (entry := state.lines.get(line)) and (contract := state.contracts.get(entry.contract_id))
    )
    return min((start for start in starts if start <= today), default=today)


def _dates_taken(facts: Facts) -> Mapping[LineRef, LineMemory]:
    """A reversal cannot count from a day on which the change itself did: Autotask takes no second one (reference §7.4)."""
    memory = dict(facts.memory)
    for change in (change for pending in facts.reversals for change in pending.applied):
        known = memory.get(change.line, LineMemory())
        memory[change.line] = replace(known, refused={change.effective_date: "same_day", **known.refused})
    return memory


def _reversed(facts: Facts, state: ContractState) -> set[LineRef]:
    return {line for pending in facts.reversals for line in pending.lines if line in state.lines}


def _with_reversals(targets: Targets, facts: Facts, state: ContractState) -> Targets:
    """Lines that are proposed to go back to what they were have that as their target; others keep theirs."""
    wanted: dict[LineRef, Target] = {}
    findings: list[Finding] = []
    for pending in facts.reversals:
        back = reversal_targets(pending.applied, state, str(pending.run_id))
        wanted |= {target.line: target for target in back.targets if target.line is not None}
        findings += back.findings
    if not wanted and not findings:
        return targets
    forward: Sequence[Target] = [one for one in targets.targets if one.line not in wanted]
    return replace(targets, targets=(*forward, *wanted.values()), findings=(*targets.findings, *findings))
