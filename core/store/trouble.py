"""Why nothing can be stored at the moment, in words: the disk is full or read-only, or the database is away."""

from __future__ import annotations

import errno
from enum import StrEnum
from pathlib import Path

from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from core.domain.errors import PersonError
from core.domain.text import T, Text
from core.store.db import Database, write_and_forget


class Kind(StrEnum):
    FULL = "disk_full"
    READ_ONLY = "disk_read_only"
    AWAY = "database_away"


FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL_STATES = frozenset({"53100"})
READ_ONLY_STATES = frozenset({"25006"})
"""PostgreSQL's codes for disk_full and read_only_sql_transaction."""
FULL_WORDS = ("No space left on device", "could not write init file")
"""What PostgreSQL says when it cannot even let somebody in: then there is no code."""
SERVER = "PostgreSQL"
SPILL = (
    "SET LOCAL work_mem = '64kB'",
    "SELECT count(*) FROM (SELECT * FROM generate_series(1, 10000) OFFSET 0) AS spilt",
)
"""Too much for its memory: PostgreSQL puts it into a file of some 100 kB beside its tables and forgets it. Writes nothing else."""


class StorageTrouble(PersonError):
    """Nothing can be stored; `kind` is one of `Kind`."""

    def __init__(self, kind: Kind, place: str = "") -> None:
        message, remedy = _WORDS[kind]
        super().__init__(message, place=place, remedy=remedy, kind=kind.value)


_WORDS: dict[Kind, tuple[Text, Text]] = {
    Kind.FULL: (
        T("The disk is full: nothing can be stored."),
        T("Make room on it. What was being done goes on by itself afterwards; nothing is half-written."),
    ),
    Kind.READ_ONLY: (
        T("The disk cannot be written to: nothing can be stored."),
        T("See whether it is mounted read-only, and who owns the data directory. Then everything goes on by itself."),
    ),
    Kind.AWAY: (
        T("The database does not answer."),
        T("See whether the database server runs. What was being done goes on by itself afterwards."),
    ),
}


def trouble_of(error: BaseException, database: Database | None = None) -> StorageTrouble | None:
    """What an error of the database or of a file tells about storing; None when it is about something else.

    SQLite calls a full disk "disk I/O error" or "unable to open" where it could not make its own files: then the disk is asked,
    if it is known which `database` it was.
    """
    if isinstance(error, OSError):
        return _of_number(error.errno)
    if not isinstance(error, SQLAlchemyError):
        return None
    inner = error.orig if isinstance(error, DBAPIError) else None
    state, text = getattr(inner, "sqlstate", None), str(inner or "")
    if state in FULL_STATES or "database or disk is full" in text or any(words in text for words in FULL_WORDS):
        return StorageTrouble(Kind.FULL, SERVER if type(inner).__module__.startswith("psycopg") else "")
    if state in READ_ONLY_STATES or "readonly database" in text:
        return StorageTrouble(Kind.READ_ONLY)
    if "disk I/O error" in text or "unable to open database file" in text:
        return (look(database) if database else None) or StorageTrouble(Kind.READ_ONLY)
    if isinstance(error, DBAPIError) and (error.connection_invalidated or _is_away(inner, state)):
        return StorageTrouble(Kind.AWAY)
    return None


def look(database: Database, *places: Path) -> StorageTrouble | None:
    """Try whether anything can be stored: a file beside a SQLite database, and in these directories; None when it can."""
    own = database.engine.url.database if database.is_sqlite else None
    for place in dict.fromkeys([*([Path(own).parent] if own else []), *places]):
        try:
            write_and_forget(place)
        except OSError as error:
            found = _of_number(error.errno) or StorageTrouble(Kind.READ_ONLY)
            found.place = str(place)
            return found
    return None


def look_at_server(database: Database) -> StorageTrouble | None:
    """Try whether PostgreSQL has room on its own disk, which may be on another machine; None when it has, and when it is away."""
    if database.is_sqlite:
        return None
    try:
        with database.session() as session:
            for words in SPILL:
                session.execute(sql(words))
    except SQLAlchemyError as error:
        found = trouble_of(error)
        return None if found is None or found.kind == Kind.AWAY else found
    return None


def _of_number(number: int | None) -> StorageTrouble | None:
    if number in FULL_ERRORS:
        return StorageTrouble(Kind.FULL)
    return StorageTrouble(Kind.READ_ONLY) if number == errno.EROFS else None


def _is_away(inner: BaseException | None, state: str | None) -> bool:
    """PostgreSQL: no connection (08…), shut down or starting (57P…); without a code the connection itself failed."""
    if type(inner).__module__.partition(".")[0] != "psycopg":
        return False
    return state is None or state.startswith(("08", "57P"))
