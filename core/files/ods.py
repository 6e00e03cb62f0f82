"""OpenDocument spreadsheets (.ods), read from their XML so that hidden sheets, hidden rows, formulas and errors are seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.files.archive import Archive, corrupt, encrypted, too_large_unpacked
from core.files.cells import Cell, CellError, MergedInto, Unstored, ZeroPadded, is_blank
from core.files.grid import RowsGrid
from core.files.limits import Limits
from core.files.workbook import hidden_rows_note, too_wide
from core.files.xml_safe import elements, forget, local

MIME_TYPE = b"application/vnd.oasis.opendocument.spreadsheet"
CONTENT = "content.xml"
_HIDDEN = ("collapse", "filter")


def is_ods(archive: Archive) -> bool:
    return "mimetype" in archive and CONTENT in archive and archive.read("mimetype").strip().startswith(MIME_TYPE)


def open_ods(archive: Archive, limits: Limits) -> list[RowsGrid]:
    """The sheets of a document. Raises RejectedFile where it is locked or broken."""
    manifest = "meta-inf/manifest.xml"
    if manifest in archive and b"encryption-data" in archive.read(manifest):
        raise encrypted()
    reader = _Reader(limits)
    wanted = ("{*}style", "{*}number-style", "{*}table", "{*}table-row", "{*}table-column")
    for event, element in elements(archive.read(CONTENT), wanted, events=("start", "end")):
        reader.element(event, element)
    return reader.grids


def _attribute(element: Any, name: str, default: str = "") -> str:
    for key, value in element.attrib.items():
        if local(key) == name:
            return str(value)
    return default


def _number(element: Any, name: str) -> int:
    text = _attribute(element, name, "1")
    return int(text) if text.isdigit() else 1


@dataclass(slots=True)
class _Sheet:
    name: str
    visible: bool
    rows: list[list[Cell]] = field(default_factory=list)
    blank: int = 0
    """Empty rows that come before the next one with something in it."""
    hidden: int = 0
    column_styles: list[str] = field(default_factory=list)
    spans: list[tuple[int, int, int, int]] = field(default_factory=list)


class _Reader:
    """Builds the sheets from the elements as they come by."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.grids: list[RowsGrid] = []
        self.hidden_tables: set[str] = set()
        self.digits_of_format: dict[str, int] = {}
        self.digits: dict[str, int] = {}
        self.sheet: _Sheet | None = None
        self.cells = self.characters = 0

    def element(self, event: str, element: Any) -> None:
        name = local(element.tag)
        if event == "start":
            if name == "table" and self.sheet is None:
                visible = _attribute(element, "style-name") not in self.hidden_tables
                self.sheet = _Sheet(_attribute(element, "name"), visible)
            return
        if name == "number-style":
            self._number_style(element)
        elif name == "style":
            self._style(element)
        elif self.sheet is not None:
            self._in_sheet(name, element)

    def _in_sheet(self, name: str, element: Any) -> None:
        assert self.sheet is not None
        if name == "table-column":
            left = self.limits.columns - len(self.sheet.column_styles)
            repeat = max(0, min(_number(element, "number-columns-repeated"), left))
            self.sheet.column_styles.extend([_attribute(element, "default-cell-style-name")] * repeat)
        elif name == "table-row":
            if self.sheet.visible:
                self._row(element)
            forget(element)
        elif name == "table":
            self.grids.append(self._finished(self.sheet))
            self.sheet = None

    def _number_style(self, element: Any) -> None:
        for part in element:
            if local(part.tag) == "number" and _attribute(part, "decimal-places", "0") == "0":
                digits = _attribute(part, "min-integer-digits", "1")
                if digits.isdigit() and int(digits) > 1 and not _attribute(part, "grouping"):
                    self.digits_of_format[_attribute(element, "name")] = min(int(digits), 30)

    def _style(self, element: Any) -> None:
        name = _attribute(element, "name")
        for part in element:
            if local(part.tag) == "table-properties" and _attribute(part, "display") == "false":
                self.hidden_tables.add(name)
        digits = self.digits_of_format.get(_attribute(element, "data-style-name"))
        if digits:
            self.digits[name] = digits

    def _row(self, element: Any) -> None:
        sheet = self.sheet
        assert sheet is not None
        repeat = _number(element, "number-rows-repeated")
        cells = self._cells(element, len(sheet.rows) + sheet.blank)
        if not cells:
            sheet.blank += repeat
            return
        if len(sheet.rows) + sheet.blank + repeat > self.limits.rows + self.limits.header_search_rows:
            raise too_large_unpacked(self.limits)
        self._weigh(cells, repeat)
        sheet.rows.extend([] for _ in range(sheet.blank))
        sheet.blank = 0
        sheet.rows.extend(cells if number == 0 else list(cells) for number in range(repeat))
        if _attribute(element, "visibility") in _HIDDEN:
            sheet.hidden += repeat

    def _weigh(self, cells: list[Cell], repeat: int) -> None:
        """Count cells and characters over all sheets: a row of one kilobyte may say that it comes a million times."""
        self.cells += len(cells) * repeat
        self.characters += sum(len(cell) for cell in cells if isinstance(cell, str)) * repeat
        if self.cells > self.limits.cells or self.characters > self.limits.unpacked_bytes:
            raise too_large_unpacked(self.limits)

    def _cells(self, row: Any, row_number: int) -> list[Cell]:
        assert self.sheet is not None
        cells: list[Cell] = []
        waiting = 0
        for cell in row:
            kind = local(cell.tag)
            if kind not in ("table-cell", "covered-table-cell"):
                continue
            repeat = _number(cell, "number-columns-repeated")
            column = len(cells) + waiting
            self._span(cell, row_number, column)
            value = "" if kind == "covered-table-cell" else self._value(cell, column)
            if is_blank(value):
                waiting += repeat
                continue
            if column + repeat > self.limits.columns:
                raise too_wide(self.limits)
            cells.extend([""] * waiting + [value] * repeat)
            waiting = 0
        return cells

    def _span(self, cell: Any, row: int, column: int) -> None:
        down, right = _number(cell, "number-rows-spanned"), _number(cell, "number-columns-spanned")
        if (down > 1 or right > 1) and self.sheet is not None:
            self.sheet.spans.append((row, column, down, right))

    def _value(self, cell: Any, column: int) -> Cell:
        kind = _attribute(cell, "value-type")
        text = "\n".join(_paragraph(part) for part in cell if local(part.tag) == "p")
        if _is_error(cell, text):
            return CellError(text or "#N/A")
        if kind in ("float", "percentage", "currency"):
            return self._float(cell, column)
        if kind == "date":
            return _date(_attribute(cell, "date-value"))
        if kind == "time":
            return _duration(_attribute(cell, "time-value"))
        if kind == "boolean":
            return _attribute(cell, "boolean-value") == "true"
        if not kind and _attribute(cell, "formula"):
            return text or Unstored(_attribute(cell, "formula"))
        return _attribute(cell, "string-value") or text

    def _float(self, cell: Any, column: int) -> Cell:
        try:
            number = float(_attribute(cell, "value"))
        except ValueError as error:
            raise corrupt(_attribute(cell, "value")) from error
        assert self.sheet is not None
        styles = self.sheet.column_styles
        style = _attribute(cell, "style-name") or (styles[column] if column < len(styles) else "")
        digits = self.digits.get(style)
        if digits and number.is_integer() and number >= 0:
            return ZeroPadded(number, str(int(number)).zfill(digits))
        return number

    def _finished(self, sheet: _Sheet) -> RowsGrid:
        for row, column, down, right in sheet.spans:
            self._spread(
                sheet.rows, row, column, min(down, len(sheet.rows) - row), min(right, self.limits.columns - column)
            )
        return RowsGrid(sheet.name, sheet.rows, sheet.visible, notes=hidden_rows_note(sheet.hidden, sheet.name))

    def _spread(self, rows: list[list[Cell]], top: int, left: int, down: int, right: int) -> None:
        if top >= len(rows) or left >= len(rows[top]):
            return
        value = rows[top][left]
        for cells in rows[top : top + down]:
            cells.extend("" for _ in range(left + right - len(cells)))
            for index in range(left, left + right):
                if cells is not rows[top] or index != left:
                    cells[index] = MergedInto(value)


def _paragraph(element: Any) -> str:
    """The text of a paragraph; its breaks, tabs and further spaces are elements."""
    pieces = [element.text or ""]
    for part in element.iterdescendants():
        pieces.append(" " if local(part.tag) in ("s", "tab", "line-break") else part.text or "")
        pieces.append(part.tail or "")
    return "".join(pieces)


def _is_error(cell: Any, text: str) -> bool:
    extended = [value for key, value in cell.attrib.items() if local(key) == "value-type"]
    return "error" in extended or (bool(_attribute(cell, "formula")) and text.startswith(("#", "Err:")))


def _date(text: str) -> Cell:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text


def _duration(text: str) -> Cell:
    """`PT03H04M00S`: a time is no quantity, whichever it is."""
    from datetime import timedelta

    digits = "".join(character if character.isdigit() else " " for character in text).split()
    hours, minutes, seconds = ([*digits, "0", "0", "0"])[:3]
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
