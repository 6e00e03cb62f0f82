"""`{{ … }}` in addresses, headers and bodies: look-ups and filters, nothing that runs.

A place is a name (`secret.key`, `today`, `page.number`, `parent.id`), for dates with plus or minus (`today - 1 month`), and filters
behind bars (`| date:"%Y%m%d"`). Unknown names and filters are errors when the settings are saved.
"""

from __future__ import annotations

import base64
import calendar
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape as xml_escape

import orjson

from core.domain.errors import SettingsError
from core.domain.selection import compile_path
from core.domain.text import T

__all__ = ["Names", "check", "names_in", "only_place", "render", "render_json"]

SECRETS = ("key", "token", "password", "client_secret", "refresh_token", "signing_key", "extra")
DAYS = ("today", "month_start", "month_end", "previous_month_start", "previous_month_end", "window.start", "window.end")
PAGE = ("page.number", "page.offset", "page.size", "page.cursor")
OTHERS = ("now", "digest", "timestamp", "session")
_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_EXPRESSION = re.compile(
    r"\s*(?P<name>[a-z_]+(?:\.[\w.\[\]\"@-]+)?)\s*(?:(?P<sign>[+-])\s*(?P<count>\d{1,4})\s*(?P<unit>day|week|month|year)s?)?"
    r"\s*(?P<filters>(?:\|\s*[a-z0-9]+(?::\"[^\"|]*\")?\s*)*)",
    re.ASCII,
)
_FILTER = re.compile(r"\|\s*([a-z0-9]+)(?::\"([^\"]*)\")?")
Escape = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Names:
    """What templates can look up in one request. `page` and `window` are empty where there are none.

    `parent` is the record of a first call, `job` what was told of a job so far.
    """

    secrets: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    page: Mapping[str, str] = field(default_factory=dict)
    window: Mapping[str, date] = field(default_factory=dict)
    parent: Any = None
    job: Any = None
    now: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Expression:
    name: str
    shift: tuple[int, str] | None
    filters: tuple[tuple[str, str], ...]


@lru_cache(maxsize=512)
def _parts(text: str) -> tuple[str | _Expression, ...]:
    """Text and expressions in turn. Raises ValueError for what is not understood."""
    parts: list[str | _Expression] = []
    at = 0
    for place in _PLACE.finditer(text):
        parts.append(text[at : place.start()])
        parts.append(_expression(place[1]))
        at = place.end()
    rest = text[at:]
    if "{{" in rest:
        raise ValueError(T("A place that begins with {mark} is not closed.", mark="{{"))
    return (*parts, rest)


def _expression(text: str) -> _Expression:
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise ValueError(T("The place {text} is not understood.", text=text.strip()[:60] or "{{}}"))
    filters = tuple(_FILTER.findall(match["filters"]))
    unknown = next((name for name, _ in filters if name not in FILTERS), None)
    if unknown:
        raise ValueError(
            T("There is no filter {name}. There are: {known}.", name=unknown, known=tuple(sorted(FILTERS)))
        )
    shift = (int(match["sign"] + match["count"]), match["unit"]) if match["sign"] else None
    if shift and match["name"] not in (*DAYS, "now"):
        raise ValueError(T("Only dates can be moved, not {name}.", name=match["name"]))
    return _Expression(match["name"], shift, filters)


def check(text: str, values: Mapping[str, str], *, records: Collection[str] = ()) -> None:
    """Raises ValueError for a name or filter that is not known.

    `records` are those that can be looked into at this place: `parent`, the record of a first call, and `job`.
    """
    for part in _parts(text):
        if isinstance(part, _Expression):
            _check_name(part.name, values, records)


def _check_name(name: str, values: Mapping[str, str], records: Collection[str]) -> None:
    group, _, rest = name.partition(".")
    known: bool
    match group:
        case "secret":
            known = rest in SECRETS
        case "setting":
            known = rest in values
        case "parent" | "job":
            known = group in records and bool(rest)
            if known:
                compile_path(rest)
        case _:
            known = name in (*DAYS, *PAGE, *OTHERS)
    if not known:
        raise ValueError(T("There is no {name} to put in.", name=name))


def names_in(text: str) -> set[str]:
    """The names that a text looks up."""
    return {part.name for part in _parts(text) if isinstance(part, _Expression)}


def only_place(text: str) -> str:
    """The name that a text consists of; empty for a text with more, or less, than one place without filters."""
    parts = [part for part in _parts(text.strip()) if part]
    alone = parts[0] if len(parts) == 1 else ""
    return alone.name if isinstance(alone, _Expression) and not (alone.filters or alone.shift) else ""


def render(text: str, names: Names, escape: Escape = str) -> str:
    """The text with its places filled in, each value escaped for where it stands."""
    if "{{" not in text:
        return text
    return "".join(part if isinstance(part, str) else escape(_value(part, names)) for part in _parts(text))


def render_json(content: Any, names: Names) -> Any:
    """A JSON structure with the places in its texts filled in: a value can never end its text."""
    if isinstance(content, str):
        return render(content, names)
    if isinstance(content, dict):
        return {name: render_json(value, names) for name, value in content.items()}
    return [render_json(value, names) for value in content] if isinstance(content, list) else content


def in_path(text: str) -> str:
    return quote(text, safe="")


def in_header(text: str) -> str:
    """Raises SettingsError for a value that would begin another header."""
    if "\r" in text or "\n" in text or "\x00" in text:
        raise SettingsError(T("A value for a header holds a line end."), kind="template")
    return text


def in_xml(text: str) -> str:
    return xml_escape(text, {'"': "&quot;", "'": "&apos;"})


def in_json_text(text: str) -> str:
    """A value inside a text of a JSON body that is written as text."""
    return orjson.dumps(text).decode()[1:-1]


def _value(expression: _Expression, names: Names) -> str:
    found = _look_up(expression.name, names)
    if expression.shift is not None and isinstance(found, date):
        found = _moved(found, *expression.shift)
    if not expression.filters:
        return found.isoformat() if isinstance(found, date) else str(found)
    for name, argument in expression.filters:
        found = FILTERS[name](found, argument)
    return str(found)


def _look_up(name: str, names: Names) -> Any:
    group, _, rest = name.partition(".")
    match group:
        case "secret":
            return _given(names.secrets.get(rest, ""), name)
        case "setting":
            return names.values[rest]
        case "page":
            return names.page.get(rest, "")
        case "window":
            return _given(names.window.get(rest), name)
        case "parent" | "job":
            found = compile_path(rest)(names.parent if group == "parent" else names.job)
            return _given(None if isinstance(found, dict | list) else found, name)
        case _:
            return names.extra[name] if name in names.extra else _day(name, names.now)


def _given(found: Any, name: str) -> Any:
    if found in (None, ""):
        raise SettingsError(
            T("There is no value for {name}.", name=name),
            remedy=T("Fill it in, or leave its place out."),
            kind="template",
        )
    return found


def _day(name: str, now: datetime) -> Any:
    today = now.date()
    first = today.replace(day=1)
    before = first - timedelta(days=1)
    days = {
        "now": now,
        "today": today,
        "month_start": first,
        "month_end": today.replace(day=calendar.monthrange(today.year, today.month)[1]),
        "previous_month_start": before.replace(day=1),
        "previous_month_end": before,
    }
    return _given(days.get(name), name)


def _moved(day: date, count: int, unit: str) -> date:
    """A day some days, weeks, months or years on; the 31st becomes the last day of a shorter month."""
    if unit in ("day", "week"):
        return day + timedelta(days=count * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 + count * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1]))


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return datetime.fromisoformat(str(value))


FILTERS: Mapping[str, Callable[[Any, str], Any]] = {
    "date": lambda value, pattern: _instant(value).strftime(pattern or "%Y-%m-%d"),
    "iso": lambda value, _: _instant(value).isoformat().replace("+00:00", "Z"),
    "unix": lambda value, _: str(int(_instant(value).timestamp())),
    "lower": lambda value, _: str(value).lower(),
    "upper": lambda value, _: str(value).upper(),
    "base64": lambda value, _: base64.b64encode(str(value).encode()).decode("ascii"),
}
