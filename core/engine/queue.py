"""Brings queued runs to threads that carry them out.

The truth is the table of runs; a queue only carries them. Every driver keeps the promise of `Queue`: a run reaches one handler,
in one process, once an attempt, and runs of one portal one after the other. Here is the driver for one process beside its database;
that for several machines is `core.engine.shared_queue`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.services.context import Context
from core.services.owners import new_owner
from core.store import runs
from core.store.runs import Run

log = structlog.get_logger()

Handler = Callable[[Run], None]
"""Carries out one claimed run."""


class Queue(Protocol):
    """Where an engine gets its runs from."""

    def start(self, handler: Handler) -> None:
        """Begin to bring runs, each claimed for one handler of one process. Returns at once."""

    def wake(self) -> None:
        """There may be something new: look now."""

    def stop(self, seconds: float) -> bool:
        """Bring no more, and wait so long for handlers that are at work; False when some still are."""


class EmbeddedQueue:
    """Threads of this process that look at the table of runs themselves."""

    def __init__(self, ctx: Context, *, threads: int = 2, look_every: float = 0.5) -> None:
        self._ctx = ctx
        self._count = threads
        self._look_every = look_every
        self._threads: list[threading.Thread] = []
        self._news = threading.Event()
        self._ended = threading.Event()

    def start(self, handler: Handler) -> None:
        """Begin; may be started again after `stop`."""
        self._ended.clear()
        self._threads = [
            threading.Thread(target=self._serve, args=(handler,), name=f"runs-{number}", daemon=True)
            for number in range(self._count)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look now."""
        self._news.set()

    def stop(self, seconds: float) -> bool:
        """Threads end after the run they are at."""
        self._ended.set()
        self._news.set()
        for thread in self._threads:
            thread.join(seconds / max(1, len(self._threads)))
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self, handler: Handler) -> None:
        while not self._ended.is_set():
            # A name for each attempt: what an earlier one left behind is told apart from it.
            run = self._claim(new_owner())
            if run is None:
                self._news.wait(self._look_every)
                self._news.clear()
            else:
                handler(run)

    def _claim(self, owner: str) -> Run | None:
        ctx = self._ctx
        try:
            with ctx.database.session() as session:
                # Looking takes no place among the writers; most looks find nothing.
                if not runs.claimable(session):
                    return None
            return ctx.database.run(lambda session: runs.claim(session, owner, ctx.clock.now(), ctx.pace.lease))
        except SQLAlchemyError as error:
            log.warning("queue.unreachable", error=type(error).__name__)
            return None
