"""How the command line speaks: the language of the terminal, plain tables, one JSON document."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from core.domain.errors import ContractBridgeError
from core.domain.text import Money, Text
from core.i18n import LANGUAGES, LOCALES, format_date, format_instant, format_money, format_number, translate


def language_of(arguments: list[str], environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """The language asked for by `--language` (anywhere) or by the terminal's own settings, and the arguments without it."""
    rest: list[str] = []
    chosen = ""
    words = iter(arguments)
    for word in words:
        if word == "--language":
            chosen = next(words, "")
        elif word.startswith("--language="):
            chosen = word.partition("=")[2]
        else:
            rest.append(word)
    from_terminal = next((environment[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(n)), "en")
    for candidate in (chosen, from_terminal):
        if candidate[:2].lower() in LANGUAGES:
            return candidate[:2].lower(), rest
    return "en", rest


LANGUAGE = language_of(sys.argv[1:], os.environ)[0]
"""Of this process; help texts are made when the commands are imported."""
LOCALE = LOCALES[LANGUAGE]


def say(text: Text | str = "", *, to_error: bool = False) -> None:
    """One line for people, in the terminal's language."""
    line = words(text)
    stream = sys.stderr if to_error else sys.stdout
    stream.write(line + "\n")
    stream.flush()


class Cents(Decimal):
    """An amount of money, which people read with its cents."""


def words(value: object) -> str:
    """Any value as a person reads it here."""
    match value:
        case None:
            return ""
        case Text():
            return translate(value, LANGUAGE, LOCALE, _zone())
        case bool():
            return translate("yes" if value else "no", LANGUAGE)
        case Cents():
            return format_number(value, LOCALE, 2)
        case Money():
            return format_money(value.amount, LOCALE, value.currency, exact=True)
        case int() | Decimal():
            return format_number(value, LOCALE)
        case datetime():
            return format_instant(value, LOCALE, _zone())
        case date():
            return format_date(value, LOCALE)
        case _:
            return str(value)


def money(sums: Mapping[str, Decimal]) -> str:
    """Amounts by currency, never added up: `€ 284,60 + US$ 10,00`; 0 where there are none."""
    told = [
        format_money(amount, LOCALE, currency) if currency else words(Cents(amount))
        for currency, amount in sums.items()
    ]
    return " + ".join(told) or words(0)


def help_text(template: str) -> str:
    """An English help text in the terminal's language."""
    return translate(template, LANGUAGE)


def table(headings: Sequence[Text | str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns; numbers to the right."""
    raw = [list(row) for row in rows]
    cells = [[words(heading) for heading in headings], *([words(value) for value in row] for row in raw)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    right = [
        bool(raw) and all(isinstance(row[c], int | Decimal | None) and not isinstance(row[c], bool) for row in raw)
        for c in range(len(headings))
    ]
    cells.insert(1, ["─" * width for width in widths])
    for row in cells:
        line = "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def document(value: object) -> None:
    """The one JSON document of a `--json` command."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=plain)
    sys.stdout.write("\n")
    sys.stdout.flush()


def plain(value: object) -> object:
    """What JSON has no type for: whole Decimals become integers, others exact text in a number; dates ISO 8601."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Text():
            return words(value)
        case datetime() | date():
            return value.isoformat()
        case Enum():
            return value.value
        case frozenset() | set():
            return sorted(value)
        case Mapping():
            return dict(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case _:
            return str(value)


def error_document(error: ContractBridgeError) -> dict[str, object]:
    """An error as the JSON document of a command that failed."""
    return {
        "error": {
            "kind": error.kind or type(error).__name__,
            "message": words(error.message),
            "place": error.place,
            "remedy": words(error.remedy),
        }
    }


def error_line(error: ContractBridgeError) -> str:
    """An error as one line: where, what, what to do."""
    place = f"{error.place}: " if error.place else ""
    remedy = f" {words(error.remedy)}" if error.remedy else ""
    return f"{place}{words(error.message)}{remedy}"


_zone_name = ["UTC"]


def set_zone(name: str) -> None:
    """Show instants in this time zone from now on: the workspace's."""
    _zone_name[0] = name


def _zone() -> str:
    return _zone_name[0]
