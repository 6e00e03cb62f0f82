"""Which lists and names of a JSON or XML document are probably customers, products and quantities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from core.domain.file_settings import FileSettings, Shape
from core.domain.text import T
from core.files.headings import folded
from core.files.suggest import WORDS, SuggestedMapping, Suggestion
from core.files.tree import Document

NAMES = {
    "customer": ("name", "displayname", "title", "companyname", "customername", *WORDS["customer"]),
    "customer_id": ("id", "customerid", "companyid", "tenantid", "accountid", *WORDS["customer_id"]),
    "product": ("name", "productname", "displayname", "title", "sku", "skuname", "service", *WORDS["product"]),
    "product_key": ("sku", "productid", "id", "skuid", "code", "partnumber", *WORDS["product_key"]),
    "quantity": ("quantity", "qty", "count", "seats", "units", *WORDS["quantity"]),
}
"""Names in records say less than headings do: inside a customer, `name` is the customer's."""
SCORE = 80


@dataclass(frozen=True, slots=True)
class _Lists:
    """A list of records that themselves hold a list of records."""

    customers: str
    products: str
    customer: dict[str, Any]
    product: dict[str, Any]


def suggest_tree(document: Document) -> SuggestedMapping | None:
    """A tree mapping, where the document has lists inside lists; None where it is as flat as a table."""
    lists = next(_nested(document.root), None)
    if lists is None:
        return None
    found: dict[str, Suggestion] = {}
    for role, record in (
        ("customer", lists.customer),
        ("customer_id", lists.customer),
        ("product", lists.product),
        ("product_key", lists.product),
        ("quantity", lists.product),
    ):
        name = _named(record, NAMES[role])
        if name and not (
            role in ("product_key", "customer_id") and name == found.get(role.split("_")[0], _NONE).heading
        ):
            found[role] = Suggestion(role=role, heading=name, score=SCORE, reason=T("The name in the records says so."))
    values: dict[str, object] = {role: suggestion.heading for role, suggestion in found.items()}
    values |= {"shape": Shape.TREE, "customers": lists.customers, "products": lists.products}
    try:
        settings = FileSettings.model_validate(values)
    except ValidationError:
        settings = None
    return SuggestedMapping(settings=settings, columns=tuple(found.values()))


_NONE = Suggestion(role="", heading="", score=0, reason=T("The name in the records says so."))


def _named(record: dict[str, Any], words: Sequence[str]) -> str:
    """The first of these words among a record's plain values, as the record writes it."""
    plain = {_bare(name): name for name, value in record.items() if not isinstance(value, dict | list)}
    return next((plain[word] for word in map(_bare, words) if word in plain), "")


def _bare(name: str) -> str:
    return "".join(character for character in folded(name) if character.isalnum())


def _nested(root: Any) -> Iterator[_Lists]:
    """Every list of records with a list of records in them, the outermost first."""
    level: list[tuple[str, Any]] = [("", root)]
    while level:
        below: list[tuple[str, Any]] = []
        for path, node in level:
            records = node if isinstance(node, list) else []
            first = next((record for record in records if isinstance(record, dict)), None)
            if first is not None:
                yield from _lists(path, records)
            elif isinstance(node, dict):
                below.extend((f"{path}.{name}" if path else name, value) for name, value in node.items())
        level = below


def _lists(path: str, records: Sequence[Any]) -> Iterator[_Lists]:
    for record in records[:50]:
        for name, value in record.items() if isinstance(record, dict) else ():
            inner = next((item for item in value if isinstance(item, dict)), None) if isinstance(value, list) else None
            if inner is not None:
                yield _Lists(f"{path}[*]", f"{name}[*]", record, inner)
