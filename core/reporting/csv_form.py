"""Reports as CSV, in two ways: for scripts (commas, points, ISO dates) and for spreadsheets (as the reader's country writes)."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

from core.domain.text import Money
from core.reporting.model import Cell, Column, Kind, Level, Report, Row, Section
from core.reporting.values import Style, money_digits, plain_row, safe_text, written


def write_plain(report: Report) -> bytes:
    """For scripts: column names that never change, no sums of groups.

    Further tables follow after an empty line, each with its name before it.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for place, section in enumerate(report.sections):
        if place:
            writer.writerow([])
            writer.writerow([f"# {section.name}"])
        writer.writerow([column.name for column in section.table.columns])
        for row in section.table.rows:
            if row.level is not Level.SUBTOTAL:
                writer.writerow([_plain(value) for value in plain_row(row)])
    return out.getvalue().encode()


def write_for_sheets(report: Report, style: Style) -> bytes:
    """For a double click: with a byte-order mark, `;` where the comma is the decimal sign, headings in the reader's language."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if style.decimal_comma else ",", lineterminator="\r\n")
    for place, section in enumerate(report.sections):
        if place:
            writer.writerow([])
            writer.writerow([safe_text(style.words(section.title))])
        writer.writerow([safe_text(style.words(column.title)) for column in section.table.columns])
        writer.writerows(_local_rows(section, style))
    return out.getvalue().encode("utf-8-sig")


def _local_rows(section: Section, style: Style) -> list[list[str]]:
    columns = section.table.columns
    return [_local(row, columns, style) for row in section.table.rows]


def _local(row: Row, columns: tuple[Column, ...], style: Style) -> list[str]:
    return [_number_or_text(cell, column.kind, style) for cell, column in zip(row.cells, columns, strict=True)]


def _number_or_text(cell: Cell, kind: Kind, style: Style) -> str:
    """A spreadsheet reads a number only without thousands and currency."""
    if isinstance(cell, Money | int | Decimal):
        text = money_digits(cell.amount) if isinstance(cell, Money) else format(Decimal(cell), "f")
        return text.replace(".", ",") if style.decimal_comma else text
    return safe_text(written(cell, kind, style))


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return format(value, "f")
        case int():
            return str(value)
    return safe_text(str(value))
