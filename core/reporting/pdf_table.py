"""A long table on pages: heading repeated on each, rows never cut in two. Made for ten thousand rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from core.reporting.model import Cell, Coded, Column, Level, Row, Table
from core.reporting.typeface import BOLD, REGULAR, drawable, width, wrapped
from core.reporting.values import Style, written

SIZE, LEADING, PAD, GAP = 8.5, 10.5, 4.0, 10.0
ACCENT, RULE, BAND = HexColor("#0B6375"), HexColor("#D5DDE0"), HexColor("#E8F0F2")
INK: Color = HexColor("#1F2A30")
LOOKED_AT = 300
"""Rows that decide how wide a column is."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A row ready to be drawn: for each column its lines of text."""

    cells: tuple[list[str], ...]
    level: Level

    @property
    def height(self) -> float:
        return max(len(cell) for cell in self.cells) * LEADING + PAD


class LongTable(Flowable):
    """Rows `start` to `end` of a table; splitting it copies nothing."""

    def __init__(self, layout: _Layout, start: int = 0, end: int | None = None) -> None:
        super().__init__()
        self._layout = layout
        self._start, self._end = start, len(layout.lines) if end is None else end

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        lines = self._layout.lines
        return self._layout.width, self._layout.head.height + sum(
            lines[place].height for place in range(self._start, self._end)
        )

    def split(self, _width: float, height: float) -> list[Flowable]:
        left = height - self._layout.head.height
        place = self._start
        while place < self._end and left >= self._layout.lines[place].height:
            left -= self._layout.lines[place].height
            place += 1
        if place == self._start:
            return []
        return [LongTable(self._layout, self._start, place), LongTable(self._layout, place, self._end)]

    def draw(self) -> None:
        layout, canvas = self._layout, self.canv
        top = self.wrap(0, 0)[1]
        top = _draw(canvas, layout, layout.head, top, head=True)
        for place in range(self._start, self._end):
            top = _draw(canvas, layout, layout.lines[place], top, head=False)


class _Layout:
    """Widths of columns and all rows as lines of text, computed once."""

    def __init__(self, table: Table, style: Style, room: float) -> None:
        titles = [drawable(style.words(column.title)) for column in table.columns]
        texts = [
            [drawable(written(cell, column.kind, style)) for cell, column in zip(row.cells, table.columns, strict=True)]
            for row in table.rows
        ]
        self.width = room
        self.right = [column.kind.is_number for column in table.columns]
        self.indents = _indents(self.right)
        self.widths = _widths(table.columns, titles, texts, room)
        self.head = _Line(self._wrap(titles, bold=True), Level.DETAIL)
        self.lines = [_line(self, row, text) for row, text in zip(table.rows, texts, strict=True)]

    def _wrap(self, texts: Sequence[str], *, bold: bool) -> tuple[list[str], ...]:
        return tuple(
            wrapped(text, SIZE, room - 2 * PAD - indent, bold=bold)
            for text, room, indent in zip(texts, self.widths, self.indents, strict=True)
        )


def long_table(table: Table, style: Style, room: float) -> LongTable:
    """The table, `room` points wide."""
    return LongTable(_Layout(table, style, room))


def on_paper(table: Table) -> Table:
    """The table without columns that are for spreadsheets, and without empty columns of text."""
    kept = [
        place
        for place, column in enumerate(table.columns)
        if column.paper and (column.kind.is_number or any(_says_something(row.cells[place]) for row in table.rows))
    ]
    if not table.rows or len(kept) == len(table.columns):
        return table
    return Table(
        tuple(table.columns[place] for place in kept),
        tuple(Row(tuple(row.cells[place] for place in kept), row.level) for row in table.rows),
        table.empty,
    )


def _says_something(cell: Cell) -> bool:
    return bool(cell.code if isinstance(cell, Coded) else cell)


def _line(layout: _Layout, row: Row, texts: list[str]) -> _Line:
    return _Line(layout._wrap(texts, bold=row.level is not Level.DETAIL), row.level)


def _indents(right: list[bool]) -> list[float]:
    """Room between numbers on the right of their column and text on the left of the next."""
    return [GAP if place and right[place - 1] and not here else 0.0 for place, here in enumerate(right)]


def _widths(columns: Sequence[Column], titles: list[str], texts: list[list[str]], room: float) -> list[float]:
    """Numbers and dates get what they need; what is left is shared fairly: a short text is never cut for a long one beside it."""
    natural: list[float] = []
    indents = _indents([column.kind.is_number for column in columns])
    for place, title in enumerate(titles):
        longest = [width(text[place], SIZE, bold=True) for text in (*texts[:LOOKED_AT], *texts[-3:])]
        natural.append(max([width(title, SIZE, bold=True), *longest]) + 2 * PAD + 1 + indents[place])
    if sum(natural) <= room:
        spare = (room - sum(natural)) / max(1, sum(not column.kind.is_number for column in columns))
        return [wish + (0 if column.kind.is_number else spare) for wish, column in zip(natural, columns, strict=True)]
    fixed = [column.kind.is_number or wish < room / len(columns) for wish, column in zip(natural, columns, strict=True)]
    left = room - sum(wish for wish, stays in zip(natural, fixed, strict=True) if stays)
    if left <= 0 or all(fixed):
        return [wish * room / sum(natural) for wish in natural]
    most = _fair([wish for wish, stays in zip(natural, fixed, strict=True) if not stays], left)
    return [wish if stays else min(wish, most) for wish, stays in zip(natural, fixed, strict=True)]


def _fair(wishes: Sequence[float], left: float) -> float:
    """The most that one may have so that all of them together have exactly what is left."""
    ascending = sorted(wishes)
    for place, wish in enumerate(ascending):
        share = left / (len(ascending) - place)
        if wish > share:
            return share
        left -= wish
    return ascending[-1]


def _draw(canvas: Canvas, layout: _Layout, line: _Line, top: float, *, head: bool) -> float:
    """Draw one row with its upper edge at `top`; gives its lower edge."""
    bottom = top - line.height
    bold = head or line.level is not Level.DETAIL
    if head or line.level is not Level.DETAIL:
        canvas.setFillColor(ACCENT if head else BAND)
        canvas.rect(0, bottom, layout.width, line.height, stroke=0, fill=1)
    canvas.setFillColor(HexColor("#FFFFFF") if head else INK)
    canvas.setFont(BOLD if bold else REGULAR, SIZE)
    left = 0.0
    for cell, room, right, indent in zip(line.cells, layout.widths, layout.right, layout.indents, strict=True):
        baseline = top - PAD / 2 - SIZE
        for text in cell:
            if right:
                canvas.drawRightString(left + room - PAD, baseline, text)
            else:
                canvas.drawString(left + PAD + indent, baseline, text)
            baseline -= LEADING
        left += room
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.4)
    canvas.line(0, bottom, layout.width, bottom)
    return bottom
