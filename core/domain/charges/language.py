"""The few words that stand in charges themselves, in the language of the customer who reads the invoice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

MONTHS: Mapping[str, tuple[str, ...]] = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"),
    "nl": ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
           "december"),
}  # fmt: skip
UNITS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "h": "hours", "hr": "hours", "hrs": "hours", "hour": "hours", "hours": "hours", "month": "months", "day": "days",
        "item": "items",
    },
    "nl": {
        "h": "uur", "hr": "uur", "hrs": "uur", "hour": "uur", "hours": "uur", "day": "dagen", "days": "dagen",
        "month": "maanden", "months": "maanden", "item": "stuks", "items": "stuks", "user": "gebruikers", "users": "gebruikers",
    },
}  # fmt: skip
EACH: Mapping[str, Mapping[str, str]] = {
    "nl": {"month": "maand", "day": "dag", "hour": "uur", "year": "jaar", "user": "gebruiker"},
}
"""What something is counted by, behind a slash."""
_COUNTED = re.compile(r"(\d+) (.+)")
PRODUCTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "usage": "Consumption", "purchase": "Purchases", "reservation": "Reservations", "savings_plan": "Savings plans",
        "marketplace": "Marketplace", "perpetual": "Perpetual licences", "software_subscription": "Software subscriptions",
        "licence": "Licences",
    },
    "nl": {
        "usage": "Verbruik", "purchase": "Aankopen", "reservation": "Reserveringen", "savings_plan": "Besparingsplannen",
        "marketplace": "Marketplace", "perpetual": "Eeuwigdurende licenties", "software_subscription": "Softwareabonnementen",
        "licence": "Licenties",
    },
}  # fmt: skip
WITHOUT: Mapping[str, str] = {"en": "(none)", "nl": "(geen)"}
LANGUAGES = tuple(MONTHS)


def month_name(day: date, language: str) -> str:
    return MONTHS.get(language, MONTHS["en"])[day.month - 1]


def product_name(product: str, language: str, own: Mapping[str, str] | None = None) -> str:
    """What invoices call a product of the source: `own` name, or a word for its kind."""
    if own and own.get(product):
        return own[product]
    return PRODUCTS.get(language, PRODUCTS["en"]).get(product, product)


def number(value: Decimal, language: str, places: int | None = None) -> str:
    """A number as people write it: `1.250,5` in Dutch, `1,250.5` in English. `places` fixes the decimals."""
    shown = round(value, 6 if places is None else places)
    text = f"{shown:,f}"
    if places is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    if language == "nl":
        text = text.replace(",", " ").replace(".", ",").replace(" ", ".")
    return text


def quantity_words(quantity: Decimal | None, unit: str, language: str) -> str:
    """`744 uur`, `4.2 TB`; empty without a quantity. Azure's units begin with how many: `1 Hour`, `10 GB/Month`."""
    if quantity is None:
        return ""
    match = _COUNTED.fullmatch(unit.strip())
    times, words = (match[1], match[2]) if match else ("1", unit)
    shown = number(quantity, language) + ("" if times == "1" else f" × {times}")
    return f"{shown} {unit_words(words, language)}".strip()


def unit_words(unit: str, language: str) -> str:
    """A unit in the language: `hours` is `uur`, `GB/Month` is `GB/maand`."""
    known = UNITS.get(language, UNITS["en"])
    thing, slash, each = unit.partition("/")
    first = known.get(thing.casefold(), thing)
    return f"{first}/{EACH.get(language, {}).get(each.casefold(), each.casefold())}" if slash else first


def period_words(start: date, end: date) -> str:
    """`01-10/31-10`; with years where the period spans two."""
    form = "%d-%m" if start.year == end.year else "%d-%m-%Y"
    return f"{start:{form}}/{end:{form}}"
