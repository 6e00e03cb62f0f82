"""Leakage, both ways, in money per month; cost and margin of what is billed. Pure: plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from core.domain.contract import ItemRef, LineRef
from core.domain.text import Text


class LeakKind(StrEnum):
    """Why money is lost, or asked for nothing."""

    NO_LINE = "no_line"
    """Used, and no contract line bills it."""
    EXPIRED_CONTRACT = "expired_contract"
    """Used, and the contract that billed it has ended."""
    TOO_FEW = "too_few"
    """The contract line bills fewer units than are used."""
    TOO_MANY = "too_many"
    """The contract line bills more units than are used."""
    NO_USAGE = "no_usage"
    """Billed, and never seen in use."""
    CANCELLED = "cancelled"
    """Billed, and the usage has ended."""
    UNMAPPED = "unmapped"
    """Used by a customer, or of a product, that is not mapped: what it is worth is not known."""
    UNDER_COST = "under_cost"
    UNBILLED_CONSUMPTION = "unbilled_consumption"
    OVERBILLED_CONSUMPTION = "overbilled_consumption"


class Direction(StrEnum):
    LOST = "lost"
    """We pay, and do not bill it."""
    OVERBILLED = "overbilled"
    """The customer pays, and does not use it."""


OVERBILLED = frozenset({LeakKind.TOO_MANY, LeakKind.NO_USAGE, LeakKind.CANCELLED, LeakKind.OVERBILLED_CONSUMPTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One leak. `units` are those that leak, `per_month` what they come to in the contract's currency: None without a known price.

    `per_month` is never negative; `direction` says who loses; for consumption it is the amount of its period.
    """

    kind: LeakKind
    company_id: int | None
    company: str
    item: ItemRef | None
    product: str
    contract_id: int | None = None
    contract: str = ""
    line: LineRef | None = None
    units: Decimal | None = None
    unit_price: Decimal | None = None
    per_month: Decimal | None = None
    message: Text
    portals: tuple[str, ...] = ()

    @property
    def direction(self) -> Direction:
        return Direction.OVERBILLED if self.kind in OVERBILLED else Direction.LOST


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRow:
    """What one company is billed and costs for one product, per month, today. None: no price (cost) is known, which is not 0."""

    company_id: int
    company: str
    item: ItemRef
    product: str
    units: int
    revenue: Decimal | None
    cost: Decimal | None

    @property
    def margin(self) -> Decimal | None:
        return None if self.revenue is None or self.cost is None else self.revenue - self.cost

    @property
    def part(self) -> Decimal | None:
        """The margin as a part of the revenue (0.25: a quarter)."""
        return None if self.margin is None or not self.revenue else self.margin / self.revenue


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """A contract that bills something and ends soon. `per_month` is what it bills; None where a price is not known."""

    contract_id: int
    contract: str
    company_id: int
    company: str
    end: date
    days: int
    per_month: Decimal | None


def totals(leaks: Iterable[Leak]) -> Mapping[Direction, Decimal]:
    """What is lost, and what is billed without use, per month. Leaks without a known price are in no sum."""
    found = dict.fromkeys(Direction, Decimal(0))
    for leak in leaks:
        found[leak.direction] += leak.per_month or Decimal(0)
    return found
