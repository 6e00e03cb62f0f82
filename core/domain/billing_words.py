"""What single words of a cloud's billing mean: dates, ids, tags, charge types (Azure reference §2.6). Pure rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache

from core.domain.consumption import ConsumptionKind, ProductType
from core.domain.consumption_lines import month_of
from core.domain.errors import InputError
from core.domain.text import T

__all__ = [
    "KINDS", "NO_DAY", "PARTNER", "day_number", "group_name", "identity", "kind_of", "last_segment", "month_end", "month_start",
    "period_end", "product_type_of", "tags_of",
]  # fmt: skip

NO_DAY = -1
NO_RESOURCE = {"others", "notapplicable", "not applicable", "$system", "n/a"}
"""What stands as resource group where a charge has no resource."""
NO_ID = re.compile(r"[0\-]*")
PARTNER = "(partner)"
"""Whom charges without a customer belong to: the partner's own use."""
KINDS = {
    "usage": ConsumptionKind.USAGE,
    "new": ConsumptionKind.USAGE,
    "unusedreservation": ConsumptionKind.USAGE,
    "unusedsavingsplan": ConsumptionKind.USAGE,
    "purchase": ConsumptionKind.PURCHASE,
    "refund": ConsumptionKind.CREDIT,
    "cancel": ConsumptionKind.CREDIT,
    "credit": ConsumptionKind.CREDIT,
    "adjustment": ConsumptionKind.CREDIT,
    "roundingadjustment": ConsumptionKind.ROUNDING,
    "tax": ConsumptionKind.TAX,
}
"""By charge type in lower case; an unknown one counts as usage, so that no money is lost, and is told."""
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?", re.ASCII)
_MONTH_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: .*)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)


def day_number(text: str) -> int:
    """The ordinal of a plain date: ISO, or month first with slashes as Microsoft writes it. -1 for an empty cell.

    Raises InputError for anything else, so also where the first number cannot be a month: the order is never guessed.
    """
    bare = text.strip()
    if not bare:
        return NO_DAY
    try:
        if found := _ISO.fullmatch(bare) or _COMPACT.fullmatch(bare):
            return date(*(int(part) for part in found.groups())).toordinal()
        if found := _MONTH_FIRST.fullmatch(bare):
            month, day, year = (int(part) for part in found.groups())
            return date(year, month, day).toordinal()
    except ValueError:
        pass
    raise InputError(
        T("The date {text} is not written month first (MM/DD/YYYY) or as YYYY-MM-DD.", text=bare[:80]),
        remedy=T("Use the file as Microsoft wrote it: a spreadsheet program changes its dates and amounts."),
        kind="not_a_date",
    )


@lru_cache(maxsize=4096)
def month_start(ordinal: int) -> int:
    return ordinal if ordinal == NO_DAY else month_of(date.fromordinal(ordinal))[0].toordinal()


@lru_cache(maxsize=4096)
def month_end(ordinal: int) -> int:
    return ordinal if ordinal == NO_DAY else month_of(date.fromordinal(ordinal))[1].toordinal()


def period_end(start: int, end: int) -> int:
    """The last day of a billing period. Some write the first day of the next one."""
    if end == NO_DAY or end < start:
        return month_end(start)
    last = date.fromordinal(end)
    return end - 1 if last.day == 1 and end > start and last - timedelta(days=1) >= date.fromordinal(start) else end


def identity(text: str) -> str:
    """An id as it is compared: lower case, without the prefix that some lists have; empty for none and for all zeros."""
    bare = text.strip().casefold().removeprefix("org:").removeprefix("/subscriptions/")
    return "" if NO_ID.fullmatch(bare) else bare


def group_name(text: str) -> str:
    """A resource group as it is compared; empty for charges without a resource."""
    bare = text.strip().casefold()
    return "" if bare in NO_RESOURCE else bare


def last_segment(text: str) -> str:
    """The name at the end of a resource's id."""
    return text.rstrip("/").rpartition("/")[2]


def tags_of(text: str, wanted: frozenset[str]) -> tuple[tuple[str, str], ...] | None:
    """The tags in a cell by name in lower case, only the `wanted` ones unless that is empty; None where they cannot be read.

    Older files write the object without its braces.
    """
    bare = text.strip()
    if not bare:
        return ()
    try:
        found = json.loads(bare if bare.startswith("{") else "{" + bare + "}")
    except json.JSONDecodeError:
        return None
    pairs = {str(name).strip().casefold(): "" if value is None else str(value).strip() for name, value in found.items()}
    return tuple(sorted((name, value) for name, value in pairs.items() if value and (not wanted or name in wanted)))


def kind_of(charge_type: str) -> ConsumptionKind | None:
    """None for a charge type that is not known."""
    bare = charge_type.strip().casefold().replace(" ", "")
    return KINDS.get(bare, None if bare else ConsumptionKind.USAGE)


def product_type_of(kind: ConsumptionKind, words: Mapping[str, str]) -> ProductType:
    """What is billed, from a record's own words: `publisher_type`, `pricing_model` and `product`, as the source has them.

    Marketplace rows have another publisher type than Microsoft and Azure; the rest is told by pricing model and product name.
    """
    publisher = words.get("publisher_type", "").strip().casefold()
    model = words.get("pricing_model", "").strip().casefold()
    product = words.get("product", "").casefold()
    if publisher and publisher not in ("microsoft", "azure"):
        return ProductType.MARKETPLACE
    if kind is ConsumptionKind.USAGE:
        return ProductType.USAGE
    if "savings" in model or "savings plan" in product:
        return ProductType.SAVINGS_PLAN
    if "reserv" in model or "reserved" in product or "reservation" in product:
        return ProductType.RESERVATION
    return ProductType.USAGE if kind is not ConsumptionKind.PURCHASE else ProductType.PERPETUAL
