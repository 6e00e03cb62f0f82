"""Portal product → Autotask service: the grid with suggestions, rules, renames, ignore. Lines to choose are in `line_choices`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.contract import CatalogueItem, ItemRef
from core.domain.errors import InputError
from core.domain.mapping import ProductKey, ProductRule, Rename, RuleSource
from core.domain.matching import exact_matches, suggest
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.audited import author_of
from core.services.line_choices import LineCandidate, LineQuestion, choose_line, line_questions
from core.services.mapping import Option
from core.services.paging import Page, PageQuery
from core.services.portals import find
from core.services.rules import RuleDraft, RulePreview, checked_rule, default_name, draft_of, preview_rule
from core.store import directory, mappings
from core.store.mappings import ProductEntry
from core.store.mappings.load import load_rules

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = [
    "ItemSuggestion",
    "LineCandidate",
    "LineQuestion",
    "ProductRow",
    "RuleDraft",
    "RulePreview",
    "RuleRow",
    "accept_exact_products",
    "choose_line",
    "delete_rule",
    "ignore_products",
    "item_options",
    "line_questions",
    "link_products",
    "preview_rule",
    "products",
    "renames",
    "rules",
    "save_renames",
    "save_rule",
]

SHOWN_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class ItemSuggestion:
    """A service or bundle whose name is like the product's; `exact` as for companies."""

    item: ItemRef
    name: str
    score: int
    exact: bool
    reason: Text


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
    """A stored rule with the names of service and products; `active` is False when Autotask has switched the service off."""

    draft: RuleDraft
    service: str
    active: bool = True
    names: Mapping[ProductKey, str] = field(default_factory=dict)


def products(ctx: Context, actor: Actor, query: PageQuery) -> Page[ProductRow]:
    """One slice of the portals' products; those to be mapped come with suggestions, made for all of the slice at once."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = mappings.page_products(session, query)
        items = directory.items(session)
        used = {number for row in page.rows for number in row.rules}
        targets = {rule.id: rule.item for rule in load_rules(session) if rule.id in used} if used else {}
    names = {item.ref: item.name for item in items}
    pending = sorted({row.product for row in page.rows if row.status == "pending"})
    found = dict(zip(pending, _suggestions(items, pending), strict=True))
    return Page(tuple(_row(row, targets, names, found) for row in page.rows), page.total)


def rules(ctx: Context, actor: Actor, query: PageQuery) -> Page[RuleRow]:
    """Stored rules in order of service; `text` and `portal` filter."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = mappings.page_rules(session, query)
    return Page(
        tuple(
            RuleRow(draft=draft_of(e.rule), service=e.item or _number(e.rule.item), active=e.active, names=e.names)
            for e in page.rows
        ),
        page.total,
    )


def save_rule(ctx: Context, actor: Actor, draft: RuleDraft) -> int:
    """Store a rule, a new one or a changed one; gives its number. Raises InputError saying what is wrong. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> int:
        rule = checked_rule(session, draft)
        return mappings.save_rules(session, [rule], author_of(ctx, actor), text="rule")[0]

    return ctx.database.run(work)


def delete_rule(ctx: Context, actor: Actor, rule_id: int) -> None:
    """Remove a rule: its products are to be mapped again. For operators."""
    require(actor, Role.OPERATOR)
    ctx.database.run(lambda session: mappings.delete_rules(session, [rule_id], author_of(ctx, actor), text="rule"))


def link_products(ctx: Context, actor: Actor, links: Sequence[tuple[ProductKey, ItemRef]]) -> int:
    """Link products to services one to one, in one batch; gives how many rules changed. For operators.

    A product that feeds a rule by itself gets the new service there. Raises InputError, with nothing written, for a product
    that feeds several rules or one together with others: those are changed as rules.
    """
    require(actor, Role.OPERATOR)

    def work(session: Session) -> int:
        known = {item.ref for item in directory.items(session)}
        names = mappings.find_products(session)
        stored = load_rules(session)
        fresh = [_linked(key, item, stored, names, known) for key, item in links]
        changed = [rule for rule in fresh if rule not in stored]
        mappings.save_rules(session, changed, author_of(ctx, actor), text="linked")
        return len(changed)

    return ctx.database.run(work)


def accept_exact_products(ctx: Context, actor: Actor, portal: str = "") -> int:
    """Link every pending product (of a portal) that has exactly one service of the same name. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        pending = mappings.pending_products(session, portal)
        items = directory.items(session)
    found = exact_matches(list(pending.values()), list(enumerate(item.name for item in items)), {})
    links = [(key, items[match.id].ref) for key, match in zip(pending, found, strict=True) if match is not None]
    return link_products(ctx, actor, links) if links else 0


def ignore_products(ctx: Context, actor: Actor, keys: Sequence[ProductKey], reason: str | None) -> int:
    """Ignore products with a reason; None counts them again. Gives how many there are. For operators."""
    require(actor, Role.OPERATOR)
    if reason is not None and not reason.strip():
        raise InputError(T("Ignoring needs a reason."), kind="reason")
    wanted = reason.strip() if reason is not None else None

    def work(session: Session) -> int:
        for portal in {key.portal for key in keys}:
            find(session, portal)
        mappings.ignore_products(session, dict.fromkeys(keys, wanted), author_of(ctx, actor), text="ignored")
        return len(keys)

    return ctx.database.run(work)


def renames(ctx: Context, actor: Actor, portal: str = "") -> list[Rename]:
    """Rename rules (of one portal), in the order in which they are tried."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        found = mappings.load_mapping(session).renames
    return [rename for rename in found if not portal or rename.portal == portal]


def save_renames(ctx: Context, actor: Actor, portal: str, renames: Sequence[Rename]) -> None:
    """Make these the rename rules of a portal: `*` and `?` in a pattern stand for any text and any character. For operators."""
    require(actor, Role.OPERATOR)
    wanted = [Rename(portal, one.pattern.strip(), one.product_key.strip()) for one in renames]
    if any(not one.pattern or not one.product_key for one in wanted):
        raise InputError(T("A rename needs a pattern and a product."), kind="rename")
    if len({one.pattern for one in wanted}) < len(wanted):
        raise InputError(T("Each pattern may stand in the list once."), kind="rename")

    def work(session: Session) -> None:
        find(session, portal)
        mappings.save_renames(session, portal, wanted, author_of(ctx, actor), text="renames")

    ctx.database.run(work)


def item_options(ctx: Context, actor: Actor, search: str = "", limit: int = 50) -> list[Option]:
    """Active services and bundles for a select box, in order of name, that contain all words of `search`."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        items = directory.items(session)
    words = search.casefold().split()
    fitting = (
        item for item in items if all(word in f"{item.name} {item.sku} {item.ref.id}".casefold() for word in words)
    )
    return [Option(item.ref.id, item.name, item.ref.kind.value) for item, _ in zip(fitting, range(limit), strict=False)]


def _suggestions(items: Sequence[CatalogueItem], names: Sequence[str]) -> list[list[ItemSuggestion]]:
    """For each name the services and bundles that are called like it."""
    found = suggest(names, list(enumerate(item.name for item in items)), {}, SHOWN_SUGGESTIONS)
    return [[ItemSuggestion(items[s.id].ref, s.name, s.score, s.exact, s.reason) for s in best] for best in found]


def _row(
    entry: ProductEntry,
    targets: Mapping[int, ItemRef],
    names: Mapping[ItemRef, str],
    found: Mapping[str, Sequence[ItemSuggestion]],
) -> ProductRow:
    items = dict.fromkeys(targets[number] for number in entry.rules if number in targets)
    return ProductRow(
        key=entry.key,
        product=entry.product,
        status=entry.status,
        customers=entry.customers,
        quantity=entry.quantity,
        ignored=entry.ignored,
        rules=entry.rules,
        services=", ".join(names.get(item, _number(item)) for item in items),
        suggestions=tuple(found.get(entry.product, ())) if entry.status == "pending" else (),
    )


def _number(item: ItemRef) -> str:
    return f"{item.kind.value} {item.id}"


def _linked(
    key: ProductKey,
    item: ItemRef,
    stored: Sequence[ProductRule],
    names: Mapping[ProductKey, str],
    known: set[ItemRef],
) -> ProductRule:
    if key not in names:
        raise InputError(
            T("{portal} has no product {product}.", portal=key.portal, product=key.product_key), kind="product"
        )
    if item not in known:
        raise InputError(
            T(
                "There is no active {kind} with number {number} in Autotask.",
                kind=T(item.kind.value),
                number=str(item.id),
            ),
            kind="item",
        )
    feeding = [rule for rule in stored if any(source.product == key for source in rule.sources)]
    if not feeding:
        return ProductRule(id=0, item=item, sources=(RuleSource(key, default_name(names[key])),))
    if len(feeding) > 1 or len(feeding[0].sources) > 1:
        raise InputError(
            T("{product} feeds a rule together with others, or several rules.", product=names[key]),
            remedy=T("Change the rule itself."),
            kind="rule",
        )
    return replace(feeding[0], item=item)
