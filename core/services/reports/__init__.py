"""Reports from history: per vendor, per customer, at any moment, between two, over time (S1-72 to S1-86).

`REPORTS` maps the names that people and scripts use to what builds them: a new report is one more entry. Every builder gives
one `core.reporting.Report`, which `export` writes as CSV, Excel, PDF or JSON.
"""

from __future__ import annotations

from core.reporting import (
    Cell,
    Chart,
    Coded,
    Column,
    Form,
    Kind,
    Level,
    Money,
    Rendered,
    Report,
    Row,
    Section,
    Style,
    Table,
    render,
)
from core.reporting.values import written
from core.services.reports.asked import Asked
from core.services.reports.registry import REPORTS, build, export, style_of

__all__ = [
    "REPORTS",
    "Asked",
    "Cell",
    "Chart",
    "Coded",
    "Column",
    "Form",
    "Kind",
    "Level",
    "Money",
    "Rendered",
    "Report",
    "Row",
    "Section",
    "Style",
    "Table",
    "build",
    "export",
    "render",
    "style_of",
    "written",
]
