"""Mappings: who is who and what is what. Every edit goes into the audit and can be undone."""

from __future__ import annotations

from core.store.mappings.customers import (
    CustomerEntry,
    aliases,
    count_customers,
    find_customers,
    learn_aliases,
    page_customers,
    pending_customers,
    set_customers,
)
from core.store.mappings.edits import Author, Batch, Undone, last_batch, undo
from core.store.mappings.load import load_mapping
from core.store.mappings.products import (
    ProductEntry,
    count_products,
    find_products,
    ignore_products,
    page_products,
    pending_products,
)
from core.store.mappings.rules import (
    RuleEntry,
    choose_lines,
    delete_rules,
    page_rules,
    save_renames,
    save_rules,
)

__all__ = [
    "Author",
    "Batch",
    "CustomerEntry",
    "ProductEntry",
    "RuleEntry",
    "Undone",
    "aliases",
    "choose_lines",
    "count_customers",
    "count_products",
    "delete_rules",
    "find_customers",
    "find_products",
    "ignore_products",
    "last_batch",
    "learn_aliases",
    "load_mapping",
    "page_customers",
    "page_products",
    "page_rules",
    "pending_customers",
    "pending_products",
    "save_renames",
    "save_rules",
    "set_customers",
    "undo",
]
