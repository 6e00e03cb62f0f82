"""Rules on consumption lines: where they come from besides a cloud's billing, and what they can be split by. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache

from core.domain.consumption import ConsumptionKind, ConsumptionLine, ConsumptionReading
from core.domain.text import T, Text
from core.domain.usage import Reading, UsageLine

__all__ = [
    "NONE",
    "UNTAGGED",
    "WIDE",
    "ConsumptionSums",
    "amount_of",
    "consumption_from_usage",
    "dimension_of",
    "final_from",
    "is_provisional",
    "line_identity",
    "month_of",
    "months_between",
    "totals_by_currency",
    "usage_from_consumption",
]

NONE = "(none)"
UNTAGGED = "(untagged)"
FINAL_AFTER_DAYS = 7
"""On the 8th of the next month a month is taken to be invoiced, where the source does not say so itself (Azure reference §6)."""
CENT = Decimal("0.01")
TOLD_APART = ("amount", "price", "description", "quantity")
"""Attributes of a usage line that are parts of a consumption line; what charges can be split by are the others."""
WIDE = Context(prec=100)
"""For sums: the usual 28 digits would round long amounts away."""


def dimension_of(line: ConsumptionLine, name: str) -> str:
    """The value of a dimension, `(none)` or for a tag `(untagged)` where there is none."""
    return line.dimensions.get(name) or (UNTAGGED if name.startswith("tag:") else NONE)


@lru_cache(4096)
def month_of(day: date) -> tuple[date, date]:
    """First and last day of the month."""
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def months_between(first: date, last: date) -> tuple[tuple[date, date], ...]:
    """First and last day of each month that the days from `first` to `last` touch; that of `first` at least."""
    found = [month_of(first)]
    while found[-1][1] < last:
        found.append(month_of(found[-1][1] + timedelta(days=1)))
    return tuple(found)


def final_from(period_end: date, after_days: int = FINAL_AFTER_DAYS) -> date:
    """The day from which a month is taken to be invoiced, where the source does not say so itself."""
    return month_of(period_end)[1] + timedelta(days=after_days + 1)


def is_provisional(
    period_end: date, today: date, *, invoiced: bool = False, after_days: int = FINAL_AFTER_DAYS
) -> bool:
    """Whether the source may still change a period: until it is invoiced, or so many days after the month have passed."""
    return not invoiced and today < final_from(period_end, after_days)


def totals_by_currency(lines: Iterable[ConsumptionLine]) -> dict[str, Decimal]:
    """What the lines come to, exactly; currencies are never added up."""
    totals: dict[str, Decimal] = {}
    for line in lines:
        totals[line.currency] = WIDE.add(totals.get(line.currency, Decimal(0)), line.amount)
    return totals


@dataclass(slots=True)
class _Sum:
    line: ConsumptionLine
    amount: Decimal
    price: Decimal | None
    quantity: Decimal | None
    rows: int


@dataclass(slots=True)
class ConsumptionSums:
    """Adds up lines that are alike in everything but amount, price, quantity and origin. Exact, in any order."""

    _sums: dict[tuple[object, ...], _Sum] = field(default_factory=dict)

    def add(self, line: ConsumptionLine) -> None:
        known = self._sums.get(key := _identity(line))
        if known is None:
            self._sums[key] = _Sum(line, line.amount, line.price, line.quantity, line.origin.rows)
            return
        known.amount = WIDE.add(known.amount, line.amount)
        known.price = _both(known.price, line.price)
        known.quantity = _both(known.quantity, line.quantity)
        known.rows += line.origin.rows

    def lines(self) -> tuple[ConsumptionLine, ...]:
        return tuple(
            one.line
            if one.amount is one.line.amount  # nothing was added to it
            else replace(
                one.line,
                amount=one.amount,
                price=one.price,
                quantity=one.quantity,
                origin=one.line.origin._replace(rows=one.rows),
            )
            for one in self._sums.values()
        )


def _identity(line: ConsumptionLine) -> tuple[object, ...]:
    return (
        line.customer_id,
        line.resource_key,
        line.kind,
        line.currency,
        line.period_start,
        line.period_end,
        line.unit,
        line.provisional,
        tuple(sorted(line.dimensions.items())),
    )


def line_identity(line: ConsumptionLine) -> tuple[object, ...]:
    """What makes an amount the same one when it is told again, for one customer and month: what was used, of which subscription,
    as usage or as credit, in which currency.
    """
    credited = line.kind is ConsumptionKind.CREDIT
    month = month_of(line.period_start)[0]
    subscription = line.dimensions.get("subscription_id", "")
    return (line.customer_id, month, line.resource_key, subscription, credited, line.currency)


def _both(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """A sum is known only when all its parts are."""
    return WIDE.add(one, other) if one is not None and other is not None else None


def consumption_from_usage(reading: Reading, *, default_currency: str = "", priced: bool = True) -> ConsumptionReading:
    """Amounts of any portal's usage lines: of files, REST endpoints and webhooks, of any cloud or storage.

    The amount is what the line tells as attribute `amount`, else quantity × unit cost, else quantity × unit price. The description
    is its attribute `description`, else the product; the price its attribute `price`, else quantity × unit price. Without a period
    it is that of the effective date's or else the reading's month. Lines without any amount are left out, and it is said; one
    whose amount cannot be read leaves the reading not complete. Not `priced`: only amounts that are told as such count.
    """
    today = reading.taken_at.date()
    told = reading.amounts or reading.lines
    lines: list[ConsumptionLine] = []
    without = 0
    for usage in told:
        amount = amount_of(usage, priced=priced)
        if amount is None:
            without += 1
            continue
        lines.append(_from_usage(usage, amount, today, default_currency))
    notes: tuple[Text, ...] = reading.notes
    unreadable = [usage for usage in told if usage.attributes.get("amount") and amount_of(usage) is None]
    if unreadable:
        text = T(
            "{count} lines have an amount that cannot be read; nothing is charged until that is mended.",
            count=len(unreadable),
        )
        notes = (text, *notes)
    if without > len(unreadable):
        notes += (
            T("{count} lines have no amount, cost or price and are not charged.", count=without - len(unreadable)),
        )
    days = [line.period_start for line in lines]
    days += [usage.period_start or usage.effective_date or today for usage in unreadable]
    days = days or [today]
    return ConsumptionReading(
        portal=reading.portal,
        taken_at=reading.taken_at,
        # Whole months: a line counts in the month in which its period begins.
        period_start=month_of(min(days))[0],
        period_end=month_of(max(days))[1],
        lines=tuple(line for line in lines if line.customer_id not in reading.failed_customers),
        complete=reading.complete and not unreadable,
        provisional=any(line.provisional for line in lines),
        notes=notes,
        fingerprint=reading.fingerprint,
    )


def _from_usage(usage: UsageLine, amount: Decimal, today: date, default_currency: str) -> ConsumptionLine:
    start, end = month_of(usage.period_start or usage.effective_date or today)
    start, end = usage.period_start or start, usage.period_end or end
    told = usage.attributes
    words = told.get("description", "")
    dimensions: dict[str, str] = {name: value for name, value in told.items() if name not in TOLD_APART}
    if usage.subscription_id:
        dimensions["subscription_id"] = usage.subscription_id
    return ConsumptionLine(
        customer_id=usage.customer_id,
        customer=usage.customer,
        resource_key=f"{usage.product_key}/{words}" if words else usage.product_key,
        resource=words or usage.product,
        amount=amount,
        currency=usage.currency or default_currency,
        period_start=start,
        period_end=max(start, end),
        kind=ConsumptionKind.CREDIT if amount < 0 else ConsumptionKind.USAGE,
        price=_price(usage),
        quantity=None if told.get("quantity") == "none" else usage.quantity,
        unit=usage.unit,
        provisional=end >= today,
        dimensions=dimensions,
        origin=usage.origin,
    )


def _price(usage: UsageLine) -> Decimal | None:
    told = number_of(usage.attributes.get("price", ""))
    counted = usage.quantity and usage.attributes.get("quantity") != "none"
    if told is not None or usage.unit_price is None or (usage.attributes.get("amount") and not counted):
        return told
    return WIDE.multiply(usage.unit_price, usage.quantity)


def amount_of(usage: UsageLine, *, priced: bool = True) -> Decimal | None:
    """What a line costs, exactly; None where it tells no amount, or one that is no number."""
    told = usage.attributes.get("amount", "")
    if told or not priced:
        return number_of(told)
    each = usage.unit_cost if usage.unit_cost is not None else usage.unit_price
    return None if each is None else WIDE.multiply(each, usage.quantity)


def number_of(text: str) -> Decimal | None:
    """An exact number as an attribute has it; None for anything else."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def usage_from_consumption(
    reading: ConsumptionReading, *, key: str, name: str, purchases: str, currency: str = "EUR"
) -> tuple[UsageLine, ...]:
    """A customer's amounts of the latest month as products, rounded half up to cents once, for the overview of what a portal tells.

    `{key}:total` is usage with credits and corrections, `{key}:reservation` what was bought once (Azure reference §8). An amount
    in another currency than `currency` has it in its key: currencies are never added up. Costs are the amounts themselves.
    """
    latest = max((line.period_end for line in reading.lines), default=reading.period_end)
    sums: dict[tuple[str, str, str], tuple[ConsumptionLine, Decimal]] = {}
    for line in reading.lines:
        if line.period_end != latest:
            continue
        product = "reservation" if line.kind is ConsumptionKind.PURCHASE else "total"
        first, amount = sums.get(place := (line.customer_id, product, line.currency), (line, Decimal(0)))
        sums[place] = (first, WIDE.add(amount, line.amount))
    found = []
    for (customer_id, product, of_currency), (first, amount) in sums.items():
        rounded = amount.quantize(CENT, ROUND_HALF_UP, WIDE)
        found.append(
            UsageLine(
                customer_id=customer_id,
                customer=first.customer,
                product_key=f"{key}:{product}" + ("" if of_currency == currency else f":{of_currency}"),
                product=(name if product == "total" else purchases)
                + ("" if of_currency == currency else f" ({of_currency})"),
                quantity=rounded,
                unit=of_currency,
                period_start=first.period_start,
                period_end=first.period_end,
                unit_cost=Decimal(1),
                currency=of_currency,
                origin=first.origin,
            )
        )
    return tuple(found)
