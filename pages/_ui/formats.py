"""Words, numbers, dates and money the way the person at the screen reads them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pandas as pd

from core.domain.text import T, Text
from core.i18n import (
    LOCALES,
    format_date,
    format_instant,
    format_money,
    format_month,
    format_number,
    format_signed,
    translate,
)
from pages._ui import auth

MINUTE, HOUR, DAY = 60, 3600, 86_400
DAY_FORMATS = {
    "en_GB": "DD/MM/YYYY",
    "en_US": "MM/DD/YYYY",
    "nl_BE": "DD/MM/YYYY",
    "fr_FR": "DD/MM/YYYY",
    "de_DE": "DD.MM.YYYY",
}


def language() -> str:
    person = auth.who()
    return person.language if person else "en"


def locale() -> str:
    person = auth.who()
    return (person.locale if person else "") or LOCALES.get(language(), "en_GB")


def zone() -> str:
    """The workspace's time zone, in which days and moments are shown."""
    return auth.time_zone()


def tr(text: Text | str, /, **values: object) -> str:
    """The sentence in the person's language: `tr("Rows {first} to {last}", first=1, last=100)`."""
    if isinstance(text, str) and values:
        text = T(text, **values)
    return translate(text, language(), locale(), zone())


def number(value: Decimal | int | None) -> str:
    return format_number(value, locale())


def signed(value: Decimal | int) -> str:
    return format_signed(value, locale())


def money(value: Decimal | None, currency: str = "EUR") -> str:
    return format_money(value, locale(), currency)


def signed_money(value: Decimal | None, currency: str = "EUR") -> str:
    """An amount with its sign, which stands where that of a debt stands: `€ +38,20` in Dutch, `+€38.20` in British English."""
    if value is None:
        return ""
    return money(-value, currency).replace("−", "+") if value > 0 else money(value, currency)


def day(value: date | None) -> str:
    return format_date(value, locale())


def day_format() -> str:
    """The pattern in which a field asks for a day: the order and the sign between that the person's dates have everywhere."""
    return DAY_FORMATS.get(locale(), "DD-MM-YYYY")


def month(value: date) -> str:
    """`oktober 2026`."""
    return format_month(value, locale())


def moment(value: datetime | None) -> str:
    return format_instant(value, locale(), zone())


def ago(value: datetime | None) -> str:
    """How long ago, in one short phrase; the moment itself from a week on."""
    if value is None:
        return tr("never")
    seconds = (auth.context().clock.now() - value).total_seconds()
    if seconds < MINUTE:
        return tr("just now")
    if seconds < HOUR:
        return tr("{minutes} min ago", minutes=int(seconds // MINUTE))
    if seconds < DAY:
        return tr("{hours} h ago", hours=int(seconds // HOUR))
    if seconds < 2 * DAY:
        return tr("yesterday")
    if seconds < 7 * DAY:
        return tr("{days} days ago", days=int(seconds // DAY))
    return moment(value)


def local_time(value: datetime | None) -> datetime | None:
    """The instant as wall-clock time of the workspace, for a grid column."""
    return value.astimezone(ZoneInfo(zone())).replace(tzinfo=None) if value else None


def table(rows: Iterable[dict[str, object]], columns: Iterable[str]) -> pd.DataFrame:
    """A frame with exactly these columns, also when there are no rows."""
    return pd.DataFrame(list(rows), columns=list(columns))


def escape(text: str) -> str:
    """Text from a portal or a person, safe inside Markdown."""
    for sign in "\\`*_{}[]()<>#+-.!|~$:":
        text = text.replace(sign, "\\" + sign)
    return text
