"""The licence reconciliation file of Partner Center as records (Azure reference §5)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from core.domain.errors import InputError
from core.domain.reconciliation import LicenceRow
from core.domain.text import T
from core.files.consumption.layout import Dialect, Layout, find_layout
from core.files.consumption.sources import Part
from core.files.issues import Kind

__all__ = ["licence_rows"]

HEAD_BYTES = 256 * 1024


def licence_rows(part: Part) -> Iterator[LicenceRow]:
    """The billing lines of a file. Raises InputError where it is no licence reconciliation file."""
    with part.open() as stream:
        head = stream.read(HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
        layout, offset = find_layout(head, place=part.name)
        if layout.dialect is not Dialect.LICENCES:
            raise InputError(
                T("This is no licence reconciliation file."),
                place=part.name,
                remedy=T("Use the reconciliation file of a licence invoice from Partner Center."),
                kind=Kind.COLUMN_MISSING,
            )
        text = (head[offset:] + stream.read()).decode("utf-8", errors="replace")
    yield from _rows(text, layout, part.name)


def _rows(text: str, layout: Layout, source: str) -> Iterator[LicenceRow]:
    headings = {own: name for name, own in layout.roles.items()}
    names = [headings.get(own, own) for own in layout.header]
    for index, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter)):
        if any(cell.strip() for cell in cells):
            row = layout.header_row + 1 + index
            yield LicenceRow(dict(zip(names, cells, strict=False)), source, f"row {row}")
