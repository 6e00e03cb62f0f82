"""How cells are written: as a person of some language reads them, and plainly for scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.domain.text import Money, Text, money_decimals
from core.i18n import LOCALES, format_date, format_instant, format_money, format_number, format_signed, translate
from core.reporting.model import Cell, Coded, Kind, Level, Row

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet takes a cell that begins with one of these for a formula; the last four are the full-width ones."""
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Style:
    """For whom a report is written: language, the way of writing numbers and dates (`nl_NL`; empty: the language's), time zone."""

    language: str = "en"
    locale: str = ""
    zone: str = "UTC"

    @property
    def writing(self) -> str:
        return self.locale or LOCALES.get(self.language, "en_GB")

    @property
    def decimal_comma(self) -> bool:
        return "," in format_number(Decimal("0.5"), self.writing)

    def words(self, text: Text | str) -> str:
        """A sentence in the reader's language; a plain string is somebody's own words and stays as it is."""
        return text if isinstance(text, str) else translate(text, self.language, self.writing, self.zone)

    def local(self, instant: datetime) -> datetime:
        """The instant as the clock on the wall shows it, without a zone."""
        return instant.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)


def written(cell: Cell, kind: Kind, style: Style) -> str:
    """A cell as the reader reads it: `1.315`, `€ 284,60`, `5-10-2026`; empty for None."""
    match cell:
        case None:
            return ""
        case Text() | str():
            return style.words(cell)
        case Coded():
            return style.words(cell.words)
        case Money():
            return format_money(cell.amount, style.writing, cell.currency, exact=True)
        case datetime():
            return format_instant(cell, style.writing, style.zone)
        case date():
            return format_date(cell, style.writing)
    if kind is Kind.DIFFERENCE:
        return format_signed(cell, style.writing)
    if kind is Kind.PERCENT:
        return f"{format_number(Decimal(cell) * 100, style.writing, 1)}\u00a0%"
    return format_number(cell, style.writing)


def plain(cell: Cell) -> object:
    """A cell for scripts: numbers as numbers, dates ISO 8601, sentences in English, amounts without their currency."""
    match cell:
        case Text():
            return str(cell)
        case Money():
            return cell.amount
        case Coded():
            return cell.code
        case datetime() | date():
            return cell.isoformat()
    return cell


def plain_row(row: Row) -> list[object]:
    """A row for scripts; that of the sum of all begins with `total` in every language."""
    cells = [plain(cell) for cell in row.cells]
    if row.level is Level.TOTAL and isinstance(row.cells[0], Text):
        cells[0] = Level.TOTAL.value
    return cells


def safe_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: with an apostrophe before it where needed; a number stays as it is."""
    text = text.replace("\x00", "")
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) and not NUMBER.fullmatch(text) else text


def money_digits(amount: Decimal) -> str:
    """An amount with a point and at least two decimals: `284.60`."""
    return f"{amount:.{money_decimals(amount)}f}"
