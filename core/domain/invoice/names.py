"""Which of a portal's customers and products an invoice means: by id or name, exactly, or as a person said once (M9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from core.domain.invoice.model import EVERYBODY, CheckSettings, InvoiceItem, Place


@dataclass(frozen=True, slots=True)
class Names:
    """Ids (keys) by the words they go by, folded. Words that stand for two of them stand for none."""

    customers: Mapping[str, str]
    products: Mapping[str, str]


def names_of(
    customers: Iterable[tuple[str, str]], products: Iterable[tuple[str, str]], settings: CheckSettings
) -> Names:
    """From (id, name) of a portal's customers and (key, name) of its products, and what the settings map."""
    return Names(_index(customers, settings.customers), _index(products, settings.products))


def placed(item: InvoiceItem, names: Names) -> InvoiceItem:
    """The item under the portal's own id and key, where they are known; else as the invoice has it."""
    customer_id, product_key = item.place
    if customer_id != EVERYBODY:
        customer_id = _find(names.customers, customer_id, item.customer)
    return replace(item, place=Place(customer_id, _find(names.products, product_key, item.product)))


def _index(pairs: Iterable[tuple[str, str]], given: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, set[str]] = defaultdict(set)
    ids: dict[str, str] = {}
    for number, name in pairs:
        ids[_folded(number)] = number
        if name:
            found[_folded(name)].add(number)
    by_name = {word: next(iter(numbers)) for word, numbers in found.items() if len(numbers) == 1}
    return by_name | ids | {_folded(word): number for word, number in given.items()}


def _find(index: Mapping[str, str], number: str, name: str) -> str:
    return index.get(_folded(number)) or index.get(_folded(name)) or number


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
