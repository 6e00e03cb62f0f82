"""Portal product → Autotask service: rules with formulas, renames, ignore, worked examples, the line to choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.contract import ItemRef, LineRef
from core.domain.mapping import ChoiceKey, ProductKey, Rename, Rounding, RuleSource
from core.domain.text import Text
from core.services.access import Actor
from core.services.paging import Page, PageQuery

if TYPE_CHECKING:
    from core.services.context import Context
    from core.services.mapping import Option


@dataclass(frozen=True, slots=True)
class ItemSuggestion:
    item: ItemRef
    name: str
    score: int
    exact: bool
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as it is edited; `id` None makes a new one. Fields as in `core.domain.mapping.ProductRule`."""

    id: int | None = None
    item: ItemRef
    sources: tuple[RuleSource, ...]
    formula: str = "quantity"
    minimum: Decimal | None = None
    included: Decimal = Decimal(0)
    maximum: Decimal | None = None
    rounding: Rounding = Rounding.NONE
    match_period: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """One portal product with its term and billing frequency. `status`: mapped, pending, ignored."""

    key: ProductKey
    product: str
    status: str
    customers: int
    quantity: Decimal
    ignored: str = ""
    rules: tuple[int, ...] = ()
    services: str = ""
    suggestions: tuple[ItemSuggestion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A stored rule with the name of its service."""

    draft: RuleDraft
    service: str
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePreview:
    """The rule worked out for one company on its present usage: what goes in, what comes out, or why it cannot."""

    company_id: int
    company: str
    inputs: Mapping[str, Decimal] = field(default_factory=dict)
    units: int | None = None
    steps: tuple[Text, ...] = ()
    problem: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCandidate:
    line: LineRef
    contract_id: int
    contract: str
    start: date
    end: date
    period: str
    units: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuestion:
    """Several contract lines fit: a person chooses once (M9)."""

    key: ChoiceKey
    company: str
    service: str
    candidates: tuple[LineCandidate, ...]
    chosen: LineRef | None = None


def products(ctx: Context, actor: Actor, query: PageQuery) -> Page[ProductRow]: ...
def rules(ctx: Context, actor: Actor, query: PageQuery) -> Page[RuleRow]: ...
def save_rule(ctx: Context, actor: Actor, draft: RuleDraft) -> int: ...
def delete_rule(ctx: Context, actor: Actor, rule_id: int) -> None: ...
def preview_rule(ctx: Context, actor: Actor, draft: RuleDraft, limit: int = 20) -> list[RulePreview]: ...
def link_products(ctx: Context, actor: Actor, links: Sequence[tuple[ProductKey, ItemRef]]) -> int: ...
def accept_exact_products(ctx: Context, actor: Actor, portal: str = "") -> int: ...
def ignore_products(ctx: Context, actor: Actor, keys: Sequence[ProductKey], reason: str | None) -> int: ...
def renames(ctx: Context, actor: Actor, portal: str = "") -> list[Rename]: ...
def save_renames(ctx: Context, actor: Actor, portal: str, renames: Sequence[Rename]) -> None: ...
def item_options(ctx: Context, actor: Actor, search: str = "", limit: int = 50) -> list[Option]: ...
def line_questions(ctx: Context, actor: Actor) -> list[LineQuestion]: ...
def choose_line(ctx: Context, actor: Actor, key: ChoiceKey, line: LineRef | None) -> None: ...
