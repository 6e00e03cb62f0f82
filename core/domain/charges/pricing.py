"""Amounts of charges: exact until the end, rounded once, and adding up to the cent (M12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from typing import TypeVar

from core.domain.charges.settings import ChargeSettings, Pricing
from core.domain.consumption import ConsumptionLine

CENT = Decimal("0.01")
PRECISION = 60
Key = TypeVar("Key")


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum with every digit that the source gave."""
    with localcontext(prec=PRECISION):
        return sum(amounts, Decimal(0))


def cents(amount: Decimal) -> Decimal:
    """Rounded to cents; half a cent goes away from zero."""
    with localcontext(prec=PRECISION):
        return amount.quantize(CENT, ROUND_HALF_UP)


def price_of(line: ConsumptionLine, settings: ChargeSettings) -> Decimal | None:
    """What the customer pays for a line, unrounded; None where the source's price is wanted and it tells none."""
    with localcontext(prec=PRECISION):
        match settings.pricing:
            case Pricing.MARKUP:
                return line.amount * (100 + settings.percent) / 100
            case Pricing.MARGIN:
                return line.amount * 100 / (100 - settings.percent)
            case Pricing.SOURCE:
                return line.price
        return line.amount


def in_cents(amounts: Mapping[Key, Decimal]) -> dict[Key, Decimal]:
    """Each amount in cents, together exactly the rounded total: the largest remainders get the cents that are left over.

    Over the charges of one customer and period: what somebody else uses never moves a cent of this customer's charges.
    """
    with localcontext(prec=PRECISION):
        total = cents(exact_sum(amounts.values()))
        floors = {key: amount.quantize(CENT, ROUND_FLOOR) for key, amount in amounts.items()}
        left = int((total - sum(floors.values(), Decimal(0))) / CENT)
        by_remainder = sorted(amounts, key=lambda key: (floors[key] - amounts[key], str(key)))
        for key in by_remainder[:left]:
            floors[key] += CENT
        return floors
