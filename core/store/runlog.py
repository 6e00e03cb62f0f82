"""The log of runs, for people; only ever added to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.domain.text import Text
from core.store.bulk import insert_rows
from core.store.codec import text_from_json, text_to_json
from core.store.tables import table
from core.store.tables.runs import RunLogRow

LOG = table(RunLogRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line. `level`: info, warning or error; `event` is `noun.verb`. `id` grows; 0 until it is written."""

    run_id: int
    at: datetime
    text: Text
    level: str = "info"
    event: str = ""
    portal: str = ""
    id: int = 0


def append(session: Session, lines: Sequence[LogLine]) -> None:
    """Add lines."""
    rows = [
        {
            "run_id": line.run_id,
            "at": line.at,
            "level": line.level,
            "event": line.event,
            "portal": line.portal,
            "text": text_to_json(line.text),
        }
        for line in lines
    ]
    insert_rows(session, LOG, rows)


def tail(session: Session, run_id: int | None = None, *, after: int = 0, limit: int = 200) -> list[LogLine]:
    """Lines after one already seen, oldest first: of one run, or of all."""
    query = select(LOG).where(LOG.c.id > after).order_by(LOG.c.id).limit(limit)
    if run_id is not None:
        query = query.where(LOG.c.run_id == run_id)
    return [
        LogLine(
            id=row.id,
            run_id=row.run_id,
            at=row.at,
            level=row.level,
            event=row.event,
            portal=row.portal,
            text=text_from_json(row.text) or Text(""),
        )
        for row in session.execute(query)
    ]
