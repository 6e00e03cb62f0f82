"""Which lists of a document are probably the records, and which fields customers, products and quantities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from core.domain.selection.mapping import RecordMapping
from core.domain.selection.paths import SCOPE_NAMES, quoted

__all__ = ["Candidate", "Suggestion", "suggest"]

DEEPEST = 6
LOOKED_AT = 50
LIST_NAMES = frozenset(
    [
        "data",
        "items",
        "results",
        "value",
        "values",
        "records",
        "rows",
        "entries",
        "content",
        "list",
        "elements",
        "resources",
        "customers",
        "companies",
        "clients",
        "tenants",
        "accounts",
        "organizations",
        "organisations",
        "sites",
        "licenses",
        "licences",
        "subscriptions",
        "products",
        "usage",
        "users",
        "devices",
        "seats",
    ]
)
CUSTOMER_LISTS = re.compile(
    r"custom|compan|client|tenant|account|organi[sz]|site|partner|reseller|klant", re.IGNORECASE
)
PRODUCT_LISTS = re.compile(r"product|licen[sc]|subscri|item|addon|service|sku|usage|line|plan|module", re.IGNORECASE)
NOT_RECORDS = re.compile(r"error|link|warning|meta|message|paging", re.IGNORECASE)

_WHO = (
    "customer",
    "company",
    "client",
    "tenant",
    "account",
    "organization",
    "organisation",
    "site",
    "klant",
    "enduser",
)
_WHAT = ("product", "service", "sku", "license", "licence", "item", "plan", "subscription", "offer", "article")
WORDS: Mapping[str, tuple[str, ...]] = {
    "customer_id": tuple(f"{who}{end}" for who in _WHO for end in ("id", "number", "code", "guid", "uuid", "key")),
    "customer": tuple(f"{who}{end}" for end in ("name", "displayname", "title", "") for who in _WHO),
    "product_key": (
        "sku", "skuid", "productcode", "partnumber", "articlenumber",
        *(f"{what}{end}" for what in _WHAT for end in ("id", "code", "key", "number", "sku")),
    ),
    "product": tuple(f"{what}{end}" for end in ("name", "displayname", "title", "type", "") for what in _WHAT),
    "quantity": (
        "quantity", "qty", "count", "seats", "units", "amount", "total", "totalunits", "licensecount", "usercount", "devicecount",
        "assigned", "consumed", "consumedunits", "used", "usage", "number", "aantal", "licenses", "users", "devices", "value",
    ),
    "subscription_id": ("subscriptionid", "subscriptionnumber"),
    "term": ("term", "commitmentterm", "termduration", "commitment"),
    "billing_frequency": ("billingfrequency", "billingterm", "billingcycle", "billingperiod", "frequency"),
    "unit_cost": ("unitcost", "costprice", "partnercost", "buyprice"),
    "unit_price": ("unitprice", "sellprice", "salesprice", "resellerprice", "price"),
    "currency": ("currency", "currencycode"),
    "effective_date": ("effectivedate", "startdate"),
}  # fmt: skip
OWN_NAMES = ("name", "displayname", "title", "label", "description")
OWN_IDS = ("id", "uuid", "guid", "code", "number", "key")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to read the document: the records, the lists inside, a path for each part found, and the number of rows."""

    records: str
    expand: tuple[str, ...]
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    count: int = 0
    score: int = 0

    def mapping(self) -> RecordMapping | None:
        """The mapping this is; None where customer, product or quantity was not found."""
        values: dict[str, Any] = {"records": self.records, "expand": list(self.expand), **self.fields}
        try:
            return RecordMapping.model_validate(values)
        except ValidationError:
            return None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Candidates, the likeliest first, and the mapping of the first that is whole."""

    candidates: tuple[Candidate, ...] = ()

    @property
    def mapping(self) -> RecordMapping | None:
        return next((found for one in self.candidates if (found := one.mapping()) is not None), None)


@dataclass(frozen=True, slots=True)
class _List:
    """A list or map of records: its path, its name, its first items, and how many there are."""

    path: str
    name: str
    items: Sequence[Any]
    count: int


def suggest(document: object) -> Suggestion:
    """How the document can probably be read. A proposal for a person, never used unseen (M9)."""
    found: list[Candidate] = []
    for outer in _lists(document, "", "", 0):
        found.append(_candidate([outer]))
        for inner in _inner(outer):
            found.append(_candidate([outer, inner]))
            found.extend(_candidate([outer, inner, third]) for third in _inner(inner))
    found.sort(key=lambda one: -one.score)
    return Suggestion(tuple(found[:10]))


def _lists(node: Any, path: str, name: str, depth: int) -> Iterator[_List]:
    if isinstance(node, list):
        items = [item for item in node[:LOOKED_AT] if isinstance(item, dict)]
        if items:
            yield _List(f"{path}[*]" if path else "[*]", name, items, len(node))
    elif isinstance(node, dict) and depth < DEEPEST:
        if depth and _is_map(node):
            yield _List(f"{path}.*", name, list(node.values())[:LOOKED_AT], len(node))
        for key, value in node.items():
            yield from _lists(value, f"{path}.{quoted(key)}" if path else quoted(key), key, depth + 1)


def _inner(outer: _List) -> Iterator[_List]:
    """Lists and maps inside the records of a list."""
    names = dict.fromkeys(name for item in outer.items if isinstance(item, dict) for name in item)
    for name in names:
        values = [item.get(name) for item in outer.items if isinstance(item, dict)]
        lists = [value for value in values if isinstance(value, list)]
        maps = [value for value in values if isinstance(value, dict) and _is_map(value)]
        items = [item for one in lists for item in one if isinstance(item, dict)]
        if items:
            yield _List(f"{quoted(name)}[*]", name, items[:LOOKED_AT], len(items))
        elif maps:
            entries = [entry for one in maps for entry in one.values()]
            yield _List(f"{quoted(name)}.*", name, entries[:LOOKED_AT], len(entries))


def _is_map(node: dict[str, Any]) -> bool:
    """Whether keys are probably names and not fields: all values are records with a field in common."""
    values = list(node.values())
    if not values or not all(isinstance(value, dict) and value for value in values):
        return False
    return bool(set.intersection(*(set(value) for value in values[:LOOKED_AT])))


def _candidate(levels: Sequence[_List]) -> Candidate:
    fields: dict[str, str] = {}
    for depth, level in enumerate(reversed(levels)):
        above = "" if depth == 0 else "parent." if depth == 1 else f"parents[{len(levels) - 1 - depth}]."
        outermost = depth == len(levels) - 1
        for role, path in _roles(level, innermost=depth == 0, outermost=outermost, alone=len(levels) == 1).items():
            fields.setdefault(role, _path(above, path))
    return Candidate(
        records=levels[0].path,
        expand=tuple(level.path for level in levels[1:]),
        fields=MappingProxyType(fields),
        count=levels[-1].count,
        score=_score(levels, fields),
    )


def _path(above: str, path: str) -> str:
    if not above and path != "key" and path.partition(".")[0] in SCOPE_NAMES:
        return f"item.{path}"
    return path if path == "key" else above + path


def _score(levels: Sequence[_List], fields: Mapping[str, str]) -> int:
    score = 40 * sum(bool({role, other} & set(fields)) for role, other in _PAIRS)
    score += 40 * ("quantity" in fields)
    score += 5 * sum(level.name.casefold() in LIST_NAMES for level in levels)
    score -= 50 * sum(bool(NOT_RECORDS.search(level.name)) for level in levels)
    return score - 3 * (len(levels) - 1) + min(levels[-1].count, 5)


_PAIRS = (("customer", "customer_id"), ("product", "product_key"))


def _roles(level: _List, *, innermost: bool, outermost: bool, alone: bool) -> dict[str, str]:
    """The roles that the plain fields of a list's records have, by their names and by the list's name."""
    plain = {_bare(path): path for path in _plain_paths(level.items)}
    numbers = {_bare(path) for path, value in _samples(level.items).items() if _is_number(value)}
    found: dict[str, str] = {}
    for role, words in WORDS.items():
        if role == "quantity":
            hit = next((word for word in words if word in numbers), "") if innermost else ""
        else:
            hit = next((word for word in words if word in plain), "")
        if hit and plain[hit] not in found.values():
            found[role] = plain[hit]
    if innermost and level.path.endswith(".*"):
        found["product_key"] = "key"
        found.pop("product", None)
    if (outermost and not alone) or (alone and CUSTOMER_LISTS.search(level.name)):
        _own(found, plain, "customer", "customer_id")
    if (innermost and not alone) or (alone and PRODUCT_LISTS.search(level.name)):
        _own(found, plain, "product", "product_key")
    return found


def _own(found: dict[str, str], plain: Mapping[str, str], name_role: str, id_role: str) -> None:
    """In a list of customers `name` and `id` are the customer's."""
    for role, words in ((name_role, OWN_NAMES), (id_role, OWN_IDS)):
        hit = next((word for word in words if word in plain), "")
        if hit and role not in found and plain[hit] not in found.values():
            found[role] = plain[hit]


def _plain_paths(items: Sequence[Any]) -> list[str]:
    return list(_samples(items))


def _samples(items: Sequence[Any]) -> dict[str, Any]:
    """The first value at each path of plain values in these records, two levels deep."""
    found: dict[str, Any] = {}
    for item in items:
        for name, value in item.items() if isinstance(item, dict) else ():
            if isinstance(value, dict):
                for inner, below in value.items():
                    if (
                        not isinstance(below, dict | list)
                        and found.get(path := f"{quoted(name)}.{quoted(inner)}") is None
                    ):
                        found[path] = below
            elif not isinstance(value, list) and found.get(quoted(name)) is None:
                found[quoted(name)] = value
    return found


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return bool(re.fullmatch(r"\s*\d[\d.,\s]*", value)) and len(value) < 15
    return isinstance(value, int | float | Decimal)


def _bare(path: str) -> str:
    return "".join(character for character in path.casefold() if character.isalnum())
