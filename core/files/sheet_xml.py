"""A worksheet read cell by cell from its XML, for what calamine leaves out."""

from __future__ import annotations

import re
from typing import Any

from core.files.archive import corrupt
from core.files.cells import Cell, CellError, MergedInto, Unstored, is_blank
from core.files.issues import RejectedFile
from core.files.limits import Limits
from core.files.sheet_cells import NumberFormats
from core.files.xml_safe import elements, forget, local

_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
MERGED_CELLS = 200_000
"""Cells of merged ranges that are filled in; a file with more was not made by a portal."""


def read_strings(xml: bytes) -> list[str]:
    """The shared strings of a workbook; pieces of rich text are joined, phonetic readings left out."""
    strings = []
    for _, item in elements(xml, ("{*}si",)):
        strings.append(_rich_text(item))
        forget(item)
    return strings


def _rich_text(item: Any) -> str:
    text = "".join(
        part.text or ""
        for part in item.iter("{*}t")
        if not any(local(above.tag) == "rPh" for above in part.iterancestors())
    )
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def read_sheet(xml: bytes, strings: list[str], formats: NumberFormats, limits: Limits) -> list[list[Cell]]:
    """The rows of a sheet; empty rows between are empty lists. Raises RejectedFile where it is broken or too large."""
    rows: list[list[Cell]] = []
    merged: list[str] = []
    for _, element in elements(xml, ("{*}row", "{*}mergeCell")):
        if local(element.tag) == "mergeCell":
            merged.append(element.get("ref", ""))
            continue
        number = _row_number(element.get("r", ""), len(rows) + 1)
        if number > limits.rows or (number <= len(rows) and rows[number - 1]):
            raise corrupt(f"row {number}")
        rows.extend([] for _ in range(number - 1 - len(rows)))
        cells = _row(element, strings, formats, limits)
        if number - 1 < len(rows):
            rows[number - 1] = cells
        else:
            rows.append(cells)
        forget(element)
    _spread(rows, merged, limits)
    return rows


def _row_number(text: str, following: int) -> int:
    if not text:
        return following
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 9):
        raise corrupt(f"row {text}")
    return int(text)


def _row(row: Any, strings: list[str], formats: NumberFormats, limits: Limits) -> list[Cell]:
    cells: list[Cell] = []
    for cell in row:
        if local(cell.tag) != "c":
            continue
        value = _cell(cell, strings, formats)
        if is_blank(value):
            continue
        index = _index(cell.get("r", ""), len(cells))
        if index >= limits.columns:
            raise _too_wide(limits)
        cells.extend("" for _ in range(index - len(cells)))
        if index < len(cells):
            cells[index] = value
        else:
            cells.append(value)
    return cells


def _too_wide(limits: Limits) -> RejectedFile:
    from core.files.workbook import too_wide

    return too_wide(limits)


def _index(reference: str, following: int) -> int:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return following
    number = 0
    for letter in match[1]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _cell(cell: Any, strings: list[str], formats: NumberFormats) -> Cell:
    kind, text, formula = cell.get("t", "n"), "", None
    for part in cell:
        name = local(part.tag)
        if name == "v":
            text = part.text or ""
        elif name == "f":
            formula = part.text or ""
        elif name == "is":
            text = _rich_text(part)
    if formula is not None and not text and kind != "str":
        return Unstored(formula)
    return _typed(kind, text, cell.get("s", "0"), strings, formats)


def _typed(kind: str, text: str, style: str, strings: list[str], formats: NumberFormats) -> Cell:
    if not text or kind in ("str", "inlineStr"):
        return text
    if kind == "e":
        return CellError(text)
    if kind == "b":
        return text in ("1", "true")
    if kind == "d":
        return _iso_date(text)
    try:
        if kind == "s":
            return strings[int(text)]
        return formats.cell(float(text), style)
    except (ValueError, IndexError) as error:
        raise corrupt(text) from error


def _iso_date(text: str) -> Cell:
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text


def _spread(rows: list[list[Cell]], ranges: list[str], limits: Limits) -> None:
    """A merged range's value belongs to every cell of it, as a name (3.9)."""
    filled = 0
    for text in ranges:
        corners = [_REFERENCE.fullmatch(part) for part in text.split(":")]
        if len(corners) != 2 or not all(corners):
            continue
        (left, top), (right, bottom) = (( _index(c[0], 0), int(c[2]) - 1) for c in corners if c)  # fmt: skip
        bottom, right = min(bottom, len(rows) - 1), min(right, limits.columns - 1)
        if top >= len(rows) or left >= len(rows[top]):
            continue
        value = rows[top][left]
        filled += max(0, bottom - top + 1) * max(0, right - left + 1)
        if is_blank(value) or filled > MERGED_CELLS:
            continue
        for row in range(top, bottom + 1):
            _fill(rows[row], left, right, value, skip_first=row == top)


def _fill(cells: list[Cell], left: int, right: int, value: Cell, *, skip_first: bool) -> None:
    cells.extend("" for _ in range(right + 1 - len(cells)))
    for index in range(left + skip_first, right + 1):
        cells[index] = MergedInto(value)
