"""A table as a reader hands it over: its first rows, and its columns on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from core.files.cells import Cell, Column, Rows
from core.files.issues import ImportIssue, ImportNote


class Body(Protocol):
    """The rows below a heading, column by column."""

    @property
    def rows(self) -> int: ...

    @property
    def numbers(self) -> Rows:
        """For each row its number in the file, the first of the file being 1."""
        ...

    def column(self, index: int) -> Column:
        """The cells of one column; an index beyond the table gives empty cells."""
        ...

    @property
    def issues(self) -> Sequence[ImportIssue]:
        """Rows that could not be cut into cells; they are not among `rows`."""
        ...


class Grid(Protocol):
    """One sheet, one CSV file, one HTML table. `places` says how a row is named in messages where it is not a row number."""

    @property
    def name(self) -> str: ...

    @property
    def visible(self) -> bool: ...

    @property
    def since_1904(self) -> bool:
        """Whether the workbook counts its days from 1904."""
        ...

    @property
    def nth(self) -> int | None:
        """Which table of its page, where a file holds its tables apart."""
        ...

    @property
    def dropped_lines(self) -> int:
        """Lines before the first row that are no rows (`sep=;`)."""
        ...

    @property
    def head(self) -> Sequence[Sequence[Cell]]:
        """The first rows (at least those of the header search, where there are as many)."""
        ...

    @property
    def notes(self) -> Sequence[ImportNote]: ...

    def body(self, start: int, end: int | None, columns: Sequence[int]) -> Body:
        """Rows from index `start` (0 is the first row of the file) up to `end`; `columns` will be asked for."""
        ...


@dataclass(slots=True)
class RowsBody:
    """A body of rows that are in memory."""

    cells: Sequence[Sequence[Cell]]
    first: int
    issues: Sequence[ImportIssue] = ()
    _columns: dict[int, Column] = field(default_factory=dict)
    row_numbers: Rows | None = None

    @property
    def rows(self) -> int:
        return len(self.cells)

    @property
    def numbers(self) -> Rows:
        if self.row_numbers is not None:
            return self.row_numbers
        return np.arange(self.first + 1, self.first + 1 + len(self.cells), dtype=np.int64)

    def column(self, index: int) -> Column:
        if index not in self._columns:
            self._columns[index] = Column.of([row[index] if index < len(row) else "" for row in self.cells])
        return self._columns[index]


@dataclass(slots=True)
class RowsGrid:
    """A sheet whose rows are in memory as lists."""

    name: str
    cells: Sequence[Sequence[Cell]]
    visible: bool = True
    notes: tuple[ImportNote, ...] = ()
    issues: tuple[ImportIssue, ...] = ()
    dropped_lines: int = 0
    nth: int | None = None
    since_1904: bool = False
    row_numbers: Rows | None = None
    """Given where a row's number is not its index plus one (records of a tree)."""

    @property
    def head(self) -> Sequence[Sequence[Cell]]:
        return self.cells[:64]

    def body(self, start: int, end: int | None, columns: Sequence[int]) -> RowsBody:
        """Rows from index `start` up to `end`."""
        numbers = None if self.row_numbers is None else self.row_numbers[start:end]
        return RowsBody(self.cells[start:end], start, self.issues, row_numbers=numbers)
