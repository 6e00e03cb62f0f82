"""One value of a row: as text, number or date. What is missing or of another kind is told, never guessed (M2, M9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from core.domain.file_settings import NumberFormat
from core.domain.numbers import LONGEST, Ambiguous, NotANumber, read_text
from core.domain.selection.mapping import Value
from core.domain.selection.paths import row_getter
from core.domain.text import T, Text

__all__ = ["Ambiguous", "Unreadable", "ambiguous", "date_of", "number_of", "plain_text", "raw_of", "shown"]

EPOCH_MILLISECONDS = 10**11
Raw = Callable[[Any], Any]


class Unreadable(Exception):
    """A value that is not what it should be. Never leaves this package."""

    def __init__(self, message: Text, found: Any = None) -> None:
        super().__init__(str(message))
        self.message = message
        self.found = shown(found)


def raw_of(value: Value) -> Raw:
    """The way to what a Value names, renamed where it says so; None where there is nothing."""
    if value.constant is not None:
        constant = value.constant
        return lambda _scope: constant
    look = row_getter(value.path)
    if not value.value_map:
        return look
    names = value.value_map

    def renamed(scope: Any) -> Any:
        found = look(scope)
        text = plain_text(found) if not isinstance(found, list | dict) or "#text" in found else None
        return names.get(text, found) if text is not None else found

    return renamed


def plain_text(found: Any) -> str | None:
    """A plain value as text, trimmed; None for null. Raises Unreadable for a list or a record."""
    if isinstance(found, str):
        return found.strip()
    if found is None:
        return None
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, float):
        return str(int(found)) if found.is_integer() and abs(found) < 1e15 else str(found)
    if isinstance(found, dict) and "#text" in found:
        return plain_text(found["#text"])
    if isinstance(found, list | dict):
        raise Unreadable(T("There is a list or a record where one value should be."), found)
    return str(found)


def number_of(found: Any, number_format: NumberFormat) -> Decimal | Ambiguous | None:
    """A quantity or amount. Numbers are taken as they are; texts by the rules for exports. None for null and empty texts."""
    if isinstance(found, bool):
        raise Unreadable(T("There is true or false where a number should be."), found)
    if isinstance(found, int):
        return Decimal(found)
    if isinstance(found, float | Decimal):
        number = found if isinstance(found, Decimal) else Decimal(repr(found))
        if number.is_finite() and abs(int(number.as_tuple().exponent)) <= LONGEST:
            return number
        raise Unreadable(T("This is not a number."), found)
    text = plain_text(found)
    if text is None:
        return None
    read = read_text(text, number_format)
    if isinstance(read, NotANumber):
        raise Unreadable(T("This is not a number."), found)
    return read


def ambiguous(text: str) -> Unreadable:
    """The error for a text such as 1.250 while nothing tells which sign stands before the decimals."""
    return Unreadable(
        T("This can be thousands or decimals: choose the decimal sign of the quantity in the mapping."), text
    )


def date_of(found: Any, date_format: str) -> date | None:
    """A plain date, never moved between time zones; None for null and empty texts."""
    if found is None or found == "":
        return None
    try:
        if date_format in ("unix", "unix_ms") or (
            isinstance(found, int | float | Decimal) and not isinstance(found, bool)
        ):
            seconds = Decimal(str(found))
            if date_format == "unix_ms" or (not date_format and abs(seconds) > EPOCH_MILLISECONDS):
                seconds /= 1000
            return datetime.fromtimestamp(float(seconds), UTC).date()
        text = plain_text(found) or ""
        if date_format:
            return datetime.strptime(text, date_format).date()  # noqa: DTZ007 - a plain date
        return date.fromisoformat(text[:10])
    except (ValueError, ArithmeticError, OverflowError, OSError) as error:
        raise Unreadable(T("This is not a date: choose its format in the mapping."), found) from error


def shown(found: Any) -> str:
    """What was found, as it may stand in a message."""
    return " ".join(str(found).split())[:80] if found is not None else ""
