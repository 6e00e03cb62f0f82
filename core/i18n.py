"""Sentences, numbers and dates the way a person reads them.

Catalogues are gettext files, `core/locale/<language>/<area>.po`; the English template of a `Text` is its key.
English needs no catalogue. A template without a translation is shown in English. Where a sentence reads otherwise for one of
something, the catalogue has a plural entry: the program names the sentence for many, and `one` gives that for 1 in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_date as babel_date
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, get_currency_precision, get_currency_symbol

from core.domain.text import CENTS, Money, Text, money_decimals

LOCALE_DIRECTORY = Path(__file__).parent / "locale"
PLURALS = "nl"
"""The catalogue whose plural entries have the English sentences for one thing too."""
LANGUAGES = MappingProxyType({"en": "English", "nl": "Nederlands"})
LOCALES = MappingProxyType({"en": "en_GB", "nl": "nl_NL"})
"""The usual way to write numbers and dates for each language; a person may choose another one."""


class Catalogue(NamedTuple):
    """Translated templates of a language, and by the template for many the one for 1: here and in English."""

    many: Mapping[str, str]
    one: Mapping[str, str]
    english_one: Mapping[str, str]


@cache
def _read(language: str) -> Catalogue:
    many: dict[str, str] = {}
    one: dict[str, str] = {}
    english_one: dict[str, str] = {}
    for path in sorted((LOCALE_DIRECTORY / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if not message.id or not message.string:
                    continue
                if isinstance(message.id, str):
                    many[message.id] = str(message.string)
                    continue
                template = str(message.id[1])
                english_one[template] = str(message.id[0])
                one[template], many[template] = str(message.string[0]), str(message.string[1])
    return Catalogue(many, one, english_one)


def catalogue(language: str) -> Mapping[str, str]:
    """All translated templates of a language."""
    return _read(language).many


def template_for(text: Text, language: str) -> str:
    """The words of a sentence in a language: those for one thing where its first number is 1."""
    catalogues = _read(PLURALS)
    if text.template in catalogues.english_one and _counts_one(text):
        ones = _read(language).one if language == PLURALS else catalogues.english_one
        return ones.get(text.template, text.template)
    return catalogue(language).get(text.template, text.template)


def _counts_one(text: Text) -> bool:
    for _, name, _, _ in Formatter().parse(text.template):
        value = text.values.get(name or "")
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return value == 1
        if name == "count" and isinstance(value, str):
            # A number that was written out before.
            return value == "1"
    return False


def translate(text: Text | str, language: str = "en", locale: str | None = None, zone: str = "UTC") -> str:
    """A sentence in the person's language, its numbers and dates in the person's `locale` (the language's own if None).

    Instants are shown in the time `zone`. A plain string is a template without places.
    """
    if isinstance(text, str):
        return catalogue(language).get(text, text)
    where = locale or LOCALES.get(language, "en_GB")
    values = {name: _value(value, language, where, zone) for name, value in text.values.items()}
    return template_for(text, language).format_map(values)


def _value(value: object, language: str, locale: str, zone: str) -> str:
    if isinstance(value, Text):
        return translate(value, language, locale, zone)
    if isinstance(value, bool):
        return translate("yes" if value else "no", language)
    if isinstance(value, Money):
        return format_money(value.amount, locale, value.currency, exact=True)
    if isinstance(value, Decimal | int):
        return format_number(value, locale)
    if isinstance(value, datetime):
        return format_instant(value, locale, zone)
    if isinstance(value, date):
        return format_date(value, locale)
    if isinstance(value, tuple | list):
        return ", ".join(_value(item, language, locale, zone) for item in value)
    return str(value)


def format_number(value: Decimal | int | None, locale: str = "en_GB", decimals: int | None = None) -> str:
    """`1.315` in Dutch, `1,315` in British English; up to 6 decimals, or exactly `decimals`. Empty for None."""
    if value is None:
        return ""
    pattern = "#,##0." + ("######" if decimals is None else "0" * decimals)
    return str(format_decimal(value, format=pattern.rstrip("."), locale=locale))


def format_signed(value: Decimal | int, locale: str = "en_GB") -> str:
    """A difference with its sign: `+25`, `−7`, `0`."""
    digits = format_number(Decimal(value).copy_abs(), locale)
    return f"+{digits}" if value > 0 else f"−{digits}" if value < 0 else digits


def format_money(value: Decimal | None, locale: str = "en_GB", currency: str = "EUR", *, exact: bool = False) -> str:
    """`€ 284,60` in Dutch, `€284.60` in British English, with the decimals of the currency; `exact`: more where a price per unit
    has them. Empty for None; without a currency the number alone.
    """
    if value is None:
        return ""
    coins = get_currency_precision(currency) if currency else CENTS
    number = format_number(value.copy_abs(), locale, money_decimals(value, coins) if exact else coins)
    minus = "−" if value < 0 else ""
    if not currency:
        return f"{minus}{number}"
    if locale.startswith("nl"):
        return f"{get_currency_symbol(currency, locale)}\u00a0{minus}{number}"
    nothing = format_number(Decimal(0), locale, coins)
    return minus + str(format_currency(Decimal(0), currency, locale=locale)).replace(nothing, number)


def format_date(value: date | None, locale: str = "en_GB") -> str:
    """`5-10-2026` in Dutch, `05/10/2026` in British English. Empty for None."""
    if value is None:
        return ""
    return str(babel_date(value, "d-M-y" if locale.startswith("nl") else "dd/MM/y", locale=locale))


def format_month(value: date, locale: str = "en_GB") -> str:
    """`oktober 2026`."""
    return str(babel_date(value, "LLLL y", locale=locale))


def format_instant(value: datetime | None, locale: str = "en_GB", zone: str = "UTC") -> str:
    """A UTC instant as local day and time: `5-10-2026 14:03`. Empty for None."""
    if value is None:
        return ""
    local = value.astimezone(ZoneInfo(zone))
    return f"{format_date(local.date(), locale)} {local:%H:%M}"
