"""Names and descriptions of charges from a template: fixed text, variables, or both (S1-63, S1-64).

`Azure {month} {year}`, `{resource|cut 40}: {quantity}`, `{tag:project|upper}`. Nothing is evaluated: a variable is looked up in
a fixed list, a filter is one of a few. `{{` and `}}` are braces, `\\n` in a description begins a new line. Line breaks inside
values become blanks: what a source says never breaks the lines of an invoice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from core.domain.charges import language as words
from core.domain.consumption import ConsumptionKind, ConsumptionLine
from core.domain.errors import InputError
from core.domain.text import T, Text

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 2000
"""What Autotask keeps of a charge's name and description (reference §8.6)."""
VARIABLES = (
    "customer", "product", "resource", "resources", "quantity", "unit", "period", "start", "end", "month", "year",
    "subscription", "resource_group", "service", "meter_category", "region", "group", "amount", "currency", "lines",
)  # fmt: skip
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029]+")
_BREAKS = re.compile(r"\s*[\r\n\u2028\u2029]+\s*")
LINES_SHOWN = 50
NAMES_SHOWN = 3


class Rendered(NamedTuple):
    """What becomes of a template. `length` is before it was cut to `limit`."""

    text: str
    length: int
    limit: int

    @property
    def too_long(self) -> bool:
        return self.length > self.limit


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    filters: tuple[tuple[str, int], ...]


def check(template: str) -> None:
    """Return when the template can be filled. Raises InputError (kind `template`) that says what is wrong and where."""
    _parse(template)


def preview(template: str, line: ConsumptionLine, language: str = "nl", *, limit: int = DESCRIPTION_LENGTH) -> Rendered:
    """What a template makes of one line. Raises InputError as `check` does."""
    return render(template, facts((line,), language), limit=limit)


def render(template: str, values: Mapping[str, str], *, limit: int = DESCRIPTION_LENGTH) -> Rendered:
    """Fill a template. What has no value is empty; text beyond `limit` is cut. Lines only where `limit` is a description's."""
    parts = [part if isinstance(part, str) else _filled(part, values) for part in _parse(template)]
    text = _CONTROL.sub(" ", "".join(parts))
    if limit <= NAME_LENGTH:
        text = _BREAKS.sub(" ", text)
    text = "\n".join(re.sub(" {2,}", " ", line).strip() for line in text.split("\n")).strip()
    cut = text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
    return Rendered(cut, len(text), limit)


def facts(
    lines: tuple[ConsumptionLine, ...],
    language: str,
    *,
    product: str = "",
    group: str = "",
    period: tuple[date, date] | None = None,
) -> dict[str, str]:
    """The values of all variables for the lines of one charge. What differs between the lines is listed.

    `period` is what the charge is for; without it, the days that the lines span.
    """
    first = lines[0]
    start, end = period or (min(line.period_start for line in lines), max(line.period_end for line in lines))
    values = {
        "customer": first.customer,
        "product": product or words.product_name(product_of(first), language),
        "resource": _listed([line.resource for line in lines]),
        "resources": str(len({line.resource_key for line in lines})),
        "quantity": _quantity(lines, language),
        "unit": _listed([line.unit for line in lines]),
        "period": words.period_words(start, end),
        "start": f"{start:%d-%m-%Y}",
        "end": f"{end:%d-%m-%Y}",
        "month": words.month_name(start, language),
        "year": str(start.year),
        "group": group,
        "amount": words.number(sum((line.amount for line in lines), Decimal(0)), language, 2),
        "currency": first.currency,
    }
    for name in ("subscription", "resource_group", "service", "meter_category", "region"):
        values[name] = _listed([line.dimensions.get(name, "") for line in lines])
    for name in {name for line in lines for name in line.dimensions if name.startswith("tag:")}:
        values[name.casefold()] = _listed([line.dimensions.get(name, "") for line in lines])
    return {name: _one_line(value) for name, value in values.items()} | {"lines": _detail(lines, language)}


def product_of(line: ConsumptionLine) -> str:
    """The product that a line belongs to: its `ProductType`, else one word for purchases and one for everything else."""
    return line.dimensions.get("product_type") or ("purchase" if line.kind is ConsumptionKind.PURCHASE else "usage")


def _detail(lines: tuple[ConsumptionLine, ...], language: str) -> str:
    shown = [
        ": ".join(filter(None, (_one_line(line.resource), words.quantity_words(line.quantity, line.unit, language))))
        for line in lines[:LINES_SHOWN]
    ]
    return "\n".join([*shown, *(["…"] if len(lines) > LINES_SHOWN else [])])


def resources_of(lines: Sequence[ConsumptionLine]) -> tuple[str, Decimal | None, str]:
    """What the lines of a charge used, for lists: the first names, and the quantity with its unit where all count in one."""
    names = list(dict.fromkeys(_one_line(line.resource) for line in lines if line.resource))
    quantity, unit = _sum_of(lines)
    return ", ".join([*names[:NAMES_SHOWN], *(["…"] if len(names) > NAMES_SHOWN else [])]), quantity, unit


def _sum_of(lines: Sequence[ConsumptionLine]) -> tuple[Decimal | None, str]:
    units = {line.unit for line in lines}
    amounts = [line.quantity for line in lines if line.quantity is not None]
    if len(units) != 1 or len(amounts) != len(lines):
        return None, ""
    return sum(amounts, Decimal(0)), units.pop()


def _quantity(lines: tuple[ConsumptionLine, ...], language: str) -> str:
    return words.quantity_words(*_sum_of(lines), language)


def _listed(values: list[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", _BREAKS.sub(" ", text)).strip()


def _filled(variable: _Variable, values: Mapping[str, str]) -> str:
    text = values.get(variable.name, "")
    for name, number in variable.filters:
        text = FILTERS[name](text, number)
    return text


FILTERS: Mapping[str, Callable[[str, int], str]] = {
    "upper": lambda text, _: text.upper(),
    "lower": lambda text, _: text.lower(),
    "first": lambda text, _: text.split(", ")[0],
    "capital": lambda text, _: text[:1].upper() + text[1:],
    "cut": lambda text, number: text if len(text) <= number else text[: max(number - 1, 0)].rstrip() + "…",
}


@lru_cache(maxsize=512)
def _parse(template: str) -> tuple[str | _Variable, ...]:
    parts: list[str | _Variable] = []
    at = 0
    for match in _PART.finditer(template):
        parts.append(_plain(template[at : match.start()]))
        at = match.end()
        if match[0] in ("{{", "}}"):
            parts.append(match[0][0])
        elif match[1] is not None:
            parts.append(_variable(match[1], match.start() + 1))
        else:
            raise _wrong(T("A brace stands alone; write it twice to show one."), match.start() + 1)
    parts.append(_plain(template[at:]))
    return tuple(parts)


def _plain(text: str) -> str:
    return text.replace("\\n", "\n")


def _variable(text: str, place: int) -> _Variable:
    name, *rest = (part.strip() for part in text.split("|"))
    folded = name.casefold()
    if folded not in VARIABLES and not (folded.startswith("tag:") and len(folded) > 4):
        raise _wrong(T("There is no variable {name}. There are: {known}.", name=name or "{}", known=VARIABLES), place)
    return _Variable(folded, tuple(_filter(one, place) for one in rest))


def _filter(text: str, place: int) -> tuple[str, int]:
    name, _, number = text.partition(" ")
    if name not in FILTERS or (name == "cut") != bool(number.strip()) or (number and not number.strip().isdecimal()):
        raise _wrong(
            T("{filter} is no filter. There are: {known}.", filter=text or "|", known=(*list(FILTERS)[:-1], "cut 40")),
            place,
        )
    return name, int(number or 0)


def _wrong(message: Text, place: int) -> InputError:
    return InputError(T("{message} (character {place})", message=message, place=place), kind="template")
