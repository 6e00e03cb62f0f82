"""What a report is: titled sections with tables of typed columns and charts. No look, no language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from core.domain.text import Money, Text


class Form(StrEnum):
    """How a report can be written. `sheet_csv` is CSV as spreadsheets of the person's country read it."""

    CSV = "csv"
    SHEET_CSV = "sheet_csv"
    XLSX = "xlsx"
    PDF = "pdf"
    JSON = "json"


class Kind(StrEnum):
    """What the cells of a column are. A `difference` is a count that is written with its sign; `percent` is a part of 1."""

    TEXT = "text"
    COUNT = "count"
    DIFFERENCE = "difference"
    MONEY = "money"
    DATE = "date"
    INSTANT = "instant"
    PERCENT = "percent"

    @property
    def is_number(self) -> bool:
        return self in (Kind.COUNT, Kind.DIFFERENCE, Kind.MONEY, Kind.PERCENT)


class Level(StrEnum):
    """A row of its own, the sum of a group, or the sum of all."""

    DETAIL = "detail"
    SUBTOTAL = "subtotal"
    TOTAL = "total"


class Coded(NamedTuple):
    """A code or number that scripts read (`P1Y`, 1042), and the words people read instead."""

    code: str | int
    words: Text | str


Cell = Text | str | int | Decimal | Money | Coded | date | datetime | None
"""None: nothing is known, which is not zero (M2)."""


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is what scripts call it, the same in every language; without `paper` it is left out where there is little room."""

    name: str
    title: Text
    kind: Kind = Kind.TEXT
    paper: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """Cells in the order of the columns. `line_id` is the usage line a row is about, for the way back; it is written nowhere."""

    cells: tuple[Cell, ...]
    level: Level = Level.DETAIL
    line_id: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; `empty` is what is said where there are none."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: Text


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart; None: not known then."""

    name: str
    values: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over days; `left_out` counts smaller ones that are in the table only."""

    days: tuple[date, ...]
    series: tuple[Series, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report: one sheet in Excel. `name` is for scripts."""

    name: str
    title: Text
    table: Table
    chart: Chart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report. `day` is the day it is about, `facts` say what it shows, `notes` what to keep in mind.

    The first section holds what the report is about; scripts find its rows first in every format.
    """

    name: str
    title: Text
    day: date
    made_at: datetime
    sections: tuple[Section, ...]
    facts: Sequence[Text] = ()
    notes: Sequence[Text] = ()
