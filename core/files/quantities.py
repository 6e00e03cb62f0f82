"""The numbers of a whole file: one decimal sign for all of it, exact sums (import rules 3.5, M12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from core.domain.file_settings import FileSettings, NumberFormat, Shape
from core.files.cells import Cell, Column
from core.files.numbers import Number, decimal_sign, read_cell, side_of_pair, without_currency
from core.files.roles import MONEY_ROLES
from core.files.table import Table

Values = Sequence[Decimal | None]
"""Numbers of a column's distinct cells; None where there is none or it cannot be read."""
SAFE = 2**62


@dataclass(frozen=True, slots=True)
class Scaled:
    """Decimals as whole numbers of 10^-scale, so that they can be summed exactly by the million."""

    ints: npt.NDArray[Any]
    scale: int

    @classmethod
    def of(cls, numbers: Values, rows: int) -> Scaled:
        """`rows` is how many of them may be added up: beyond 62 bits Python's own integers are used."""
        scale = max((-int(n.as_tuple().exponent) for n in numbers if n is not None), default=0)
        scale = max(scale, 0)
        ints = [0 if n is None else _whole(n, scale) for n in numbers] or [0]
        fits = max(map(abs, ints)) * max(rows, 1) < SAFE
        return cls(np.array(ints, dtype=np.int64 if fits else object), scale)

    def back(self, total: Any) -> Decimal:
        return Decimal(f"{int(total)}E-{self.scale}")


def _whole(number: Decimal, scale: int) -> int:
    """`number` times 10^scale, exactly: Decimal's own arithmetic would round beyond 28 digits."""
    sign, digits, exponent = number.as_tuple()
    value: int = int("".join(map(str, digits))) * 10 ** (scale + int(exponent))
    return -value if sign else value


def file_format(tables: Iterable[Table], settings: FileSettings) -> NumberFormat:
    """The decimal sign of a file: as set, or as its unambiguous numbers tell."""
    if settings.number_format is not NumberFormat.AUTO:
        return settings.number_format
    return decimal_sign(text for table in tables for text in _texts(table, settings))


def _texts(table: Table, settings: FileSettings) -> Iterable[str]:
    for quantity in table.quantities:
        for cell in quantity.cells.values:
            wanted = side_of_pair(cell, settings.pair) if settings.shape is Shape.PAIR else cell
            if isinstance(wanted, str):
                yield wanted
    for role in MONEY_ROLES:
        if role in table.others:
            yield from (text for text in map(without_currency, table.others[role].values) if isinstance(text, str))


def read_quantities(cells: Column, settings: FileSettings, sign: NumberFormat) -> list[Number]:
    """The number of each distinct cell of a quantity column, or what is wrong with it."""
    if settings.shape is Shape.PAIR:
        return [read_cell(side_of_pair(cell, settings.pair), sign) for cell in cells.values]
    return [read_cell(cell, sign) for cell in cells.values]


def read_amount(cell: Cell, sign: NumberFormat) -> Number:
    """An amount of money: as a quantity, without its currency sign."""
    return read_cell(without_currency(cell), sign)


def usable(numbers: Iterable[Number]) -> list[Decimal | None]:
    return [number if isinstance(number, Decimal) else None for number in numbers]
