"""Finds leaks: usage, what it should be billed as, and what contract lines bill today. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from core.domain.contract import Contract, ContractLine, ContractState, ItemRef, LineRef, PeriodType, units_on
from core.domain.contract_money import a_month, line_per_month
from core.domain.finding import Finding, FindingKind
from core.domain.grouping import group_usage
from core.domain.leakage import Expiring, Leak, LeakKind, MarginRow
from core.domain.lines import LineFinder
from core.domain.mapping import ProductRule, WorkspaceMapping
from core.domain.policies import strictest
from core.domain.policy import Policy
from core.domain.quantities import compute_units
from core.domain.subscription.billing import as_billed
from core.domain.target import PortalUsage, Target, TargetSource
from core.domain.targets import compute_targets
from core.domain.text import Money, T, Text

SOON = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class LeakFacts:
    """What is used, how it is mapped, and Autotask as it was last read. `now` is a UTC instant, `today` a plain date.

    `unread` are companies that were mapped since: of their contract lines nothing is known yet.
    """

    usage: Sequence[PortalUsage]
    mapping: WorkspaceMapping
    state: ContractState
    now: datetime
    today: date
    remembered: Mapping[LineRef, Decimal] = field(default_factory=dict)
    unread: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """`leaks` largest first; `not_judged` counts contract lines of which it is not known now what they should be (M2)."""

    leaks: tuple[Leak, ...]
    not_judged: int


def find_leaks(facts: LeakFacts) -> Found:
    """All leaks but those of consumption."""
    return _Search(facts).run()


def largest_first(leaks: Iterable[Leak]) -> tuple[Leak, ...]:
    """By money; those without a known price behind."""

    def order(leak: Leak) -> tuple[bool, Decimal, str, str, str]:
        money = leak.per_month
        return (money is None, -(money or Decimal(0)), leak.company.casefold(), leak.product.casefold(), leak.kind)

    return tuple(sorted(leaks, key=order))


def margins(state: ContractState, today: date) -> tuple[MarginRow, ...]:
    """Per company and product what is billed and what it costs per month today. A line of which units are not known is not 0."""
    lines: dict[tuple[int, ItemRef], list[ContractLine]] = defaultdict(list)
    for line, contract in _running(state, today):
        if line.ref in state.units_known and units_on(state.units.get(line.ref, ()), today):
            lines[contract.company_id, line.item].append(line)
    rows = [_margin(state, today, company_id, item, found) for (company_id, item), found in lines.items()]
    return tuple(sorted(rows, key=lambda row: (row.company.casefold(), row.product.casefold(), row.item)))


def expiring(state: ContractState, today: date, within: timedelta = SOON) -> tuple[Expiring, ...]:
    """Contracts that bill something today and end within a while, soonest first."""
    revenue: dict[int, list[Decimal | None]] = defaultdict(list)
    for line, contract in _running(state, today):
        units = units_on(state.units.get(line.ref, ()), today)
        if contract.end - today <= within and (units or line.ref not in state.units_known):
            known = line.ref in state.units_known
            revenue[contract.id].append(line_per_month(line, state, line.unit_price, units) if known else None)
    found = [
        Expiring(
            contract_id=number,
            contract=state.contracts[number].name,
            company_id=state.contracts[number].company_id,
            company=_company(state, state.contracts[number].company_id),
            end=state.contracts[number].end,
            days=(state.contracts[number].end - today).days,
            per_month=_sum(amounts),
        )
        for number, amounts in revenue.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.end, one.company.casefold(), one.contract_id)))


class _Search:
    def __init__(self, facts: LeakFacts) -> None:
        self._facts, self._state, self._today = facts, facts.state, facts.today
        self._rules = {rule.id: rule for rule in facts.mapping.rules}
        self._finder = LineFinder(facts.state, facts.mapping.line_choices, facts.today)
        self._portals = {portal.portal: portal for portal in facts.usage}

    def run(self) -> Found:
        facts = self._facts
        targets = compute_targets(facts.usage, facts.mapping, self._state, facts.now, self._today, facts.remembered)
        groups = group_usage(facts.usage, facts.mapping)
        leaks = [leak for target in targets.targets if (leak := self._of_target(target)) is not None]
        leaks += self._without_line(groups.sources)
        leaks += [
            leak for one in targets.findings if one.kind is FindingKind.ORPHAN_LINE if (leak := self._orphan(one))
        ]
        leaks += [_unmapped(one) for one in groups.findings]
        leaks += self._under_cost({target.line: target for target in targets.targets if target.line is not None})
        blocked = sum(target.units is None for target in targets.targets)
        unread = sum(company_id in facts.unread for _, company_id in groups.sources)
        return Found(largest_first(leaks), blocked + unread)

    def _of_target(self, target: Target) -> Leak | None:
        line = self._state.lines.get(target.line) if target.line else None
        if line is None or target.units is None or line.ref not in self._state.units_known:
            return None
        billed = units_on(self._state.units.get(line.ref, ()), self._today)
        if billed == target.units:
            return None
        kind = LeakKind.TOO_FEW if billed < target.units else LeakKind.TOO_MANY
        if kind is LeakKind.TOO_MANY and not target.units:
            kind = LeakKind.CANCELLED
        message = T("{used} are used and {billed} are billed.", used=target.units, billed=billed)
        return self._line_leak(kind, line, abs(billed - target.units), message, target.portals)

    def _orphan(self, finding: Finding) -> Leak | None:
        line = self._state.lines.get(finding.line) if finding.line else None
        if line is None:
            return None
        units = units_on(self._state.units.get(line.ref, ()), self._today)
        return self._line_leak(LeakKind.NO_USAGE, line, units, finding.message)

    def _line_leak(
        self, kind: LeakKind, line: ContractLine, units: int, message: Text, portals: tuple[str, ...] = ()
    ) -> Leak:
        contract = self._state.contracts[line.contract_id]
        return Leak(
            kind=kind,
            company_id=contract.company_id,
            company=_company(self._state, contract.company_id),
            item=line.item,
            product=_item(self._state, line.item),
            contract_id=contract.id,
            contract=contract.name,
            line=line.ref,
            units=Decimal(units),
            unit_price=line.unit_price,
            per_month=a_month(line.unit_price, units, contract.period_type),
            message=message,
            portals=portals,
        )

    def _without_line(self, groups: Mapping[tuple[int, int], Sequence[TargetSource]]) -> Iterator[Leak]:
        """What is used of services that no contract line of the company carries; rules of one service add up."""
        found: dict[tuple[int, ItemRef, str], tuple[int, set[str]]] = {}
        for (rule_id, company_id), sources in sorted(groups.items()):
            if company_id in self._facts.unread:
                continue
            rule = self._rules[rule_id]
            frequency = _frequency(rule, sources)
            place = self._finder.find(company_id, rule.item, frequency)
            if place.finding is None or place.candidates:
                continue
            units = self._units(rule, sources)
            if units:
                before, portals = found.get((company_id, rule.item, frequency), (0, set()))
                found[company_id, rule.item, frequency] = (before + units, portals | {s.portal for s in sources})
        for (company_id, item, _), (units, portals) in found.items():
            yield self._no_line(company_id, item, units, tuple(sorted(portals)))

    def _units(self, rule: ProductRule, sources: Sequence[TargetSource]) -> int:
        policy: Policy = strictest([self._portals[source.portal].policy for source in sources])
        billed, _ = as_billed(sources, policy)
        return compute_units(rule, billed).units or 0

    def _no_line(self, company_id: int, item: ItemRef, units: int, portals: tuple[str, ...]) -> Leak:
        """On a contract that has ended, at its price; otherwise at the price of the catalogue."""
        ended = self._ended(company_id, item)
        entry = self._state.items.get(item)
        price = entry.unit_price if entry else None
        period = entry.period_type if entry else PeriodType.UNKNOWN
        contract, line = ended or (None, None)
        if line is not None and contract is not None:
            price, period = line.unit_price, contract.period_type
        message = T("{used} are used, and no contract line bills them.", used=units)
        if contract is not None:
            message = T(
                "{used} are used, and contract {contract} ended on {day}.",
                used=units, contract=contract.name, day=contract.end,
            )  # fmt: skip
        return Leak(
            kind=LeakKind.NO_LINE if contract is None else LeakKind.EXPIRED_CONTRACT,
            company_id=company_id,
            company=_company(self._state, company_id),
            item=item,
            product=_item(self._state, item),
            contract_id=contract.id if contract else None,
            contract=contract.name if contract else "",
            line=line.ref if line else None,
            units=Decimal(units),
            unit_price=price,
            per_month=a_month(price, units, period),
            message=message,
            portals=portals,
        )

    def _ended(self, company_id: int, item: ItemRef) -> tuple[Contract, ContractLine | None] | None:
        """The contract that carried the service; where lines of ended contracts are not known, the last one of a company without
        any that runs.
        """
        own = [contract for contract in self._state.contracts.values() if contract.company_id == company_id]
        ended = {contract.id: contract for contract in own if contract.end < self._today}
        lines = [line for line in self._state.lines.values() if line.item == item and line.contract_id in ended]
        if lines:
            line = max(lines, key=lambda line: (ended[line.contract_id].end, line.ref))
            return ended[line.contract_id], line
        if ended and not any(contract.valid_on(self._today) for contract in own):
            return max(ended.values(), key=lambda contract: (contract.end, contract.id)), None
        return None

    def _under_cost(self, targets: Mapping[LineRef, Target]) -> Iterator[Leak]:
        for line, contract in _running(self._state, self._today):
            units = units_on(self._state.units.get(line.ref, ()), self._today)
            target = targets.get(line.ref)
            told = target.unit_cost if target else None
            cost, price = told if told is not None else line.unit_cost, line.unit_price
            free = target is not None and target.suspended
            if line.ref not in self._state.units_known or not units or cost is None or price is None or free:
                continue
            if price < cost:
                message = T("The price of {price} is under the cost of {cost}.", price=Money(price), cost=Money(cost))
                leak = self._line_leak(LeakKind.UNDER_COST, line, units, message, target.portals if target else ())
                yield replace(leak, per_month=a_month(cost - price, units, contract.period_type))


def _unmapped(finding: Finding) -> Leak:
    quantity = finding.message.values.get("quantity")
    customer = finding.key.startswith("unmapped|customer|")
    return Leak(
        kind=LeakKind.UNMAPPED,
        company_id=None,
        company=finding.subject if customer else "",
        item=None,
        product="" if customer else finding.subject,
        units=quantity if isinstance(quantity, Decimal) else None,
        message=finding.message,
        portals=(finding.portal,),
    )


def _frequency(rule: ProductRule, sources: Sequence[TargetSource]) -> str:
    told = {source.line.usage.billing_frequency for source in sources} if rule.match_period else set()
    return told.pop() if len(told) == 1 else ""


def _running(state: ContractState, today: date) -> Iterator[tuple[ContractLine, Contract]]:
    for line in state.lines.values():
        contract = state.contracts.get(line.contract_id)
        if contract is not None and contract.valid_on(today):
            yield line, contract


def _margin(
    state: ContractState, today: date, company_id: int, item: ItemRef, lines: Sequence[ContractLine]
) -> MarginRow:
    units = {line.ref: units_on(state.units.get(line.ref, ()), today) for line in lines}
    return MarginRow(
        company_id=company_id,
        company=_company(state, company_id),
        item=item,
        product=_item(state, item),
        units=sum(units.values()),
        revenue=_sum(line_per_month(line, state, line.unit_price, units[line.ref]) for line in lines),
        cost=_sum(line_per_month(line, state, line.unit_cost, units[line.ref]) for line in lines),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """None as soon as one is not known."""
    found = list(amounts)
    known = [amount for amount in found if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(found) else None


def _company(state: ContractState, company_id: int) -> str:
    company = state.companies.get(company_id)
    return company.name if company else str(company_id)


def _item(state: ContractState, item: ItemRef) -> str:
    entry = state.items.get(item)
    return entry.name if entry else f"{item.kind} {item.id}"
