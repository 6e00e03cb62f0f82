"""What an error of the database tells about storing, and who makes what of it."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest
import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core.services import after_run
from core.services.context import Context
from core.services.shared_limits import _unreachable
from core.services.summary import SyncSummary
from core.store.db import Database
from core.store.trouble import Kind, trouble_of


def wrapped(error: Exception) -> OperationalError:
    return OperationalError("INSERT", {}, error)


FULL = wrapped(psycopg.errors.DiskFull("could not extend file"))
AWAY = wrapped(psycopg.OperationalError("connection failed: connection refused"))


@pytest.mark.parametrize(
    ("error", "kind", "place"),
    [
        (FULL, Kind.FULL, "PostgreSQL"),
        # Nobody comes in: libpq tells no code then.
        (wrapped(psycopg.OperationalError("connection failed: FATAL:  could not write init file")), Kind.FULL, "PostgreSQL"),
        (wrapped(psycopg.OperationalError('could not write to file "x": No space left on device')), Kind.FULL, "PostgreSQL"),
        (AWAY, Kind.AWAY, ""),
        (wrapped(psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT")), Kind.READ_ONLY, ""),
        (wrapped(sqlite3.OperationalError("database or disk is full")), Kind.FULL, ""),
        (wrapped(sqlite3.OperationalError("attempt to write a readonly database")), Kind.READ_ONLY, ""),
        (OSError(errno.ENOSPC, "No space left on device"), Kind.FULL, ""),
        (wrapped(psycopg.errors.UniqueViolation("duplicate key")), None, ""),
        (ValueError("No space left on device"), None, ""),
    ],
)  # fmt: skip
def test_what_an_error_tells(error: Exception, kind: Kind | None, place: str) -> None:
    found = trouble_of(error)
    assert (found.kind if found else None, found.place if found else "") == (kind, place)


@pytest.mark.parametrize(
    ("error", "words"), [(FULL, "The disk of the database is full"), (AWAY, "The database does not answer")]
)
def test_a_place_at_autotask_that_cannot_be_noted_is_told_as_what_it_is(error: SQLAlchemyError, words: str) -> None:
    told = _unreachable(error)
    assert str(told.message).startswith(words)
    assert (told.kind, told.retryable) == ("not_sent", True)


def test_a_step_after_a_run_that_meets_a_full_disk_is_put_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(after_run, "STEPS", (full,))
    # All that it asks for is the database.
    ctx = cast(Context, SimpleNamespace(database=Database(f"sqlite:///{tmp_path / 'store.db'}")))
    with structlog.testing.capture_logs() as lines:
        after_run.after_run(ctx, SyncSummary(run_id=7, status="done"))
    assert [(line["event"], line["log_level"], line["trouble"]) for line in lines] == [
        ("after_run.put_off", "warning", "disk_full")
    ]
