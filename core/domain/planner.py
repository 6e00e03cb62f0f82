"""The plan: what is to be written so that Autotask follows the targets. Pure: no clock, no database, no network.

For each line: when may it change (policy M7, posted periods M8) → which steps lead to the target (M1, M5) → did somebody
else touch it (M10) → is it too large to go by itself (M6) → what have people decided. The changes of one line stand or
fall together: applying only some of them would leave quantities that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import reduce

from core.domain.contract import Contract, ContractLine, ContractState, LineRef, UnitRow, units_on
from core.domain.drift import drift_of
from core.domain.finding import Finding, FindingKind
from core.domain.guard import holds_of, landslides, price_holds
from core.domain.open_days import OpenDays
from core.domain.period import period_start
from core.domain.plan import Change, ChangeKind, ChangeStatus, Decisions, LineMemory, Plan
from core.domain.policy import Mode, Otherwise
from core.domain.target import Target, Targets
from core.domain.text import T, Text
from core.domain.timeline import Step, Wish, always_has, booked_steps, lowest_after, steps_to

NO_MEMORY = LineMemory()
NO_DECISIONS = Decisions()


@dataclass(slots=True)
class _Draft:
    """What is planned for one target, before it is decided whether it may go."""

    target: Target
    changes: list[Change] = field(default_factory=list)
    holds: list[Text] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """The line has its units already and nothing is in the way."""
        return not self.changes and not self.findings


def make_plan(
    targets: Targets, state: ContractState, memory: Mapping[LineRef, LineMemory], decisions: Decisions, today: date
) -> Plan:
    """The changes that bring all lines to their targets, and what a person must look at.

    `today` is the plain date in the workspace's time zone. Unit rows in `state` must reach back to the start of the present
    period and forward to the last one. Lines without a target are never touched.
    """
    _refuse_two_targets(targets.targets)
    ordered = sorted(targets.targets, key=_order)
    drafts = [_draft(target, state, memory, today) for target in ordered if target.units is not None]
    # A decrease that somebody has dismissed is not about to happen.
    moving = {place: draft.changes for place, draft in enumerate(drafts) if not _is_dismissed(draft, decisions)}
    slides = landslides([draft.target for draft in drafts], moving)
    changes: list[Change] = []
    findings = {finding.key: finding for finding in (*targets.findings, *slides.values())}
    for draft in drafts:
        findings |= {finding.key: finding for finding in draft.findings}
        if draft.changes:
            settled, held = _settle(draft, slides, decisions)
            changes += settled
            if held is not None:
                findings[held.key] = held
    return Plan(
        today=today,
        changes=tuple(changes),
        findings=tuple(findings[key] for key in sorted(findings)),
        unchanged=sum(draft.is_right for draft in drafts),
    )


def _refuse_two_targets(targets: Sequence[Target]) -> None:
    lines = [target.line for target in targets if target.line is not None]
    if len(lines) != len(set(lines)):
        raise ValueError("a contract line has two targets: merge them before planning (M5)")


def _order(target: Target) -> tuple[int, int, str, int, str, int]:
    kind, number = target.line or ("", 0)
    return (target.company_id, target.contract_id, kind, number, *target.item)


def _draft(target: Target, state: ContractState, memory: Mapping[LineRef, LineMemory], today: date) -> _Draft:
    contract = state.contracts.get(target.contract_id)
    line = state.lines.get(target.line) if target.line is not None else None
    draft = _Draft(target)
    if contract is None or (target.line is not None and line is None):
        draft.findings.append(_gone(target, state))
    elif line is None:
        _draft_new_line(draft, state, contract, today)
    elif line.ref not in state.units_known:
        draft.findings.append(_units_unknown(target, state))
    else:
        _draft_line(draft, state, line, contract, memory.get(line.ref, NO_MEMORY), today)
    return draft


def _draft_line(
    draft: _Draft, state: ContractState, line: ContractLine, contract: Contract, memory: LineMemory, today: date
) -> None:
    target, policy = draft.target, draft.target.policy
    assert target.units is not None
    rows = state.units.get(line.ref, ())
    if _is_plain(target) and always_has(target.units, rows, period_start(contract, today)):
        # Most lines of most plans: right on whatever day a change could count.
        return
    days = OpenDays(contract, rows, memory, policy)
    wish = Wish(
        target.units,
        increase_from=days.effective(policy.increase, today, target.portal_date),
        decrease_from=days.effective(policy.decrease, today, target.portal_date),
        later=target.later,
    )
    steps = steps_to(wish, rows, days.open_day)
    draft.changes = [_units_change(target, contract, line, step, days) for step in steps]
    _carry_prices(draft, contract, line, memory, rows, wish.increase_from)
    if not draft.changes:
        if _cannot_follow(wish, rows, max(today, contract.start)):
            draft.findings.append(_too_late(target, state, contract))
        return
    for change in draft.changes:
        draft.holds += [
            *holds_of(change, policy),
            *price_holds(change, line, policy),
            *days.holds(change.effective_date),
        ]
        if change.to_units == 0 and change.unit_change and days.refuses_zero():
            draft.holds.append(T("Autotask refused to bring this line to 0 units; end it in Autotask."))
    if lowest_after(steps, booked_steps(rows)) < 0:
        draft.holds.append(T("A later day would go below 0 units, because of changes that are booked already."))
    drift = drift_of(target, rows, memory, today, state)
    if drift is not None:
        draft.findings.append(drift)
        if policy.drift is not Otherwise.OVERWRITE:
            draft.holds.append(drift.message)
        else:
            draft.changes = [replace(c, explanation=(*c.explanation, drift.message)) for c in draft.changes]


def _is_plain(target: Target) -> bool:
    """Units are all there is to it: no prices to carry, nothing booked ahead to restore."""
    return target.unit_price is None and target.unit_cost is None and not target.later


def _units_change(target: Target, contract: Contract, line: ContractLine, step: Step, days: OpenDays) -> Change:
    return Change(
        kind=ChangeKind.UNITS,
        company_id=target.company_id,
        contract_id=contract.id,
        line=line.ref,
        item=line.item,
        from_units=step.before,
        to_units=step.after,
        effective_date=step.day,
        status=ChangeStatus.READY,
        reason=_reason(target, step),
        money_per_period=None if line.unit_price is None else line.unit_price * step.delta,
        period_type=contract.period_type,
        sources=target.sources,
        explanation=_explanation(target, step.day, days),
        portals=target.portals,
    )


def _explanation(target: Target, day: date, days: OpenDays) -> tuple[Text, ...]:
    """How the units were computed, and why they count from this day where it is not the policy's own."""
    if day not in days.moves:
        return target.explanation
    return (*target.explanation, T("Counts from {day}: {why}.", day=day, why=days.moves[day]))


def _reason(target: Target, step: Step) -> Text:
    if target.reason is not None:
        return target.reason
    if step.aim != target.units:
        return T("{units} units were booked from {day} on: that stays.", units=step.aim, day=step.day)
    return T("In use: {target}; on the contract: {units}.", target=target.units, units=step.before)


def _draft_new_line(draft: _Draft, state: ContractState, contract: Contract, today: date) -> None:
    """The service is put on the contract, from the day on which an increase counts."""
    target = draft.target
    assert target.units is not None
    if target.units <= 0:
        return
    days = OpenDays(contract, _posted_rows(state, contract), NO_MEMORY, target.policy)
    day = days.effective(target.policy.increase, today, target.portal_date)
    if day is None:
        draft.findings.append(_too_late(target, state, contract))
        return
    entry = state.items.get(target.item)
    price = target.unit_price if target.unit_price is not None else (entry.unit_price if entry else None)
    change = Change(
        kind=ChangeKind.ADD_LINE,
        company_id=target.company_id,
        contract_id=contract.id,
        line=None,
        item=target.item,
        from_units=0,
        to_units=target.units,
        effective_date=day,
        status=ChangeStatus.READY,
        reason=T("In use: {target}; the contract has no such line yet.", target=target.units),
        unit_price=target.unit_price,
        unit_cost=target.unit_cost,
        money_per_period=None if price is None else price * target.units,
        period_type=contract.period_type,
        sources=target.sources,
        explanation=_explanation(target, day, days),
        portals=target.portals,
    )
    draft.changes = [change]
    draft.holds = [*holds_of(change, target.policy), *days.holds(day)]


def _posted_rows(state: ContractState, contract: Contract) -> Sequence[UnitRow]:
    """Rows that tell which periods of a contract are posted: those of the line that is posted furthest. None posted: no rows."""
    furthest: Sequence[UnitRow] = ()
    last = date.min
    for line in state.lines.values():
        if line.contract_id == contract.id:
            rows = state.units.get(line.ref, ())
            posted = max((row.start for row in rows if row.posted), default=date.min)
            if posted > last:
                furthest, last = rows, posted
    return furthest


def _carry_prices(
    draft: _Draft,
    contract: Contract,
    line: ContractLine,
    memory: LineMemory,
    rows: Sequence[UnitRow],
    day: date | None,
) -> None:
    """Bring the portal's unit price and cost to the line: with the units where they change that day, else by themselves."""
    price = _new_amount(draft.target.unit_price, line.unit_price, memory.unit_price)
    cost = _new_amount(draft.target.unit_cost, line.unit_cost, memory.unit_cost)
    if day is None or (price is None and cost is None):
        return
    for place, change in enumerate(draft.changes):
        if change.effective_date == day:
            money = _money(change.from_units, line.unit_price, change.to_units, price)
            draft.changes[place] = replace(change, unit_price=price, unit_cost=cost, money_per_period=money)
            return
    earlier = [change for change in draft.changes if change.effective_date < day]
    units = units_on(rows, day) + sum(change.unit_change for change in earlier)
    change = Change(
        kind=ChangeKind.PRICE,
        company_id=draft.target.company_id,
        contract_id=contract.id,
        line=line.ref,
        item=line.item,
        from_units=units,
        to_units=units,
        effective_date=day,
        status=ChangeStatus.READY,
        reason=T("The portal gives another price or cost per unit."),
        unit_price=price,
        unit_cost=cost,
        money_per_period=_money(units, line.unit_price, units, price),
        period_type=contract.period_type,
        sources=draft.target.sources,
        explanation=draft.target.explanation,
        portals=draft.target.portals,
    )
    draft.changes.insert(len(earlier), change)


def _new_amount(wanted: Decimal | None, present: Decimal | None, written: Decimal | None) -> Decimal | None:
    """The amount to write; None when the line has it, or will have it by what we wrote last."""
    return None if wanted is None or wanted in (present, written) else wanted


def _money(from_units: int, price: Decimal | None, to_units: int, new_price: Decimal | None) -> Decimal | None:
    """Difference on one full billing period; None where no price is known."""
    if price is None:
        return None
    return (price if new_price is None else new_price) * to_units - price * from_units


def _cannot_follow(wish: Wish, rows: Sequence[UnitRow], day: date) -> bool:
    """The line differs from its target, and there is no day left on which it could change."""
    units = units_on(rows, day)
    return (units < wish.target and wish.increase_from is None) or (units > wish.target and wish.decrease_from is None)


def _settle(draft: _Draft, slides: Mapping[str, Finding], decisions: Decisions) -> tuple[list[Change], Finding | None]:
    """The changes of one line with their common status, and the finding if they are held."""
    guarded = tuple(dict.fromkeys(draft.holds))
    sliding = [portal for portal in draft.target.portals if portal in slides]
    landslide: tuple[Text, ...] = ()
    if any(change.unit_change < 0 for change in draft.changes):
        landslide = tuple(T("Too many lines of {portal} go down at once.", portal=portal) for portal in sliding)
    holds = guarded + landslide
    status = _status(draft, decisions, held=bool(holds))
    settled = [replace(change, status=status, holds=holds) for change in draft.changes]
    # A landslide and drift have findings of their own.
    drift_only = {finding.message for finding in draft.findings}
    own = [text for text in guarded if text not in drift_only]
    return settled, _held(draft, own) if status is ChangeStatus.HELD and own else None


def _status(draft: _Draft, decisions: Decisions, *, held: bool) -> ChangeStatus:
    if _is_dismissed(draft, decisions):
        return ChangeStatus.DISMISSED
    if decisions.approved and all(change.id in decisions.approved for change in draft.changes):
        return ChangeStatus.APPROVED
    if held:
        return ChangeStatus.HELD
    return ChangeStatus.NEEDS_APPROVAL if draft.target.mode is Mode.REVIEW else ChangeStatus.READY


def _is_dismissed(draft: _Draft, decisions: Decisions) -> bool:
    return bool(decisions.dismissed) and any(change.dismissal_key in decisions.dismissed for change in draft.changes)


def _held(draft: _Draft, holds: Sequence[Text]) -> Finding:
    change = draft.changes[0]
    where = f"{change.line.kind}|{change.line.id}" if change.line else f"{change.contract_id}|{change.item.id}"
    return Finding(
        kind=FindingKind.HELD,
        key=f"held|line|{where}",
        portal=", ".join(change.portals),
        company_id=change.company_id,
        line=change.line,
        message=T(
            "From {before} to {after} units is held: {why}",
            before=change.from_units,
            after=draft.target.units,
            why=reduce(lambda told, next_one: T("{first} {second}", first=told, second=next_one), holds),
        ),
        remedy=T("Approve the change if it is right."),
    )


def _gone(target: Target, state: ContractState) -> Finding:
    kind, number = target.line or ("contract", target.contract_id)
    return Finding(
        kind=FindingKind.NO_LINE,
        key=f"no_line|{kind}|{number}",
        subject=_company(target, state),
        company_id=target.company_id,
        line=target.line,
        message=T("{company}: the contract line is no longer in Autotask.", company=_company(target, state)),
        remedy=T("Refresh the contracts from Autotask."),
    )


def _units_unknown(target: Target, state: ContractState) -> Finding:
    assert target.line is not None
    return Finding(
        kind=FindingKind.FAILED,
        key=f"failed|{target.line.kind}|{target.line.id}",
        subject=_company(target, state),
        company_id=target.company_id,
        line=target.line,
        message=T("{company}: the units of a contract line could not be read.", company=_company(target, state)),
        remedy=T("Run a sync again; nothing is changed on lines whose units are not known."),
    )


def _too_late(target: Target, state: ContractState, contract: Contract) -> Finding:
    kind, number = target.line or ("contract", contract.id)
    return Finding(
        kind=FindingKind.HELD,
        key=f"held|late|{kind}|{number}|{target.item.id}",
        subject=_company(target, state),
        company_id=target.company_id,
        line=target.line,
        message=T(
            "{company} should have {units} units, but contract {contract} ends on {end}, before a change could count.",
            company=_company(target, state),
            units=target.units,
            contract=contract.name,
            end=contract.end,
        ),
        remedy=T("Extend or renew the contract in Autotask, or change it there by hand."),
    )


def _company(target: Target, state: ContractState) -> str:
    company = state.companies.get(target.company_id)
    return company.name if company else str(target.company_id)
