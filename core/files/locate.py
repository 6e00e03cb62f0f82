"""Which sheet and which of its rows a mapping means (import rules 3.4, 3.9; shapes N and T)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.domain.file_settings import FileSettings
from core.domain.patterns import compile_pattern
from core.domain.text import T
from core.files.cells import Cell, display, is_blank
from core.files.grid import Grid
from core.files.headings import Header, best_effort, find_header
from core.files.issues import ImportIssue, ImportNote, Kind, NoteKind, RejectedFile, reject
from core.files.limits import Limits
from core.files.roles import Layout, layout, needed_headings, problems, reads_sheet_names

ALL_SHEETS = "all"


@dataclass(frozen=True, slots=True)
class Located:
    """One table of a file: its grid, its columns, and the index of the row behind its last (None: the end of the sheet)."""

    grid: Grid
    layout: Layout
    end: int | None = None

    @property
    def start(self) -> int:
        return self.layout.header.row + 1


@dataclass(frozen=True, slots=True)
class Found:
    """The tables that are read, and what there is to say about the sheets that are not."""

    tables: tuple[Located, ...]
    issues: tuple[ImportIssue, ...] = ()
    notes: tuple[ImportNote, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """What one sheet showed: a heading row that holds everything, or the best there is."""

    grid: Grid
    header: Header | None
    near: Header | None = None
    end: int | None = None


def locate(grids: Sequence[Grid], settings: FileSettings, limits: Limits) -> Found:
    """The tables of a file that the mapping reads. Raises RejectedFile where there is none, or no single one."""
    candidates = _candidates(grids, settings)
    looks = [_look(grid, settings, limits) for grid in candidates]
    fitting = [look for look in looks if look.header is not None]
    if not fitting:
        raise _nothing_fits(looks, settings)
    several = settings.sheet.casefold() == ALL_SHEETS or reads_sheet_names(settings)
    if len(fitting) > 1 and not several:
        names = tuple(look.grid.name for look in fitting)
        raise reject(
            Kind.SHEET_AMBIGUOUS,
            T("Several sheets fit the mapping: {sheets}.", sheets=names),
            T("Choose the sheet in the mapping, or choose all sheets to add them up."),
        )
    wrong = [issue for look in fitting for issue in problems(look.header, settings, look.grid.name)]  # type: ignore[arg-type]
    if wrong:
        raise RejectedFile(*wrong)
    tables = tuple(Located(look.grid, layout(look.header, settings), look.end) for look in fitting if look.header)
    issues, notes = _others(looks, settings) if several else ((), ())
    return Found(tables, issues, notes)


def _candidates(grids: Sequence[Grid], settings: FileSettings) -> list[Grid]:
    visible = [grid for grid in grids if grid.visible]
    if settings.table and any(grid.nth for grid in visible):
        visible = [grid for grid in visible if grid.nth == settings.table]
    wanted = settings.sheet.casefold()
    if not wanted or wanted == ALL_SHEETS:
        return visible
    named = [grid for grid in visible if grid.name.casefold() == wanted]
    if not named and any(grid.name for grid in grids):
        raise reject(
            Kind.SHEET_MISSING,
            T(
                "There is no visible sheet “{sheet}”. The sheets are: {found}.",
                sheet=settings.sheet,
                found=tuple(grid.name for grid in visible),
            ),
            T("Choose another sheet in the mapping, or export the file with that sheet."),
            sheet=settings.sheet,
        )
    return named or visible


def _look(grid: Grid, settings: FileSettings, limits: Limits) -> _Look:
    wanted = needed_headings(settings)
    if settings.table is None and not settings.stop:
        header = find_header(grid.head, wanted, settings.header_rows, limits.header_search_rows)
        near = None if header else best_effort(grid.head, wanted, settings.header_rows, limits.header_search_rows)
        return _Look(grid, _in_file(header, grid), _in_file(near, grid))
    rows = all_rows(grid)
    begin, end = _block(rows, settings.table) if settings.table and not grid.nth else (0, len(rows))
    block = rows[begin:end]
    header = find_header(block, wanted, settings.header_rows, limits.header_search_rows)
    if header is None:
        near = best_effort(block, wanted, settings.header_rows, limits.header_search_rows)
        return _Look(grid, None, near and Header(near.row + begin, near.names))
    header = Header(header.row + begin, header.names)
    return _Look(grid, header, end=_stopped(rows, header.row + 1, end, settings.stop))


def _in_file(header: Header | None, grid: Grid) -> Header | None:
    return header and replace(header, dropped=grid.dropped_lines)


def all_rows(grid: Grid) -> Sequence[Sequence[Cell]]:
    """Every row of a sheet, blank ones included."""
    cells = getattr(grid, "cells", None)
    if cells is None:
        cells = getattr(grid.body(0, None, ()), "cells")  # noqa: B009 - a body without columns is one of rows
    rows: Sequence[Sequence[Cell]] = cells
    return rows


def _block(rows: Sequence[Sequence[Cell]], number: int) -> tuple[int, int]:
    """Begin and end of the nth table: the nth run of rows between blank ones with at least two rows of several cells."""
    seen = 0
    begin = 0
    for index in range(len(rows) + 1):
        if index < len(rows) and not all(is_blank(cell) for cell in rows[index]):
            continue
        several = sum(1 for row in rows[begin:index] if sum(not is_blank(cell) for cell in row) > 1)
        if several > 1:
            seen += 1
            if seen == number:
                return begin, index
        begin = index + 1
    return len(rows), len(rows)


def _stopped(rows: Sequence[Sequence[Cell]], start: int, end: int, stop: str) -> int:
    if not stop:
        return end
    pattern = compile_pattern(stop, ignore_case=True)
    for index in range(start, end):
        line = " ".join(display(cell) for cell in rows[index] if not is_blank(cell))
        if line and pattern.search(line):
            return index
    return end


def _nothing_fits(looks: Sequence[_Look], settings: FileSettings) -> RejectedFile:
    near = [look for look in looks if look.near is not None]
    if near:
        best = max(near, key=lambda look: sum(bool(look.near.places(h)) for h in needed_headings(settings)))  # type: ignore[union-attr]
        return RejectedFile(*problems(best.near, settings, best.grid.name))  # type: ignore[arg-type]
    if all(_is_empty(look.grid) for look in looks):
        return reject(Kind.NO_DATA_ROWS, T("The file holds no rows."), T("Export it again; nothing was changed."))
    return reject(
        Kind.HEADER_NOT_FOUND,
        T("None of the headings {headings} is in the first rows of the file.", headings=needed_headings(settings)),
        T("Check that this is the right export, or choose the columns again in the mapping."),
    )


def _is_empty(grid: Grid) -> bool:
    return all(is_blank(cell) for row in grid.head for cell in row)


def _others(looks: Sequence[_Look], settings: FileSettings) -> tuple[tuple[ImportIssue, ...], tuple[ImportNote, ...]]:
    """Sheets that were to be read but do not fit: an error where they nearly do, a note where they are something else."""
    issues: list[ImportIssue] = []
    notes: list[ImportNote] = []
    for look in looks:
        if look.header is not None or _is_empty(look.grid):
            continue
        if look.near is not None:
            issues.extend(problems(look.near, settings, look.grid.name))
        else:
            message = T("Sheet “{sheet}” holds none of the headings and was left out.", sheet=look.grid.name)
            notes.append(ImportNote(kind=NoteKind.SHEET_SKIPPED, message=message, sheet=look.grid.name))
    return tuple(issues), tuple(notes)
