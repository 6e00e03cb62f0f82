"""The readings themselves: every fetch is kept, used or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, true
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.domain.paging import Page, PageQuery
from core.domain.text import Text
from core.store.codec import text_from_json, text_to_json, texts_from_json
from core.store.tables import table
from core.store.tables.history import ReadingRow
from core.store.tables.workspace import PortalRow

READING, PORTAL = table(ReadingRow), table(PortalRow)

USED, NEEDS_REVIEW, FAILED, DISCARDED = "used", "needs_review", "failed", "discarded"


@dataclass(frozen=True, slots=True)
class ReadingInfo:
    """One fetch of one portal. Counts are usage lines; `failed_customers` maps their ids to the reason."""

    id: int
    portal_id: int
    portal: str
    run_id: int | None
    taken_at: datetime
    status: str
    complete: bool
    scope: str
    lines: int
    customers: int
    new: int
    changed: int
    ended: int
    unchanged: int
    kept: int
    fingerprint: str
    notes: tuple[Text, ...]
    failed_customers: dict[str, Text]
    error: Text | None
    file_name: str
    sha256: str


def record_failure(
    session: Session,
    portal_id: int,
    taken_at: datetime,
    error: Text,
    *,
    status: str = FAILED,
    run_id: int | None = None,
    source: tuple[str, str] = ("", ""),
) -> int:
    """Keep a fetch that is not used: `failed`, `needs_review` or `discarded`. History stays as it is (M2).

    `source` is file name and SHA-256 where it was a file.
    """
    values: dict[str, Any] = {
        "portal_id": portal_id,
        "run_id": run_id,
        "taken_at": taken_at,
        "status": status,
        "complete": False,
        "error": text_to_json(error),
        "notes": [],
        "failed_customers": {},
        "file_name": source[0],
        "sha256": source[1],
    }
    return int(session.execute(READING.insert().values(values).returning(READING.c.id)).scalar_one())


def latest_readings(session: Session, portal_ids: Sequence[int] | None = None) -> dict[int, ReadingInfo]:
    """The last recorded fetch of each portal, used or not."""
    last = select(func.max(READING.c.id)).group_by(READING.c.portal_id)
    if portal_ids is not None:
        last = last.where(READING.c.portal_id.in_(list(portal_ids)))
    query = _infos().where(READING.c.id.in_(last))
    return {row.portal_id: _info(row) for row in session.execute(query)}


def page_readings(session: Session, query: PageQuery) -> Page[ReadingInfo]:
    """Readings, newest first; filtered by portal name and status."""
    where: list[ColumnElement[bool]] = [true()]
    if query.portal:
        where.append(PORTAL.c.name == query.portal)
    if query.status:
        where.append(READING.c.status == query.status)
    counted = select(func.count()).select_from(READING.join(PORTAL)).where(*where)
    rows = _infos().where(*where).order_by(READING.c.id.desc()).limit(query.size).offset(query.offset)
    return Page(tuple(_info(row) for row in session.execute(rows)), session.execute(counted).scalar_one())


def with_fingerprint(
    session: Session, portal_id: int, *, sha256: str = "", fingerprint: str = ""
) -> ReadingInfo | None:
    """The last used reading of this file or content: how the same file twice is recognised."""
    query = _infos().where(READING.c.portal_id == portal_id, READING.c.status == USED)
    if sha256:
        query = query.where(READING.c.sha256 == sha256)
    if fingerprint:
        query = query.where(READING.c.fingerprint == fingerprint)
    row = session.execute(query.order_by(READING.c.id.desc()).limit(1)).first()
    return _info(row) if row else None


def _infos() -> Any:
    return select(READING, PORTAL.c.name.label("portal")).join(PORTAL, PORTAL.c.id == READING.c.portal_id)


def _info(row: Row[Any]) -> ReadingInfo:
    return ReadingInfo(
        id=row.id,
        portal_id=row.portal_id,
        portal=row.portal,
        run_id=row.run_id,
        taken_at=row.taken_at,
        status=row.status,
        complete=row.complete,
        scope=row.scope,
        lines=row.lines,
        customers=row.customers,
        new=row.new,
        changed=row.changed,
        ended=row.ended,
        unchanged=row.unchanged,
        kept=row.kept,
        fingerprint=row.fingerprint,
        notes=texts_from_json(row.notes),
        failed_customers={
            name: text for name, why in row.failed_customers.items() if (text := text_from_json(why)) is not None
        },
        error=text_from_json(row.error),
        file_name=row.file_name,
        sha256=row.sha256,
    )
