"""What of a subscription is billed, and at which price: suspended ones, prices that follow the portal, mark-ups. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from core.domain.policy import Policy, Prices, Suspended, When
from core.domain.provisioning.subscription import SubscriptionType, type_of
from core.domain.subscription.words import Status, is_subscription, status_of
from core.domain.target import KnownLine, Target, TargetSource
from core.domain.text import T, Text

CENT = Decimal("0.01")
FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Money:
    """Price and cost that a line should have; None: they stay. `when`: from which day, where it is not that of the units."""

    price: Decimal | None = None
    cost: Decimal | None = None
    when: When | None = None
    reason: Text | None = None
    suspended: bool = False


def as_billed(sources: Sequence[TargetSource], policy: Policy) -> tuple[list[TargetSource], tuple[Text, ...]]:
    """The sources of one rule with what is not billed taken out, and why: cancelled ones, and suspended ones by policy."""
    all_suspended = is_suspended(sources)
    billed: list[TargetSource] = []
    why: list[Text] = []
    for source in sources:
        text = _not_billed(source.line, policy, all_suspended)
        if text is None:
            billed.append(source)
        else:
            why.append(text)
            billed.append(replace(source, line=replace(source.line, present=False)))
    return billed, tuple(why)


def is_suspended(sources: Iterable[TargetSource]) -> bool:
    """Whether everything that is there is suspended; not where nothing is there."""
    states = {_status(source.line) for source in sources if source.line.present} - {Status.CANCELLED}
    return states == {Status.SUSPENDED}


def money_of(
    sources: Sequence[TargetSource], policy: Policy, remembered: Decimal | None = None, own: Decimal | None = None
) -> Money:
    """The price and cost of a line that these sources feed. `remembered` is the price it had before it was suspended, `own` one
    that it has for other reasons.
    """
    present = [source for source in sources if source.line.present]
    if policy.suspended is Suspended.PRICE_ZERO and is_suspended(present):
        return Money(price=FREE, when=When.NEXT_PERIOD, reason=T("Suspended: nothing is billed."), suspended=True)
    followed = _followed(present, policy)
    if remembered is None or not present:
        return followed
    price = next((price for price in (followed.price, own, remembered) if price is not None), None)
    return Money(price, followed.cost, When.TODAY, T("No longer suspended: it is billed again."))


def with_money(target: Target, remembered: Decimal | None) -> Target:
    """The target with what its policy says of prices and suspension; what that leaves open stays as the target has it."""
    money = money_of(target.sources, target.policy, remembered, target.unit_price)
    return replace(
        target,
        unit_price=target.unit_price if money.price is None else money.price,
        unit_cost=target.unit_cost if money.cost is None else money.cost,
        price_when=money.when,
        price_reason=money.reason,
        suspended=money.suspended,
    )


def marked_up(cost: Decimal, percent: Decimal) -> Decimal:
    """The cost with so many percent more, rounded once to cents (M12)."""
    return (cost * (100 + percent) / 100).quantize(CENT, ROUND_HALF_UP)


def _followed(present: Sequence[TargetSource], policy: Policy) -> Money:
    if any(type_of(source.line.usage) is SubscriptionType.AZURE_PLAN for source in present):
        # Billed by use: no price per unit belongs to it.
        return Money()
    follow = policy.prices is Prices.FOLLOW
    usages = [source.line.usage for source in present]
    cost = _agreed((usage.unit_cost, usage.currency) for usage in usages)
    price = _agreed((usage.unit_price, usage.currency) for usage in usages)
    reason: Text | None = None
    if follow and policy.markup_percent is not None:
        price = None if cost is None else marked_up(cost, policy.markup_percent)
        reason = T("The portal's cost with a mark-up of {percent} percent.", percent=policy.markup_percent)
    return Money(
        price if follow or policy.update_price else None,
        cost if follow or policy.update_cost else None,
        policy.prices_from if follow else None,
        reason,
    )


def _agreed(amounts: Iterable[tuple[Decimal | None, str]]) -> Decimal | None:
    """The amount that all sources give in one currency; None where they differ or one is silent."""
    told = set(amounts)
    return told.pop()[0] if len(told) == 1 else None


def _status(line: KnownLine) -> Status:
    return status_of(line.usage) if is_subscription(line.usage) else Status.ACTIVE


def _not_billed(line: KnownLine, policy: Policy, all_suspended: bool) -> Text | None:
    """Why a line that is there does not count; None when it does."""
    if not line.present:
        return None
    usage, status = line.usage, _status(line)
    if status is Status.CANCELLED:
        return T("{product}: the subscription was cancelled.", product=usage.product)
    if status is not Status.SUSPENDED or policy.suspended is Suspended.KEEP:
        return None
    if policy.suspended is Suspended.PRICE_ZERO and all_suspended:
        return None
    # A price of 0 for a part of a line is not possible: then its units do not count.
    return T(
        "{product}: suspended, so its {quantity} units do not count.", product=usage.product, quantity=usage.quantity
    )
