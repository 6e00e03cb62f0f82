"""The rows of a file around one place, as they stand in it: what a person looks up when a number is questioned (M13)."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from core.files.cells import display
from core.files.grid import Grid
from core.files.headings import likely_header
from core.files.limits import Limits
from core.files.readers import load, open_file

PLACE = re.compile(r"(?:(?P<sheet>.*)!(?P<column>[A-Z]*)|row )(?P<row>\d+)")
"""How the importer names a place: `row 14`, `Usage!C14`, `Usage!14`."""
AROUND = 2
MOST_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class RowsAround:
    """`headings` of the table (empty where none were found), and rows with their numbers; `wanted` is the one asked for."""

    sheet: str
    headings: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    wanted: int


def rows_around(data: bytes | Path, name: str, place: str, limits: Limits | None = None) -> RowsAround | None:
    """The row at `place` with its neighbours; None where the place is none of a table. Raises RejectedFile as the importer does."""
    found = PLACE.fullmatch(place)
    if found is None:
        return None
    bounds = limits or Limits()
    opened = open_file(load(data, bounds), name, None, bounds)
    sheet, wanted = found["sheet"] or "", int(found["row"])
    grid = next((one for one in opened.grids if not sheet or one.name == sheet), None)
    return None if grid is None else _around(grid, wanted, bounds)


def _around(grid: Grid, wanted: int, limits: Limits) -> RowsAround | None:
    width = min(MOST_COLUMNS, max((len(row) for row in grid.head), default=0))
    # Blank lines are no rows in some kinds of files: only the numbers tell where a row stands.
    body = grid.body(0, None, range(width))
    numbers = body.numbers.tolist()
    at = bisect_left(numbers, wanted)
    if at == len(numbers) or numbers[at] != wanted:
        return None
    columns = [body.column(place) for place in range(width)]
    near = range(max(0, at - AROUND), min(len(numbers), at + AROUND + 1))
    rows = tuple((int(numbers[place]), tuple(display(column.at(place)) for column in columns)) for place in near)
    header = likely_header(grid.head, limits.header_search_rows)
    headings = tuple(display(cell) for cell in grid.head[header][:width]) if header is not None else ()
    return RowsAround(grid.name, headings, rows, wanted)
