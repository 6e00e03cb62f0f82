"""From bytes to tables, whatever the file is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.domain.file_settings import FileSettings
from core.domain.text import T
from core.files.decode import decode
from core.files.delimited import open_delimited
from core.files.grid import Grid
from core.files.issues import ImportNote, Kind, reject
from core.files.limits import MEGABYTE, Limits
from core.files.sniff import FileType, file_type


@dataclass(frozen=True, slots=True)
class Opened:
    """A file's tables, and what it turned out to be."""

    type: str
    grids: Sequence[Grid]
    encoding: str = ""
    delimiter: str = ""
    notes: tuple[ImportNote, ...] = ()


def load(data: bytes | Path, limits: Limits) -> bytes:
    """The bytes of an upload. Raises RejectedFile where there are too many of them."""
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if size > limits.upload_bytes:
        raise reject(
            Kind.FILE_TOO_LARGE,
            T("The file has {size} MB; at most {limit} MB can be read.", size=size // MEGABYTE, limit=limits.upload_bytes // MEGABYTE),
            T("Export a shorter period, or fewer columns."),
        )
    return data.read_bytes() if isinstance(data, Path) else bytes(data)


def open_file(data: bytes, settings: FileSettings | None, limits: Limits) -> Opened:
    """The tables of a file. Raises RejectedFile for what cannot be read; never trusts the file's name."""
    from core.files.workbook import open_xlsx

    kind = file_type(data)
    if kind is FileType.EMPTY:
        raise reject(Kind.FILE_EMPTY, T("The file is empty."), T("Export it again; nothing was changed."))
    if kind is FileType.ZIP:
        return Opened("xlsx", open_xlsx(data, limits))
    decoded = decode(data)
    grid = open_delimited(decoded.utf8, limits)
    return Opened("csv", [grid], decoded.encoding, grid.delimiter, decoded.notes)
