"""Dates as files write them (import rules 3.7), and the words for terms and billing frequencies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.domain.terms import billing_frequency, term
from core.files.cells import Cell, MergedInto, ZeroPadded, as_text

__all__ = ["AmbiguousDate", "DateReader", "Moment", "billing_frequency", "from_serial", "term"]

EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets know no time zone
EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
SERIALS = range(20_000, 80_000)
"""Serial numbers taken for a date: 1954 to 2119."""

_ISO = re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})", re.ASCII)
_COMPACT = re.compile(r"(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)", re.ASCII)
_NUMERIC = re.compile(r"(?P<a>\d{1,2})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<y>\d{4}|\d\d)", re.ASCII)
_CLOCK = re.compile(
    r"[T ,]+(?P<h>\d{1,2}):(?P<n>\d\d)(?::(?P<s>\d\d)(?:[.,]\d+)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?:Z|UTC|[+-]\d\d:?\d\d)?$",
    re.ASCII,
)
_WORDED = re.compile(
    r"(?P<d>\d{1,2})[ .-]+(?P<m>[^\W\d]{3,})\.?[ ,.-]+(?P<y>\d{4})|(?P<m2>[^\W\d]{3,})\.? (?P<d2>\d{1,2}),? (?P<y2>\d{4})"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januari january januar janvier",
            "feb februari february februar février fevrier",
            "mar mrt maart march märz mär maerz mars",
            "apr april avril avr",
            "may mei mai",
            "jun juni june juin",
            "jul juli july juillet",
            "aug augustus august août aout",
            "sep sept september septembre",
            "oct okt oktober october octobre",
            "nov november novembre",
            "dec dez december dezember décembre decembre",
        ),
        start=1,
    )
    for name in names.split()
}


@dataclass(frozen=True, slots=True)
class AmbiguousDate:
    """`03/04/2026`: 3 April or 4 March."""

    day_first: datetime
    month_first: datetime


Moment = datetime | AmbiguousDate | str | None
"""None: an empty cell. A str: what could not be read as a date."""


class DateReader:
    """Reads the dates of one file. `pattern` is `dd/mm/yyyy`, `mm/dd/yyyy`, a strptime pattern, or empty: found out."""

    def __init__(self, pattern: str = "", texts: Iterable[str] = ()) -> None:
        self.strptime = pattern if "%" in pattern else ""
        self.month_first: bool | None = None
        if pattern and not self.strptime:
            lowered = pattern.casefold()
            self.month_first = "m" in lowered and ("d" not in lowered or lowered.index("m") < lowered.index("d"))
            self.month_first = self.month_first and not lowered.startswith("y")
        elif not pattern:
            self.month_first = _order_told_by(texts)

    def read(self, cell: Cell, *, since_1904: bool = False) -> Moment:
        """The moment in a cell; `since_1904` says from when the workbook counts the days of its serial numbers."""
        if isinstance(cell, MergedInto):
            return self.read(cell.value, since_1904=since_1904)
        if isinstance(cell, datetime):
            return cell.replace(tzinfo=None)
        if isinstance(cell, date):
            return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - a plain date
        if isinstance(cell, ZeroPadded):
            return self._text(cell.text)
        if isinstance(cell, int | float):
            return from_serial(float(cell), since_1904=since_1904) or str(cell)
        text = as_text(cell)
        return self._text(text) if isinstance(text, str) else str(cell)

    def _text(self, text: str) -> Moment:
        if not text:
            return None
        if self.strptime:
            try:
                return datetime.strptime(text, self.strptime).replace(tzinfo=None)  # noqa: DTZ007
            except ValueError:
                return text
        clock = _CLOCK.search(text)
        found = self._day(text[: clock.start()] if clock else text)
        if not isinstance(found, datetime) or clock is None:
            return found or text
        return found + _time_of(clock)

    def _day(self, text: str) -> datetime | AmbiguousDate | None:
        match = _ISO.fullmatch(text) or _COMPACT.fullmatch(text)
        if match:
            return _made(match["y"], match["m"], match["d"])
        match = _NUMERIC.fullmatch(text)
        if match:
            return self._numeric(match)
        if text.isdigit() and text.isascii() and len(text) == 5:
            return from_serial(float(text))
        match = _WORDED.fullmatch(text)
        month = _MONTHS.get((match["m"] or match["m2"]).casefold()) if match else None
        return _made(match["y"] or match["y2"], month, match["d"] or match["d2"]) if match and month else None

    def _numeric(self, match: re.Match[str]) -> datetime | AmbiguousDate | None:
        year = match["y"] if len(match["y"]) == 4 else "20" + match["y"]
        day_first = _made(year, match["b"], match["a"])
        month_first = _made(year, match["a"], match["b"]) if match["mark"] == "/" or self.month_first else None
        if self.month_first is not None:
            return (month_first if self.month_first else day_first) or None
        if day_first and month_first and day_first != month_first:
            return AmbiguousDate(day_first, month_first)
        return day_first or month_first


def _order_told_by(texts: Iterable[str]) -> bool | None:
    """Whether the month comes first, as far as dates with a day above 12 tell; None where they say nothing or disagree."""
    told: set[bool] = set()
    for text in texts:
        match = _NUMERIC.match(text.strip())
        if match and match["mark"] == "/":
            first, second = int(match["a"]), int(match["b"])
            if (first > 12) != (second > 12):
                told.add(second > 12)
    return told.pop() if len(told) == 1 else None


def _made(year: str, month: str | int, day: str) -> datetime | None:
    try:
        return datetime(int(year), int(month), int(day))  # noqa: DTZ001 - a plain date
    except ValueError:
        return None


def _time_of(clock: re.Match[str]) -> timedelta:
    hour = int(clock["h"])
    if clock["half"]:
        hour = hour % 12 + (12 if clock["half"][0] in "Pp" else 0)
    return timedelta(hours=hour, minutes=int(clock["n"]), seconds=int(clock["s"] or 0))


def from_serial(serial: float, *, since_1904: bool = False) -> datetime | None:
    """A spreadsheet's day number: 46296 is 2026-10-01; None outside the years that make sense."""
    if int(serial) not in SERIALS:
        return None
    return (EPOCH_1904 if since_1904 else EPOCH_1900) + timedelta(days=serial)
