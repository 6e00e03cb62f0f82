"""One product line of a subscription as a usage line (CloudBlue §6, §11). Amounts are text, tiers replace them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from connectors._kit.reading import Customer
from connectors._kit.select import Record, day, find, number, text, whole
from core.domain.usage import Origin, UsageLine

TERMS = {"day": "D", "month": "M", "year": "Y"}
MONTHS = {1: "monthly", 3: "quarterly", 6: "semiannual", 12: "yearly"}


def line_of(
    customer: Customer, more: Mapping[str, str], detail: Record, product: Record, quantity: Decimal
) -> UsageLine:
    identity = text(detail, "id", "")
    key = text(product, "mpn", "") or text(product, "id")
    price, cost = _money(product, "unitPrice", quantity), _money(product, "unitCost", quantity)
    rest = {
        "vendor": text(product, "vendor", ""),
        "subscription": text(detail, "name", ""),
        "status": text(detail, "status", ""),
        "vendor_subscription": text(product, "vendorSubscriptionId", ""),
        "created": text(detail, "creationDate", "")[:10],
        "auto_renew": text(detail, "renewalStatus", "").lower(),
    }
    return UsageLine(
        customer_id=customer.id,
        customer=customer.name,
        product_key=key,
        product=text(product, "name", "") or key,
        quantity=quantity,
        unit="licence",
        term=_term(detail),
        billing_frequency=_frequency(detail),
        subscription_id=identity,
        period_start=day(detail, "creationDate"),
        period_end=day(detail, "expirationDate"),
        unit_cost=cost,
        unit_price=price,
        currency=text(product, "unitPrice.currency", "") or text(product, "unitCost.currency", ""),
        attributes={**more, **{name: value for name, value in rest.items() if value}},
        origin=Origin("GET /subscriptions/{id}", identity),
    )


def _term(detail: Record) -> str:
    letter = TERMS.get(text(detail, "subscriptionPeriod.type", ""))
    duration = whole(detail, "subscriptionPeriod.duration")
    return f"P{duration}{letter}" if letter and duration else ""


def _frequency(detail: Record) -> str:
    kind, duration = text(detail, "billingPeriod.type", ""), whole(detail, "billingPeriod.duration") or 0
    return MONTHS.get(duration * {"month": 1, "year": 12}.get(kind, 0), "")


def _money(product: Record, path: str, quantity: Decimal) -> Decimal | None:
    """The amount per unit; of tiers, the one with the highest lower limit that the quantity reaches (CloudBlue §10)."""
    price = find(product, path)
    if not isinstance(price, Mapping):
        return None
    tiers = [(number(tier, "lowerLimit"), number(tier, "amount")) for tier in price.get("priceTiers") or ()]
    reached = [tier for tier in tiers if tier[0] <= quantity]
    if reached:
        return max(reached)[1]
    return number(price, "amount") if price.get("amount") is not None else None
