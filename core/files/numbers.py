"""Quantities and amounts as people and portals write them (import rules 3.5). Never guesses, never uses floats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from core.domain.file_settings import NumberFormat, PairSide
from core.files.cells import EXCEL_DIGITS, Cell, CellError, Lossy, MergedInto, Truth, Unstored, ZeroPadded
from core.files.issues import Kind

NO_VALUE = frozenset({"", "-", "–", "—", "n/a"})
SPACES = " \u00a0\u202f\u2009"
LONGEST = 40
"""A number of more characters is not a count of anything."""

_GROUPED_BY_MARK = re.compile(rf"\d{{1,3}}(?:(?:[{SPACES}]\d{{3}})+|(?:'\d{{3}})+|(?:’\d{{3}})+)(?:[.,]\d+)?", re.ASCII)
_PLAIN = re.compile(r"\d+|\d*[.,]\d+", re.ASCII)
_POINT_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", re.ASCII)
_COMMA_GROUPS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
_EITHER_WAY = re.compile(r"(?:[1-9]\d{0,2})[.,]\d{3}", re.ASCII)
_MARKS = str.maketrans("", "", SPACES + "'’")
_PAIR = re.compile(r"(?P<left>[^/]+?)\s*(?:/|\b(?:of|van|von|de|sur|out of)\b)\s*(?P<right>[^/]+)", re.IGNORECASE)
_CURRENCY = re.compile(
    r"^(?:[A-Z]{3}|[€$£¥])\s*(?=[\d(.,+−-])|(?<=[\d).,-])\s*(?:[A-Z]{3}|[€$£¥])$|(?<=^[-−(])[€$£¥]\s*"
)


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """`1.250`: a thousand and something or one and a quarter."""

    grouped: Decimal
    decimal: Decimal


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
    stripped = text.strip().strip(SPACES)
    if stripped.isdigit() and stripped.isascii() and len(stripped) <= LONGEST:
        return Decimal(stripped)
    if stripped.casefold() in NO_VALUE:
        return None
    if len(stripped) > LONGEST:
        return Unreadable(Kind.NOT_A_NUMBER)
    digits, negative = _sign(stripped)
    number = _unsigned(digits, number_format)
    if not negative or number is None or isinstance(number, Unreadable):
        return number
    if isinstance(number, Ambiguous):
        return Ambiguous(-number.grouped, -number.decimal)
    return -number


def _sign(text: str) -> tuple[str, bool]:
    if text.startswith("(") and text.endswith(")"):
        return text[1:-1].strip(), True
    if text[0] in "-−":
        return text[1:].strip(), True
    if text[-1] in "-−":
        return text[:-1].strip(), True
    return (text[1:].strip() if text[0] == "+" else text), False


def _unsigned(text: str, number_format: NumberFormat) -> Number:
    if _GROUPED_BY_MARK.fullmatch(text):
        return Decimal(text.translate(_MARKS).replace(",", "."))
    if _EITHER_WAY.fullmatch(text):
        return _either_way(text, number_format)
    if _PLAIN.fullmatch(text):
        return Decimal(text.replace(",", "."))
    if _POINT_GROUPS.fullmatch(text):
        return Decimal(text.replace(".", "").replace(",", "."))
    if _COMMA_GROUPS.fullmatch(text):
        return Decimal(text.replace(",", ""))
    return Unreadable(Kind.NOT_A_NUMBER)


def _either_way(text: str, number_format: NumberFormat) -> Decimal | Ambiguous:
    mark = "." if "." in text else ","
    grouped, decimal = Decimal(text.replace(mark, "")), Decimal(text.replace(mark, "."))
    if number_format is NumberFormat.AUTO:
        return Ambiguous(grouped, decimal)
    return decimal if (mark == ",") == (number_format is NumberFormat.COMMA) else grouped


def decimal_sign(texts: Iterable[str]) -> NumberFormat:
    """What the unambiguous numbers among these texts tell of the decimal sign; `auto` where they tell nothing or disagree."""
    seen: set[NumberFormat] = set()
    for text in texts:
        digits = _bare(text)
        if digits and ("." in digits or "," in digits) and isinstance(read_text(digits), Decimal):
            seen.add(_told_by(digits))
    return seen.pop() if len(seen) == 1 else NumberFormat.AUTO


def _bare(text: str) -> str:
    stripped = text.strip().strip(SPACES)
    return _sign(stripped)[0] if stripped and len(stripped) <= LONGEST else ""


def _told_by(digits: str) -> NumberFormat:
    """The last mark is the decimal sign, unless it comes more than once: then it groups."""
    last = max(digits.rfind("."), digits.rfind(","))
    mark = digits[last]
    other = NumberFormat.POINT if mark == "," else NumberFormat.COMMA
    own = NumberFormat.COMMA if mark == "," else NumberFormat.POINT
    return other if digits.count(mark) > 1 else own


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
        match = _PAIR.fullmatch(text)
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
