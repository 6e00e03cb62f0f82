"""Web pages with tables, often saved as .xls (import rules 3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from core.domain.text import T
from core.files.archive import too_large_unpacked
from core.files.cells import Cell, MergedInto
from core.files.grid import RowsGrid
from core.files.issues import ImportNote, Kind, NoteKind, RejectedFile, reject
from core.files.limits import Limits
from core.files.workbook import too_wide

SPREADSHEET_NAMES = (".xls", ".xlsx", ".xlsm", ".csv", ".ods", ".tsv", ".txt")


def open_html(utf8: bytes, limits: Limits) -> list[RowsGrid]:
    """Each innermost table of a page as a grid. A page without tables gives none."""
    parser = lxml_html.HTMLParser(encoding="utf-8", huge_tree=False, no_network=True, remove_comments=True)
    try:
        page = lxml_html.document_fromstring(utf8, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return []
    tables = [table for table in page.iter("table") if table.find(".//table") is None]
    named = len(tables) > 1
    grids = []
    filled = cells = 0
    for number, table in enumerate(tables, start=1):
        rows = []
        for row, own in _rows(table, limits):
            cells, filled = cells + len(row), filled + len(row) - own
            if cells > limits.cells or filled > limits.filled_cells:
                raise too_large_unpacked(limits)
            rows.append(row)
        if rows:
            grids.append(RowsGrid(f"table {number}" if named else "", rows, nth=number))
    return grids


def saved_as(file_name: str) -> tuple[ImportNote, ...]:
    """A note where a web page bears the name of a spreadsheet."""
    lowered = file_name.casefold()
    ending = next((name for name in SPREADSHEET_NAMES if lowered.endswith(name)), "")
    if not ending:
        return ()
    return (ImportNote(kind=NoteKind.WEB_PAGE, message=T("The file is a web page saved as {ending}.", ending=ending)),)


def without_table() -> RejectedFile:
    return reject(
        Kind.HTML_WITHOUT_TABLE,
        T("The file is a web page without the table; probably the portal sent its log-in page."),
        T("Sign in to the portal and download the export again."),
    )


def _rows(table: Any, limits: Limits) -> Iterator[tuple[list[Cell], int]]:
    """Each row, and how many of its cells are its own: spans fill in the others."""
    reaching: dict[int, tuple[int, Cell]] = {}
    for number, row in enumerate(table.iter("tr")):
        if number > limits.rows:
            break
        cells: list[Cell] = []
        own = 0
        for cell in row:
            if cell.tag in ("td", "th"):
                own += 1
                _below(cells, reaching)
                _place(cells, cell, reaching, limits)
        _below(cells, reaching)
        yield cells, own


def _below(cells: list[Cell], reaching: dict[int, tuple[int, Cell]]) -> None:
    """Fill in the places that cells of rows above reach down to."""
    while reaching.get(len(cells), (0, ""))[0] > 0:
        column = len(cells)
        left, value = reaching[column]
        reaching[column] = (left - 1, value)
        cells.append(MergedInto(value))


def _place(cells: list[Cell], cell: Any, reaching: dict[int, tuple[int, Cell]], limits: Limits) -> None:
    value = _value(cell)
    across, down = _span(cell, "colspan"), _span(cell, "rowspan")
    if len(cells) + across > limits.columns:
        raise too_wide(limits)
    for offset in range(across):
        if down > 1:
            reaching[len(cells)] = (down - 1, value)
        cells.append(MergedInto(value) if offset else value)


def _span(cell: Any, name: str) -> int:
    text = (cell.get(name) or "1").strip()
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def _value(cell: Any) -> Cell:
    """A cell's text; spreadsheet programs write the number itself beside it (`x:num`)."""
    number = cell.get("x:num")
    if number:
        try:
            return float(number)
        except ValueError:
            pass
    for line_break in cell.iter("br"):
        line_break.tail = f" {line_break.tail or ''}"
    return str(cell.text_content()).strip()
