"""Files that came in: what they were, where they are kept, what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from core.domain.paging import Page, PageQuery
from core.store.tables import table
from core.store.tables.workspace import ImportedFileRow, PortalRow

FILE, PORTAL = table(ImportedFileRow), table(PortalRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFile:
    """One file. `size` in bytes; `outcome` is what the importer said, `state` what became of it, `details` its notes as JSON."""

    id: int = 0
    portal_id: int
    portal: str = ""
    sha256: str
    name: str
    size: int
    stored_path: str = ""
    outcome: str = ""
    state: str = "stored"
    lines: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    reading_id: int | None = None
    imported_by: str = ""
    imported_at: datetime


def add(session: Session, file: ImportedFile) -> int:
    """Remember a file; gives its number."""
    names = [column.name for column in FILE.columns if column.name != "id"]
    values = {name: getattr(file, name) for name in names} | {"details": dict(file.details)}
    return int(session.execute(FILE.insert().values(values).returning(FILE.c.id)).scalar_one())


def get(session: Session, file_id: int) -> ImportedFile | None:
    """One file."""
    row = session.execute(_files().where(FILE.c.id == file_id)).first()
    return _file(row) if row else None


def same(session: Session, portal_id: int, sha256: str) -> list[ImportedFile]:
    """Files of this very content that came in for the portal before, newest first."""
    query = _files().where(FILE.c.portal_id == portal_id, FILE.c.sha256 == sha256).order_by(FILE.c.id.desc())
    return [_file(row) for row in session.execute(query)]


def hashes(session: Session, portal_id: int, states: Sequence[str]) -> frozenset[str]:
    """Digests of the files of a portal that are in one of these states."""
    query = select(FILE.c.sha256).where(FILE.c.portal_id == portal_id, FILE.c.state.in_(list(states)))
    return frozenset(session.execute(query).scalars())


def set_state(session: Session, file_id: int, state: str, *, reading_id: int | None = None) -> None:
    """What became of a file, and the reading that it turned into."""
    values: dict[str, Any] = {"state": state}
    if reading_id is not None:
        values["reading_id"] = reading_id
    session.execute(FILE.update().where(FILE.c.id == file_id).values(values))


def page(session: Session, query: PageQuery) -> Page[ImportedFile]:
    """Files, newest first; `status` is the state, `text` is searched in the name."""
    rows: Select[Any] = _files()
    if query.portal:
        rows = rows.where(PORTAL.c.name == query.portal)
    if query.status:
        rows = rows.where(FILE.c.state == query.status)
    for word in query.text.split():
        rows = rows.where(FILE.c.name.icontains(word, autoescape=True))
    total = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    found = session.execute(rows.order_by(FILE.c.id.desc()).limit(query.size).offset(query.offset))
    return Page(tuple(_file(row) for row in found), total)


def _files() -> Select[Any]:
    return select(FILE, PORTAL.c.name.label("portal")).join(PORTAL, PORTAL.c.id == FILE.c.portal_id)


def _file(row: Row[Any]) -> ImportedFile:
    return ImportedFile(**row._asdict())
