"""Autotask's limits kept over all processes that work on one database (`core.domain.ports.SharedLimits`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.errors import RemoteError
from core.domain.ports import ApiBudget, Clock, Metered, Slot
from core.domain.text import T
from core.services.owners import is_dead, new_owner
from core.store import api_limits
from core.store.db import Database
from core.store.trouble import Kind, trouble_of

log = structlog.get_logger()
Result = TypeVar("Result")


class DatabaseLimits:
    """In the tables of the database. One object for each process."""

    def __init__(self, database: Database, clock: Clock, held: float) -> None:
        self.held = held
        self._database = database
        self._clock = clock
        self._owner = new_owner()
        self._known: set[tuple[str, str, int]] = set()
        self._lock = threading.Lock()

    def take(self, integration: str, entities: Sequence[str], at_most: int) -> list[Slot]:
        names = sorted(set(entities))
        with self._lock:
            fresh = [name for name in names if (integration, name, at_most) not in self._known]

        def work(session: Session) -> list[Slot]:
            now = self._clock.now()
            if fresh:
                api_limits.ensure(session, integration, fresh, at_most, now)
            return api_limits.take(session, integration, names, at_most, self._owner, now, self.held, is_dead)

        taken = self._run(work)
        with self._lock:
            self._known |= {(integration, name, at_most) for name in fresh}
        return taken

    def give(self, integration: str, slots: Sequence[Slot], linger: float) -> None:
        self._run(lambda session: api_limits.give(session, integration, self._owner, slots, self._clock.now(), linger))

    def keep(self, integration: str, slots: Sequence[Slot]) -> None:
        self._run(
            lambda session: api_limits.keep(session, integration, self._owner, slots, self._clock.now(), self.held)
        )

    def count(self, integration: str, requests: int) -> None:
        self._run(lambda session: api_limits.count(session, integration, requests, self._clock.now()))

    def told(self, integration: str, budget: ApiBudget) -> None:
        self._run(lambda session: api_limits.told(session, integration, budget, self._clock.now()))

    def claim_question(self, integration: str, ask_every: int) -> bool:
        return self._run(lambda session: api_limits.claim_question(session, integration, ask_every))

    def look(self, integration: str) -> Metered:
        try:
            with self._database.session() as session:
                return api_limits.look(session, integration, self._clock.now())
        except SQLAlchemyError as error:
            raise _unreachable(error) from error

    def _run(self, work: Callable[[Session], Result]) -> Result:
        def lightly(session: Session) -> Result:
            api_limits.lightly(session)
            return work(session)

        try:
            return self._database.run(lightly)
        except SQLAlchemyError as error:
            raise _unreachable(error) from error


def _unreachable(error: SQLAlchemyError) -> RemoteError:
    trouble = trouble_of(error)
    log.warning("limits.database_unreachable", error=type(error).__name__ if trouble is None else trouble.kind)
    if trouble is not None and trouble.kind == Kind.FULL:
        return RemoteError(
            T("The disk of the database is full; nothing was sent to Autotask."), retryable=True, kind="not_sent"
        )
    return RemoteError(
        T("The database does not answer; nothing was sent to Autotask."), retryable=True, kind="not_sent"
    )
