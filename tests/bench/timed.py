"""How long the database works: every statement with the fetching of its rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import CursorResult, Result
from sqlalchemy.orm import Session

from core.store.db import Database


class DatabaseTime:
    """Adds up what statements of sessions take: seconds, and those of this thread's processor.

    Rows are fetched at once, so that they count, too.
    """

    def __init__(self, database: Database) -> None:
        self.seconds = 0.0
        self.processor = 0.0
        self.statements = 0
        self._execute: Callable[..., Any] = Session.execute
        Session.execute = self._timed()  # type: ignore[method-assign]

    def reset(self) -> None:
        self.seconds, self.processor, self.statements = 0.0, 0.0, 0

    def close(self) -> None:
        Session.execute = self._execute  # type: ignore[method-assign]

    def _timed(self) -> Callable[..., Any]:
        original, timer = self._execute, self

        def execute(session: Session, *args: Any, **options: Any) -> Result[Any]:
            begin, processor = time.perf_counter(), time.thread_time()
            result = original(session, *args, **options)
            if isinstance(result, CursorResult) and result.returns_rows:
                result = result.freeze()()
            timer.seconds += time.perf_counter() - begin
            timer.processor += time.thread_time() - processor
            timer.statements += 1
            return result

        return execute
