"""What a plan has to know of subscriptions besides their quantities, and what is kept of a plan for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from sqlalchemy.orm import Session

from core.domain.contract import ContractState, LineRef
from core.domain.finding import Finding
from core.domain.mapping import WorkspaceMapping
from core.domain.plan import LineMemory, Plan
from core.domain.subscription.badge import open_lines, standpoints
from core.domain.subscription.calendar import Subscribed, calendar, calendar_findings
from core.domain.subscription.events import EventKind
from core.domain.subscription.pairs import Pair
from core.domain.subscription.terms import term_findings
from core.domain.subscription.words import WINDOW_DAYS, is_subscription
from core.domain.target import PortalUsage, Target, Targets
from core.services.applying import Work
from core.store import subscription_events as events
from core.store import subscriptions as store

TOLD_FOR = timedelta(days=31)
"""So long a changed term is asked about."""


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """`pairs`: usage lines that change together. `remembered`: prices from before a suspension. `terms`: (usage line, old, new).

    `increases`: per usage line when seats were last added.
    """

    pairs: tuple[Pair, ...] = ()
    remembered: Mapping[LineRef, Decimal] = field(default_factory=dict)
    terms: tuple[tuple[int, str, str], ...] = ()
    increases: Mapping[int, date] = field(default_factory=dict)


def load(session: Session, now: datetime) -> SubscriptionFacts:
    """All of it, as it is stored at one moment."""
    changed = [one for one in events.recent(session, (EventKind.TERM,), now - TOLD_FOR) if one.line_id is not None]
    return SubscriptionFacts(
        pairs=events.pairs(session, now),
        remembered=store.remembered_prices(session),
        terms=tuple((one.line_id or 0, _term(one.before), _term(one.after)) for one in changed),
        increases=events.last_increases(session, now - timedelta(days=WINDOW_DAYS + 1)),
    )


def findings(
    facts: SubscriptionFacts, usage: Sequence[PortalUsage], targets: Targets, state: ContractState, today: date
) -> list[Finding]:
    """What somebody must look at that no change of units can settle: renewals, contracts that end, terms that moved."""
    by_line = _by_line(targets)
    found = calendar_findings(calendar(_subscribed(facts, usage, by_line, state), today))
    return [*found, *term_findings(facts.terms, by_line, state)]


def with_findings(plan: Plan, more: Sequence[Finding]) -> Plan:
    """The plan with these findings too; each once."""
    if not more:
        return plan
    known = {finding.key: finding for finding in (*more, *plan.findings)}
    return replace(plan, findings=tuple(known[key] for key in sorted(known)))


class Made(Protocol):
    """A plan that was made (`core.services.plan_making.Planned`)."""

    @property
    def plan(self) -> Plan: ...

    @property
    def state(self) -> ContractState: ...

    @property
    def targets(self) -> Targets: ...


class Known(Protocol):
    """What it was made of (`core.services.plan_making.Facts`)."""

    @property
    def usage(self) -> Sequence[PortalUsage]: ...

    @property
    def mapping(self) -> WorkspaceMapping: ...

    @property
    def memory(self) -> Mapping[LineRef, LineMemory]: ...


def keep(session: Session, made: Made, of: Known, now: datetime) -> None:
    """Keep where subscriptions stand by a new plan, and the prices that come back after a suspension."""
    plan, targets, state = made.plan, made.targets, made.state
    store.keep_places(session, standpoints(of.usage, of.mapping, targets, plan))
    known = store.remembered_prices(session)
    suspended = {target.line for target in targets.targets if target.suspended and target.line}
    going = {c.line for c in plan.changes if c.line in suspended and c.unit_price == 0}
    store.remember_prices(
        session,
        {line: price for line in going if line and (price := state.lines[line].unit_price)},
        now,
    )
    changing = {change.line for change in plan.changes}
    back = [
        line for line in known if line not in suspended and line not in changing and _has_price(line, state, of.memory)
    ]
    store.forget_prices(session, back)


def settle(session: Session, left: Plan, works: Sequence[Work]) -> None:
    """After writing: subscriptions of which nothing is open any more are in sync, on the lines that were made for them."""
    store.settle_places(session, open_lines(left).keys())
    made = {
        source.line.id: work.line
        for work in works
        if work.line is not None and work.change.line is None
        for source in work.change.sources
    }
    store.place_on_lines(session, made)


def _has_price(line: LineRef, state: ContractState, memory: Mapping[LineRef, LineMemory]) -> bool:
    """Whether the line bills a price now, and no price of 0 is on its way."""
    entry, ahead = state.lines.get(line), memory.get(line, LineMemory()).unit_price
    return entry is not None and bool(entry.unit_price) and (ahead is None or ahead != 0)


def _by_line(targets: Targets) -> dict[int, Target]:
    return {source.line.id: target for target in targets.targets for source in target.sources}


def _subscribed(
    facts: SubscriptionFacts, usage: Sequence[PortalUsage], by_line: Mapping[int, Target], state: ContractState
) -> list[Subscribed]:
    found: list[Subscribed] = []
    for portal in usage:
        for line in portal.lines:
            target = by_line.get(line.id)
            if target is None or not line.present or not is_subscription(line.usage):
                continue
            company = state.companies.get(target.company_id)
            found.append(
                Subscribed(
                    portal=portal.portal,
                    line=line,
                    company_id=target.company_id,
                    company=company.name if company else "",
                    added_on=facts.increases.get(line.id),
                    contract=state.contracts.get(target.contract_id),
                )
            )
    return found


def _term(values: Mapping[str, str]) -> str:
    """`P1Y, monthly`, as the portal's readings have it."""
    return ", ".join(word for word in (values.get("term", ""), values.get("billing_frequency", "")) if word) or "-"
