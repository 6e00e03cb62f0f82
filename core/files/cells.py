"""One cell as the file holds it, and a column of cells with each distinct one kept once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
V = TypeVar("V", bound=Hashable)

EXCEL_DIGITS = 15
LONG_NUMBER = 40
"""Beyond so many digits a number is shown with its exponent: 1E+999999999 written out would fill the memory."""


@dataclass(frozen=True, slots=True)
class CellError:
    """`#N/A`, `#REF!` and their kind."""

    code: str


@dataclass(frozen=True, slots=True)
class Unstored:
    """A formula without a stored result; nothing is ever calculated here."""

    formula: str = ""


@dataclass(frozen=True, slots=True)
class ZeroPadded:
    """A number shown by a format of only zeros: 123 with `00000` is 00123 as an identifier and 123 as a quantity."""

    number: float
    text: str


@dataclass(frozen=True, slots=True)
class MergedInto:
    """A further cell of a merged range: its value as an identifier, nothing as a quantity."""

    value: object


@dataclass(frozen=True, slots=True)
class Truth:
    """A true/false cell, kept apart from the numbers 1 and 0 that Python thinks it equals."""

    value: bool


@dataclass(frozen=True, slots=True)
class Lossy:
    """An identifier that lost digits on its way: a long number kept as a float, or `1,23457E+11`."""

    text: str


Cell = Any
"""str, int, float, Decimal, date, datetime, time, timedelta, or one of the classes above; `""` is an empty cell."""


@dataclass(slots=True)
class Column:
    """Cells of one column: the distinct ones, and for each row the index of its own."""

    values: list[Cell]
    codes: Codes

    @classmethod
    def constant(cls, value: Cell, rows: int) -> Column:
        return cls([value], np.zeros(rows, dtype=np.int32))

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Column:
        """A column of Python values. Truth values become `Truth` first, for `True == 1`."""
        if bool in set(map(type, cells)):
            cells = [Truth(cell) if type(cell) is bool else cell for cell in cells]
        array = np.empty(len(cells), dtype=object)
        array[:] = cells
        codes, values = pd.factorize(array, use_na_sentinel=False)
        return cls(list(values), codes.astype(np.int32))

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, row: int) -> Cell:
        return self.values[self.codes[row]]

    def where(self, test: Callable[[Cell], bool]) -> Mask:
        """The rows whose cell passes a test; the test is asked once for each distinct cell."""
        return self.marked([test(value) for value in self.values])

    def marked(self, marks: Sequence[bool]) -> Mask:
        """The rows whose distinct cell is marked; mostly none is, and then no row need be looked at."""
        if not any(marks):
            return np.zeros(len(self.codes), dtype=np.bool_)
        return np.array(marks, dtype=np.bool_)[self.codes]

    def mapped(self, change: Callable[[Cell], V]) -> Column:
        """The column with each distinct cell changed; cells that became equal share one place."""
        places: dict[V, int] = {}
        moved = np.fromiter(
            (places.setdefault(change(value), len(places)) for value in self.values), np.int32, len(self.values)
        )
        return Column(list(places), moved[self.codes] if len(places) < len(self.values) else self._codes(moved))

    def _codes(self, moved: Codes) -> Codes:
        return self.codes if np.array_equal(moved, np.arange(len(moved))) else moved[self.codes]

    def take(self, rows: Rows | Mask | slice) -> Column:
        return Column(self.values, self.codes[rows])


def joined(columns: Sequence[Column]) -> Column:
    """Columns below each other, with one list of distinct values."""
    if len(columns) == 1:
        return columns[0]
    places: dict[Cell, int] = {}
    parts = []
    for column in columns:
        moved = np.fromiter(
            (places.setdefault(value, len(places)) for value in column.values), np.int32, len(column.values)
        )
        parts.append(moved[column.codes] if len(moved) else column.codes)
    return Column(list(places), np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32))


def is_blank(cell: Cell) -> bool:
    return cell == "" or cell is None or (isinstance(cell, str) and not cell.strip(" \t\r\n\x0b\x0c\xa0\u202f\ufeff"))


def as_text(cell: Cell) -> str | Lossy | CellError | Unstored:
    """A cell as an identifier or name (3.6): trimmed, inner spaces and line ends made one space."""
    if isinstance(cell, str):
        return tidy(cell)
    if isinstance(cell, bool | Truth):
        return str(getattr(cell, "value", cell)).upper()
    if isinstance(cell, int | float | Decimal):
        return _number_text(cell)
    if isinstance(cell, ZeroPadded):
        return cell.text
    if isinstance(cell, MergedInto):
        return as_text(cell.value)
    if isinstance(cell, CellError | Unstored | Lossy):
        return cell
    return _moment_text(cell)


def tidy(text: str) -> str:
    """Trimmed, with each run of white space (line ends, non-breaking spaces) as one space; no byte-order marks."""
    if text.isascii() and text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    return " ".join(text.replace("\ufeff", "").split())


def display(cell: Cell) -> str:
    """A cell for a preview or a message: never fails."""
    text = as_text(cell)
    if isinstance(text, str):
        return text
    if isinstance(text, CellError):
        return text.code
    return text.text if isinstance(text, Lossy) else f"={text.formula}"


def _number_text(number: float | Decimal) -> str | Lossy:
    if isinstance(number, float):
        if number.is_integer() and abs(number) < 10**EXCEL_DIGITS:
            return str(int(number))
        text = format(number, f".{EXCEL_DIGITS}g")
        return Lossy(text) if number.is_integer() or "e" in text else text
    if isinstance(number, Decimal) and number.is_finite() and abs(number.adjusted()) < LONG_NUMBER:
        return format(number, "f")
    return str(number)


def _moment_text(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ") if cell.time() != time() else cell.date().isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell) if isinstance(cell, timedelta) else ("" if cell is None else tidy(str(cell)))
