"""All charges of one key, and the one change that brings them to what they should come to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from core.domain.charges.keys import ChargeKey
from core.domain.charges.plan import (
    ChargeChange,
    ChargeChangeKind,
    ChargeFacts,
    ChargeReversal,
    ChargeValues,
    Consumed,
    ExistingCharge,
    PortalCharging,
)
from core.domain.charges.wanted import Wanted
from core.domain.plan import ChangeStatus
from core.domain.policy import Otherwise
from core.domain.text import Money, T, Text

NOTHING = Decimal(0)


@dataclass(slots=True)
class Family:
    """What a key should come to (None: nothing any more), on which contract, and its charges in Autotask."""

    base: str
    contract_id: int
    wanted: Wanted | None = None
    charges: list[ExistingCharge] = field(default_factory=list)

    @property
    def price(self) -> Decimal:
        """What the source wants it to come to."""
        return self.wanted.values.price if self.wanted else NOTHING

    @property
    def total(self) -> Decimal:
        return sum((charge.amount for charge in self.charges), NOTHING)

    @property
    def billed(self) -> Decimal:
        return sum((charge.amount for charge in self.charges if charge.billed), NOTHING)

    @property
    def open(self) -> list[ExistingCharge]:
        """Charges that are not billed yet, the oldest first."""
        return sorted((charge for charge in self.charges if not charge.billed), key=number_of)

    @property
    def any_billed(self) -> bool:
        return any(charge.billed for charge in self.charges)


class _Step(NamedTuple):
    """`charge` None: a new one. `after` None: it goes."""

    charge: ExistingCharge | None
    key: ChargeKey
    after: ChargeValues | None


def number_of(charge: ExistingCharge) -> int:
    return charge.key.number if charge.key else 0


def reversal_of(facts: ChargeFacts, family: Family) -> ChargeReversal | None:
    """The reversal that holds for a key: only as long as the source says what it said then."""
    found = facts.reversals.get(family.base)
    return found if found is not None and found.source == family.price else None


def next_change(
    facts: ChargeFacts, charging: PortalCharging, consumed: Consumed, company_id: int, family: Family
) -> ChargeChange | None:
    """The change of one key, None when its charges are right. Its status is decided with those of the whole customer."""
    back = reversal_of(facts, family)
    price = family.price if back is None else back.back
    step = _step(facts, family, price)
    if step is None:
        return None
    kind = _kind(step, family)
    shown = family.wanted.title if family.wanted else family.charges[0].values.name
    return ChargeChange(
        kind=kind,
        portal=consumed.portal,
        customer_id=consumed.customer_id,
        customer=consumed.customer,
        company_id=company_id,
        contract_id=step.charge.contract_id if step.charge else family.contract_id,
        period_start=consumed.period_start,
        period_end=consumed.period_end,
        key=step.key,
        title=shown,
        status=ChangeStatus.READY,
        reason=_reason(kind, family, Money(price, _currency(charging, family))),
        charge_id=step.charge.id if step.charge else None,
        before=_before(step.charge),
        after=step.after,
        total=price,
        holds=_drift(facts, charging, family),
        lines=family.wanted.lines if family.wanted else (),
    )


def _step(facts: ChargeFacts, family: Family, price: Decimal) -> _Step | None:
    """One write at a time for each key: the first open charge carries all that is not billed."""
    missing = price - family.billed
    if not family.open:
        return _new(facts, family, missing)
    first, *others = family.open
    assert first.key is not None
    if others:
        # More than one open charge of a key, each with its own number: the later ones go, the first takes their amount.
        last = others[-1]
        assert last.key is not None
        return _Step(last, last.key, None)
    if missing == 0:
        return _Step(first, first.key, None)
    after = _values(family, first, missing)
    return None if after == first.values and first.quantity == 1 else _Step(first, first.key, after)


def _new(facts: ChargeFacts, family: Family, missing: Decimal) -> _Step | None:
    if missing == 0:
        return None
    numbers = [number_of(charge) + 1 for charge in family.charges]
    if family.any_billed:
        numbers += [known.key.number + 1 for known in facts.known.get(family.base, ())]
    return _Step(None, ChargeKey(family.base, max(numbers, default=0)), _values(family, None, missing))


def _values(family: Family, charge: ExistingCharge | None, price: Decimal) -> ChargeValues:
    """What a charge of this amount says. Of a correction the cost is the difference too."""
    if family.wanted is None:
        like = charge or family.charges[0]
        return replace(like.values, price=price, cost=-_billed_cost(family))
    return replace(family.wanted.values, price=price, cost=family.wanted.values.cost - _billed_cost(family))


def _billed_cost(family: Family) -> Decimal:
    return sum((charge.values.cost * charge.quantity for charge in family.charges if charge.billed), NOTHING)


def _kind(step: _Step, family: Family) -> ChargeChangeKind:
    if step.after is None:
        return ChargeChangeKind.WITHDRAW
    if step.charge is not None:
        return ChargeChangeKind.UPDATE
    return ChargeChangeKind.CORRECT if family.any_billed else ChargeChangeKind.CREATE


def _before(charge: ExistingCharge | None) -> ChargeValues | None:
    """What is there now; the price is the whole amount, whatever quantity somebody gave it."""
    return None if charge is None else replace(charge.values, price=charge.amount)


def _reason(kind: ChargeChangeKind, family: Family, price: Money) -> Text:
    match kind:
        case ChargeChangeKind.CREATE:
            return T("Used, and not charged yet.")
        case ChargeChangeKind.CORRECT:
            return T(
                "{billed} is billed already, {amount} is right.",
                billed=price._replace(amount=family.billed),
                amount=price,
            )
        case ChargeChangeKind.WITHDRAW:
            return T("The source no longer tells this.")
    if family.total == price.amount:
        return T("The words, the day or the booking of the charge change; the amount stays.")
    return T("The source tells {amount} now; the charge is not billed yet.", amount=price)


def _currency(charging: PortalCharging, family: Family) -> str:
    if family.wanted is not None:
        return family.wanted.currency
    return charging.settings.currency if charging.settings is not None else ""


def _drift(facts: ChargeFacts, charging: PortalCharging, family: Family) -> tuple[Text, ...]:
    """What somebody else did to charges that we had read back (M10)."""
    if charging.drift is not Otherwise.HOLD:
        return ()
    held: list[Text] = []
    currency = _currency(charging, family)
    there = {charge.id: charge for charge in family.charges}
    for known in facts.known.get(family.base, ()):
        charge = there.get(known.charge_id)
        if charge is None:
            held.append(T("Somebody deleted the charge of {amount} in Autotask.", amount=Money(known.price, currency)))
        elif not charge.billed and charge.amount != known.price:
            held.append(
                T("Somebody changed the charge in Autotask from {before} to {after}.", before=Money(known.price, currency),
                  after=Money(charge.amount, currency))
            )  # fmt: skip
    return tuple(held)
