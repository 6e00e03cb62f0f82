"""How consumption of a portal becomes charges: split, price, billing code, words, limits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.domain.charges.template import check
from core.domain.consumption import ConsumptionKind, ProductType
from core.domain.errors import InputError
from core.domain.text import T

DEFAULT_KINDS = (ConsumptionKind.USAGE, ConsumptionKind.PURCHASE, ConsumptionKind.CREDIT, ConsumptionKind.ROUNDING)


class Split(StrEnum):
    """What one charge is made for."""

    BUNDLED = "bundled"
    """One charge for each product of the source: "Azure Plan" with its total."""
    SUBSCRIPTION = "subscription"
    RESOURCE_GROUP = "resource_group"
    TAG = "tag"
    METER_CATEGORY = "meter_category"
    SERVICE = "service"
    RESOURCE = "resource"


class Pricing(StrEnum):
    """What the customer pays."""

    COST = "cost"
    MARKUP = "markup"
    """Cost and so many percent of the cost."""
    MARGIN = "margin"
    """Of the price, so many percent stay."""
    SOURCE = "source"
    """The price that the source tells."""


class ChargeDate(StrEnum):
    """The day of a charge; Autotask puts it in the billing period that the day lies in."""

    PERIOD_END = "period_end"
    PERIOD_START = "period_start"


class ChargeOverride(BaseModel):
    """Part of the settings for one customer, one product, or both; what is left out follows the portal.

    `contract_id` is the contract that a person chose for a customer where several fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: str | None = None
    product: str | None = None
    charge: bool | None = None
    split: Split | None = None
    tag: str | None = None
    pricing: Pricing | None = None
    percent: Decimal | None = None
    billing_code_id: int | None = None
    product_id: int | None = None
    name: str | None = None
    description: str | None = None
    language: str | None = None
    currency: str | None = None
    contract_id: int | None = None
    max_amount: Decimal | None = None


class ChargeSettings(BaseModel):
    """The whole of it for one portal.

    Exactly one of `billing_code_id` (a material code, use type 4) and `product_id` is needed before anything is charged.
    `percent` belongs to `markup` and `margin`. `currency` is what the contracts are billed in: amounts in another one are held,
    never converted. `kinds` are charged, others not; `provisional` charges also what the source may still change.
    A total above `max_amount`, or that differs from the customer's previous period by more than `max_change_percent`, is held
    (M6); None switches a limit off. `from_prices`: lines of a portal that is fetched, or sends, are charged by their quantity ×
    unit cost (or unit price) where they tell no amount. `product_names` are what invoices call the products of the source:
    `usage: Azure Plan`.
    Licences that a billing report holds beside consumption are charged only where an override of that product says so:
    they are contract services (S3-12).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    charge: bool = True
    split: Split = Split.BUNDLED
    tag: str = ""
    pricing: Pricing = Pricing.COST
    percent: Decimal = Decimal(0)
    billing_code_id: int | None = None
    product_id: int | None = None
    name: str = "{product} {month} {year}"
    description: str = "{product} {period}"
    language: str = "nl"
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    date: ChargeDate = ChargeDate.PERIOD_END
    kinds: tuple[ConsumptionKind, ...] = DEFAULT_KINDS
    provisional: bool = False
    from_prices: bool = False
    contract_id: int | None = None
    max_amount: Annotated[Decimal, Field(ge=0)] | None = None
    max_change_percent: Annotated[int, Field(ge=0)] | None = 100
    product_names: Mapping[str, str] = Field(default_factory=dict)
    overrides: tuple[ChargeOverride, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for one in self.overrides:
            _check_part(one.split or self.split, one.tag or self.tag, one.pricing or self.pricing, self.percent_of(one))
            _check_templates(one.name, one.description)
        _check_part(self.split, self.tag, self.pricing, self.percent)
        _check_templates(self.name, self.description)
        if self.billing_code_id is not None and self.product_id is not None:
            raise ValueError(T("A charge has a billing code or a product, not both."))
        return self

    def percent_of(self, override: ChargeOverride) -> Decimal:
        """The percentage that holds with an override."""
        return self.percent if override.percent is None else override.percent

    @property
    def ready(self) -> bool:
        """Whether it is known what to book the charges on."""
        return self.billing_code_id is not None or self.product_id is not None

    @property
    def may_charge(self) -> bool:
        """Whether anything of the portal can become a charge, with its overrides."""
        every: tuple[ChargeSettings | ChargeOverride, ...] = (self, *self.overrides)
        booked = any(one.billing_code_id is not None or one.product_id is not None for one in every)
        return booked and any(one.charge for one in every)


def _check_part(split: Split, tag: str, pricing: Pricing, percent: Decimal) -> None:
    if split is Split.TAG and not tag:
        raise ValueError(T("A split by tag needs the name of the tag."))
    if pricing is Pricing.MARGIN and percent >= 100:
        raise ValueError(T("A margin is less than 100 percent."))
    if percent < -100:
        raise ValueError(T("A percentage below -100 makes a price negative."))


def _check_templates(*templates: str | None) -> None:
    for template in templates:
        if template is not None:
            try:
                check(template)
            except InputError as error:
                raise ValueError(error.message) from error


def settings_for(base: ChargeSettings, customer_id: str, product: str = "") -> ChargeSettings:
    """The settings that hold for a customer and product; the more particular override wins."""
    fitting = [
        one
        for one in base.overrides
        if one.customer_id in (None, customer_id) and (one.product is None or (product and one.product == product))
    ]
    values: dict[str, Any] = {"charge": False} if product == ProductType.LICENCE else {}
    for one in sorted(fitting, key=lambda one: (one.customer_id is not None) + 2 * (one.product is not None)):
        given = one.model_dump(exclude={"customer_id", "product"}, exclude_none=True)
        if "billing_code_id" in given or "product_id" in given:
            values |= {"billing_code_id": None, "product_id": None}
        if product == ProductType.LICENCE and one.product is None:
            given.pop("charge", None)
        values |= given
    return base.model_copy(update=values) if values else base
