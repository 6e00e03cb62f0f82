"""The engine: carries out runs. One of all that are started leads: it does what is to be done once, as schedules and recovery.

On SQLite one engine works and the others stand by. On PostgreSQL all of them carry out runs, on as many machines as there are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.text import T, Text
from core.engine.metronome import Job, Metronome, queue_due
from core.engine.queue import EmbeddedQueue, Queue
from core.engine.shared_queue import SharedQueue
from core.services import alerts, chain_check, sync, webhook_processing
from core.services.access import SYSTEM
from core.services.context import Context
from core.services.owners import new_owner
from core.services.running import free_dead_runs, take
from core.store import leases, plans, runs
from core.store.runs import Run

log = structlog.get_logger()

ENGINE = "engine"
"""The lease of the one engine that leads."""
PRESENCE = "worker:"
"""Each engine that carries out runs has a lease of its own, so that others see that it is there."""
MOST_ATTEMPTS = 5
"""A run that took its process with it so often is not begun again."""
ALERTS_EVERY = 1800.0
"""Seconds between two looks at what nobody's run brings to light: sources that grow old, contracts that end."""
PLANS_KEPT = timedelta(days=30)
"""Plans of which nothing was written."""


class Role(StrEnum):
    """What an engine does at the moment."""

    STOPPED = "stopped"
    STANDS_BY = "stands by"
    """Another engine works on this database, and it has one alone (SQLite)."""
    CARRIES_OUT = "carries out runs"
    LEADS = "leads"
    """Carries out runs, and does what only one does: schedules, recovery, webhooks, alerts."""


class Engine:
    """Carries out queued runs, queues what is due, and takes up what a dead process left. Start it once a process.

    `told` hears of every change of its role, in the engine's own thread.
    """

    def __init__(
        self,
        ctx: Context,
        *,
        queue: Queue | None = None,
        every: float = 1.0,
        told: Callable[[Role], None] = lambda _: None,
    ) -> None:
        self._ctx = ctx
        self._shared = not ctx.database.is_sqlite
        self._queue = queue or (SharedQueue(ctx) if self._shared else EmbeddedQueue(ctx))
        self._every = every
        self._told = told
        self._owner = new_owner()
        self._presence = PRESENCE + self._owner.rpartition("|")[2]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)
        self.working = threading.Event()
        """Set while this engine carries out runs."""
        self.role = Role.STOPPED

    def start(self) -> None:
        """Returns at once; the work goes on in threads."""
        self._thread.start()

    def stop(self, seconds: float = 30.0) -> None:
        """End after the step that is being done; runs that are not at their end go on at the next start."""
        self._stop.set()
        self._queue.wake()
        self._thread.join(seconds)

    def _live(self) -> None:
        if self._shared:
            self._carry()
        while not self._stop.is_set():
            if self._keep_lease():
                self._lead()
            else:
                self._is(Role.CARRIES_OUT if self._shared else Role.STANDS_BY)
                self._stop.wait(self._every)
        if self._shared:
            self._rest()
        self._is(Role.STOPPED)

    def _carry(self) -> None:
        self._queue.start(self._carry_out)
        self.working.set()

    def _rest(self) -> None:
        self.working.clear()
        self._queue.stop(25.0)
        self._give_back()

    def _lead(self) -> None:
        """Until somebody asks to stop, or the lease is lost."""
        metronome = Metronome(self._jobs())
        # Mail servers may take their time: what is sent keeps nothing else waiting.
        postman = Metronome(self._errands())
        if not self._shared:
            self._carry()
        metronome.start()
        postman.start()
        self._is(Role.LEADS)
        kept = time.monotonic()
        while not self._stop.wait(self._every):
            age = time.monotonic() - kept
            if age < self._ctx.pace.lease / 6:
                continue
            if self._keep_lease():
                kept = time.monotonic()
            elif age > self._ctx.pace.lease / 2:
                log.error("engine.lease_lost")
                break
        metronome.stop()
        postman.stop()
        if not self._shared:
            self._rest()

    def _is(self, role: Role) -> None:
        if role is not self.role:
            self.role = role
            log.info("engine.role", role=role.value, owner=self._owner)
            self._told(role)

    def _jobs(self) -> list[Job]:
        return [
            Job("interrupted runs", self._every * 5, self.resume_interrupted),
            Job("due portals", self._every, self._queue_due),
            Job("old plans", 3600.0, self._forget_old_plans),
            Job("dead engines", 3600.0, self._forget_dead_engines),
            Job("webhooks", self._every, self._work_on_webhooks),
            Job("old webhooks", 3600.0, lambda: webhook_processing.tidy(self._ctx)),
        ]

    def _errands(self) -> list[Job]:
        return [
            Job("alerts", ALERTS_EVERY, lambda: alerts.evaluate(self._ctx, SYSTEM)),
            Job("statements", ALERTS_EVERY, lambda: alerts.queue_statements(self._ctx, SYSTEM)),
            Job("messages", self._every * 2, lambda: alerts.deliver(self._ctx)),
            Job("old alerts", 24 * 3600.0, lambda: alerts.tidy(self._ctx, SYSTEM)),
            Job("chains", 3600.0, lambda: chain_check.check_chains_when_due(self._ctx)),
        ]

    def _queue_due(self) -> None:
        if queue_due(self._ctx):
            self._queue.wake()

    def _work_on_webhooks(self) -> None:
        webhook_processing.process_waiting(self._ctx)
        if webhook_processing.queue_syncs(self._ctx):
            self._queue.wake()

    def resume_interrupted(self) -> None:
        """Queue again what a dead process left behind; what it had sent is read back before anything else (M4)."""
        for run in free_dead_runs(self._ctx):
            if run.attempt >= MOST_ATTEMPTS:
                text = T("This run ended its process {count} times; it is not begun again.", count=run.attempt)
                self._end(run, text)
            else:
                self._requeue(run)

    def _requeue(self, run: Run) -> None:
        log.info("run.resumed", run_id=run.id, attempt=run.attempt + 1)
        self._ctx.database.run(lambda session: runs.requeue(session, run.id))
        self._queue.wake()

    def _end(self, run: Run, text: Text) -> None:
        now = self._ctx.clock.now()
        self._ctx.database.run(lambda session: runs.give_up(session, run.id, now, text))

    def _forget_old_plans(self) -> None:
        before = self._ctx.clock.now() - PLANS_KEPT
        self._ctx.database.run(lambda session: plans.prune(session, before))

    def _forget_dead_engines(self) -> None:
        now = self._ctx.clock.now()
        self._ctx.database.run(lambda session: leases.prune(session, PRESENCE, now))

    def _carry_out(self, run: Run) -> None:
        try:
            sync.carry_out(self._ctx, run, stop=self._stop)
        except Exception:
            # It is in the run's log with its number; the engine goes on with the next one.
            log.exception("engine.run_broke", run_id=run.id)

    def _keep_lease(self) -> bool:
        """Whether this engine leads; on the way it shows that it is there."""

        def work(session: Session) -> bool:
            leads = take(session, self._ctx, ENGINE, self._owner)
            if leads or self._shared:
                now, seconds = self._ctx.clock.now(), self._ctx.pace.lease
                leases.acquire(session, self._presence, self._owner, now, seconds)
            return leads

        try:
            return self._ctx.database.run(work)
        except SQLAlchemyError as error:
            log.warning("engine.database_unreachable", error=type(error).__name__)
            return False

    def _give_back(self) -> None:
        def work(session: Session) -> None:
            leases.release(session, ENGINE, self._owner)
            leases.release(session, self._presence, self._owner)

        try:
            self._ctx.database.run(work)
        except SQLAlchemyError as error:
            log.warning("engine.database_unreachable", error=type(error).__name__)
