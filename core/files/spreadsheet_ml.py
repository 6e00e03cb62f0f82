"""XML Spreadsheet 2003: what Excel wrote before .xlsx and some portals still do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.files.archive import corrupt, too_large_unpacked
from core.files.cells import Cell, CellError, MergedInto, Unstored, ZeroPadded, is_blank
from core.files.grid import RowsGrid
from core.files.limits import Limits
from core.files.sheet_cells import leading_zeros
from core.files.workbook import hidden_rows_note, too_wide
from core.files.xml_safe import elements, forget, local


def open_spreadsheet_ml(utf8: bytes, limits: Limits) -> list[RowsGrid]:
    """The worksheets of the document. Raises RejectedFile where it is broken."""
    digits: dict[str, int] = {}
    grids: list[RowsGrid] = []
    sheet = _Sheet()
    for event, element in elements(utf8, ("{*}Style", "{*}Worksheet", "{*}Row", "{*}Visible"), events=("start", "end")):
        name = local(element.tag)
        if event == "start":
            if name == "Worksheet":
                sheet = _Sheet(_attribute(element, "Name"), cells=sheet.cells)
        elif name == "Style":
            digits[_attribute(element, "ID")] = _zeros(element)
        elif name == "Visible":
            sheet.visible = (element.text or "") not in ("SheetHidden", "SheetVeryHidden")
        elif name == "Row":
            sheet.add(element, digits, limits)
            forget(element)
        elif name == "Worksheet":
            grids.append(sheet.grid(limits))
            element.clear()
    return grids


def _attribute(element: Any, name: str, default: str = "") -> str:
    for key, value in element.attrib.items():
        if local(key) == name:
            return str(value)
    return default


def _zeros(style: Any) -> int:
    for part in style:
        if local(part.tag) == "NumberFormat":
            return leading_zeros(_attribute(part, "Format"))
    return 0


def _whole(element: Any, name: str, default: int) -> int:
    text = _attribute(element, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else default


@dataclass(slots=True)
class _Sheet:
    name: str = ""
    visible: bool = True
    rows: list[list[Cell]] = field(default_factory=list)
    hidden: int = 0
    spans: list[tuple[int, int, int, int]] = field(default_factory=list)
    cells: int = 0

    def add(self, row: Any, digits: dict[str, int], limits: Limits) -> None:
        number = _whole(row, "Index", len(self.rows) + 1)
        if number > limits.rows + limits.header_search_rows:
            raise corrupt(f"row {number}")
        self.rows.extend([] for _ in range(number - 1 - len(self.rows)))
        cells: list[Cell] = []
        for cell in row:
            if local(cell.tag) != "Cell":
                continue
            index = _whole(cell, "Index", len(cells) + 1) - 1
            across, down = _whole(cell, "MergeAcross", 0), _whole(cell, "MergeDown", 0)
            if index + across >= limits.columns:
                raise too_wide(limits)
            cells.extend("" for _ in range(index - len(cells)))
            cells.append(_value(cell, digits))
            cells.extend("" for _ in range(across))
            if across or down:
                self.spans.append((len(self.rows), index, across, down))
        self.cells += len(cells)
        if self.cells > limits.cells:
            raise too_large_unpacked(limits)
        self.rows.append(cells)
        self.hidden += _attribute(row, "Hidden") == "1"

    def grid(self, limits: Limits) -> RowsGrid:
        filled = 0
        for top, left, across, down in self.spans:
            value = self.rows[top][left]
            if is_blank(value):
                continue
            bottom = min(top + down, len(self.rows) - 1)
            filled += (bottom - top + 1) * (across + 1)
            if filled > limits.filled_cells:
                raise too_large_unpacked(limits)
            for row in range(top, bottom + 1):
                cells = self.rows[row]
                cells.extend("" for _ in range(min(left + across + 1, limits.columns) - len(cells)))
                for column in range(left, left + across + 1):
                    if (row, column) != (top, left):
                        cells[column] = MergedInto(value)
        return RowsGrid(self.name, self.rows, self.visible, notes=hidden_rows_note(self.hidden, self.name))


def _value(cell: Any, digits: dict[str, int]) -> Cell:
    data = next((part for part in cell if local(part.tag) == "Data"), None)
    if data is None:
        formula = _attribute(cell, "Formula")
        return Unstored(formula) if formula else ""
    text = "".join(data.itertext())
    match _attribute(data, "Type"):
        case "Number":
            return _number(text, digits.get(_attribute(cell, "StyleID"), 0))
        case "Error":
            return CellError(text)
        case "Boolean":
            return text == "1"
        case "DateTime":
            return _moment(text)
    return text


def _number(text: str, digits: int) -> Cell:
    try:
        number = float(text)
    except ValueError as error:
        raise corrupt(text) from error
    if digits and number.is_integer() and number >= 0:
        return ZeroPadded(number, str(int(number)).zfill(digits))
    return number


def _moment(text: str) -> Cell:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text
