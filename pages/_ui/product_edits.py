"""From cells a person changed in the products grid to links and ignored products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from core.domain.contract import ItemRef, LineKind
from core.domain.mapping import ProductKey
from core.services import products
from core.services.mapping import Option
from core.services.products import ProductRow
from pages._ui import auth, customer_edits, grid, states
from pages._ui.formats import tr
from pages._ui.grid import CellEdit

MOST_CHOICES = 2_000


@dataclass(frozen=True, slots=True)
class Choices:
    """Services and bundles to choose from, by the words shown for each."""

    items: dict[str, ItemRef]

    @property
    def labels(self) -> list[str]:
        return list(self.items)

    def label_of(self, row: ProductRow) -> str | None:
        """The service as it stands in the cell; several rules are shown together."""
        return row.services or None


@dataclass(frozen=True, slots=True)
class ProductEdits:
    """What is to be saved: links, products to ignore with a reason, products to take up again."""

    links: list[tuple[ProductKey, ItemRef]] = field(default_factory=list)
    ignored: dict[str, list[ProductKey]] = field(default_factory=dict)
    restored: list[ProductKey] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.links) + sum(len(keys) for keys in self.ignored.values()) + len(self.restored)


def item_of(option: Option) -> ItemRef:
    return ItemRef(LineKind(option.kind), option.id)


def all_items(search: str = "") -> dict[str, ItemRef]:
    """Services and bundles by label; two of one name are told apart by their id."""
    options = products.item_options(auth.context(), auth.actor(), search, MOST_CHOICES)
    names: dict[str, ItemRef] = {}
    for option in options:
        names[option.label if option.label not in names else f"{option.label} ({option.id})"] = item_of(option)
    return names


def choices(rows: Sequence[ProductRow]) -> Choices:
    names = all_items()
    for row in rows:
        for suggestion in row.suggestions:
            names.setdefault(suggestion.name, suggestion.item)
        if row.services and row.services not in names:
            names[row.services] = ItemRef(LineKind.SERVICE, 0)
    return Choices(names)


def suggestion_words(row: ProductRow) -> str:
    if row.status != "pending" or not row.suggestions:
        return ""
    best = row.suggestions[0]
    return customer_edits.scored(best.name, best.score, tr(best.reason))


def collect(rows: Sequence[ProductRow], cells: Sequence[CellEdit], options: Choices) -> ProductEdits:
    """One edit a row: a reason to ignore wins over a service chosen by hand, that over the suggestion."""
    by_row: dict[int, dict[str, object]] = {}
    for cell in cells:
        if cell.column != "select":
            by_row.setdefault(cell.row, {})[cell.column] = cell.value
    edits = ProductEdits()
    for index, changes in sorted(by_row.items()):
        row = rows[index]
        reason = str(changes.get("ignore") or "").strip()
        item = options.items.get(str(changes.get("service")))
        if reason:
            edits.ignored.setdefault(reason, []).append(row.key)
        elif item and item.id:
            edits.links.append((row.key, item))
        elif changes.get("use") and row.suggestions:
            edits.links.append((row.key, row.suggestions[0].item))
        elif "ignore" in changes and row.ignored:
            edits.restored.append(row.key)
    return edits


def save(edits: ProductEdits) -> None:
    context, actor = auth.context(), auth.actor()
    saved = products.link_products(context, actor, edits.links) if edits.links else 0
    for reason, keys in edits.ignored.items():
        saved += products.ignore_products(context, actor, keys, reason)
    if edits.restored:
        saved += products.ignore_products(context, actor, edits.restored, None)
    states.done(tr("{count} products saved.", count=saved))
    grid.new_editor("products")
    st.rerun()
