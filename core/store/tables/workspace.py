"""The workspace's settings, its portals, and their secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text

from core.store.tables.base import Row, document, instant, key, reference


class SettingRow(Row, table=True):
    """One workspace setting, as JSON."""

    __tablename__ = "setting"
    name: str = key()
    value: Any = document()


class PortalRow(Row, table=True):
    """One configured source. `read_at` is when it was last read wholly; an archived one keeps only its history."""

    __tablename__ = "portal"
    __table_args__ = (
        Index(
            "uq_portal_name",
            "name",
            unique=True,
            sqlite_where=text("archived_at IS NULL"),
            postgresql_where=text("archived_at IS NULL"),
        ),
        UniqueConstraint("hook_token_hash"),
    )
    id: int | None = key()
    name: str
    connector: str
    settings: dict[str, Any] = document()
    mode: str = "review"
    policy: dict[str, Any] = document()
    overrides: list[Any] = document()
    schedule: dict[str, Any] = document()
    next_due_at: datetime | None = instant(optional=True, index=True)
    enabled: bool = True
    hook_token_hash: str | None = None
    created_at: datetime = instant()
    read_at: datetime | None = instant(optional=True)
    archived_at: datetime | None = instant(optional=True)


class SecretRow(Row, table=True):
    """One secret of an owner (`portal:3`, `autotask`), encrypted and bound to its place."""

    __tablename__ = "secret"
    __table_args__ = (UniqueConstraint("owner", "field"),)
    id: int | None = key()
    owner: str
    field: str
    ciphertext: str
    key_id: str
    updated_at: datetime = instant()


class ImportedFileRow(Row, table=True):
    """A file that was read, and where it is kept: the same file twice is recognised by its digest.

    `outcome` is what the importer made of it, `state` what became of it: `stored`, `needs_review`, `confirmed`, `discarded`;
    `details` are the importer's notes and errors.
    """

    __tablename__ = "imported_file"
    __table_args__ = (Index(None, "portal_id", "sha256"),)
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    reading_id: int | None = reference("reading.id", on_delete="SET NULL")
    sha256: str
    name: str
    size: int
    stored_path: str = ""
    outcome: str = ""
    state: str = "stored"
    lines: int = 0
    details: dict[str, Any] = document()
    imported_by: str = ""
    imported_at: datetime = instant(index=True)
