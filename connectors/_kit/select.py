"""Finding things in an answer: a list of records, a field, a number. What is missing is an error, never an empty list (M2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import jmespath

from core.domain.errors import ShapeChanged
from core.domain.text import T

__all__ = ["Record", "day", "find", "instant", "is_there", "number", "record", "records", "text", "whole", "yes"]

Record = Mapping[str, Any]
ROOT = ""


@lru_cache(maxsize=512)
def _compiled(path: str) -> Any:
    return jmespath.compile(path)


def find(body: object, path: str) -> Any:
    """What stands at a JMESPath expression; None when there is nothing. Keys with `@` or `.` need quotes: `"@odata.nextLink"`."""
    if path == ROOT:
        return body
    if isinstance(body, Mapping) and path.isidentifier():
        return body.get(path)
    return _compiled(path).search(body)


def records(body: object, path: str = ROOT, *, place: str = "", or_null: bool = False) -> list[Record]:
    """The list of records at `path`. `or_null` accepts null for an empty list. Raises ShapeChanged for anything that is no list."""
    found = find(body, path)
    if found is None and or_null:
        return []
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        raise ShapeChanged(
            T("The answer has no list at {path}.", path=path or "the top"),
            place=place,
            detail=f"found {type(found).__name__}",
        )
    wrong = next((item for item in found if not isinstance(item, Mapping)), None)
    if wrong is not None:
        raise ShapeChanged(
            T("The list at {path} holds something that is no record.", path=path or "the top"), place=place
        )
    return list(found)


def is_there(body: object, path: str) -> bool:
    """Whether the key stands there, be it with null."""
    above, _, key = path.rpartition(".")
    place = find(body, above)
    return isinstance(place, Mapping) and key in place


def record(body: object, path: str = ROOT, *, place: str = "") -> Record:
    """The one record at `path`. Raises ShapeChanged when there is none."""
    found = find(body, path)
    if not isinstance(found, Mapping):
        raise ShapeChanged(
            T("The answer has no record at {path}.", path=path or "the top"),
            place=place,
            detail=f"found {type(found).__name__}",
        )
    return found


def text(record: Record, path: str, default: str | None = None, *, place: str = "") -> str:
    """A field as text, trimmed. Raises ShapeChanged when it is missing or null and there is no default."""
    found = find(record, path)
    if found is None or isinstance(found, Mapping | list):
        if default is None:
            raise ShapeChanged(T("A record has no {path}.", path=path), place=place)
        return default
    return str(found).strip()


def number(record: Record, path: str, default: Decimal | None = None, *, place: str = "") -> Decimal:
    """A quantity or amount, exactly; numbers may come as text with a decimal point.

    Raises ShapeChanged when it is missing, null or no number and there is no default: an absent count is not zero.
    """
    found = find(record, path)
    if found is None and default is not None:
        return default
    if isinstance(found, int | float | str) and not isinstance(found, bool):
        try:
            value = Decimal(str(found).strip())
        except InvalidOperation:
            value = Decimal("NaN")
        if value.is_finite():
            return value
    raise ShapeChanged(T("A record has no number at {path}.", path=path), place=place, detail=f"found {found!r}"[:120])


def whole(body: object, path: str) -> int | None:
    """A count the other side states, as number or text; None when it states none."""
    found = find(body, path)
    told = str(found).strip() if found is not None and not isinstance(found, bool) else ""
    return int(float(told)) if told.replace(".", "", 1).isdigit() else None


def yes(record: Record, path: str, default: bool = False) -> bool:
    """A flag; null and absent are the default, text and numbers are understood."""
    found = find(record, path)
    if found is None:
        return default
    return str(found).strip().lower() in ("true", "1", "yes") if not isinstance(found, bool) else found


def instant(record: Record, path: str) -> datetime | None:
    """A moment as UTC, from ISO 8601 text (any offset, `-0600` too) or epoch seconds or milliseconds; None when absent."""
    found = find(record, path)
    if found in (None, ""):
        return None
    if isinstance(found, int | float):
        seconds = found / 1000 if found > 1e11 else found
        return datetime.fromtimestamp(seconds, UTC)
    try:
        moment = datetime.fromisoformat(str(found).strip())
    except ValueError as error:
        raise ShapeChanged(T("{value} is not a date.", value=str(found)[:40]), detail=path) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def day(record: Record, path: str) -> date | None:
    """A plain date: the first ten characters of what the portal writes, never converted between zones. None when absent."""
    found = find(record, path)
    if found in (None, ""):
        return None
    if isinstance(found, int | float):
        moment = instant(record, path)
        return moment.date() if moment else None
    try:
        return date.fromisoformat(str(found).strip()[:10])
    except ValueError as error:
        raise ShapeChanged(T("{value} is not a date.", value=str(found)[:40]), detail=path) from error
