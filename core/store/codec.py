"""Domain values as JSON and back, exactly: what comes out equals what went in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from core.domain.text import Money, Text
from core.store.cleaning import clean


def to_json(value: object) -> Any:
    """A value of a Text (or anything made of text, numbers, Decimal, dates, instants, Texts, tuples) as JSON."""
    match value:
        case None | bool() | int() | str():
            return str(value) if isinstance(value, str) else value
        case Decimal():
            return {"decimal": str(value)}
        case datetime():
            return {"instant": value.astimezone(UTC).isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Text():
            return text_to_json(value)
        case Money():
            return {"money": [str(value.amount), value.currency]}
        case list() | tuple():
            return [to_json(item) for item in value]
        case Mapping():
            return {"map": {str(name): to_json(item) for name, item in value.items()}}
    return str(value)


def from_json(value: Any) -> Any:
    """What `to_json` made JSON of."""
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "template" in value:
        return text_from_json(value)
    kind, inner = next(iter(value.items()))
    match kind:
        case "decimal":
            return Decimal(inner)
        case "money":
            return Money(Decimal(inner[0]), inner[1])
        case "instant":
            return datetime.fromisoformat(inner)
        case "date":
            return date.fromisoformat(inner)
    return {name: from_json(item) for name, item in inner.items()}


def text_to_json(text: Text) -> dict[str, Any]:
    """A sentence with its values."""
    return {"template": text.template, "values": {name: to_json(value) for name, value in text.values.items()}}


def text_from_json(value: Mapping[str, Any] | None) -> Text | None:
    """The sentence again; None for none."""
    if not value:
        return None
    return Text(value["template"], {name: from_json(item) for name, item in value["values"].items()})


def texts_from_json(values: Any) -> tuple[Text, ...]:
    """Several sentences."""
    return tuple(text for value in values if (text := text_from_json(value)) is not None)


def canonical(value: object) -> str:
    """JSON with one spelling only: sorted names, no blanks, Decimal and dates as text. What hashes are made of."""
    return clean(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain))


def digest(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Text):
        return text_to_json(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    raise TypeError(f"{type(value).__name__} has no canonical JSON")
