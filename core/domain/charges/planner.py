"""The charge plan, a pure function: consumption, mapping, settings and Autotask as it is → what to write (M1, M15).

What a key should come to is compared with all charges of that key in Autotask. As long as none of them is billed, the charge
is brought to the amount; once one is, the difference becomes a charge of its own. So the charges of a key always add up to
the source, however often a period is imported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from core.domain.amount_doubts import AmountDoubt
from core.domain.charges.families import Family, next_change, reversal_of
from core.domain.charges.keys import owner_of
from core.domain.charges.plan import (
    ChargeChange,
    ChargeChangeKind,
    ChargeFacts,
    ChargePlan,
    ChargeRow,
    Consumed,
    ExistingCharge,
    PortalCharging,
)
from core.domain.charges.settings import ChargeSettings, settings_for
from core.domain.charges.twice import told_twice
from core.domain.charges.wanted import CannotCharge, Wanted, contract_of, finding, wanted_charges
from core.domain.finding import Finding, FindingKind
from core.domain.mapping import CustomerKey
from core.domain.plan import HELD_BY_PERSON, ChangeStatus, Decisions
from core.domain.policy import Mode
from core.domain.text import Money, T, Text

_ORDER = {
    ChargeChangeKind.WITHDRAW: 0,
    ChargeChangeKind.UPDATE: 1,
    ChargeChangeKind.CORRECT: 2,
    ChargeChangeKind.CREATE: 3,
}
"""What goes, goes first: at no moment is a customer charged twice for the same. Of one kind the largest goes first: a credit that
Autotask refuses keeps nothing else waiting.
"""


@dataclass(slots=True)
class _Outcome:
    changes: list[ChargeChange] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rows: list[ChargeRow] = field(default_factory=list)
    unchanged: int = 0
    waiting: int = 0


def plan_charges(facts: ChargeFacts) -> ChargePlan:
    """What Autotask lacks. Customers that are not in `facts.consumed` are left alone: nothing is known of them (M2)."""
    outcome = _Outcome()
    twice = told_twice(facts)
    existing: dict[str, list[ExistingCharge]] = defaultdict(list)
    for charge in facts.existing:
        if charge.key is not None:
            existing[charge.key.owner].append(charge)
    for consumed in facts.consumed:
        owner = owner_of(consumed.identity, consumed.customer_id, consumed.period_start)
        try:
            also = twice.get((consumed.portal, consumed.customer_id, consumed.period_start), ())
            _plan_one(facts, consumed, existing.get(owner, []), outcome, also)
        except CannotCharge as stopped:
            outcome.findings.append(stopped.finding)
    names = {(consumed.portal, consumed.customer_id): consumed.customer for consumed in facts.consumed}
    for doubt in facts.doubts:
        if not _is_ignored(facts, doubt):
            name = names.get((doubt.portal, doubt.customer_id), doubt.customer_id or doubt.portal)
            outcome.findings.append(_in_doubt(doubt, name))
    findings = {one.key: one for one in outcome.findings}
    return ChargePlan(
        changes=tuple(outcome.changes),
        findings=tuple(findings[key] for key in sorted(findings)),
        rows=tuple(outcome.rows),
        unchanged=outcome.unchanged,
        waiting=outcome.waiting,
    )


def _is_ignored(facts: ChargeFacts, doubt: AmountDoubt) -> bool:
    known = facts.customers.get(CustomerKey(doubt.portal, doubt.customer_id))
    return known is not None and known.ignored is not None


def _in_doubt(doubt: AmountDoubt, name: str) -> Finding:
    """What came last is not believed: the charges of the customer and month stay as they are (M2)."""
    return Finding(
        kind=FindingKind.HELD, key=doubt.key, portal=doubt.portal, subject=name, message=doubt.message,
        remedy=T(
            "Mend it in the source and let it be told once more; where nothing is to be charged, let it tell 0. "
            "Where it will not be told again, say that what counts now is right."
        ),
    )  # fmt: skip


def _plan_one(
    facts: ChargeFacts,
    consumed: Consumed,
    existing: Sequence[ExistingCharge],
    outcome: _Outcome,
    twice: Sequence[Text] = (),
) -> None:
    charging = facts.portals.get(consumed.portal, PortalCharging(settings=None))
    company_id = _company(facts, consumed)
    if company_id is None:
        return
    base = charging.settings
    if base is None:
        raise CannotCharge(_not_set_up(consumed))
    if not settings_for(base, consumed.customer_id).charge:
        return
    if not base.provisional and (consumed.provisional or any(line.provisional for line in consumed.lines)):
        outcome.waiting += 1
        if consumed.again_from is not None:
            outcome.findings.append(_told_too_early(consumed, consumed.again_from))
        return
    contract = contract_of(consumed, company_id, base, facts.contracts, {charge.contract_id for charge in existing})
    wanted = wanted_charges(consumed, base, contract, company_id)
    families, doubled = _families(consumed, contract.id, wanted, existing)
    outcome.findings += doubled
    if doubled:
        return
    changes: list[ChargeChange] = []
    for family in families:
        change = next_change(facts, charging, consumed, company_id, family)
        if change is None:
            outcome.unchanged += 1
        else:
            changes.append(change)
    outcome.rows += [_row(consumed, company_id, contract.id, family) for family in families if family.wanted]
    changes.sort(key=lambda change: (_ORDER[change.kind], -change.amount, change.key.text))
    holds = (
        *_limit_holds(facts, charging, consumed, base, families),
        *(twice if any(_adds(c) for c in changes) else ()),
    )
    outcome.changes += _judged(facts, charging, changes, families, holds)


def _company(facts: ChargeFacts, consumed: Consumed) -> int | None:
    """The company the customer is mapped to; None where it is to be ignored. Raises CannotCharge for an unmapped one."""
    known = facts.customers.get(CustomerKey(consumed.portal, consumed.customer_id))
    if known is not None and known.ignored is not None:
        return None
    if known is None or known.company_id is None:
        raise CannotCharge(
            finding(
                FindingKind.UNMAPPED, consumed,
                message=T("{customer} of {portal} used something from {first} to {last} and is not mapped to a company.",
                          customer=consumed.customer, portal=consumed.portal, first=consumed.period_start,
                          last=consumed.period_end),
                remedy=T("Map the customer on the Customers page."),
            )
        )  # fmt: skip
    return known.company_id


def told_too_early_key(portal: str, period: date) -> str:
    """The key of the finding that a portal's month is to be told once more."""
    return f"charge-again|{portal}|{period}"


def _told_too_early(consumed: Consumed, closed: date) -> Finding:
    """One finding for all customers of the portal and month: what is to be done is the same for all of them."""
    return Finding(
        kind=FindingKind.STALE, key=told_too_early_key(consumed.portal, consumed.period_start), portal=consumed.portal,
        subject=consumed.portal,
        message=T("The amounts of {portal} from {first} to {last} were read before the month was final, which it is since {day}; "
                  "they are not charged yet.",
                  portal=consumed.portal, first=consumed.period_start, last=consumed.period_end, day=closed),
        remedy=T("Bring the files of that month once more; a portal that is fetched does it by itself with the next "
                 "synchronisation."),
    )  # fmt: skip


def _not_set_up(consumed: Consumed) -> Finding:
    return Finding(
        kind=FindingKind.HELD,
        key=f"charge|{consumed.portal}|settings",
        portal=consumed.portal,
        subject=consumed.portal,
        message=T("It is not said how {portal} is charged.", portal=consumed.portal),
        remedy=T("Choose it in the charge settings of this portal."),
    )


def _families(
    consumed: Consumed, contract_id: int, wanted: Sequence[Wanted], existing: Iterable[ExistingCharge]
) -> tuple[list[Family], list[Finding]]:
    """What is wanted and what there is, by key. A key that stands twice in Autotask is not ours to sort out (M9)."""
    families = {one.key.base: Family(one.key.base, contract_id, one) for one in wanted}
    findings: list[Finding] = []
    for charge in sorted(existing, key=lambda charge: charge.id):
        assert charge.key is not None
        family = families.setdefault(charge.key.base, Family(charge.key.base, charge.contract_id))
        family.charges.append(charge)
    for family in families.values():
        numbers = [charge.key.number for charge in family.charges if charge.key]
        if len(set(numbers)) < len(numbers):
            findings.append(
                finding(
                    FindingKind.AMBIGUOUS, consumed, about=family.base,
                    message=T("{customer}: Autotask has the charge {name} {count} times for one period.",
                              customer=consumed.customer, name=family.charges[0].values.name, count=len(numbers)),
                    remedy=T("Delete in Autotask the one that somebody copied, then synchronise."),
                    candidates=tuple((str(charge.id), charge.values.name) for charge in family.charges),
                )
            )  # fmt: skip
    return list(families.values()), findings


def _row(consumed: Consumed, company_id: int, contract_id: int, family: Family) -> ChargeRow:
    wanted = family.wanted
    assert wanted is not None
    return ChargeRow(
        portal=consumed.portal,
        customer_id=consumed.customer_id,
        customer=consumed.customer,
        company_id=company_id,
        contract_id=contract_id,
        period_start=consumed.period_start,
        period_end=consumed.period_end,
        key=family.base,
        title=wanted.title,
        name=wanted.values.name,
        description=wanted.values.description,
        currency=wanted.currency,
        cost=wanted.values.cost,
        price=wanted.values.price,
        in_autotask=family.total,
        billed=family.billed,
        charge_ids=tuple(charge.id for charge in family.charges),
        lines=wanted.lines,
    )


def _judged(
    facts: ChargeFacts,
    charging: PortalCharging,
    changes: Sequence[ChargeChange],
    families: Sequence[Family],
    holds: Sequence[Text],
) -> list[ChargeChange]:
    """The status of the changes of one customer and period: they stand or fall together."""
    judged = [replace(change, holds=(*change.holds, *_said_no(facts, change), *holds)) for change in changes]
    back = any(reversal_of(facts, family) is not None for family in families)
    status = _status(facts.decisions, judged, review=charging.mode is Mode.REVIEW or back)
    return [replace(change, status=status) for change in judged]


def _adds(change: ChargeChange) -> bool:
    """Whether the customer pays more through it."""
    return change.amount > 0


def _said_no(facts: ChargeFacts, change: ChargeChange) -> tuple[Text, ...]:
    said = facts.refused.get(change.id)
    return () if said is None else (T("Autotask refused this before: {why}", why=said),)


def _status(decisions: Decisions, changes: Sequence[ChargeChange], *, review: bool) -> ChangeStatus:
    if all(change.id in decisions.approved for change in changes):
        return ChangeStatus.APPROVED
    if any(change.dismissal_key in decisions.dismissed for change in changes):
        return ChangeStatus.DISMISSED
    by_person = any(HELD_BY_PERSON + change.dismissal_key in decisions.dismissed for change in changes)
    if by_person or any(change.holds for change in changes):
        return ChangeStatus.HELD
    return ChangeStatus.NEEDS_APPROVAL if review else ChangeStatus.READY


def _limit_holds(
    facts: ChargeFacts, charging: PortalCharging, consumed: Consumed, base: ChargeSettings, families: Sequence[Family]
) -> tuple[Text, ...]:
    """Why the whole of this customer and period is for a person (M6)."""
    settings = settings_for(base, consumed.customer_id)
    total = sum((family.wanted.values.price for family in families if family.wanted), Decimal(0))
    before = sum((family.total for family in families), Decimal(0))
    held: list[Text] = []

    def money(amount: Decimal) -> Money:
        return Money(amount, settings.currency)

    if settings.max_amount is not None and abs(total) > settings.max_amount:
        held.append(
            T("{amount} is more than the limit of {limit}.", amount=money(total), limit=money(settings.max_amount))
        )
    if charging.hold_to_zero and before > 0 and total <= 0:
        held.append(
            T("The charges of this period go from {before} to {amount}.", before=money(before), amount=money(total))
        )
    last = facts.previous.get((consumed.portal, consumed.customer_id, consumed.period_start))
    limit = settings.max_change_percent
    if limit is not None and last and abs(total - last) * 100 > limit * abs(last):
        held.append(
            T("{amount} differs from the period before ({last}) by more than {limit} percent.", amount=money(total),
              last=money(last),              limit=limit)
        )  # fmt: skip
    return tuple(held)
