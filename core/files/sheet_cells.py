"""What a number in a spreadsheet means by its number format: a date, or digits with leading zeros (import rules 3.6, 3.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.files.cells import Cell, ZeroPadded
from core.files.dates import from_serial

_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Built-in formats that show a date or a time."""
_NOT_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hmsHMS]+\])[^\]]*\]')
_ZEROS = re.compile(r"0{2,}")


@dataclass(frozen=True, slots=True)
class NumberFormats:
    """Which cell styles of a workbook show dates, and which show leading zeros (style → number of digits)."""

    dates: frozenset[str] = frozenset()
    zeros: tuple[tuple[str, int], ...] = ()
    since_1904: bool = False

    def cell(self, number: float, style: str) -> Cell:
        if style in self.dates:
            return from_serial(number, since_1904=self.since_1904) or from_clock(number)
        for padded, digits in self.zeros:
            if padded == style and number.is_integer() and number >= 0:
                return ZeroPadded(number, str(int(number)).zfill(digits))
        return number


def from_clock(number: float) -> Cell:
    """A time of day or a day far off: shown by its day number, and no quantity either."""
    from datetime import timedelta

    try:
        return timedelta(days=number)
    except OverflowError:
        return str(number)


def shows_date(format_id: int, code: str) -> bool:
    """Whether a number format shows a date or a time."""
    if not code:
        return format_id in _DATES
    return (
        re.search(r"[dmyhsDMYHS]", _NOT_CODE.sub("", code.split(";", maxsplit=1)[0])) is not None
        and "general" not in code.casefold()
    )


def leading_zeros(code: str) -> int:
    """The digits of a format of only zeros (`00000` → 5), otherwise 0."""
    return len(code) if _ZEROS.fullmatch(code) else 0
