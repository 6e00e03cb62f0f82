"""From the raw body of a webhook to a document, and from the document to readings."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from core.domain.hook_events import Envelope, Rows, envelope_of, rows_of
from core.domain.hook_settings import Holds, WebhookSettings
from core.domain.selection import Problem, compile_path, select_lines
from core.domain.selection.amounts import tells_money
from core.domain.text import T, Text
from core.domain.usage import Reading, Scope, UsageLine

MOST_FORM_FIELDS = 2_000
JSON_TYPES = ("application/json", "text/json", "application/cloudevents+json", "text/plain")
LINES_TYPES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/json-lines",
)


class Unreadable(ValueError):
    """The body is not what its content type says."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body that could be parsed. `problems` are lines of it that could not."""

    document: Any
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What an event comes to: the readings it gives (none for an event that is ignored), and what could not be read; `unread` are
    the rows of it that may have told amounts.
    """

    readings: tuple[Reading, ...]
    problems: tuple[Problem, ...]
    lines: int
    unread: tuple[UsageLine, ...] = ()


def media_type(content_type: str) -> str:
    """`application/json` of `application/json; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()


def is_known_type(content_type: str) -> bool:
    """Whether bodies of this type can be read at all."""
    return _reader(media_type(content_type)) is not None


def parse(raw: bytes, content_type: str) -> Body:
    """The document in a body. Raises Unreadable for one that is broken as a whole."""
    read = _reader(media_type(content_type))
    if read is None:
        raise Unreadable(f"unknown type {media_type(content_type)!r}")
    try:
        text = raw.decode("utf-8-sig")
        # Many scripts send JSON with the content type of a form, because their tool does so by itself.
        read = _json if read is _form and text.lstrip()[:1] in ("{", "[") else read
        return read(text)
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except (ValueError, ArithmeticError) as error:
        raise Unreadable(type(error).__name__) from error


def envelope(document: Any, settings: WebhookSettings) -> Envelope:
    """What the event says of itself; with a mapping of one's own, what the settings say of all events."""
    at = compile_path(settings.time_path)(document)
    told = envelope_of(document, at if not isinstance(at, dict | list) else None)
    if settings.mapping is None:
        return told
    return Envelope(told.type, told.at, settings.everything)


def is_snapshot(told: Envelope, settings: WebhookSettings) -> bool:
    """Whether the event tells the whole state of the portal, so that an older one says nothing any more."""
    whole = settings.everything if settings.mapping is not None else told.is_whole
    return whole and settings.complete_holds is Holds.PORTAL


def is_ignored(told: Envelope, settings: WebhookSettings) -> bool:
    """Events of our own layout of a type that means nothing here."""
    return settings.mapping is None and not told.is_known


def read(body: Body, settings: WebhookSettings, portal: str, at: datetime, source: str) -> Read:
    """The readings of an event that was true `at`; `source` is what the origin of its lines says (M13)."""
    told = envelope(body.document, settings)
    if is_ignored(told, settings):
        return Read((), body.problems, 0)
    rows = _mapped(body.document, settings, source) if settings.mapping else rows_of(body.document, source)
    rows = replace(rows, unplaced=rows.unplaced or bool(body.problems))
    whole = told.complete if settings.mapping else told.is_whole
    readings = _readings(rows, whole, settings, portal, at)
    return Read(readings, (*body.problems, *rows.problems), len(rows.lines), rows.unread)


def _readings(rows: Rows, whole: bool, settings: WebhookSettings, portal: str, at: datetime) -> tuple[Reading, ...]:
    """A partial reading of what the event names; one of the whole where it proves absence (M2).

    A row that could not be read takes the proof away from its customer, or from all when it may be anybody's. What could be read
    beside it is still believed, line by line.
    """
    named = Reading(portal=portal, taken_at=at, lines=rows.lines, scope=Scope.LINES, amounts=rows.amounts)
    if not whole or rows.unplaced:
        return (named,) if rows.lines else ()
    scope = Scope.PORTAL if settings.complete_holds is Holds.PORTAL else Scope.CUSTOMERS
    sure = tuple(line for line in rows.lines if line.customer_id not in rows.failed)
    wholly = replace(
        named,
        lines=sure,
        amounts=tuple(line for line in rows.amounts if line.customer_id not in rows.failed),
        scope=scope,
        customers_covered=rows.covered - rows.failed.keys(),
        failed_customers=rows.failed,
    )
    rest = tuple(line for line in rows.lines if line.customer_id in rows.failed)
    return (wholly, replace(named, lines=rest, amounts=())) if rest else (wholly,)


def _mapped(document: Any, settings: WebhookSettings, source: str) -> Rows:
    assert settings.mapping is not None
    found = select_lines(document, settings.mapping, source=source)
    problems = found.problems
    if found.error:
        problems = (*problems, Problem("", T("The event reports an error: {text}", text=found.error[:200])))
    failed = found.failed_customers
    rows = Rows(found.lines, problems, found.covered, failed, unplaced=not found.complete, amounts=found.amounts)
    return replace(rows, unread=_anything_of(failed, rows, money=tells_money(settings.mapping)))


def _anything_of(failed: Collection[str], rows: Rows, *, money: bool) -> tuple[UsageLine, ...]:
    """Of a customer whose rows were not all read nothing was taken: anything of it may be missing, in any month of the event."""
    days = {line.period_start or line.effective_date for line in rows.amounts or rows.lines} or {None}
    told = {"amount": "?"} if money else {}
    return tuple(
        UsageLine(
            customer_id=customer, customer=customer, product_key="", product="", quantity=Decimal(0), period_start=day,
            attributes=told,
        )
        for customer in sorted(failed)
        for day in days
    )  # fmt: skip


def _json(text: str) -> Body:
    return Body(json.loads(text, parse_float=Decimal, parse_constant=_refuse))


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _ndjson(text: str) -> Body:
    records: list[Any] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append(_json(line).document)
        except ValueError:
            problems.append(Problem(f"line {number}", T("This line is no JSON."), line[:80]))
    if not records:
        raise ValueError("no line is JSON")
    return Body(records, tuple(problems))


def _form(text: str) -> Body:
    fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS, strict_parsing=True))
    payload = fields.get("payload", "")
    return _json(payload) if payload.lstrip()[:1] in ("{", "[") else Body(fields)


def _csv(text: str) -> Body:
    head = text.partition("\n")[0]
    delimiter = max(",;\t|", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [
            {name: value for name, value in row.items() if isinstance(name, str)} for row in reader if any(row.values())
        ]
    except csv.Error as error:
        raise ValueError("broken CSV") from error
    if not reader.fieldnames or len(reader.fieldnames) < 2:
        raise ValueError("no table")
    return Body(rows)


_Reader = Callable[[str], Body]


def _reader(kind: str) -> _Reader | None:
    readers: Mapping[str, _Reader] = {
        "application/x-www-form-urlencoded": _form,
        "text/csv": _csv,
        "application/csv": _csv,
        "": _json,
        **dict.fromkeys(JSON_TYPES, _json),
        **dict.fromkeys(LINES_TYPES, _ndjson),
    }
    return readers.get(kind) or (_json if kind.endswith("+json") else None)


def words_of(problems: Sequence[Problem], most: int = 50) -> tuple[Text, ...]:
    """Problems as sentences with their place."""
    return tuple(
        T("{place}: {problem} ({text})", place=one.place, problem=one.message, text=one.text)
        if one.text
        else T("{place}: {problem}", place=one.place or "-", problem=one.message)
        for one in problems[:most]
    )
