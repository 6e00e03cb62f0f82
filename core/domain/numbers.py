"""Quantities and amounts as people and portals write them in text (import rules 3.5). Never guesses, never uses floats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.domain.file_settings import NumberFormat

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


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """`1.250`: a thousand and something or one and a quarter."""

    grouped: Decimal
    decimal: Decimal

    def settled(self, number_format: NumberFormat, mark: str) -> Decimal | Ambiguous:
        """The number, once the decimal sign is known; `mark` is the sign that stands in it."""
        if number_format is NumberFormat.AUTO:
            return self
        return self.decimal if (mark == ",") == (number_format is NumberFormat.COMMA) else self.grouped


@dataclass(frozen=True, slots=True)
class NotANumber:
    """A text that is no quantity."""


TextNumber = Decimal | Ambiguous | NotANumber | None
"""None: the text holds no value."""


def read_text(text: str, number_format: NumberFormat = NumberFormat.AUTO) -> TextNumber:
    """The number in a text. A format other than `auto` settles what would be ambiguous, and nothing else."""
    stripped = text.strip().strip(SPACES)
    if stripped.isdigit() and stripped.isascii() and len(stripped) <= LONGEST:
        return Decimal(stripped)
    if stripped.casefold() in NO_VALUE:
        return None
    if len(stripped) > LONGEST:
        return NotANumber()
    digits, negative = _sign(stripped)
    number = _unsigned(digits, number_format)
    if not negative or isinstance(number, NotANumber):
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


def _unsigned(text: str, number_format: NumberFormat) -> Decimal | Ambiguous | NotANumber:
    if _GROUPED_BY_MARK.fullmatch(text):
        return Decimal(text.translate(_MARKS).replace(",", "."))
    if _EITHER_WAY.fullmatch(text):
        mark = "." if "." in text else ","
        either = Ambiguous(Decimal(text.replace(mark, "")), Decimal(text.replace(mark, ".")))
        return either.settled(number_format, mark)
    if _PLAIN.fullmatch(text):
        return Decimal(text.replace(",", "."))
    if _POINT_GROUPS.fullmatch(text):
        return Decimal(text.replace(".", "").replace(",", "."))
    if _COMMA_GROUPS.fullmatch(text):
        return Decimal(text.replace(",", ""))
    return NotANumber()


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
