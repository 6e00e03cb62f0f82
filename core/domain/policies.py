"""Which policy holds for a target: a portal's own, with overrides laid over it, and the strictest where several meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.domain.policy import Mode, Otherwise, Policy, PolicyOverride, Prices, Suspended, When

_LATER: dict[When, int] = {
    When.THIS_PERIOD: 0, When.CHANGE: 1, When.TODAY: 2, When.PORTAL: 3, When.NEXT_PERIOD: 4,
}  # fmt: skip
"""The later a change counts, the fewer days it can bill wrongly."""


def policy_for(
    base: Policy, overrides: Sequence[PolicyOverride], customer_id: str, product_keys: Iterable[str]
) -> Policy:
    """The portal's policy with what is set for this customer and product (under its own or its renamed key)."""
    keys = set(product_keys)
    fitting = [
        override
        for override in overrides
        if (override.customer_id is None or override.customer_id == customer_id)
        and (override.product_key is None or override.product_key in keys)
    ]
    changes: dict[str, object] = {}
    for override in sorted(fitting, key=_particularity):
        changes |= override.model_dump(exclude={"customer_id", "product_key"}, exclude_none=True)
        if override.max_change_percent is not None:
            changes["percent_from_units"] = 0
    return base.model_copy(update=changes) if changes else base


def _particularity(override: PolicyOverride) -> int:
    """Customer and product beat product, product beats customer."""
    return (override.customer_id is not None) + 2 * (override.product_key is not None)


def strictest(policies: Sequence[Policy]) -> Policy:
    """One policy that is as careful as each of those given: for a line that several portals or products feed."""
    first = policies[0]
    if all(policy is first or policy == first for policy in policies):
        return first
    return Policy(
        increase=max((p.increase for p in policies), key=_LATER.__getitem__),
        decrease=max((p.decrease for p in policies), key=_LATER.__getitem__),
        max_change=_lowest(p.max_change for p in policies),
        max_change_percent=_lowest(p.max_change_percent for p in policies),
        percent_from_units=min(p.percent_from_units for p in policies),
        hold_to_zero=any(p.hold_to_zero for p in policies),
        max_lines_down_percent=_lowest(p.max_lines_down_percent for p in policies),
        stale_after_days=_lowest(p.stale_after_days for p in policies),
        drift=_hold_if_any(p.drift for p in policies),
        posted=_hold_if_any(p.posted for p in policies),
        same_day=_hold_if_any(p.same_day for p in policies),
        add_missing_lines=all(p.add_missing_lines for p in policies),
        update_price=all(p.update_price for p in policies),
        update_cost=all(p.update_cost for p in policies),
        prices=_prices(policies),
        prices_from=max((p.prices_from for p in policies), key=_LATER.__getitem__),
        markup_percent=first.markup_percent,
        minimum_price_change=max(p.minimum_price_change for p in policies),
        suspended=first.suspended if len({p.suspended for p in policies}) == 1 else Suspended.KEEP,
    )


def _prices(policies: Sequence[Policy]) -> Prices:
    """Followed only where all do, and with one mark-up: sources that ask for different prices agree on none."""
    ways = {(policy.prices, policy.markup_percent) for policy in policies}
    return Prices.FOLLOW if len(ways) == 1 and policies[0].prices is Prices.FOLLOW else Prices.KEEP


def strictest_mode(modes: Iterable[Mode]) -> Mode:
    """Review as soon as one of the portals is in review."""
    return Mode.REVIEW if Mode.REVIEW in set(modes) else Mode.AUTOMATIC


def _lowest(limits: Iterable[int | None]) -> int | None:
    """The lowest limit that is set; None when none is."""
    return min((limit for limit in limits if limit is not None), default=None)


def _hold_if_any(ways: Iterable[Otherwise]) -> Otherwise:
    ordered = list(ways)
    return Otherwise.HOLD if Otherwise.HOLD in ordered else ordered[0]
