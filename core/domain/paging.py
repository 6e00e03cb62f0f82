"""One slice of a long list: filtered, sorted and cut in the database, never in a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

MOST_ROWS = 500
"""What one slice may hold at most: a grid stays quick with it."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows of one slice, and how many there are in all that pass the filter."""

    rows: tuple[Row, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """What to show. `text` is searched in all names; `status` and `portal` are empty for all; `sort` is a field name of the row."""

    text: str = ""
    status: str = ""
    portal: str = ""
    sort: str = ""
    descending: bool = False
    offset: int = 0
    limit: int = 100

    @property
    def size(self) -> int:
        return max(1, min(self.limit, MOST_ROWS))
