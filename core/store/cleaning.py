"""Text that every database takes: without NUL, and without halves of characters (both come out of broken exports)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from core.domain.usage import Reading, UsageLine

UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"
_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_WORDS = (
    "customer_id", "customer", "product_key", "product", "unit", "term", "billing_frequency", "subscription_id", "currency",
)  # fmt: skip


def clean(text: str) -> str:
    """The text with a replacement character for what cannot be kept."""
    return UNKEEPABLE.sub(REPLACEMENT, text) if UNKEEPABLE.search(text) else text


def clean_json(value: object) -> str:
    """JSON of the value that PostgreSQL takes, too."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" in text:
        text = _NUL_IN_JSON.sub(rf"\1{REPLACEMENT}", text)
    return clean(text)


def clean_reading(reading: Reading) -> Reading:
    """The reading with text that can be kept; the very same object when nothing had to be replaced."""
    lines = tuple(_clean_line(line) for line in reading.lines)
    failed = {clean(name): why for name, why in reading.failed_customers.items()}
    covered = frozenset(clean(name) for name in reading.customers_covered)
    same = all(new is old for new, old in zip(lines, reading.lines, strict=True))
    if same and failed == reading.failed_customers and covered == reading.customers_covered:
        return reading
    return replace(reading, lines=lines, failed_customers=failed, customers_covered=covered)


def _clean_line(line: UsageLine) -> UsageLine:
    origin, attributes = line.origin, line.attributes
    parts = [getattr(line, name) for name in _WORDS]
    if not UNKEEPABLE.search("".join((*parts, origin.source, origin.place, *attributes, *attributes.values()))):
        return line
    cleaned: dict[str, Any] = {name: clean(part) for name, part in zip(_WORDS, parts, strict=True)}
    cleaned["origin"] = origin._replace(source=clean(origin.source), place=clean(origin.place))
    cleaned["attributes"] = {clean(name): clean(value) for name, value in attributes.items()}
    return replace(line, **cleaned)
