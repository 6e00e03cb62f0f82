"""Several billing lines of one subscription become one (S2-10, S3-17 to S3-19). Pure rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

from core.domain.usage import LineKey, Origin, UsageLine

__all__ = ["Combine", "combined", "combined_quantity"]

_ZERO = Decimal(0)


class Combine(StrEnum):
    """How billing lines of one subscription come to one quantity."""

    LARGEST = "largest"
    """Licences: the seats there were at most in the period (S3-18)."""
    SUM = "sum"
    """Usage: everything adds up (S3-19)."""


def combined_quantity(quantities: Iterable[Decimal], how: Combine) -> Decimal:
    """One quantity of several, exactly; 0 of none."""
    found = tuple(quantities)
    if how is Combine.SUM:
        return sum(found, _ZERO)
    return max(found, default=_ZERO)


def combined(lines: Iterable[UsageLine], how: Combine) -> tuple[UsageLine, ...]:
    """One line for each customer, product, term, billing frequency and subscription, in order of appearance.

    Words, cost and price are those of the line with the longest period, the first of equals: a line for a part of the month has a
    part of the price. The period runs from the earliest start to the latest end. `origin` counts all rows.
    """
    groups: dict[LineKey, list[UsageLine]] = {}
    for line in lines:
        groups.setdefault(line.key, []).append(line)
    return tuple(_one(found, how) for found in groups.values())


def _one(lines: list[UsageLine], how: Combine) -> UsageLine:
    if len(lines) == 1:
        return lines[0]
    leading = max(lines, key=_days)
    origin = lines[0].origin
    return replace(
        leading,
        quantity=combined_quantity((line.quantity for line in lines), how),
        period_start=min((line.period_start for line in lines if line.period_start), default=None),
        period_end=max((line.period_end for line in lines if line.period_end), default=None),
        origin=Origin(origin.source, origin.place, sum(line.origin.rows for line in lines)),
    )


def _days(line: UsageLine) -> int:
    if line.period_start is None or line.period_end is None:
        return 0
    return (line.period_end - line.period_start).days
