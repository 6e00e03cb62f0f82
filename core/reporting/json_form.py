"""Reports as one JSON document."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson

from core.domain.text import Money
from core.reporting.model import Level, Report, Row, Section, Table
from core.reporting.values import Style, plain_row


def as_document(report: Report, style: Style) -> dict[str, Any]:
    """`rows` are those of the first table, as records; `tables` holds all of them, `charts` the series."""
    tables = [_table(section, style) for section in report.sections]
    return {
        "report": report.name,
        "title": style.words(report.title),
        "date": report.day.isoformat(),
        "made_at": report.made_at.isoformat(),
        "facts": [style.words(fact) for fact in report.facts],
        "notes": [style.words(note) for note in report.notes],
        "rows": tables[0]["rows"] if tables else [],
        "tables": tables,
        "charts": [_chart(section, style) for section in report.sections if section.chart],
    }


def write_json(report: Report, style: Style) -> bytes:
    """The document as bytes; whole numbers are integers."""
    return orjson.dumps(as_document(report, style), option=orjson.OPT_INDENT_2)


def _table(section: Section, style: Style) -> dict[str, Any]:
    table = section.table
    return {
        "name": section.name,
        "title": style.words(section.title),
        "columns": [
            {"name": column.name, "title": style.words(column.title), "kind": column.kind.value}
            for column in table.columns
        ],
        "rows": [_record(table, row) for row in table.rows if row.level is not Level.SUBTOTAL],
    }


def _record(table: Table, row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for column, cell, value in zip(table.columns, row.cells, plain_row(row), strict=True):
        record[column.name] = _number(value)
        if isinstance(cell, Money):
            record[f"{column.name}_currency"] = cell.currency
    return record


def _chart(section: Section, style: Style) -> dict[str, Any]:
    chart = section.chart
    assert chart is not None
    return {
        "name": section.name,
        "title": style.words(section.title),
        "days": [day.isoformat() for day in chart.days],
        "series": [{"name": one.name, "values": [_number(value) for value in one.values]} for one in chart.series],
    }


def _number(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
