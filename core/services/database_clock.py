"""The time of the database server, for all machines that work on it.

Leases, places at Autotask and the order of runs are compared over machines: with clocks of their own, one whose clock is a minute
ahead would take every other one for dead. What the server says is asked for now and then, beside the work, never waited for.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from core.store.db import Database

log = structlog.get_logger()

ASK_EVERY = 30.0
"""Seconds of the machine's own clock that an answer counts."""
WORTH_TELLING = timedelta(seconds=5)


class DatabaseClock:
    """How far the machine's clock is from the server's. A SQLite file has the machine's own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._offset = timedelta()
        self._asked = time.monotonic()
        self._asking = False
        if not database.is_sqlite:
            self._ask()

    def now(self) -> datetime:
        """The present instant, as every machine has it."""
        if not self._database.is_sqlite and self._is_due():
            threading.Thread(target=self._ask, name="clock", daemon=True).start()
        return datetime.now(UTC) + self._offset

    def _is_due(self) -> bool:
        with self._lock:
            if self._asking or time.monotonic() - self._asked < ASK_EVERY:
                return False
            self._asking = True
            return True

    def _ask(self) -> None:
        try:
            with self._database.session() as session:
                # The connection is open by then: the way there and back is all that is between the two looks.
                session.connection()
                before = datetime.now(UTC)
                there = session.execute(select(func.clock_timestamp())).scalar_one()
                after = datetime.now(UTC)
            offset = there.astimezone(UTC) - (before + (after - before) / 2)
            if abs(offset - self._offset) > WORTH_TELLING:
                log.warning("clock.differs", seconds=round(offset.total_seconds(), 1))
            self._offset = offset
        except SQLAlchemyError as error:
            # What is known goes on to count.
            log.info("clock.unknown", error=type(error).__name__)
        finally:
            with self._lock:
                self._asked, self._asking = time.monotonic(), False
