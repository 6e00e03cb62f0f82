"""What a portal says is used: usage lines, and the reading they came in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from core.domain.text import T, Text

NOTHING: Mapping[str, str] = MappingProxyType({})


class LineKey(NamedTuple):
    """What makes a usage line of one portal the same line in the next reading.

    Term and billing frequency are part of it: a monthly and a yearly subscription of one product never collide.
    """

    customer_id: str
    product_key: str
    term: str = ""
    billing_frequency: str = ""
    subscription_id: str = ""


class Origin(NamedTuple):
    """Where a number was read (M13): a file with its sheet and row, or the request that answered.

    `source` is the file name or the address without secrets; `place` a place in it ("Usage!C14", "row 14", "page 3").
    `rows` counts the raw records that were summed into the number.
    """

    source: str = ""
    place: str = ""
    rows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLine:
    """One quantity of one product for one customer, in the portal's own words.

    `customer_id` is the portal's key of the customer, the customer's name where the portal has no key; the same holds
    for `product_key`. `term` is an ISO 8601 duration (`P1M`, `P1Y`, `P3Y`), `billing_frequency` one of `monthly`,
    `quarterly`, `semiannual`, `yearly`, `once`; both are empty where the portal does not tell. `effective_date` is the
    date the portal gives for the quantity, a plain date. Costs and prices are per unit, in `currency` (ISO 4217).
    """

    customer_id: str
    customer: str
    product_key: str
    product: str
    quantity: Decimal
    unit: str = ""
    term: str = ""
    billing_frequency: str = ""
    subscription_id: str = ""
    effective_date: date | None = None
    period_start: date | None = None
    period_end: date | None = None
    unit_cost: Decimal | None = None
    unit_price: Decimal | None = None
    currency: str = ""
    attributes: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    origin: Origin = Origin()

    @property
    def key(self) -> LineKey:
        return LineKey(self.customer_id, self.product_key, self.term, self.billing_frequency, self.subscription_id)


class Scope(StrEnum):
    """What the absence of a line in a reading proves (M2)."""

    PORTAL = "portal"
    """Everything of the portal was asked: what is absent is gone."""
    CUSTOMERS = "customers"
    """Only the customers that appear (or are named in `customers_covered`) were asked, each of them wholly."""
    LINES = "lines"
    """Only the lines named: absence proves nothing (a webhook, a file of changes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The result of one fetch of one portal.

    `complete` says that the fetch ended as it should: everything in `scope` was read. `failed_customers` maps the ids of
    customers whose data could not be read (wholly) to the reason; their lines in this reading are never used and their
    last known quantities stay (M2), the other customers remain usable. A reading with `complete=False` lowers nothing.
    `amounts` are what consumption is made of where that is told apart more finely than `lines` are: by month and by credits.
    `emptied` are customers whose list was there and empty, from a source of which nobody said that it may be: where there was
    data it is not believed.
    """

    portal: str
    taken_at: datetime
    lines: tuple[UsageLine, ...]
    complete: bool = True
    scope: Scope = Scope.PORTAL
    customers_covered: frozenset[str] = frozenset()
    failed_customers: Mapping[str, Text] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[Text, ...] = ()
    fingerprint: str = ""
    amounts: tuple[UsageLine, ...] = ()
    emptied: frozenset[str] = frozenset()

    def proves_absence(self, customer_id: str) -> bool:
        """Whether a line of this customer that is not in the reading is really gone."""
        if not self.complete or customer_id in self.failed_customers or self.scope is Scope.LINES:
            return False
        return self.scope is Scope.PORTAL or customer_id in self.customers_covered


def disbelieving(reading: Reading, held: Collection[str]) -> Reading:
    """The reading without belief in empty lists of customers that had something until now (`held`): they count as not read (M2)."""
    doubted = sorted(reading.emptied & frozenset(held))
    if not doubted:
        return reading
    why = {
        customer: T(
            "The list of {customer} is empty, where there was data. If that is right, allow empty lists in the settings of "
            "the portal.",
            customer=customer,
        )
        for customer in doubted
    }
    return replace(reading, failed_customers=MappingProxyType({**why, **reading.failed_customers}))
