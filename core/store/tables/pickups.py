"""Files that were picked up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index

from core.store.tables.base import Row, document, instant, key, reference, remote_id


class PickupPlaceRow(Row, table=True):
    """What is remembered of a folder between two looks. `waiting` are the files that are not dealt with yet."""

    __tablename__ = "pickup_place"
    portal_id: int = reference("portal.id", primary_key=True, index=False)
    first_polled_at: datetime = instant()
    polled_at: datetime = instant()
    last_file_at: datetime | None = instant(optional=True)
    move_denied: bool = False
    cursor: str = ""
    waiting: dict[str, Any] = document()


class PickupFileRow(Row, table=True):
    """A file that was dealt with, and what became of it. `size` in bytes; `stamp` stands for the settings it was read with.

    `archived`: `no`, `pending`, `done`, `denied`; `reason` is a sentence as JSON.
    """

    __tablename__ = "pickup_file"
    __table_args__ = (Index(None, "portal_id", "file_id"), Index(None, "portal_id", "sha256"))
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    run_id: int | None = reference("run.id", on_delete="SET NULL")
    imported_file_id: int | None = reference("imported_file.id", on_delete="SET NULL")
    at: datetime = instant()
    file_id: str
    name: str
    size: int = remote_id()
    modified: datetime | None = instant(optional=True)
    tag: str = ""
    sha256: str = ""
    result: str
    lines: int = 0
    archived: str = "no"
    stamp: str = ""
    reason: Any = document(optional=True)
