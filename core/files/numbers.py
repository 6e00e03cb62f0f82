"""Quantities and amounts as people and portals write them (import rules 3.5). Never guesses, never uses floats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from core.domain import numbers as domain_numbers
from core.domain.file_settings import NumberFormat, PairSide
from core.domain.numbers import LONGEST, NO_VALUE, SPACES, Ambiguous, NotANumber, decimal_sign
from core.files.cells import EXCEL_DIGITS, Cell, CellError, Lossy, MergedInto, Truth, Unstored, ZeroPadded
from core.files.issues import Kind

__all__ = [
    "NO_VALUE",
    "SPACES",
    "Ambiguous",
    "NotAPair",
    "Number",
    "Unreadable",
    "decimal_sign",
    "exact",
    "plain",
    "read_cell",
    "read_text",
    "side_of_pair",
    "without_currency",
]

LONGEST_PAIR = 4 * LONGEST
_PAIR = re.compile(r"(?P<left>[^/]+?)\s*(?:/|\b(?:of|van|von|de|sur|out of)\b)\s*(?P<right>[^/]+)", re.IGNORECASE)
_CURRENCY = re.compile(
    r"^(?:[A-Z]{3}|[€$£¥])\s*(?=[\d(.,+−-])|(?<=[\d).,-])\s*(?:[A-Z]{3}|[€$£¥])$|(?<=^[-−(])[€$£¥]\s*"
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a quantity; `kind` says why."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class NotAPair:
    """A cell that should have held two numbers."""

    text: str


Number = Decimal | Ambiguous | Unreadable | None
"""None: the cell holds no value."""


def read_text(text: str, number_format: NumberFormat = NumberFormat.AUTO) -> Number:
    """The number in a text. A format other than `auto` settles what would be ambiguous, and nothing else."""
    number = domain_numbers.read_text(text, number_format)
    return Unreadable(Kind.NOT_A_NUMBER) if isinstance(number, NotANumber) else number


def read_cell(cell: Cell, number_format: NumberFormat = NumberFormat.AUTO) -> Number:
    """The quantity in a cell. Numeric cells are taken as they are, whatever their displayed format (3.5)."""
    if isinstance(cell, str):
        return read_text(cell, number_format)
    if isinstance(cell, float):
        return exact(cell)
    if isinstance(cell, Decimal):
        return cell if _sensible(cell) else Unreadable(Kind.NOT_A_NUMBER)
    if isinstance(cell, ZeroPadded):
        return exact(cell.number)
    if cell is None or isinstance(cell, MergedInto):
        return None
    return _other(cell)


def _other(cell: Cell) -> Number:
    if isinstance(cell, bool | Truth | Lossy):
        return Unreadable(Kind.NOT_A_NUMBER)
    if isinstance(cell, int):
        return Decimal(cell)
    if isinstance(cell, CellError):
        return Unreadable(Kind.CELL_ERROR_VALUE)
    if isinstance(cell, Unstored):
        return Unreadable(Kind.FORMULA_WITHOUT_VALUE)
    if isinstance(cell, date | datetime | time | timedelta):
        return Unreadable(Kind.QUANTITY_IS_DATE)
    return Unreadable(Kind.NOT_A_NUMBER)


def exact(number: float) -> Decimal | Unreadable:
    """A spreadsheet's number without the noise behind its 15 digits: 110.00000000000001 is 110, or rounding up gives 111."""
    if number.is_integer() and abs(number) < 10**EXCEL_DIGITS:
        return Decimal(int(number))
    value = Decimal(format(number, f".{EXCEL_DIGITS}g"))
    return value if _sensible(value) else Unreadable(Kind.NOT_A_NUMBER)


def _sensible(number: Decimal) -> bool:
    """Finite, and of a size that counts something: 1E+999999999 would fill the memory when written out."""
    return number.is_finite() and abs(int(number.as_tuple().exponent)) <= LONGEST


def side_of_pair(cell: Cell, side: PairSide) -> Cell:
    """The wanted half of `38 of 50`; `NotAPair` for a cell with one number, because nobody can tell which half it is."""
    if isinstance(cell, str):
        text = cell.strip().strip(SPACES)
        match = _PAIR.fullmatch(text) if len(text) <= LONGEST_PAIR else None
        return match[side.value].strip() if match else (text if text.casefold() in NO_VALUE else NotAPair(text))
    return NotAPair(str(cell)) if isinstance(cell, int | float | Decimal) else cell


def without_currency(cell: Cell) -> Cell:
    """An amount without its currency sign or code: `$500.00`, `EUR 1.234,50`, `12,50 €`."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip().strip(SPACES)
    return _CURRENCY.sub("", text).strip().strip(SPACES)


def plain(number: Decimal) -> Decimal:
    """The same number without needless zeros: 1250.00 → 1250, 2000.50 → 2000.5, never 1E+3."""
    if number == number.to_integral_value():
        return Decimal(int(number))
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits))
    zeros = len(text) - len(text.rstrip("0"))
    return Decimal((sign, digits[: len(digits) - zeros], int(exponent) + zeros))
