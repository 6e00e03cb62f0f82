"""Old Excel files (.xls): values by calamine; locks, hidden rows, errors and formats of zeros by their records (BIFF8)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import olefile
import python_calamine as calamine

from core.domain.text import T
from core.files.archive import corrupt, encrypted
from core.files.cells import Cell, CellError, MergedInto, ZeroPadded, is_blank
from core.files.grid import RowsGrid
from core.files.issues import Kind, RejectedFile, reject
from core.files.limits import Limits
from core.files.sheet_cells import leading_zeros
from core.files.workbook import hidden_rows_note, too_wide

BOF, EOF, FILEPASS, BOUNDSHEET, FORMAT, XF = 0x809, 0x0A, 0x2F, 0x85, 0x41E, 0xE0
ROW, NUMBER, RK, MULRK, BOOLERR, FORMULA = 0x208, 0x203, 0x27E, 0xBD, 0x205, 0x06
ROW_IS_HIDDEN = 0x20
_ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}


@dataclass(slots=True)
class _Sheet:
    """What the records of one sheet say beside its values."""

    hidden_rows: int = 0
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    styles: dict[tuple[int, int], int] = field(default_factory=dict)


@dataclass(slots=True)
class _Book:
    sheets: dict[int, _Sheet] = field(default_factory=dict)
    """By the place of their first record in the stream."""
    names: list[int] = field(default_factory=list)
    """Those places, in the order of the workbook."""
    zeros: dict[int, int] = field(default_factory=dict)
    """Digits of each cell style that shows leading zeros."""


def open_ole(data: bytes, limits: Limits) -> list[RowsGrid]:
    """The sheets of an old Excel file. Raises RejectedFile where it is locked, broken or something else."""
    book = _records_of(_stream(data))
    grids = []
    try:
        workbook = calamine.load_workbook(io.BytesIO(data))
        for number, meta in enumerate(workbook.sheets_metadata):
            if meta.typ is not calamine.SheetTypeEnum.WorkSheet:
                continue
            visible = meta.visible is calamine.SheetVisibleEnum.Visible
            grid = RowsGrid(meta.name, [], visible)
            if visible:
                extra = book.sheets.get(book.names[number], _Sheet()) if number < len(book.names) else _Sheet()
                grid = _grid(workbook.get_sheet_by_name(meta.name), meta.name, extra, book.zeros, limits)
            grids.append(grid)
    except calamine.PasswordError as error:
        raise encrypted() from error
    except (calamine.CalamineError, ValueError, OSError) as error:
        raise corrupt() from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise corrupt() from error
    return grids


def _stream(data: bytes) -> bytes:
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            if ole.exists("EncryptedPackage"):
                raise encrypted()
            for name in ("Workbook", "Book"):
                if ole.exists(name):
                    return bytes(ole.openstream(name).read())
    except RejectedFile:
        raise
    except Exception as error:
        raise corrupt() from error
    raise reject(
        Kind.FILE_TYPE_UNSUPPORTED,
        T("This is an Office file, but not a spreadsheet."),
        T("Upload the Excel or CSV export of the portal."),
    )


def _records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    while position + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, position)
        yield position, kind, stream[position + 4 : position + 4 + length]
        position += 4 + length


def _records_of(stream: bytes) -> _Book:
    book = _Book()
    formats: dict[int, int] = {}
    styles = 0
    sheet: _Sheet | None = None
    for position, kind, body in _records(stream):
        if kind == FILEPASS:
            raise encrypted()
        if kind == BOF:
            sheet = book.sheets.setdefault(position, _Sheet()) if position else None
        elif kind == BOUNDSHEET and len(body) >= 4:
            book.names.append(struct.unpack_from("<I", body)[0])
        elif kind == FORMAT and len(body) >= 5:
            number, length, flags = struct.unpack_from("<HHB", body)
            code = body[5 : 5 + length * (1 + (flags & 1))].decode(
                "utf-16-le" if flags & 1 else "latin-1", errors="replace"
            )
            formats[number] = leading_zeros(code)
        elif kind == XF and len(body) >= 4:
            digits = formats.get(struct.unpack_from("<HH", body)[1], 0)
            if digits:
                book.zeros[styles] = digits
            styles += 1
        elif sheet is not None:
            _look_at(kind, body, sheet, book.zeros)
    return book


def _look_at(kind: int, body: bytes, sheet: _Sheet, zeros: dict[int, int]) -> None:
    if kind == ROW and len(body) >= 14:
        sheet.hidden_rows += bool(struct.unpack_from("<H", body, 12)[0] & ROW_IS_HIDDEN)
    elif kind == BOOLERR and len(body) >= 8 and body[7]:
        sheet.errors[struct.unpack_from("<HH", body)] = _ERRORS.get(body[6], "#N/A")
    elif kind == FORMULA and len(body) >= 14 and body[6] == 2 and body[12:14] == b"\xff\xff":
        sheet.errors[struct.unpack_from("<HH", body)] = _ERRORS.get(body[8], "#N/A")
    elif kind in (NUMBER, RK) and zeros and len(body) >= 6:
        row, column, style = struct.unpack_from("<HHH", body)
        if style in zeros:
            sheet.styles[row, column] = style
    elif kind == MULRK and zeros and len(body) >= 12:
        row, first = struct.unpack_from("<HH", body)
        for place in range((len(body) - 6) // 6):
            style = struct.unpack_from("<H", body, 4 + place * 6)[0]
            if style in zeros:
                sheet.styles[row, first + place] = style


def _grid(sheet: calamine.CalamineSheet, name: str, extra: _Sheet, zeros: dict[int, int], limits: Limits) -> RowsGrid:
    if sheet.total_width > limits.columns:
        raise too_wide(limits)
    rows: list[list[Cell]] = sheet.to_python(skip_empty_area=False)
    for (row, column), code in extra.errors.items():
        _reach(rows, row, column)
        rows[row][column] = CellError(code)
    for (row, column), style in extra.styles.items():
        value = rows[row][column] if row < len(rows) and column < len(rows[row]) else ""
        if isinstance(value, int | float) and float(value).is_integer() and value >= 0:
            rows[row][column] = ZeroPadded(float(value), str(int(value)).zfill(zeros[style]))
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        _spread(rows, top, left, min(bottom, len(rows) - 1), right)
    return RowsGrid(name, rows, notes=hidden_rows_note(extra.hidden_rows, name))


def _reach(rows: list[list[Cell]], row: int, column: int) -> None:
    """Make the place exist: calamine leaves out cells that hold nothing but an error."""
    rows.extend([] for _ in range(row + 1 - len(rows)))
    rows[row].extend("" for _ in range(column + 1 - len(rows[row])))


def _spread(rows: list[list[Cell]], top: int, left: int, bottom: int, right: int) -> None:
    if top >= len(rows) or left >= len(rows[top]) or is_blank(rows[top][left]):
        return
    value = rows[top][left]
    for row in range(top, bottom + 1):
        _reach(rows, row, right)
        for column in range(left, right + 1):
            if (row, column) != (top, left):
                rows[row][column] = MergedInto(value)
