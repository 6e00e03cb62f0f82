"""Reports as Excel workbooks: one sheet a section, numbers as numbers and dates as dates, no text that could become a formula."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_symbol
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.cell.cell import Cell as SheetCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from core.domain.text import Money, T
from core.reporting.model import Cell, Column, Kind, Level, Report, Row, Section
from core.reporting.values import DANGEROUS, Style, written

HEAD = PatternFill("solid", fgColor="0B6375")
HEAD_FONT = Font(bold=True, color="FFFFFF")
SUM = PatternFill("solid", fgColor="E8F0F2")
BOLD = Font(bold=True)
LONGEST = 32_767
"""Characters that a cell of Excel can hold."""
WIDEST, NARROWEST = 60, 9
LOOKED_AT = 200
"""Rows that decide how wide a column is."""


def write_xlsx(report: Report, style: Style) -> bytes:
    """The workbook; a last sheet says what the report shows and what to keep in mind."""
    book = Workbook(write_only=True)
    taken: set[str] = set()
    for section in report.sections:
        sheet = book.create_sheet(_sheet_name(style.words(section.title), taken))
        _fill(sheet, section, style)
    _about(book.create_sheet(_sheet_name(style.words(T("About this report")), taken)), report, style)
    book.properties.title = _clean(style.words(report.title))
    book.properties.creator = "ContractBridge"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _fill(sheet: Any, section: Section, style: Style) -> None:
    table = section.table
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation = "landscape"
    for place, width in enumerate(_widths(table.columns, table.rows, style), 1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.append([_heading(sheet, column, style) for column in table.columns])
    for row in table.rows:
        sheet.append(
            [
                _cell(sheet, cell, column, row.level, style)
                for cell, column in zip(row.cells, table.columns, strict=True)
            ]
        )
    if not table.rows:
        sheet.append([_text(sheet, style.words(table.empty))])
    else:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.columns))}{len(table.rows) + 1}"


def _about(sheet: Any, report: Report, style: Style) -> None:
    sheet.column_dimensions["A"].width = 100
    title = _text(sheet, style.words(report.title))
    title.font = BOLD
    sheet.append([title])
    for line in (*report.facts, *report.notes, T("Made on {moment}.", moment=report.made_at)):
        sheet.append([_text(sheet, style.words(line))])


def _heading(sheet: Any, column: Column, style: Style) -> SheetCell:
    cell = _text(sheet, style.words(column.title))
    cell.font, cell.fill = HEAD_FONT, HEAD
    cell.alignment = Alignment(horizontal="right" if column.kind.is_number else "left", vertical="center")
    return cell


def _cell(sheet: Any, value: Cell, column: Column, level: Level, style: Style) -> SheetCell:
    cell = _typed(sheet, value, column, style)
    if level is not Level.DETAIL:
        cell.font, cell.fill = BOLD, SUM
    return cell


def _typed(sheet: Any, value: Cell, column: Column, style: Style) -> SheetCell:
    match value:
        case None:
            return WriteOnlyCell(sheet)
        case Money():
            return _formatted(sheet, value.amount, _money_format(value, style))
        case datetime():
            return _formatted(sheet, style.local(value), f"{_date_format(style)} hh:mm")
        case date():
            return _formatted(sheet, value, _date_format(style))
        case int() | Decimal():
            return _formatted(sheet, value, _number_format(value, column.kind))
    return _text(sheet, written(value, column.kind, style))


def _formatted(sheet: Any, value: Any, number_format: str) -> SheetCell:
    cell = WriteOnlyCell(sheet, value)
    cell.number_format = number_format
    return cell


def _number_format(value: int | Decimal, kind: Kind) -> str:
    if kind is Kind.PERCENT:
        return "0.0%"
    digits = "#,##0" if value == int(value) else "#,##0.######"
    return f"+{digits};-{digits};0" if kind is Kind.DIFFERENCE else digits


def _money_format(value: Money, style: Style) -> str:
    digits = "#,##0.00" if value.amount == round(value.amount, 2) else "#,##0.00####"
    if not value.currency:
        return digits
    symbol = get_currency_symbol(value.currency, style.writing).replace('"', "")
    return f'"{symbol}" {digits}' if style.writing.startswith("nl") else f'"{symbol}"{digits}'


def _date_format(style: Style) -> str:
    return "d-m-yyyy" if style.writing.startswith("nl") else "dd/mm/yyyy"


def _text(sheet: Any, text: str) -> SheetCell:
    """Text stays text: never a formula, also not after somebody edits the cell."""
    cell = WriteOnlyCell(sheet, _clean(text))
    cell.data_type = "s"
    if text.lstrip(" ").startswith(DANGEROUS):
        cell.quotePrefix = True
    return cell


def _clean(text: str) -> str:
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)[:LONGEST]


def _sheet_name(title: str, taken: set[str]) -> str:
    """A name that Excel allows: 31 characters, none of []:*?/\\, each once."""
    base = re.sub(r"[\[\]:*?/\\']", " ", _clean(title)).strip()[:31] or "-"
    name, number = base, 2
    while name.casefold() in taken:
        name = f"{base[: 31 - len(str(number)) - 1]} {number}"
        number += 1
    taken.add(name.casefold())
    return name


def _widths(columns: Sequence[Column], rows: Sequence[Row], style: Style) -> list[float]:
    shown = [*rows[:LOOKED_AT], *(row for row in rows[LOOKED_AT:] if row.level is Level.TOTAL)]
    return [
        min(
            WIDEST,
            max(
                NARROWEST,
                len(style.words(column.title)) + 3,
                *(len(written(row.cells[place], column.kind, style)) + 2 for row in shown),
            ),
        )
        for place, column in enumerate(columns)
    ]
