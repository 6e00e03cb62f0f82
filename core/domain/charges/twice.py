"""One use that two sources tell: charged from both, the customer would pay it twice. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from core.domain.charges.plan import ChargeFacts, Consumed, PortalCharging
from core.domain.charges.settings import settings_for
from core.domain.charges.template import product_of
from core.domain.mapping import CustomerKey
from core.domain.text import T, Text


class _Use(NamedTuple):
    """What two sources must not both tell: a subscription's product, of one company, in one period."""

    company_id: int
    period_start: date
    subscription_id: str
    product: str


def told_twice(facts: ChargeFacts) -> Mapping[tuple[str, str, date], tuple[Text, ...]]:
    """By portal, customer and first day: why a person must look first, where another source charges the same use.

    It may be right: a subscription that moved from one distributor to another in the middle of the month.
    """
    told: dict[_Use, dict[tuple[str, str], Consumed]] = defaultdict(dict)
    for consumed in facts.consumed:
        for use in _uses(facts, consumed):
            told[use][consumed.portal, consumed.customer_id] = consumed
    found: dict[tuple[str, str, date], dict[str, Text]] = defaultdict(dict)
    for use, sources in sorted(told.items()):
        for portal, customer_id in sources if len(sources) > 1 else ():
            others = sorted({other.portal for key, other in sources.items() if key != (portal, customer_id)})
            why = T("{others} tells subscription {subscription} in this period too: charged from both, it is paid twice.",
                    others=tuple(others), subscription=use.subscription_id)  # fmt: skip
            found[portal, customer_id, use.period_start].setdefault(use.subscription_id, why)
    return {key: tuple(texts.values()) for key, texts in found.items()}


def _uses(facts: ChargeFacts, consumed: Consumed) -> set[_Use]:
    base = facts.portals.get(consumed.portal, PortalCharging(settings=None)).settings
    customer = facts.customers.get(CustomerKey(consumed.portal, consumed.customer_id))
    if base is None or customer is None or customer.company_id is None or customer.ignored is not None:
        return set()
    told = {
        (subscription.casefold(), product_of(line))
        for line in consumed.lines
        if (subscription := line.dimensions.get("subscription_id", "")) and line.kind in base.kinds
    }
    charged = {
        product
        for product in {product for _, product in told}
        if settings_for(base, consumed.customer_id, product).charge
    }
    return {
        _Use(customer.company_id, consumed.period_start, subscription, product)
        for subscription, product in told
        if product in charged
    }
