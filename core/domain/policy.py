"""How careful a portal is: when changes take effect, what is held for a person, what may be overwritten."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Mode(StrEnum):
    AUTOMATIC = "automatic"
    """Changes that no guard holds are applied by the schedule."""
    REVIEW = "review"
    """Every change waits for a person."""


class When(StrEnum):
    """The effective date of a change (M7), a plain date in the workspace's time zone."""

    TODAY = "today"
    THIS_PERIOD = "this_period"
    NEXT_PERIOD = "next_period"
    PORTAL = "portal"
    """The date the portal gives with the quantity; today where it gives none."""
    CHANGE = "change"
    """The day on which it changed: the date the portal gives, else the day on which a reading first said so."""


class Otherwise(StrEnum):
    """What to do with a change that cannot be made as it stands."""

    HOLD = "hold"
    OVERWRITE = "overwrite"
    NEXT = "next"


class Prices(StrEnum):
    """Whose prices the contract lines have."""

    KEEP = "keep"
    """Those in Autotask; `update_price` and `update_cost` carry single amounts all the same."""
    FOLLOW = "follow"
    """The portal's: cost, and price (or the cost with a mark-up)."""


class Suspended(StrEnum):
    """What a subscription bills that the portal counts, but says is suspended."""

    KEEP = "keep"
    """Its units, as the portal counts them."""
    UNITS_ZERO = "units_zero"
    PRICE_ZERO = "price_zero"
    """Its units, at a price of 0 from the next period on; the price it had comes back with the subscription."""


class Policy(BaseModel):
    """The whole policy of one portal. Field names are those of the workspace file (`portals[].policy`).

    `max_change` is in units, `max_change_percent` in percent of the units in force, where these or the new ones are at
    least `percent_from_units`: one seat more on a line of one is no spike. A limit that is set without it holds on every
    line that has units. None switches a limit off.
    `hold_to_zero` holds a change that brings a line to 0 units. `max_lines_down_percent` holds all decreases of a portal when
    one plan would lower a larger part of its lines than this (from ten lines on): a portal that lost half its customers
    is a fault more often than a fact. `stale_after_days` blocks lines whose last good reading is older (M2). `drift`: `hold`
    or `overwrite` units somebody else changed (M10). `posted`: move a change out of an approved-and-posted period to the
    `next` one, or `hold` it (M8). `same_day`: when the line already has a change on the effective date and Autotask refuses
    a second one, use the `next` day, or `hold`. `add_missing_lines` lets the plan add a mapped service to the company's one
    fitting contract. `update_price` and `update_cost` carry the portal's unit price and cost to the contract line.

    `prices: follow` carries both, from `prices_from` on. With `markup_percent` the price is the portal's cost with so many percent
    more, rounded once to cents. Amounts that differ by less than `minimum_price_change` (in the contract's currency, a unit) stay.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _own_limit_holds_everywhere(cls, given: Any) -> Any:
        if isinstance(given, dict) and "max_change_percent" in given and "percent_from_units" not in given:
            return {**given, "percent_from_units": 0}
        return given

    increase: When = When.TODAY
    decrease: When = When.NEXT_PERIOD
    max_change: Annotated[int, Field(ge=0)] | None = None
    max_change_percent: Annotated[int, Field(ge=0)] | None = 50
    percent_from_units: Annotated[int, Field(ge=0)] = 10
    hold_to_zero: bool = True
    max_lines_down_percent: Annotated[int, Field(ge=0)] | None = 30
    stale_after_days: Annotated[int, Field(ge=0)] | None = 3
    drift: Otherwise = Otherwise.HOLD
    posted: Otherwise = Otherwise.NEXT
    same_day: Otherwise = Otherwise.NEXT
    add_missing_lines: bool = False
    update_price: bool = False
    update_cost: bool = False
    prices: Prices = Prices.KEEP
    prices_from: When = When.THIS_PERIOD
    markup_percent: Annotated[Decimal, Field(ge=-100, le=10_000)] | None = None
    minimum_price_change: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    suspended: Suspended = Suspended.KEEP


class PolicyOverride(BaseModel):
    """Part of a policy for one customer, one product, or both; fields left out follow the portal's policy.

    The more particular override wins: customer and product, then product, then customer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: str | None = None
    product_key: str | None = None
    increase: When | None = None
    decrease: When | None = None
    max_change: int | None = None
    max_change_percent: int | None = None
    hold_to_zero: bool | None = None
    drift: Otherwise | None = None
    update_price: bool | None = None
    update_cost: bool | None = None
    prices: Prices | None = None
    markup_percent: Annotated[Decimal, Field(ge=-100, le=10_000)] | None = None
    minimum_price_change: Annotated[Decimal, Field(ge=0)] | None = None
    suspended: Suspended | None = None
