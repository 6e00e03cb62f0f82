"""From bytes to tables, whatever the file is (import rules 3.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import structlog

from core.domain.file_settings import FileSettings
from core.domain.text import T, Text
from core.files.archive import Archive, corrupt, gunzip, only_member, open_archive
from core.files.decode import decode
from core.files.delimited import DELIMITERS, DelimitedGrid, open_delimited
from core.files.grid import Grid
from core.files.headings import find_header
from core.files.html import open_html, saved_as, without_table
from core.files.issues import ImportNote, Kind, RejectedFile, reject
from core.files.limits import MEGABYTE, Limits
from core.files.ods import is_ods, open_ods
from core.files.ole import open_ole
from core.files.roles import needed_headings
from core.files.sniff import FileType, file_type
from core.files.spreadsheet_ml import open_spreadsheet_ml
from core.files.tree import Document, flat_grid, is_tree, parse_json, parse_xml, table_text, tree_grid
from core.files.workbook import WORKBOOK, open_workbook
from core.files.xml_safe import refuse_doctype

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Opened:
    """A file's tables, and what it turned out to be."""

    type: str
    grids: Sequence[Grid]
    encoding: str = ""
    delimiter: str = ""
    notes: tuple[ImportNote, ...] = ()
    document: Document | None = None
    """JSON or XML, for showing its structure."""


def load(data: bytes | Path, limits: Limits) -> bytes:
    """The bytes of an upload. Raises RejectedFile where there are too many of them."""
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if size > limits.upload_bytes:
        raise reject(
            Kind.FILE_TOO_LARGE,
            T(
                "The file has {size} MB; at most {limit} MB can be read.",
                size=size // MEGABYTE,
                limit=limits.upload_bytes // MEGABYTE,
            ),
            T("Export a shorter period, or fewer columns."),
        )
    return data.read_bytes() if isinstance(data, Path) else bytes(data)


def open_file(data: bytes, file_name: str, settings: FileSettings | None, limits: Limits) -> Opened:
    """The tables of a file. Raises RejectedFile for what cannot be read; never trusts the file's name.

    A file that breaks a reader in a way nobody foresaw is damaged to whoever uploaded it, and a line in the log to us.
    """
    try:
        return _opened(data, file_name, settings, limits)
    except RejectedFile:
        raise
    except Exception as error:
        log.exception("file.reader_failed", sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
        raise corrupt() from error


def _opened(data: bytes, file_name: str, settings: FileSettings | None, limits: Limits) -> Opened:
    kind = file_type(data)
    if kind is FileType.ZIP:
        return _zip(data, settings, limits)
    if kind is FileType.GZIP:
        return _unpacked(gunzip(data, limits), file_name.removesuffix(".gz"), settings, limits)
    return _unpacked(data, file_name, settings, limits)


def _zip(data: bytes, settings: FileSettings | None, limits: Limits) -> Opened:
    archive = open_archive(data, limits)
    if _is_spreadsheet(archive):
        return _office(archive, limits)
    member = only_member(archive)
    content = archive.read(member)
    if file_type(content) is FileType.ZIP:
        inner = open_archive(content, limits)
        if _is_spreadsheet(inner):
            return _office(inner, limits)
        raise unsupported(T("The ZIP file holds another ZIP file."), T("Unpack it and upload the file with the table."))
    return _unpacked(content, member, settings, limits)


def _is_spreadsheet(archive: Archive) -> bool:
    return "[Content_Types].xml" in archive or is_ods(archive)


def _office(archive: Archive, limits: Limits) -> Opened:
    if WORKBOOK in archive:
        return Opened("xlsx", open_workbook(archive, limits))
    if is_ods(archive):
        return Opened("ods", open_ods(archive, limits))
    if "xl/workbook.bin" in archive:
        raise unsupported(T("This is a binary Excel workbook (.xlsb)."), T("Save it as .xlsx or CSV and upload that."))
    raise unsupported(
        T("This is an Office file, but not a spreadsheet."), T("Upload the Excel or CSV export of the portal.")
    )


def _unpacked(data: bytes, file_name: str, settings: FileSettings | None, limits: Limits) -> Opened:
    kind = file_type(data)
    match kind:
        case FileType.EMPTY:
            raise reject(Kind.FILE_EMPTY, T("The file is empty."), T("Export it again; nothing was changed."))
        case FileType.OLE:
            return Opened("xls", open_ole(data, limits))
        case FileType.PDF:
            raise unsupported(T("This is a PDF."), T("A PDF is made for reading: export the report as CSV or Excel."))
        case FileType.IMAGE | FileType.BINARY | FileType.ZIP | FileType.GZIP:
            raise unsupported(
                T("This is not a table, but a file of another kind."), T("Export the report as CSV or Excel.")
            )
    decoded = decode(data)
    if kind in (FileType.HTML, FileType.XML, FileType.SPREADSHEET_ML):
        return _markup(kind, data, file_name, settings, limits)
    if kind is FileType.JSON:
        return _tree("json", parse_json(decoded.utf8, limits), settings, limits)
    grid = _delimited(decoded.utf8, settings, limits)
    return Opened("csv", [grid], decoded.encoding, grid.delimiter, decoded.notes)


def _delimited(utf8: bytes, settings: FileSettings | None, limits: Limits) -> DelimitedGrid:
    """Delimited text; where the likeliest separator does not give the wanted headings, another that does is taken."""
    likeliest = open_delimited(utf8, limits)
    wanted = needed_headings(settings) if settings is not None else ()
    if not wanted or settings is None:
        return likeliest
    others = (mark for mark in DELIMITERS if mark != likeliest.delimiter)
    for grid in chain((likeliest,), (open_delimited(utf8, limits, delimiter=mark) for mark in others)):
        if find_header(grid.head, wanted, settings.header_rows, limits.header_search_rows):
            return grid
    return likeliest


def _markup(kind: FileType, data: bytes, file_name: str, settings: FileSettings | None, limits: Limits) -> Opened:
    decoded = decode(data)
    if kind is FileType.HTML:
        grids = open_html(decoded.utf8, limits)
        if not grids:
            raise without_table()
        return Opened("html", grids, decoded.encoding, notes=(*decoded.notes, *saved_as(file_name)))
    refuse_doctype(data)
    if kind is FileType.SPREADSHEET_ML:
        return Opened("spreadsheet_xml", open_spreadsheet_ml(_declared(data, decoded.utf8), limits))
    return _tree("xml", parse_xml(_declared(data, decoded.utf8), limits), settings, limits)


def _declared(data: bytes, utf8: bytes) -> bytes:
    """XML says its encoding itself; only UTF-16 without mark and the like is handed over as it was found out."""
    return data if data.lstrip()[:5] == b"<?xml" or data[:3] == b"\xef\xbb\xbf" else utf8


def _tree(kind: str, document: Document, settings: FileSettings | None, limits: Limits) -> Opened:
    if is_tree(settings) and settings is not None:
        return Opened(kind, [tree_grid(document, settings)], document=document)
    text = table_text(document.root)
    if text:
        grid = open_delimited(decode(text.encode()).utf8, limits, document.notes)
        return Opened(kind, [grid], delimiter=grid.delimiter, document=document)
    return Opened(kind, [flat_grid(document, limits)], document=document)


def unsupported(message: Text, remedy: Text) -> RejectedFile:
    return reject(Kind.FILE_TYPE_UNSUPPORTED, message, remedy)
