"""What the audit keeps of a value before and after, as people read it."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import orjson

from pages._ui import words
from pages._ui.formats import day, number, tr

DAY, AMOUNT = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"-?\d{1,15}\.\d{1,6}")
ARROW = "→"
Values = dict[str, str]


def values_of(document: str) -> Values:
    """`{"company_id": 1003, "ignored": null}` as `{"company number": "1003"}`; of what is no document, all of it without a name."""
    try:
        found = orjson.loads(document) if document else {}
    except orjson.JSONDecodeError:
        return {"": document}
    if not isinstance(found, dict):
        return {"": _value(found)}
    known = _names()
    return {
        known.get(name, name.replace("_", " ")): _value(value)
        for name, value in found.items()
        if value not in (None, "", [], {})
    }


def rows(before: str, after: str) -> list[tuple[str, str, str]]:
    """Name, before and after of each value, those that differ first."""
    was, now = values_of(before), values_of(after)
    found = [(name, was.get(name, ""), now.get(name, "")) for name in {**was, **now}]
    return sorted(found, key=lambda row: row[1] == row[2])


def in_short(before: str, after: str) -> str:
    """What differs, in one line: `9 → 14, day 21-11-2026`. Numbers of our own are left out, and what has no value any more."""
    names = _names()
    short = {names[name] for name in ("change", "charge")}
    parts = []
    for name, was, now in rows(before, after):
        if was != now and now and name not in short:
            change = now if not was else f"{was} {ARROW} {now}"
            parts.append((name, f"{name} {change}".strip()))
    found = dict(parts)
    start, end = names["from"], names["to"]
    if start in found and end in found:
        now = values_of(after)
        found = {
            end: f"{now[start]} {ARROW} {now[end]}",
            **{name: text for name, text in found.items() if name not in (start, end)},
        }
    return ", ".join(found.values())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, str):
        if DAY.fullmatch(value):
            try:
                return day(date.fromisoformat(value))
            except ValueError:
                return value
        return number(Decimal(value)) if AMOUNT.fullmatch(value) else _states().get(value, value)
    if isinstance(value, list):
        return ", ".join(_value(one) for one in value)
    if isinstance(value, dict):
        known = _names()
        return "; ".join(f"{known.get(name, name.replace('_', ' '))} {_value(one)}" for name, one in value.items())
    return "" if value is None else str(value)


def _states() -> dict[str, str]:
    """The codes that decisions leave behind."""
    return {**words.change_states(), **words.roles()}


def _names() -> dict[str, str]:
    return {
        "address": tr("address"), "at": tr("at"), "billing_frequency": tr("billing"), "change": tr("change number"),
        "charge": tr("charge number"), "company_id": tr("company number"), "connector": tr("connector"), "date": tr("day"),
        "device": tr("device"), "enabled": tr("in use"), "file": tr("file"), "formula": tr("formula"), "from": tr("from"),
        "ignored": tr("ignored"), "included": tr("included"), "item": tr("service number"), "kind": tr("kind"),
        "language": tr("language"), "lines": tr("lines"), "locale": tr("numbers and dates"), "maximum": tr("at most"),
        "minimum": tr("at least"), "mode": tr("mode"), "month": tr("month"), "name": tr("name"), "outcome": tr("outcome"),
        "period": tr("period"), "portal": tr("portal"), "portals": tr("portals"), "product": tr("product"),
        "quantity": tr("count"), "reason": tr("reason"), "role": tr("role"), "rounding": tr("rounding"),
        "schedule": tr("schedule"), "secrets": tr("secrets"), "settings": tr("settings"), "sources": tr("products"),
        "status": tr("status"), "subscription": tr("subscription"), "term": tr("term"), "to": tr("to"),
    }  # fmt: skip
