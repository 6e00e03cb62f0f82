"""An Azure Plan on a zero-priced service: the consumption of a period is the price of its one unit in that period (S4-05 to S4-08).

On day 1 of the period the unit gets the period's cost and price; on day 1 of the next one both go back to 0, so that a period whose
consumption is not known yet is never billed with another one's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from core.domain.charges.pricing import cents, exact_sum
from core.domain.charges.settings import DEFAULT_KINDS
from core.domain.charges.template import product_of
from core.domain.consumption import ConsumptionLine, ProductType
from core.domain.contract import Contract, ContractLine, ContractState, LineRef
from core.domain.finding import Finding, FindingKind
from core.domain.grouping import renamed
from core.domain.lines import LineFinder
from core.domain.mapping import CustomerKey, ProductKey, WorkspaceMapping
from core.domain.period import add_months
from core.domain.plan import Change, ChangeKind, ChangeStatus
from core.domain.policy import Mode
from core.domain.ports import RowAmount
from core.domain.provisioning.facts import Wanted
from core.domain.provisioning.offers import is_free, refusal
from core.domain.provisioning.policy import ContractKind, ContractPolicy
from core.domain.provisioning.subscription import SubscriptionType, type_of
from core.domain.target import KnownLine, PortalUsage, Target, Targets, TargetSource
from core.domain.text import T, Text

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumed:
    """What one customer consumed in one month that has ended. `final`: the source will not change it any more.

    `currency` is what the customer's contracts are billed in.
    """

    portal: str
    customer_id: str
    period: date
    lines: tuple[ConsumptionLine, ...]
    final: bool = True
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class AzureLine:
    """The contract line of a customer's Azure Plan."""

    portal: str
    customer_id: str
    company_id: int
    source: KnownLine
    line: ContractLine
    contract: Contract


@dataclass(frozen=True, slots=True)
class AzurePlans:
    """The lines found, and why others cannot be priced."""

    lines: tuple[AzureLine, ...]
    findings: tuple[Finding, ...]


def azure_lines(
    portals: Sequence[PortalUsage], mapping: WorkspaceMapping, state: ContractState, wanted: Wanted, today: date
) -> AzurePlans:
    """Azure Plans of portals with that policy, on their lines. Single subscriptions, priced services and contracts that do not
    begin on the first of a month are findings (S4-05, S4-06, S4-07).
    """
    chosen = wanted.portals(ContractKind.AZURE_PLAN)
    finder = LineFinder(state, mapping.line_choices, today)
    lines: list[AzureLine] = []
    findings: list[Finding] = []
    for portal in portals:
        for known in portal.lines if portal.portal in chosen else ():
            kind = type_of(known.usage)
            customer = mapping.customers.get(CustomerKey(portal.portal, known.usage.customer_id))
            if not known.present or customer is None or customer.company_id is None or customer.ignored is not None:
                continue
            if kind is SubscriptionType.AZURE_SUBSCRIPTION:
                findings.append(_finding(portal.portal, known, customer.company_id, refusal(kind)))
            if kind is not SubscriptionType.AZURE_PLAN:
                continue
            place = _place(finder, mapping, portal.portal, known, customer.company_id, state)
            if place is None:
                continue
            line, contract = place
            item = state.items.get(line.item)
            why = refusal(kind, item, contract)
            if why is not None:
                findings.append(_finding(portal.portal, known, customer.company_id, why))
            else:
                usage = known.usage
                lines.append(AzureLine(portal.portal, usage.customer_id, customer.company_id, known, line, contract))
    return AzurePlans(tuple(lines), tuple(findings))


def held_azure(targets: Targets, state: ContractState, wanted: Wanted) -> Targets:
    """The targets without units for lines that Azure of a portal with that policy cannot stand on, each with its reason (S4-05)."""
    chosen = wanted.portals(ContractKind.AZURE_PLAN)
    if not chosen:
        return targets
    held = tuple(_held(target, state, chosen) for target in targets.targets)
    findings = {finding.key: finding for target in held for finding in target.blocked}
    findings |= {finding.key: finding for finding in targets.findings}
    return Targets(held, tuple(findings[key] for key in sorted(findings)))


def _held(target: Target, state: ContractState, chosen: Collection[str]) -> Target:
    item, contract = state.items.get(target.item), state.contracts.get(target.contract_id)
    refused = tuple(
        _finding(source.portal, source.line, target.company_id, why)
        for source in target.sources
        if source.portal in chosen
        and source.line.present
        and (why := refusal(type_of(source.line.usage), item, contract)) is not None
    )
    return replace(target, units=None, blocked=(*target.blocked, *refused)) if refused else target


def _place(
    finder: LineFinder, mapping: WorkspaceMapping, portal: str, known: KnownLine, company_id: int, state: ContractState
) -> tuple[ContractLine, Contract] | None:
    usage = known.usage
    name = renamed(mapping.renames, portal, usage.product_key)
    product = ProductKey(portal, name, usage.term, usage.billing_frequency)
    rules = [rule for rule in mapping.rules if any(source.product == product for source in rule.sources)]
    if len(rules) != 1:
        return None
    place = finder.find(company_id, rules[0].item, usage.billing_frequency if rules[0].match_period else "")
    line = state.lines.get(place.line) if place.line else None
    contract = state.contracts.get(line.contract_id) if line else None
    return (line, contract) if line is not None and contract is not None else None


def azure_prices(
    plans: AzurePlans,
    consumed: Sequence[Consumed],
    rows: Mapping[LineRef, Sequence[RowAmount]],
    policies: Mapping[str, ContractPolicy],
    modes: Mapping[str, Mode],
    charged: Collection[str],
) -> tuple[list[Change], list[Finding]]:
    """The price changes that bring each period to its consumption, and the first one after the last back to 0 (S4-08).

    `charged` are portals whose consumption becomes charges already: pricing a line too would bill it twice.
    """
    changes: list[Change] = []
    lines, shared = _one_each(plans.lines)
    findings = [*plans.findings, *shared]
    for one in lines:
        mine = sorted(
            (c for c in consumed if (c.portal, c.customer_id) == (one.portal, one.customer_id) and c.final),
            key=lambda c: c.period,
        )
        if not mine:
            continue
        if one.portal in charged:
            text = T(
                "The consumption of {portal} becomes charges already: switch one of the two off.", portal=one.portal
            )
            findings.append(_finding(one.portal, one.source, one.company_id, text, "charged"))
            continue
        amounts: dict[date, tuple[Decimal, Decimal]] = {}
        for month in mine:
            billed = _billed(month)
            if not billed:
                continue
            if other := sorted({line.currency or "?" for line in billed} - {month.currency}):
                text = T(
                    "the consumption of {day} is in {found}, the contract is billed in {wanted}; nothing is converted.",
                    day=month.period, found=tuple(other), wanted=month.currency,
                )  # fmt: skip
                findings.append(_finding(one.portal, one.source, one.company_id, text, str(month.period)))
                continue
            told = _amount(billed, policies[one.portal])
            if told is None:
                text = T("The consumption of {day} lacks prices.", day=month.period)
                findings.append(_finding(one.portal, one.source, one.company_id, text, str(month.period)))
            else:
                amounts[month.period] = told
        before: Change | None = None
        for day, after in _with_reset(amounts).items():
            known = rows.get(one.line.ref, ())
            change, why = _change(one, day, after, known, modes[one.portal], reached=_reached(known, before, day))
            before = change
            changes += [change] if change else []
            findings += [_finding(one.portal, one.source, one.company_id, why, str(day))] if why else []
    return changes, findings


def _one_each(lines: Sequence[AzureLine]) -> tuple[list[AzureLine], list[Finding]]:
    """The lines that stand for exactly one customer's whole consumption. A customer with several lines would be billed on each, and
    of several customers on one line only the last would be billed (M9).
    """
    of_customer: dict[tuple[str, str], dict[LineRef, AzureLine]] = defaultdict(dict)
    on_line: dict[LineRef, set[tuple[str, str]]] = defaultdict(set)
    for one in lines:
        of_customer[one.portal, one.customer_id].setdefault(one.line.ref, one)
        on_line[one.line.ref].add((one.portal, one.customer_id))
    single: list[AzureLine] = []
    findings: list[Finding] = []
    for places in of_customer.values():
        for one in places.values():
            if len(places) > 1:
                text = T("{count} contract lines carry its Azure Plan.", count=len(places))
            elif len(on_line[one.line.ref]) > 1:
                text = T("{count} customers share one contract line.", count=len(on_line[one.line.ref]))
            else:
                single.append(one)
                continue
            findings.append(_finding(one.portal, one.source, one.company_id, text, "shared"))
    return single, findings


def _billed(month: Consumed) -> tuple[ConsumptionLine, ...]:
    """What the price of the line is made of: no tax, and no licences, which are services of their own (S3-12)."""
    return tuple(line for line in month.lines if line.kind in DEFAULT_KINDS and product_of(line) != ProductType.LICENCE)


def _amount(lines: Sequence[ConsumptionLine], policy: ContractPolicy) -> tuple[Decimal, Decimal] | None:
    """Cost and price of a month's lines, in cents; None where the price cannot be told exactly."""
    cost = exact_sum(line.amount for line in lines)
    told = [line.price for line in lines]
    if any(price is not None for price in told) and policy.azure_markup_percent is None:
        known = [price for price in told if price is not None]
        return (cents(cost), cents(exact_sum(known))) if len(known) == len(told) else None
    return cents(cost), cents(cost * (100 + (policy.azure_markup_percent or ZERO)) / 100)


def _with_reset(amounts: Mapping[date, tuple[Decimal, Decimal]]) -> dict[date, tuple[Decimal, Decimal]]:
    """Each period's amounts, and 0 on day 1 of every next period that has none of its own."""
    found = dict(amounts)
    for day in amounts:
        found.setdefault(add_months(day, 1), (ZERO, ZERO))
    return dict(sorted(found.items()))


def _row(rows: Sequence[RowAmount], day: date) -> RowAmount | None:
    covering = [row for row in rows if row.start <= day <= row.end]
    return covering[-1] if covering else None


def _reached(rows: Sequence[RowAmount], before: Change | None, day: date) -> bool:
    """Whether the change of the period before would reach into this one: as long as nothing was booked between the two."""
    if before is None:
        return False
    earlier, later = _row(rows, before.effective_date), _row(rows, day)
    return earlier is not None and later is not None and (earlier.price, earlier.cost) == (later.price, later.cost)


def _change(
    one: AzureLine, day: date, amounts: tuple[Decimal, Decimal], rows: Sequence[RowAmount], mode: Mode, *, reached: bool
) -> tuple[Change | None, Text | None]:
    cost, price = amounts
    if not one.contract.start <= day <= one.contract.end:
        return None, None
    row = _row(rows, day)
    if row is None or row.units != 1 or row.start != day:
        if not price and not cost:
            return None, None
        return None, T("The line has not exactly 1 unit from {day} on: the period's price cannot be set.", day=day)
    if _same(row.price, price) and _same(row.cost, cost) and not reached:
        return None, None
    if row.posted:
        return None, T("The period of {day} is already posted with another amount: correct it with a charge.", day=day)
    return (
        Change(
            kind=ChangeKind.PRICE,
            company_id=one.company_id,
            contract_id=one.contract.id,
            line=one.line.ref,
            item=one.line.item,
            from_units=1,
            to_units=1,
            effective_date=day,
            status=ChangeStatus.NEEDS_APPROVAL if mode is Mode.REVIEW else ChangeStatus.READY,
            reason=T("Azure consumption of the period that begins on {day}.", day=day)
            if price or cost
            else T("Back to 0 until the consumption of the period from {day} on is known.", day=day),
            unit_price=price,
            unit_cost=cost,
            money_per_period=price - (row.price or ZERO),
            period_type=one.contract.period_type,
            sources=(TargetSource(one.portal, one.source, 0, "q"),),
            portals=(one.portal,),
        ),
        None,
    )


def _same(have: Decimal | None, wanted: Decimal) -> bool:
    return (have or ZERO) == wanted


def _finding(portal: str, known: KnownLine, company_id: int, why: Text | None, what: str = "line") -> Finding:
    usage = known.usage
    return Finding(
        kind=FindingKind.NO_LINE,
        key=f"azure|{portal}|{usage.customer_id}|{usage.subscription_id or usage.product_key}|{what}",
        portal=portal,
        subject=usage.customer,
        company_id=company_id,
        message=T("Azure of {customer} cannot be billed: {why}", customer=usage.customer, why=why or ""),
        remedy=T("Bill the consumption as charges, or correct what is said here."),
    )


__all__ = ["AzureLine", "AzurePlans", "Consumed", "azure_lines", "azure_prices", "held_azure", "is_free"]
