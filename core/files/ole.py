"""Old Excel files (.xls), read by xlrd: values, number formats, merged cells and hidden rows come with them."""

from __future__ import annotations

import io
import os
from datetime import datetime
from pathlib import Path

import olefile
import xlrd

from core.domain.text import T
from core.files.archive import corrupt, encrypted
from core.files.cells import Cell, CellError, MergedInto, ZeroPadded, is_blank
from core.files.dates import from_serial
from core.files.grid import RowsGrid
from core.files.issues import Kind, RejectedFile, reject
from core.files.limits import Limits
from core.files.sheet_cells import from_clock, leading_zeros
from core.files.workbook import hidden_rows_note, too_wide


def open_ole(data: bytes, limits: Limits) -> list[RowsGrid]:
    """The sheets of an old Excel file; hidden ones without rows. Raises RejectedFile for a locked, broken or other file."""
    _refuse_others(data)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            book = xlrd.open_workbook(file_contents=data, formatting_info=True, on_demand=True, logfile=nowhere)
            return [_grid(book, number, limits) for number in range(book.nsheets)]
    except RejectedFile:
        raise
    except xlrd.XLRDError as error:
        raise (encrypted() if "encrypted" in str(error) else corrupt()) from error
    except Exception as error:
        raise corrupt() from error


def _refuse_others(data: bytes) -> None:
    """Office files that are no workbook, and new workbooks with a password, which are packed into an old kind of file."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            if ole.exists("EncryptedPackage"):
                raise encrypted()
            if ole.exists("Workbook") or ole.exists("Book"):
                return
    except RejectedFile:
        raise
    except Exception as error:
        raise corrupt() from error
    raise reject(
        Kind.FILE_TYPE_UNSUPPORTED,
        T("This is an Office file, but not a spreadsheet."),
        T("Upload the Excel or CSV export of the portal."),
    )


def _grid(book: xlrd.Book, number: int, limits: Limits) -> RowsGrid:
    name = book.sheet_names()[number]
    sheet = book.sheet_by_index(number)
    if sheet.visibility:
        return RowsGrid(name, [], visible=False)
    if sheet.ncols > limits.columns:
        raise too_wide(limits)
    rows = [[_value(book, sheet, row, column) for column in range(sheet.row_len(row))] for row in range(sheet.nrows)]
    for top, below, left, beside in sheet.merged_cells:
        _spread(rows, top, min(below, len(rows)), left, min(beside, limits.columns))
    hidden = sum(1 for info in sheet.rowinfo_map.values() if info.hidden)
    book.unload_sheet(number)
    return RowsGrid(name, rows, notes=hidden_rows_note(hidden, name), since_1904=bool(book.datemode))


def _value(book: xlrd.Book, sheet: xlrd.sheet.Sheet, row: int, column: int) -> Cell:
    cell = sheet.cell(row, column)
    match cell.ctype:
        case xlrd.XL_CELL_TEXT:
            return cell.value
        case xlrd.XL_CELL_NUMBER:
            return _number(book, cell)
        case xlrd.XL_CELL_DATE:
            found: datetime | None = from_serial(cell.value, since_1904=bool(book.datemode))
            return found or from_clock(cell.value)
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_ERROR:
            return CellError(xlrd.error_text_from_code.get(cell.value, "#N/A"))
    return ""


def _number(book: xlrd.Book, cell: xlrd.sheet.Cell) -> Cell:
    number = float(cell.value)
    digits = leading_zeros(book.format_map[book.xf_list[cell.xf_index].format_key].format_str)
    if digits and number.is_integer() and number >= 0:
        return ZeroPadded(number, str(int(number)).zfill(digits))
    return number


def _spread(rows: list[list[Cell]], top: int, below: int, left: int, beside: int) -> None:
    """A merged range's value belongs to every cell of it, as a name (3.9)."""
    if top >= len(rows) or left >= len(rows[top]) or is_blank(rows[top][left]):
        return
    value = rows[top][left]
    for cells in rows[top:below]:
        cells.extend("" for _ in range(beside - len(cells)))
        for column in range(left, beside):
            if cells is not rows[top] or column != left:
                cells[column] = MergedInto(value)
