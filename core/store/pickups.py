"""The ledger of picked-up files, and what is remembered of a folder between two looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core.domain.paging import Page, PageQuery
from core.domain.pickup import Archived, Known, RemoteFile, Result, Sighting
from core.domain.text import Text
from core.store.bulk import inserting
from core.store.codec import text_from_json, text_to_json
from core.store.tables import table
from core.store.tables.pickups import PickupFileRow, PickupPlaceRow
from core.store.tables.workspace import PortalRow

PLACE, FILE, PORTAL = table(PickupPlaceRow), table(PickupFileRow), table(PortalRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder. `last_file_at` is when a file of it was last accepted; `move_denied`: moving was refused the last time."""

    portal_id: int
    first_polled_at: datetime
    polled_at: datetime
    last_file_at: datetime | None = None
    move_denied: bool = False
    cursor: str = ""
    waiting: Mapping[str, Sighting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedFile:
    """One file of the ledger."""

    id: int = 0
    portal_id: int
    run_id: int | None = None
    imported_file_id: int | None = None
    at: datetime
    file: RemoteFile
    sha256: str = ""
    result: Result
    lines: int = 0
    archived: Archived = Archived.NO
    stamp: str = ""
    reason: Text | None = None


def place(session: Session, portal_id: int) -> Place | None:
    """What is remembered of the folder of a portal; None before the first look."""
    row = session.execute(select(PLACE).where(PLACE.c.portal_id == portal_id)).first()
    return _place(row) if row else None


def places(session: Session, portal_ids: Sequence[int]) -> dict[int, Place]:
    """The same of several portals."""
    rows = session.execute(select(PLACE).where(PLACE.c.portal_id.in_(list(portal_ids))))
    return {row.portal_id: _place(row) for row in rows}


def save_place(session: Session, place: Place) -> None:
    """Remember a folder."""
    values = {
        "portal_id": place.portal_id,
        "first_polled_at": place.first_polled_at,
        "polled_at": place.polled_at,
        "last_file_at": place.last_file_at,
        "move_denied": place.move_denied,
        "cursor": place.cursor,
        "waiting": {key: _sighting_json(one) for key, one in place.waiting.items()},
    }
    insert = inserting(session, PLACE).values(values)
    changed = {name: insert.excluded[name] for name in values if name not in ("portal_id", "first_polled_at")}
    session.execute(insert.on_conflict_do_update(index_elements=["portal_id"], set_=changed))


def add(session: Session, file: PickedFile) -> int:
    """Put a file on the ledger; gives its number."""
    values = {
        "portal_id": file.portal_id,
        "run_id": file.run_id,
        "imported_file_id": file.imported_file_id,
        "at": file.at,
        "file_id": file.file.id,
        "name": file.file.name,
        "size": file.file.size,
        "modified": file.file.modified,
        "tag": file.file.tag,
        "sha256": file.sha256,
        "result": file.result.value,
        "lines": file.lines,
        "archived": file.archived.value,
        "stamp": file.stamp,
        "reason": text_to_json(file.reason) if file.reason else None,
    }
    return int(session.execute(FILE.insert().values(values).returning(FILE.c.id)).scalar_one())


def set_archived(session: Session, number: int, archived: Archived) -> None:
    """Whether a file was put away."""
    session.execute(FILE.update().where(FILE.c.id == number).values(archived=archived.value))


def known(session: Session, portal_id: int) -> dict[str, Known]:
    """The last that was made of each file of a portal, by the file's id."""
    last = select(func.max(FILE.c.id)).where(FILE.c.portal_id == portal_id).group_by(FILE.c.file_id)
    rows = session.execute(select(FILE).where(FILE.c.id.in_(last)))
    return {row.file_id: Known(_file(row).file, Result(row.result), row.stamp) for row in rows}


def pending(session: Session, portal_id: int) -> list[PickedFile]:
    """Files that are dealt with but not put away yet, oldest first."""
    query = select(FILE).where(FILE.c.portal_id == portal_id, FILE.c.archived == Archived.PENDING.value)
    return [_file(row) for row in session.execute(query.order_by(FILE.c.id))]


def has_digest(session: Session, portal_id: int, sha256: str, results: Sequence[Result]) -> bool:
    """Whether these bytes came before and ended in one of the results."""
    query = select(FILE.c.id).where(
        FILE.c.portal_id == portal_id, FILE.c.sha256 == sha256, FILE.c.result.in_([one.value for one in results])
    )
    return session.execute(query.limit(1)).first() is not None


def newest_read(session: Session, portal_id: int) -> datetime | None:
    """The time of the newest file that was accepted."""
    good = (Result.IMPORTED.value, Result.NEEDS_REVIEW.value)
    query = select(func.max(FILE.c.modified)).where(FILE.c.portal_id == portal_id, FILE.c.result.in_(good))
    found: datetime | None = session.execute(query).scalar()
    return found


def page(session: Session, query: PageQuery) -> Page[PickedFile]:
    """Files that were picked up, newest first; `portal` and `status` (the result) filter, `text` is searched in the name."""
    rows = select(FILE).join(PORTAL, PORTAL.c.id == FILE.c.portal_id)
    if query.portal:
        rows = rows.where(PORTAL.c.name == query.portal)
    if query.status:
        rows = rows.where(FILE.c.result == query.status)
    for word in query.text.split():
        rows = rows.where(FILE.c.name.icontains(word, autoescape=True))
    total = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    found = session.execute(rows.order_by(FILE.c.id.desc()).limit(query.size).offset(query.offset))
    return Page(tuple(_file(row) for row in found), total)


def _file(row: Row[Any]) -> PickedFile:
    file = RemoteFile(id=row.file_id, name=row.name, size=row.size, modified=row.modified, tag=row.tag)
    return PickedFile(
        id=row.id,
        portal_id=row.portal_id,
        run_id=row.run_id,
        imported_file_id=row.imported_file_id,
        at=row.at,
        file=file,
        sha256=row.sha256,
        result=Result(row.result),
        lines=row.lines,
        archived=Archived(row.archived),
        stamp=row.stamp,
        reason=text_from_json(row.reason),
    )


def _place(row: Row[Any]) -> Place:
    return Place(
        portal_id=row.portal_id,
        first_polled_at=row.first_polled_at,
        polled_at=row.polled_at,
        last_file_at=row.last_file_at,
        move_denied=row.move_denied,
        cursor=row.cursor,
        waiting={key: _sighting(key, value) for key, value in row.waiting.items()},
    )


def _sighting_json(one: Sighting) -> dict[str, Any]:
    file = one.file
    return {
        "name": file.name,
        "size": file.size,
        "modified": file.modified.isoformat() if file.modified else None,
        "tag": file.tag,
        "first": one.first.isoformat(),
        "since": one.since.isoformat(),
    }


def _sighting(key: str, value: Mapping[str, Any]) -> Sighting:
    modified = datetime.fromisoformat(value["modified"]) if value["modified"] else None
    file = RemoteFile(id=key, name=value["name"], size=value["size"], modified=modified, tag=value["tag"])
    return Sighting(file, datetime.fromisoformat(value["first"]), datetime.fromisoformat(value["since"]))
