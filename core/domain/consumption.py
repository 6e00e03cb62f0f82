"""What was used by the month and costs money: consumption lines, and the reading they came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from core.domain.text import Text
from core.domain.usage import NOTHING, Origin


class ConsumptionKind(StrEnum):
    """What an amount is for."""

    USAGE = "usage"
    PURCHASE = "purchase"
    """A reservation, a saving plan, a marketplace or perpetual product."""
    CREDIT = "credit"
    """A refund, a correction or a partner earned credit; usually below 0."""
    TAX = "tax"
    ROUNDING = "rounding"


class ProductType(StrEnum):
    """What kind of thing is billed, as value of the dimension `product_type` (S2-14, S2-17, S2-18)."""

    USAGE = "usage"
    """What is used by the hour or gigabyte: the Azure plan."""
    RESERVATION = "reservation"
    SAVINGS_PLAN = "savings_plan"
    MARKETPLACE = "marketplace"
    PERPETUAL = "perpetual"
    SOFTWARE_SUBSCRIPTION = "software_subscription"
    LICENCE = "licence"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumptionReport:
    """A report or invoice that a source has ready. `watermark` is to be kept after it was read: what comes later has a larger one.

    Watermarks of one source are compared as text. `final` says that its amounts do not change any more.
    """

    id: str
    watermark: str
    period_start: date
    period_end: date
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumptionLine:
    """An amount of money used in a period, in the source's own words (words of DESIGN §1).

    `amount` is the cost before mark-up, exact as the source has it, in `currency` (ISO 4217); below 0 for credits. `price` is what
    the source says the customer pays, None where it does not tell. `resource_key` is the source's key of what was used and
    `resource` its words for it. `period_start` and `period_end` are plain dates, both inclusive.
    `dimensions` are what charges can be split by: `subscription_id`, `subscription`, `resource_group` (lower case, as the
    source's letter case varies), `service`, `meter_category`, `region`, `product_type` (a `ProductType`) and `tag:{name}` (name in
    lower case). One that is not there has no value: see `core.domain.consumption_lines.dimension_of`.
    One line may stand for many records of the source, summed: `origin` says where they are and how many. `told_at` is when an event
    told it, None for what came in a reading of the whole.
    """

    customer_id: str
    customer: str
    resource_key: str
    resource: str
    amount: Decimal
    currency: str
    period_start: date
    period_end: date
    kind: ConsumptionKind = ConsumptionKind.USAGE
    price: Decimal | None = None
    quantity: Decimal | None = None
    unit: str = ""
    provisional: bool = False
    dimensions: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    origin: Origin = Origin()
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumptionReading:
    """The consumption of one portal in one period, as it was told at one moment.

    It says everything about the customers in it for the period, and replaces what was told before about them and this period.
    `complete` is False when the source broke off or does not add up with its own `total`: then nothing is charged from it.
    `provisional` says that the source may still change the period.
    """

    portal: str
    taken_at: datetime
    period_start: date
    period_end: date
    lines: tuple[ConsumptionLine, ...]
    complete: bool = True
    provisional: bool = False
    total: Decimal | None = None
    notes: tuple[Text, ...] = ()
    fingerprint: str = ""
