"""All tables. Importing this module fills `METADATA`."""

from __future__ import annotations

from core.store.tables import directory, history, ledger, mapping, people, plans, runs, workspace
from core.store.tables.base import Row, table

METADATA = Row.metadata

__all__ = [
    "METADATA",
    "Row",
    "directory",
    "history",
    "ledger",
    "mapping",
    "people",
    "plans",
    "runs",
    "table",
    "workspace",
]
