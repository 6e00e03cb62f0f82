"""Runs, their log, and the lease of the engine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint

from core.store.tables.base import Row, document, instant, key, reference


class RunRow(Row, table=True):
    """One execution. `dedupe` keeps two metronomes from queueing one due moment twice."""

    __tablename__ = "run"
    __table_args__ = (UniqueConstraint("dedupe"), Index(None, "status", "queued_at"), Index(None, "queued_at"))
    id: int | None = key()
    kind: str
    dedupe: str | None = None
    portals: list[Any] = document()
    options: dict[str, Any] = document()
    status: str = "queued"
    attempt: int = 0
    lease_owner: str = ""
    lease_until: datetime | None = instant(optional=True)
    done: int = 0
    total: int = 0
    text: Any = document(optional=True)
    started_by: str = ""
    summary: dict[str, Any] = document()
    error: Any = document(optional=True)
    queued_at: datetime = instant()
    started_at: datetime | None = instant(optional=True)
    finished_at: datetime | None = instant(optional=True)


class RunLogRow(Row, table=True):
    """One line of a run's log; only ever added to."""

    __tablename__ = "run_log"
    __table_args__ = (Index(None, "run_id", "id"),)
    id: int | None = key()
    run_id: int = reference("run.id", index=False)
    at: datetime = instant()
    level: str = "info"
    event: str = ""
    portal: str = ""
    text: Any = document(optional=True)


class LeaseRow(Row, table=True):
    """Who may do a thing that only one may do at a time."""

    __tablename__ = "lease"
    name: str = key()
    owner: str = ""
    until: datetime = instant()
