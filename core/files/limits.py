"""How much a file may hold (import rules 3.11)."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes, rows, columns, characters and levels beyond which a file is refused rather than read."""

    upload_bytes: int = 100 * MEGABYTE
    unpacked_bytes: int = 500 * MEGABYTE
    unpack_ratio: int = 200
    ratio_from_bytes: int = MEGABYTE
    """A tiny archive may pack better than the ratio without harm; below this size it is not looked at."""
    rows: int = 2_000_000
    columns: int = 2_000
    cells: int = 20_000_000
    filled_cells: int = 1_000_000
    """Cells that others reach over (spans and merged ranges): a page of 1 MB could say that it has 60 million of them."""
    cell_characters: int = 32_767
    nesting: int = 64
    header_search_rows: int = 50
    issues_per_kind: int = 1_000
    """Errors listed one by one; beyond that they are counted. Affected customers are always complete."""
