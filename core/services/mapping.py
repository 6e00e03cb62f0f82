"""Portal customer → Autotask company: the grid, suggestions, bulk edits, aliases, undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.text import Text
from core.services.access import Actor
from core.services.paging import Page, PageQuery

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose, for a select box: `label` is what people read."""

    id: int
    label: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class CompanySuggestion:
    """`score` 0-100; `exact`: equal after normalisation (legal form, case, accents, order of words)."""

    company_id: int
    company: str
    score: int
    exact: bool
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """One portal customer. `status`: mapped, pending, ignored. `lines` and `quantity` are what it uses now."""

    portal: str
    customer_id: str
    customer: str
    status: str
    company_id: int | None
    company: str
    ignored: str
    lines: int
    quantity: Decimal
    suggestions: tuple[CompanySuggestion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEdit:
    """Link (`company_id`), ignore (`ignore_reason`), or with neither: make it pending again."""

    portal: str
    customer_id: str
    company_id: int | None = None
    ignore_reason: str | None = None


@dataclass(frozen=True, slots=True)
class EditError:
    """`index` is the position of the edit (or the line of the paste, from 1)."""

    index: int
    message: Text


@dataclass(frozen=True, slots=True)
class EditResult:
    """Edits without an error are saved, the others are named; nothing is half-written."""

    saved: int
    errors: tuple[EditError, ...] = ()


def customers(ctx: Context, actor: Actor, query: PageQuery) -> Page[CustomerRow]: ...
def save_customer_edits(ctx: Context, actor: Actor, edits: Sequence[CustomerEdit]) -> EditResult: ...
def accept_exact_suggestions(ctx: Context, actor: Actor, portal: str = "") -> EditResult: ...
def paste_customers(ctx: Context, actor: Actor, text: str, portal: str = "", *, save: bool = True) -> EditResult: ...
def undo_last(ctx: Context, actor: Actor) -> Text | None: ...
def company_options(ctx: Context, actor: Actor, search: str = "", limit: int = 50) -> list[Option]: ...
