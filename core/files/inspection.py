"""A first look at a file: what it is, what it holds, and which mapping would read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.domain.file_settings import FileSettings
from core.files.cells import Cell, display, is_blank
from core.files.grid import Grid
from core.files.headings import Header, header_at, likely_header
from core.files.issues import ImportIssue, ImportNote, RejectedFile, column_letter, shown
from core.files.limits import Limits
from core.files.presets import Preset
from core.files.readers import load, open_file
from core.files.suggest import Suggestion, suggest
from core.files.suggest_tree import suggest_tree
from core.files.tree import tree_grid

PREVIEW_ROWS = 50
SAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadingSeen:
    """One column: its heading, its letter, and some of the values below it."""

    name: str
    letter: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a file looks like. `suggested` is None where no mapping comes to mind; `errors` where it cannot be read at all."""

    type: str
    encoding: str = ""
    delimiter: str = ""
    sheets: tuple[str, ...] = ()
    hidden_sheets: tuple[str, ...] = ()
    sheet: str = ""
    header_row: int | None = None
    headings: tuple[HeadingSeen, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """The first 50 rows as text, headings included."""
    suggested: FileSettings | None = None
    suggestions: tuple[Suggestion, ...] = ()
    preset: Preset | None = None
    """The known export it is."""
    notes: tuple[ImportNote, ...] = ()
    errors: tuple[ImportIssue, ...] = ()


def inspect(data: bytes | Path, file_name: str, *, limits: Limits = Limits()) -> Inspection:
    """Look at a file and suggest its mapping. Never raises for bad content: `errors` tells what is wrong."""
    try:
        opened = open_file(load(data, limits), file_name, None, limits)
    except RejectedFile as refused:
        return Inspection(type="unreadable", errors=refused.issues)
    visible: list[Grid] = [grid for grid in opened.grids if grid.visible]
    grid = max(visible, key=_filled_rows, default=None)
    if grid is None:
        return Inspection(type=opened.type, encoding=opened.encoding, delimiter=opened.delimiter, notes=opened.notes)
    tree = suggest_tree(opened.document) if opened.document is not None else None
    if tree is not None and tree.settings is not None and opened.document is not None:
        grid = visible[0] = tree_grid(opened.document, tree.settings)
    row = 0 if tree else likely_header(grid.head, limits.header_search_rows)
    header = None if row is None or not grid.head else header_at(grid.head, row)
    suggestion = tree or (suggest(header, grid, visible) if header else None)
    return Inspection(
        type=opened.type,
        encoding=opened.encoding,
        delimiter=opened.delimiter,
        sheets=tuple(g.name for g in visible if g.name),
        hidden_sheets=tuple(g.name for g in opened.grids if not g.visible),
        sheet=grid.name,
        header_row=None if row is None else row + 1 + grid.dropped_lines,
        headings=_headings(header, grid) if header else (),
        rows=tuple(tuple(shown(display(cell)) for cell in cells) for cells in grid.head[:PREVIEW_ROWS]),
        suggested=suggestion.settings if suggestion else None,
        suggestions=suggestion.columns if suggestion else (),
        preset=suggestion.preset if suggestion else None,
        notes=(*opened.notes, *grid.notes),
    )


def _filled_rows(grid: Grid) -> int:
    return sum(any(not is_blank(cell) for cell in row) for row in grid.head)


def _headings(header: Header, grid: Grid) -> tuple[HeadingSeen, ...]:
    below = grid.head[header.row + 1 :]
    return tuple(
        HeadingSeen(name=name, letter=column_letter(index), samples=_samples(below, index))
        for index, name in enumerate(header.names)
    )


def _samples(rows: Sequence[Sequence[Cell]], index: int) -> tuple[str, ...]:
    texts = (shown(display(row[index])) for row in rows if index < len(row) and not is_blank(row[index]))
    return tuple(dict.fromkeys(texts))[:SAMPLES]
