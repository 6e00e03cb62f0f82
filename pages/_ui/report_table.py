"""A table of a report: numbers as the person reads them and sortable as numbers, sums in bold, a click on a cell leads on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.services import reports
from core.services.reports import Cell, Coded, Column, Kind, Level, Money, Row, Style, Table, written
from pages._ui import auth, grid, states
from pages._ui.formats import tr

SIZE = 250
"""Rows drawn at once."""
LETTER = 6.9
"""Pixels of a letter, roughly."""
ROOM, NARROWEST = 985, 96
"""Pixels beside the side bar on a screen of 1280, for all columns together; and those of the narrowest text."""
BOLD, QUIET = "font-weight: 650", "color: #8FA0A8"
Clicked = Callable[[Any, str], None]
"""Row, or what is behind it, and name of the column."""
Behind = Callable[[Row], object]
"""What a row that is drawn stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a table is drawn. `leave` names columns that are not shown; `search` offers to look for names in long tables.

    `bare` leaves out number columns too in which nothing is known at all; `hint` is what to do when there are no rows; `widest` is
    how many pixels a text may take.
    """

    leave: Sequence[str] = ()
    search: bool = True
    bare: bool = False
    hint: str = ""
    widest: int = 270


USUAL = Look()


def show(
    table: Table, *, name: str, alt: str, on_cell: Clicked | None = None, behind: Behind | None = None, look: Look = USUAL
) -> None:  # fmt: skip
    """Draws the table, in pages where it is long. `on_cell` is told the row that was clicked, or what is `behind` it.

    It is kept as long as the table is on the screen: what it holds should be small.
    """
    if not table.rows:
        states.empty(tr(table.empty), look.hint or tr("Choose another day, or take away a part of the filter."))
        return
    style = reports.style_of(auth.context(), auth.actor())
    shown = [
        place
        for place, column in enumerate(table.columns)
        if column.name not in look.leave and _is_used(table, place, bare=look.bare)
    ]
    rows = [row for row in table.rows if row.level is not Level.TOTAL]
    totals = [row for row in table.rows if row.level is Level.TOTAL]
    if look.search and len(rows) > grid.SIZES[0]:
        rows, totals = _found(rows, totals, table, name)
    page = _page(name, len(rows))
    part = rows[(page - 1) * SIZE : page * SIZE]
    part += totals
    key = grid.editor_key(f"{name}_{page}", (hash(row.cells[:4]) for row in part))
    options: dict[str, object] = {}
    if on_cell is not None:
        things = tuple(behind(row) if behind else row for row in part)
        options = {
            "on_select": partial(_clicked, key, f"{name}_{page}", things, on_cell),
            "selection_mode": "single-cell",
        }
    _grid(
        part, [table.columns[place] for place in shown], shown, style, key=key, alt=alt, widest=look.widest, **options
    )
    _pager(name, page, len(rows))


def _found(rows: list[Row], totals: list[Row], table: Table, name: str) -> tuple[list[Row], list[Row]]:
    """The rows with these words in one of their names, and the sum of them."""
    typed = st.text_input(
        tr("Search"), key=f"{name}_text", placeholder=tr("Search in these rows"), width=260, type="search",
        icon=":material/search:", label_visibility="collapsed",
    )  # fmt: skip
    words = (typed or "").casefold().split()
    if not words:
        return rows, totals
    found = [row for row in rows if row.level is Level.DETAIL and all(word in _names(row) for word in words)]
    return found, [_sum(found, table)] if found and totals else []


def headings(table: Table) -> Table:
    """The table without its rows."""
    return replace(table, rows=())


def cell(table: Table, row: Row, name: str) -> Cell:
    """The cell of a row in a column."""
    return next((value for column, value in zip(table.columns, row.cells, strict=True) if column.name == name), None)


def _names(row: Row) -> str:
    return " ".join(cell for cell in row.cells if isinstance(cell, str)).casefold()


def _sum(rows: Sequence[Row], table: Table) -> Row:
    """The sum of these rows; of a difference those count of which both sides are known, as everywhere in reports."""
    cells: list[Cell] = []
    for place, column in enumerate(table.columns):
        values = [row.cells[place] for row in rows]
        numbers = [value for value in values if isinstance(value, Decimal)]
        cells.append(sum(numbers, Decimal(0)) if column.kind in (Kind.COUNT, Kind.DIFFERENCE) and numbers else None)
    cells[0] = tr("Sum of these")
    return Row(tuple(cells), Level.TOTAL)


def _is_used(table: Table, place: int, *, bare: bool) -> bool:
    """A column in which nothing stands takes room for nothing; that numbers are not known may be worth telling."""
    if table.columns[place].kind.is_number and not bare:
        return True
    return any(row.cells[place] not in ("", None, Coded("", "")) for row in table.rows)


def _grid(
    rows: Sequence[Row], columns: Sequence[Column], places: Sequence[int], style: Style, *, key: str, alt: str, widest: int,
    **options: object,
) -> None:  # fmt: skip
    marks = [[_mark(rows, index, place) for place in places] for index in range(len(rows))]
    frame = pd.DataFrame(index=range(len(rows)))
    texts: dict[str, Mapping[object, str]] = {}
    told_words: list[list[str]] = []
    for place, column in zip(places, columns, strict=True):
        cells = [row.cells[place] for row in rows]
        words = [written(cell, column.kind, style) for cell in cells]
        values: list[object] = [_value(cell) for cell in cells]
        told = dict(zip(values, words, strict=True))
        if any(told[value] != text for value, text in zip(values, words, strict=True)):
            # Amounts of two currencies: one number, two texts.
            values, told = list(words), {}
        frame[column.name] = pd.to_numeric(pd.Series(values)) if column.kind.is_number and told else values
        texts[column.name] = told
        told_words.append(words)
    widths = fitted(
        [_width(column, widest, words) for column, words in zip(columns, told_words, strict=True)],
        [column.kind.is_number or column.kind in (Kind.DATE, Kind.INSTANT) for column in columns],
    )
    config = {column.name: _column(column, width) for column, width in zip(columns, widths, strict=True)}
    st.dataframe(
        _styled(frame, texts, marks), column_config=grid.headed(config), hide_index=True, key=key, alt=alt,
        height=grid.height(len(rows)),
        row_height=grid.ROW_PIXELS, placeholder="", **options,
    )  # fmt: skip


def _styled(frame: pd.DataFrame, texts: Mapping[str, Mapping[object, str]], marks: list[list[str]]) -> object:
    """The frame with the words for each value and its look; what is sorted by stays the value."""
    names = list(frame.columns)
    styler = frame.style.apply(lambda _: pd.DataFrame(marks, index=frame.index, columns=names), axis=None)
    return styler.format({name: partial(_told, told) for name, told in texts.items()}, na_rep="")


def _told(texts: Mapping[object, str], value: object) -> str:
    return texts.get(value, str(value))


def _clicked(key: str, name: str, things: Sequence[object], on_cell: Clicked) -> None:
    cells = st.session_state[key]["selection"]["cells"]
    if not cells:
        return
    # A cell stays chosen, and choosing it once more is no news: the next table starts without a choice.
    grid.new_editor(name)
    index, column = cells[0]
    if 0 <= index < len(things):
        on_cell(things[index], column)


def _mark(rows: Sequence[Row], index: int, place: int) -> str:
    row = rows[index]
    if row.level is not Level.DETAIL:
        return BOLD
    # A name that is repeated from the row above steps back: groups can be seen.
    repeated = (
        index
        and isinstance(row.cells[place], str)
        and place < 2
        and rows[index - 1].cells[: place + 1] == row.cells[: place + 1]
    )
    return QUIET if repeated else ""


def _value(cell: Cell) -> object:
    """What a column is sorted by."""
    match cell:
        case None:
            return None
        case Money():
            return float(cell.amount)
        case Decimal() | int():
            return float(cell)
        case datetime():
            return cell.isoformat()
        case Coded():
            return str(cell.code)
    return str(cell)


def _width(column: Column, widest: int, words: Sequence[str]) -> int:
    """As wide as its heading and its longest text need; the grid measures its first rows only."""
    longest = max((len(text) for text in words), default=0)
    width = round(max(LETTER * len(tr(column.title)) + 24, LETTER * longest + 20))
    if column.kind.is_number:
        return max(72, width)
    if column.kind in (Kind.DATE, Kind.INSTANT):
        return max(90, width)
    return min(widest, max(80, width))


def fitted(widths: Sequence[int], fixed: Sequence[bool], room: int = ROOM) -> list[int]:
    """The widths with which all columns stand beside each other: `fixed` ones are kept, of the others the widest give way."""
    left = room - sum(width for width, keeps in zip(widths, fixed, strict=True) if keeps)
    most = left
    giving = sorted(width for width, keeps in zip(widths, fixed, strict=True) if not keeps)
    for place, width in enumerate(giving):
        share = left // (len(giving) - place)
        if width > share:
            most = max(NARROWEST, share)
            break
        left -= width
    return [width if keeps else min(width, most) for width, keeps in zip(widths, fixed, strict=True)]


def _column(column: Column, width: int) -> object:
    config = st.column_config
    title = tr(column.title)
    if column.kind.is_number:
        return config.NumberColumn(title, width=width)
    if column.kind in (Kind.DATE, Kind.INSTANT):
        return config.TextColumn(title, width=width, alignment="right")
    return config.TextColumn(title, width=width)


def _page(name: str, total: int) -> int:
    pages = max(1, -(-total // SIZE))
    return min(int(st.session_state.get(f"{name}_pages", 1)), pages)


def _pager(name: str, page: int, total: int) -> None:
    if total <= SIZE:
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        first, last = (page - 1) * SIZE + 1, min(page * SIZE, total)
        st.caption(tr("Rows {first}–{last} of {total}", first=first, last=last, total=total), width="content")
        st.pagination(-(-total // SIZE), key=f"{name}_pages")
