"""What an invoice check compares, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from core.domain.text import Text

EVERYBODY = "*"
"""Stands for the customer of an invoice that tells none: sums over all of them."""


class Count(StrEnum):
    """How a vendor comes to the units of a period."""

    DAY = "day"
    """Those of one day of the period."""
    MAXIMUM = "maximum"
    AVERAGE = "average"
    END = "end"
    """Those of the last day."""


class CheckSettings(BaseModel):
    """How the invoices of one vendor are checked.

    `day` is the day of the period that counts (1: the first; later than its last: the last). Differences up to `tolerance_units`,
    and in money up to `tolerance_amount` (in the invoice's currency), are let pass. `customers` and `products` map the invoice's
    names or codes to ids and keys of the portal, where they differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: Count = Field(Count.DAY, title="The vendor counts")
    day: Annotated[int, Field(ge=1, le=31, title="Day")] = 1
    tolerance_units: Annotated[Decimal, Field(ge=0, title="Tolerance in units")] = Decimal(0)
    tolerance_amount: Annotated[Decimal, Field(ge=0, title="Tolerance in money")] = Decimal("0.01")
    customers: dict[str, str] = Field(default_factory=dict, title="Customers")
    products: dict[str, str] = Field(default_factory=dict, title="Products")


class Period(NamedTuple):
    """First and last day, both inclusive."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def day(self, number: int) -> date:
        """The so-many-th day, the last one at most."""
        return min(self.first + timedelta(days=number - 1), self.last)


class Place(NamedTuple):
    """One line of the comparison: a customer of the portal (or EVERYBODY) and a product."""

    customer_id: str
    product_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceItem:
    """What an invoice says of one place. `amount` is without tax; None where the invoice tells none. `source` is its row."""

    place: Place
    customer: str
    product: str
    units: Decimal
    amount: Decimal | None = None
    currency: str = ""
    source: str = ""


class Level(NamedTuple):
    """From `day` on, until the next level: the units at the end of each day. None: not known."""

    day: date
    units: Decimal | None


class Move(NamedTuple):
    """On a day a customer got more (or fewer) units."""

    day: date
    customer: str
    change: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRecord:
    """What our own readings say of one place, day by day. `unit_cost` is what the portal told; None where it told nothing."""

    place: Place
    customer: str
    product: str
    levels: tuple[Level, ...]
    moves: tuple[Move, ...] = ()
    unit_cost: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledUnits:
    """What contract lines bill for one place on the day that counts. `shared`: other products feed the same lines.

    `cost` and `price` are for all units of one month; None where a line tells none.
    """

    units: Decimal | None
    cost: Decimal | None = None
    price: Decimal | None = None
    shared: bool = False


class Why(StrEnum):
    """What explains the invoice's units."""

    EQUAL = "equal"
    ANOTHER_DAY = "another_day"
    """Own records have exactly these units on other days of the period, or near it."""
    AVERAGE = "average"
    UNEXPLAINED = "unexplained"
    """No day and no other way of counting comes to these units; `first` is a day that comes closest."""
    NOT_KNOWN = "not_known"
    """The portal was not read then."""
    ONLY_INVOICE = "only_invoice"
    ONLY_OWN = "only_own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`first` and `last` are the days whose units the invoice has, `moves` what happened between them and the day that counts.

    `is_maximum`: the invoice has the most units of the period. `texts` say all of it.
    """

    why: Why
    first: date | None = None
    last: date | None = None
    moves: tuple[Move, ...] = ()
    is_maximum: bool = False
    texts: tuple[Text, ...] = ()


class State(StrEnum):
    """What a row comes to."""

    EQUAL = "equal"
    TOLERATED = "tolerated"
    MUTED = "muted"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    """Something of it is not known: it cannot be said that it is right."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Somebody said that a difference is right. It holds as long as the difference stays what it was."""

    difference: str
    reason: str
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """Three numbers side by side. None: not known, or not there (`explanation` says which)."""

    place: Place
    customer: str
    product: str
    invoice: Decimal | None
    own: Decimal | None
    autotask: Decimal | None
    invoice_amount: Decimal | None
    own_amount: Decimal | None
    autotask_amount: Decimal | None
    currency: str
    explanation: Explanation
    state: State
    shared: bool = False
    by_units: Decimal | None = None
    """The part of the difference in money that comes of units, at our cost; the rest comes of the price."""
    mute: Mute | None = None
    source: str = ""

    @property
    def difference(self) -> Decimal | None:
        """Invoice less own records, in units; what is on one side only counts as 0 on the other."""
        return _less(self.invoice, self.own, self.explanation.why)

    @property
    def autotask_difference(self) -> Decimal | None:
        """Autotask less own records; None also where other products feed the same contract lines."""
        if self.autotask is None or self.own is None or self.shared:
            return None
        return self.autotask - self.own

    @property
    def money_difference(self) -> Decimal | None:
        """Invoice less own records at our cost."""
        return _less(self.invoice_amount, self.own_amount, self.explanation.why)

    @property
    def by_price(self) -> Decimal | None:
        """The part of the difference in money that comes of the price."""
        money = self.money_difference
        return None if money is None or self.by_units is None else money - self.by_units

    @property
    def fingerprint(self) -> str:
        """Of the difference: a mute holds as long as it stays the same."""
        parts = (self.difference, self.money_difference, self.autotask_difference)
        return "|".join("?" if part is None else f"{part.normalize():f}" for part in parts)


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """All that a check is made of. `known_from` is the first day of which the portal's numbers are known; None: never read."""

    period: Period
    settings: CheckSettings
    items: tuple[InvoiceItem, ...]
    own: Mapping[Place, OwnRecord]
    known_from: date | None = None
    billed: Mapping[Place, BilledUnits] = field(default_factory=dict)
    mutes: Mapping[Place, Mute] = field(default_factory=dict)


def _less(one: Decimal | None, other: Decimal | None, why: Why) -> Decimal | None:
    if why is Why.ONLY_INVOICE and other is None:
        return one
    if why is Why.ONLY_OWN and one is None:
        return None if other is None else -other
    return None if one is None or other is None else one - other
