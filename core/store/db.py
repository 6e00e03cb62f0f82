"""The database: one engine, sessions that read one consistent state, sessions that write."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.errors import SettingsError
from core.domain.text import T
from core.store.cleaning import clean_json
from core.store.gate import Gate

log = structlog.get_logger()
Result = TypeVar("Result")

BUSY_MILLISECONDS = 30_000
ATTEMPTS = 6
CRIPPLED = ("readonly database", "disk I/O error", "unable to open database file")
"""What SQLite says on a disk that cannot be written."""
MEND_EVERY = 1.0
"""Seconds between two looks whether such a disk can be written again."""
PROBE_BYTES = 64 * 1024
"""Where not even this fits, a transaction of SQLite does not either."""
PASSING = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL's codes for serialization failure, deadlock and lock not available: the same work succeeds later."""


class Database:
    """SQLite in a file (WAL) or PostgreSQL, by address. One object per process; safe for threads.

    `session()` reads one consistent state and refuses to write; `write()` is one transaction that is committed at the end or
    not at all. Keep both short: never hold one across a request to another system.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = normalised(url)
        self.engine = _make_engine(self.url, pool_size)
        self._reader = self.engine.execution_options(**_reading(self.engine))
        self._busy = threading.local()
        self._gate = Gate()
        self._crippled = False
        self._mending = threading.Lock()
        self._looked = 0.0
        if self.is_sqlite:
            event.listen(self.engine, "connect", self._look_at_file)
            event.listen(self.engine, "handle_error", self._drop_crippled)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Read one consistent state of the database; nothing can be written."""
        self._mend()
        with self._gate.inside(), Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One writing transaction: all of it is kept, or on an exception nothing."""
        if getattr(self._busy, "writing", False):
            raise RuntimeError("a writing session inside a writing session would wait for itself")
        self._mend()
        self._busy.writing = True
        try:
            with (
                self._gate.inside(),
                Session(self.engine, expire_on_commit=False, autoflush=False) as session,
                session.begin(),
            ):
                yield session
        finally:
            self._busy.writing = False

    def run(self, work: Callable[[Session], Result]) -> Result:
        """Do `work` in a writing transaction, again from the start when the database says that it collided with another one.

        `work` must change nothing but the database.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.write() as session:
                    return work(session)
            except DBAPIError as error:
                if attempt == ATTEMPTS or not passes(error):
                    raise
                log.info("database.collided", attempt=attempt)
            time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 - spreads competitors, guards nothing
        raise AssertionError("unreachable")

    def check(self) -> None:
        """Return when the database answers; raises SettingsError otherwise."""
        try:
            with self.session() as session:
                session.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise SettingsError(
                T("The database does not answer."),
                place=self.engine.url.render_as_string(hide_password=True),
                remedy=T("Check CONTRACTBRIDGE_DATABASE_URL, and whether the database server runs."),
                detail=type(error).__name__,
                kind="database",
            ) from error

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _look_at_file(self, _connection: object, _record: object) -> None:
        """Where a file may not be written SQLite opens it for reading alone, and says nothing until something is to be stored."""
        file = self.engine.url.database
        if file and not os.access(file, os.W_OK):
            self._crippled = True

    def _drop_crippled(self, context: ExceptionContext) -> None:
        if any(words in str(context.original_exception) for words in CRIPPLED):
            context.is_disconnect = True
            self._crippled = True
            cursor = context.execution_context.cursor if context.execution_context else None
            if cursor is not None:
                # SQLAlchemy leaves it open then, and SQLite keeps a connection with an open one although it is closed.
                cursor.close()

    def _mend(self) -> None:
        """What was opened for reading alone stays so when the disk is mended, and all connections of a process share the index of
        the log as the first one opened it: so all of them are closed at the same time, as soon as the disk can be written.
        """
        if not self._crippled or self._gate.depth or not self._mending.acquire(blocking=False):
            return
        try:
            if time.monotonic() - self._looked < MEND_EVERY:
                return
            if _can_write(Path(self.engine.url.database or "")) and self._gate.alone(self._open_anew):
                log.info("database.opened_anew")
            self._looked = time.monotonic()
        finally:
            self._mending.release()

    def _open_anew(self) -> None:
        self._crippled = False
        self.engine.dispose()
        # What a stack trace holds on to, SQLite would keep open.
        gc.collect()


def write_and_forget(place: Path) -> None:
    """Try whether anything can be stored in this directory; raises OSError."""
    with tempfile.NamedTemporaryFile(dir=place, prefix=".probe-") as file:
        file.write(bytes(PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _can_write(file: Path) -> bool:
    try:
        write_and_forget(file.parent)
    except OSError:
        return False
    return os.access(file, os.W_OK)


def normalised(url: str) -> str:
    """The address with the driver we ship: `postgresql://…` and `postgres://…` mean psycopg 3. Raises SettingsError for none."""
    try:
        address = make_url(url)
    except ArgumentError:
        raise SettingsError(
            T("This is no address of a database."),
            remedy=T("Write it like postgresql://user@host/name, or sqlite:///path."),
            kind="database",
        ) from None
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    return address.render_as_string(hide_password=False)


def passes(error: DBAPIError) -> bool:
    """Whether the same work may succeed when it is simply done again."""
    code = getattr(error.orig, "sqlstate", None)
    return code in PASSING or "database is locked" in str(error.orig)


def postgres_arguments(address: URL) -> dict[str, Any]:
    """What PostgreSQL is connected with. Client and server notice within a minute that the other is gone, or stands still inside a
    transaction: what it had locked is free then. The address may say otherwise (`?options=…&connect_timeout=…`).
    """
    known: dict[str, Any] = {
        "options": (
            "-c timezone=utc -c lock_timeout=60s -c idle_in_transaction_session_timeout=60s"
            " -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4 -c tcp_user_timeout=35s"
        ),
        "connect_timeout": 10,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 35_000,
    }
    return {name: value for name, value in known.items() if name not in address.query}


def _reading(engine: Engine) -> dict[str, Any]:
    if engine.dialect.name == "sqlite":
        return {"contractbridge_reading": True}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def _make_engine(url: str, pool_size: int) -> Engine:
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return create_engine(
            url,
            json_serializer=clean_json,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            connect_args=postgres_arguments(address),
        )
    if address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        json_serializer=clean_json,
        pool_size=pool_size,
        max_overflow=2 * pool_size,
        connect_args={"timeout": BUSY_MILLISECONDS / 1000},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself: we say which kind (see _begin_sqlite).
    connection.isolation_level = None
    # SQLite's own `lower` knows the letters of English alone; searching without case rests on it.
    connection.create_function("lower", 1, _lower, deterministic=True)
    for pragma in (
        f"busy_timeout={BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        # 8 MB for each connection, of which there may be thirty; the machine keeps the file in memory anyway.
        "cache_size=-8000",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("contractbridge_reading", False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
    # A writer takes its place at once: a transaction that starts to read and then writes could not wait, only fail.
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
