"""Excel workbooks (import rules 3.6, 3.9, 3.10): values by calamine, the rest by a look into the sheets themselves."""

from __future__ import annotations

import io

import python_calamine as calamine

from core.files.grid import RowsGrid
from core.files.limits import Limits


def open_xlsx(data: bytes, limits: Limits) -> list[RowsGrid]:
    book = calamine.load_workbook(io.BytesIO(data))
    grids = []
    for sheet in book.sheets_metadata:
        visible = sheet.visible is calamine.SheetVisibleEnum.Visible
        rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False) if visible else []
        grids.append(RowsGrid(sheet.name, rows, visible))
    return grids
