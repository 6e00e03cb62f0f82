"""CSV for spreadsheets: no cell can become a formula, no matter who wrote the text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from core.reporting.values import safe_text

ROWS_AT_ONCE = 500


def csv_chunks(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """CSV text in portions, the heading first; a long export never stands in memory as a whole."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for count, row in enumerate(rows, 1):
        writer.writerow([safe_cell(value) for value in row])
        if count % ROWS_AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def safe_cell(value: object) -> str:
    """A value as text; one that a spreadsheet would take for a formula gets an apostrophe before it, a number does not."""
    match value:
        case None:
            return ""
        case datetime() | date():
            return value.isoformat()
        case int() | Decimal():
            return str(value)
    return safe_text(str(value))


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
