"""Which lines make one charge together (S1-66)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from core.domain.charges.language import WITHOUT, product_name
from core.domain.charges.settings import ChargeSettings, Split
from core.domain.charges.template import product_of
from core.domain.consumption import ConsumptionLine


class Part(NamedTuple):
    """One charge of a customer and period: the source's product, and the value it is split by. `what` is its stable name."""

    product: str
    split: Split
    value: str
    title: str

    @property
    def what(self) -> str:
        return "|".join((self.product.casefold(), self.split.value, self.value))


def split_lines(
    lines: Iterable[ConsumptionLine], settings_of: Callable[[str], ChargeSettings]
) -> dict[Part, tuple[ConsumptionLine, ...]]:
    """The lines by charge; `settings_of` gives the settings of a product."""
    found: dict[str, tuple[Part, list[ConsumptionLine]]] = {}
    for line in lines:
        part = part_of(line, settings_of(product_of(line)))
        found.setdefault(part.what, (part, []))[1].append(line)
    return {part: tuple(of_part) for part, of_part in found.values()}


def part_of(line: ConsumptionLine, settings: ChargeSettings) -> Part:
    """The charge that a line belongs to. Groups are told apart without case: Azure writes one group in several ways."""
    product = product_of(line)
    split = settings.split
    if split is Split.BUNDLED:
        return Part(product, split, "", product_name(product, settings.language, settings.product_names))
    if split is Split.RESOURCE:
        return Part(product, split, line.resource_key, line.resource)
    if split is Split.TAG:
        tag = settings.tag.casefold()
        value = next((v for name, v in line.dimensions.items() if name.casefold() == f"tag:{tag}"), "")
        return Part(product, split, f"{tag}={value.casefold()}", value or WITHOUT.get(settings.language, WITHOUT["en"]))
    key, title = _value(line.dimensions, split)
    return Part(product, split, key, title or WITHOUT.get(settings.language, WITHOUT["en"]))


def _value(dimensions: Mapping[str, str], split: Split) -> tuple[str, str]:
    if split is Split.SUBSCRIPTION:
        title = dimensions.get("subscription", "") or dimensions.get("subscription_id", "")
        return (dimensions.get("subscription_id", "") or title).casefold(), title
    title = dimensions.get(split.value, "")
    if split is Split.RESOURCE_GROUP:
        return f"{dimensions.get('subscription_id', '').casefold()}/{title.casefold()}", title
    return title.casefold(), title
