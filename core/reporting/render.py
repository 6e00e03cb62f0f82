"""One report, any format."""

from __future__ import annotations

from dataclasses import dataclass

from core.reporting.model import Form, Report
from core.reporting.values import Style

TYPES = {
    Form.CSV: ("csv", "text/csv; charset=utf-8"),
    Form.SHEET_CSV: ("csv", "text/csv; charset=utf-8"),
    Form.XLSX: ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    Form.PDF: ("pdf", "application/pdf"),
    Form.JSON: ("json", "application/json"),
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A report as a file."""

    file_name: str
    media_type: str
    content: bytes


def render(report: Report, form: Form, style: Style) -> Rendered:
    """The report as a file; its numbers are the same in every format."""
    suffix, media_type = TYPES[form]
    return Rendered(f"{report.name}-{report.day.isoformat()}.{suffix}", media_type, _content(report, form, style))


def _content(report: Report, form: Form, style: Style) -> bytes:
    match form:
        case Form.CSV:
            from core.reporting.csv_form import write_plain

            return write_plain(report)
        case Form.SHEET_CSV:
            from core.reporting.csv_form import write_for_sheets

            return write_for_sheets(report, style)
        case Form.JSON:
            from core.reporting.json_form import write_json

            return write_json(report, style)
        case Form.XLSX:
            from core.reporting.xlsx_form import write_xlsx

            return write_xlsx(report, style)
        case Form.PDF:
            from core.reporting.pdf_form import write_pdf

            return write_pdf(report, style)
