"""Who is who and what is what: portal customer → Autotask company, portal products → Autotask service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from core.domain.contract import ItemRef, LineRef


class CustomerKey(NamedTuple):
    portal: str
    customer_id: str


class ProductKey(NamedTuple):
    """A portal product as it is mapped: term and billing frequency belong to it, a subscription id does not."""

    portal: str
    product_key: str
    term: str = ""
    billing_frequency: str = ""


@dataclass(frozen=True, slots=True)
class CustomerMapping:
    """One portal customer: linked to `company_id`, ignored with a reason, or (both None) still to be mapped."""

    key: CustomerKey
    customer: str
    company_id: int | None = None
    ignored: str | None = None


class Rounding(StrEnum):
    """How a formula's result becomes whole units (M12). NONE: a fraction is an error, never silently cut."""

    NONE = "none"
    UP = "up"
    DOWN = "down"
    NEAREST = "nearest"
    """Half a unit goes up."""


@dataclass(frozen=True, slots=True)
class RuleSource:
    """One product that feeds a rule; `name` is what the formula calls it (`users`)."""

    product: ProductKey
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRule:
    """Portal product(s) → one Autotask service or bundle.

    `formula` works on the names of the sources and on `quantity`, their sum. Its result, less `included` free units,
    is kept between `minimum` and `maximum` and rounded. Several rules may feed one service: their units add up. One product may
    stand in several rules. `match_period` offers only contracts whose period type equals the products' billing
    frequency, where the portal tells one.
    """

    id: int
    item: ItemRef
    sources: tuple[RuleSource, ...]
    formula: str = "quantity"
    minimum: Decimal | None = None
    included: Decimal = Decimal(0)
    maximum: Decimal | None = None
    rounding: Rounding = Rounding.NONE
    match_period: bool = True
    label: str = ""

    def says_the_same(self, other: ProductRule) -> bool:
        """Whether both count the same products in the same way for one service: the second was made by mistake."""
        return self._what == other._what

    @property
    def _what(self) -> tuple[object, ...]:
        products = frozenset((one.product, "" if self.formula == "quantity" else one.name) for one in self.sources)
        return self.item, products, self.formula, self.minimum, self.included, self.maximum


@dataclass(frozen=True, slots=True)
class Rename:
    """Products of a portal whose key matches `pattern` (`*` and `?` only) count as `product_key`."""

    portal: str
    pattern: str
    product_key: str


class ChoiceKey(NamedTuple):
    """What a person chose a contract line for, once (M9)."""

    company_id: int
    item: ItemRef
    billing_frequency: str = ""


@dataclass(frozen=True, slots=True)
class WorkspaceMapping:
    """All that was mapped. `line_choices` remembers the contract line a person picked where several fitted, `contract_choices`
    the contract for a line that is not there yet.
    """

    customers: Mapping[CustomerKey, CustomerMapping] = field(default_factory=dict)
    rules: tuple[ProductRule, ...] = ()
    ignored_products: Mapping[ProductKey, str] = field(default_factory=dict)
    renames: tuple[Rename, ...] = ()
    line_choices: Mapping[ChoiceKey, LineRef] = field(default_factory=dict)
    contract_choices: Mapping[ChoiceKey, int] = field(default_factory=dict)
