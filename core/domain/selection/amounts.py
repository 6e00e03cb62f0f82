"""The amounts of records: what consumption is made of, kept apart by month, currency, words, price, and credits (S1-61, S1-62)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from core.domain.consumption_lines import WIDE, month_of
from core.domain.file_settings import Aggregate
from core.domain.selection.fields import Found
from core.domain.selection.mapping import RecordMapping
from core.domain.usage import UsageLine

TELLING = ("unit", "currency", "unit_cost", "unit_price")


@dataclass(slots=True)
class AmountSum:
    """What records that are alike in all but their amount come to; the days they are for."""

    amount: Decimal | None = None
    start: date | None = None
    end: date | None = None

    def add(self, found: Found) -> None:
        if found.amount is not None:
            self.amount = WIDE.add(self.amount or Decimal(0), found.amount)
        start, end = (found.extras.get(name) for name in ("period_start", "period_end"))
        days = [day for day in (self.start, start) if day is not None]
        self.start = min(days, default=None)
        self.end = max((day for day in (self.end, end, self.start) if day is not None), default=None)

    def line(self, line: UsageLine, found: Found, *, counts_money: bool) -> UsageLine:
        """The line with what it costs, for `consumption_from_usage`."""
        told = {
            "amount": "" if self.amount is None else f"{self.amount:f}",
            "description": found.description,
            "quantity": "none" if counts_money else "",
        }
        attributes = dict(line.attributes) | {name: value for name, value in told.items() if value}
        first, last = self.start, self.end
        if first is None and last is not None:
            first, last = month_of(last)
        return replace(line, attributes=attributes, period_start=first, period_end=last)


def tells_money(mapping: RecordMapping) -> bool:
    """Whether records tell an amount, or a cost or price whose sum over records is known."""
    if mapping.amount is not None:
        return True
    priced = mapping.unit_cost is not None or mapping.unit_price is not None
    return priced and mapping.aggregate in (Aggregate.SUM, Aggregate.COUNT)


def amount_key(found: Found) -> tuple[object, ...]:
    """What makes the amount of a record another one than that of the record before."""
    extras: Mapping[str, Any] = found.extras
    day = extras.get("period_start") or extras.get("period_end") or extras.get("effective_date")
    month = None if day is None else (day.year, day.month)
    credited = found.amount is not None and found.amount < 0
    return (found.key, month, credited, found.description, *(extras.get(name) for name in TELLING))
