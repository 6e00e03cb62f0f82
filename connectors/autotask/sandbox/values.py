"""Values on the wire and inside. Inside, a date is `2026-08-01` and an instant `2026-08-01T10:20:30.123`, both as text:
they sort as they should and cost nothing to write out.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from connectors.autotask.sandbox.errors import Refusal
from connectors.autotask.sandbox.schema import EntitySpec, FieldSpec, FieldType

Record = dict[str, Any]
"""One stored record: fields as in the API, names that start with `_` are the sandbox's own and never leave it."""

_MIDNIGHT = "T00:00:00.000"


def stamp(moment: datetime) -> str:
    """A UTC instant as it is stored."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


@lru_cache(maxsize=65536)
def ordinal(day: str) -> int:
    """The day number of a stored date, for counting days."""
    return date.fromisoformat(day).toordinal()


@lru_cache(maxsize=65536)
def shift(day: str, days: int) -> str:
    """A stored date so many days later."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


@lru_cache(maxsize=65536)
def parse_moment(text: str) -> str | None:
    """Text as Autotask accepts it (plain date, ISO with Z, with offset, with fraction) as a stored instant."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def parse_day(text: str) -> str | None:
    """A date-only field: the time is dropped, without any zone conversion (reference §4)."""
    return text.strip()[:10] if parse_moment(text) else None


def money(amount: Decimal | float) -> Decimal:
    """Rounded to cents, half up."""
    exact = amount if isinstance(amount, Decimal) else Decimal(repr(amount))
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def write_date(day: str, form: str) -> str:
    """A date-only value as it is sent, by the switch `dates`."""
    if form == "z":
        return f"{day}T00:00:00Z"
    if form == "bare":
        return f"{day}T00:00:00"
    hour = "04" if "04" <= day[5:7] <= "10" else "05"
    return f"{day}T{hour}:00:00Z"


def write_instant(value: str, form: str) -> str:
    """An instant as it is sent; .NET leaves out a fraction of zero."""
    text = value.removesuffix(".000")
    return text if form == "bare" else f"{text}Z"


def read_value(spec: FieldSpec, value: object) -> object:
    """A value of a request body as it is stored. Raises Refusal where its type or length does not fit."""
    if value is None:
        return None
    if spec.type is FieldType.STRING:
        return _read_text(spec, value)
    if spec.type is FieldType.BOOL:
        if not isinstance(value, bool):
            raise Refusal(f"Error converting value {value!r} to type 'System.Boolean'. Path '{spec.name}'.")
        return value
    if spec.type in (FieldType.DATE, FieldType.DATETIME):
        return _read_date(spec, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"Could not convert {value!r} to a number. Path '{spec.name}'.")
    if spec.type is FieldType.DOUBLE:
        return value
    if isinstance(value, float):
        raise Refusal(f"Input string '{value}' is not a valid integer. Path '{spec.name}'.")
    return value


def _read_text(spec: FieldSpec, value: object) -> str:
    if not isinstance(value, str):
        raise Refusal(f"Could not convert {value!r} to a string. Path '{spec.name}'.")
    if spec.length and len(value) > spec.length:
        raise Refusal(f"The value of {spec.name} exceeds the maximum length of {spec.length}.")
    return value


def _read_date(spec: FieldSpec, value: object) -> str:
    text = value if isinstance(value, str) else ""
    moment = parse_day(text) if spec.type is FieldType.DATE else parse_moment(text)
    if moment is None:
        raise Refusal(f"Could not convert string to DateTime: {value}. Path '{spec.name}'.")
    return moment


def filter_moment(value: str, *, date_only: bool) -> str | None:
    """A date of a filter so that it compares as text with stored values of the field."""
    moment = parse_moment(value)
    if moment and date_only and moment.endswith(_MIDNIGHT):
        return moment[:10]
    return moment


def render(spec: EntitySpec, record: Record, names: tuple[str, ...], dates: str) -> Record:
    """One record as it is sent: only the named fields, dates in the form of the switch."""
    out = {name: record.get(name) for name in names}
    for name, date_only in spec.dated:
        value = out.get(name)
        if value is not None:
            out[name] = write_date(value, dates) if date_only else write_instant(value, dates)
    return out
