"""Reports on paper and in spreadsheets: one report object, written as CSV, Excel, PDF or JSON (S1-80).

`model` says what a report is, `values` how its numbers and dates are written; every renderer takes the same object.
"""

from __future__ import annotations

from core.domain.text import Money
from core.reporting.model import (
    Cell,
    Chart,
    Coded,
    Column,
    Form,
    Kind,
    Level,
    Report,
    Row,
    Section,
    Series,
    Table,
)
from core.reporting.render import Rendered, render
from core.reporting.values import Style

__all__ = [
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
    "Series",
    "Style",
    "Table",
    "render",
]
