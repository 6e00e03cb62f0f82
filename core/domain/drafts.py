"""What one target asks of its line: changes, what holds them, and what a person must look at. Nothing is decided here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from core.domain.contract import Contract, ContractLine, ContractState, LineKind, LineRef, UnitRow, units_on
from core.domain.drift import drift_of
from core.domain.finding import Finding, FindingKind
from core.domain.guard import holds_of, price_holds
from core.domain.open_days import OpenDays
from core.domain.period import period_start
from core.domain.plan import Change, ChangeKind, ChangeStatus, LineMemory
from core.domain.policy import Otherwise
from core.domain.subscription.commitment import commitment_notes
from core.domain.target import Target
from core.domain.text import T, Text
from core.domain.timeline import Step, Wish, always_has, booked_steps, lowest_after, steps_to

NO_MEMORY = LineMemory()
LINE_DIGITS = Decimal("0.0001")
"""Autotask keeps four decimals of a price per unit."""
MOST_PRECISE = Decimal(10) ** 20
"""Larger amounts are left as they are: no number of 28 digits holds them with four decimals."""


@dataclass(slots=True)
class Draft:
    """What is planned for one target, before it is decided whether it may go. `holds` are about all of its changes."""

    target: Target
    changes: list[Change] = field(default_factory=list)
    holds: list[Text] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """The line has its units already and nothing is in the way."""
        return not self.changes and not self.findings


class Drafter:
    """Drafts targets against one reading of Autotask. `today` is the plain date in the workspace's time zone."""

    def __init__(self, state: ContractState, memory: Mapping[LineRef, LineMemory], today: date) -> None:
        self._state = state
        self._memory = memory
        self._today = today
        self._posted: Mapping[int, Sequence[UnitRow]] | None = None

    def draft(self, target: Target, *, together: bool = False) -> Draft:
        """The draft of a target with units. `together`: a decrease counts from the day of the increase that takes its place."""
        contract = self._state.contracts.get(target.contract_id)
        line = self._state.lines.get(target.line) if target.line is not None else None
        draft = Draft(target)
        if contract is None or (target.line is not None and line is None):
            draft.findings.append(_gone(target, self._state))
        elif line is None:
            self._draft_new_line(draft, contract)
        elif line.ref not in self._state.units_known:
            draft.findings.append(_units_unknown(target, self._state))
        else:
            self._draft_line(draft, line, contract, together=together)
        return draft

    def _draft_line(self, draft: Draft, line: ContractLine, contract: Contract, *, together: bool) -> None:
        target, policy, today = draft.target, draft.target.policy, self._today
        assert target.units is not None
        rows = self._state.units.get(line.ref, ())
        if _is_plain(target) and always_has(target.units, rows, period_start(contract, today)):
            # Most lines of most plans: right on whatever day a change could count.
            return
        memory = self._memory.get(line.ref, NO_MEMORY)
        days = OpenDays(contract, rows, memory, policy)
        wish = Wish(
            target.units,
            increase_from=days.effective(policy.increase, today, target.portal_date, target.changed_on),
            decrease_from=days.effective(
                policy.increase if together else policy.decrease, today, target.portal_date, target.changed_on
            ),
            later=target.later,
        )
        steps = steps_to(wish, rows, days.open_day)
        draft.changes = [_units_change(target, contract, line, step, days, today) for step in steps]
        _carry_prices(draft, contract, line, memory, rows, _price_day(target, memory, days, wish, today))
        if draft.changes:
            _hold(draft, line, days)
            if lowest_after(steps, booked_steps(rows)) < 0:
                draft.holds.append(T("A later day would go below 0 units, because of changes that are booked already."))
            self._note_drift(draft, rows, memory)
        elif _cannot_follow(wish, rows, max(today, contract.start)):
            draft.findings.append(_too_late(target, self._state, contract))

    def _note_drift(self, draft: Draft, rows: Sequence[UnitRow], memory: LineMemory) -> None:
        """What somebody else changed is told in any case: as what holds the line, or as what is overwritten (M10)."""
        drift = drift_of(draft.target, rows, memory, self._today, self._state)
        if drift is None:
            return
        draft.findings.append(drift)
        if draft.target.policy.drift is Otherwise.OVERWRITE:
            draft.changes = [replace(c, explanation=(*c.explanation, drift.message)) for c in draft.changes]
        else:
            draft.holds.append(drift.message)

    def _draft_new_line(self, draft: Draft, contract: Contract) -> None:
        """The service is put on the contract, from the day on which an increase counts."""
        target = draft.target
        assert target.units is not None
        if target.units <= 0:
            return
        # The line has no rows yet: its neighbours tell which periods are posted.
        days = OpenDays(contract, self._posted_rows(contract), NO_MEMORY, target.policy)
        day = days.effective(target.policy.increase, self._today, target.portal_date, target.changed_on)
        if day is None:
            draft.findings.append(_too_late(target, self._state, contract))
            return
        entry = self._state.items.get(target.item)
        # Made at its own price, which a suspension then takes away: there is one to come back to.
        wanted = None if target.suspended else target.unit_price
        price = wanted if wanted is not None else (entry.unit_price if entry else None)
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
            unit_price=None if wanted is None else on_a_line(wanted),
            unit_cost=None if (cost := _own_cost(target)) is None else on_a_line(cost),
            money_per_period=None if price is None else price * target.units,
            period_type=contract.period_type,
            sources=target.sources,
            explanation=_explanation(target, day, days),
            portals=target.portals,
        )
        draft.changes = [change]
        draft.holds = [*holds_of(change, target.policy), *days.holds(day)]

    def _posted_rows(self, contract: Contract) -> Sequence[UnitRow]:
        """Rows that tell which periods of a contract are posted: those of its line that is posted furthest; none if none is."""
        if self._posted is None:
            self._posted = _furthest_posted(self._state)
        return self._posted.get(contract.id, ())


def _furthest_posted(state: ContractState) -> Mapping[int, Sequence[UnitRow]]:
    last: dict[int, date] = defaultdict(lambda: date.min)
    furthest: dict[int, Sequence[UnitRow]] = {}
    for line in state.lines.values():
        rows = state.units.get(line.ref, ())
        posted = max((row.start for row in rows if row.posted), default=date.min)
        if posted > last[line.contract_id]:
            last[line.contract_id] = posted
            furthest[line.contract_id] = rows
    return furthest


def _hold(draft: Draft, line: ContractLine, days: OpenDays) -> None:
    """Why the changes are for a person: their size (M6), their day (M8), or what Autotask refused before."""
    policy = draft.target.policy
    for change in draft.changes:
        draft.holds += [
            *holds_of(change, policy),
            *price_holds(change, line, policy),
            *days.holds(change.effective_date),
        ]
        if change.to_units == 0 and change.unit_change and days.refuses_zero():
            draft.holds.append(T("Autotask refused to bring this line to 0 units; end it in Autotask."))


def _is_plain(target: Target) -> bool:
    """Units are all there is to it: no prices to carry, nothing booked ahead to restore."""
    return target.unit_price is None and target.unit_cost is None and not target.later


def _units_change(
    target: Target, contract: Contract, line: ContractLine, step: Step, days: OpenDays, today: date
) -> Change:
    notes = commitment_notes(target.sources, step.day, today) if step.delta < 0 else ()
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
        explanation=(*_explanation(target, step.day, days), *notes),
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


def _carry_prices(
    draft: Draft,
    contract: Contract,
    line: ContractLine,
    memory: LineMemory,
    rows: Sequence[UnitRow],
    day: date | None,
) -> None:
    """Bring the portal's unit price and cost to the line: with the units where they change that day, else by themselves."""
    least = draft.target.policy.minimum_price_change
    price = _new_amount(draft.target.unit_price, line.unit_price, memory.unit_price, least)
    cost = _new_amount(_own_cost(draft.target), line.unit_cost, memory.unit_cost, least)
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
        reason=draft.target.price_reason or T("The portal gives another price or cost per unit."),
        unit_price=price,
        unit_cost=cost,
        money_per_period=_money(units, line.unit_price, units, price),
        period_type=contract.period_type,
        sources=draft.target.sources,
        explanation=draft.target.explanation,
        portals=draft.target.portals,
    )
    # By date, except where the changes of units are not: then it comes last, when they are all there.
    by_date = draft.changes[: len(earlier)] == earlier
    draft.changes.insert(len(earlier) if by_date else len(draft.changes), change)


def _price_day(target: Target, memory: LineMemory, days: OpenDays, wish: Wish, today: date) -> date | None:
    """From when a new price counts: the day of the units, or its own; never before a price that is on its way already."""
    day = wish.increase_from
    if target.price_when is not None:
        day = days.effective(target.price_when, today, target.portal_date, target.changed_on)
    if day is None or memory.price_from is None:
        return day
    return days.open_day(max(day, memory.price_from))


def on_a_line(amount: Decimal) -> Decimal:
    """A price or cost as a contract line keeps it, rounded once (M12): one with more decimals would differ for ever."""
    return amount.quantize(LINE_DIGITS, ROUND_HALF_UP).normalize() + 0 if abs(amount) < MOST_PRECISE else amount


def _own_cost(target: Target) -> Decimal | None:
    """The cost that the line is to have; a bundle's is that of its services, and Autotask takes no other."""
    return None if target.item.kind is LineKind.BUNDLE else target.unit_cost


def _new_amount(
    wanted: Decimal | None, present: Decimal | None, written: Decimal | None, least: Decimal
) -> Decimal | None:
    """The amount to write; None when the line has it, or will have it by what we wrote last, or nearly so."""
    comes = present if written is None else written
    if wanted is None:
        return None
    wanted = on_a_line(wanted)
    if comes is not None and wanted == on_a_line(comes):
        return None
    # To nothing and back from nothing is never small.
    return None if comes and wanted and abs(wanted - comes) < least else wanted


def _money(from_units: int, price: Decimal | None, to_units: int, new_price: Decimal | None) -> Decimal | None:
    """Difference on one full billing period; None where no price is known."""
    if price is None:
        return None
    return (price if new_price is None else new_price) * to_units - price * from_units


def _cannot_follow(wish: Wish, rows: Sequence[UnitRow], day: date) -> bool:
    """The line differs from its target, and there is no day left on which it could change."""
    units = units_on(rows, day)
    return (units < wish.target and wish.increase_from is None) or (units > wish.target and wish.decrease_from is None)


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
