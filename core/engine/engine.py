"""The engine: one at a time on a database, however many are started; the others stand by."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.text import T, Text
from core.engine.metronome import Job, Metronome, queue_due
from core.engine.queue import EmbeddedQueue, Queue
from core.services import alerts, sync, webhook_processing
from core.services.access import SYSTEM
from core.services.context import Context
from core.services.owners import new_owner
from core.services.running import free_dead_runs, take
from core.store import leases, plans, runs
from core.store.runs import Run

log = structlog.get_logger()

ENGINE = "engine"
"""The lease of the one engine that works."""
MOST_ATTEMPTS = 5
"""A run that took its process with it so often is not begun again."""
ALERTS_EVERY = 1800.0
"""Seconds between two looks at what nobody's run brings to light: sources that grow old, contracts that end."""
PLANS_KEPT = timedelta(days=30)
"""Plans of which nothing was written."""


class Engine:
    """Carries out queued runs, queues what is due, and takes up what a dead process left. Start it once a process."""

    def __init__(self, ctx: Context, *, queue: Queue | None = None, every: float = 1.0) -> None:
        self._ctx = ctx
        self._queue = queue or EmbeddedQueue(ctx)
        self._every = every
        self._owner = new_owner()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._stand_by, name="engine", daemon=True)
        self.working = threading.Event()
        """Set while this engine is the one that works."""

    def start(self) -> None:
        """Returns at once; the work goes on in threads."""
        self._thread.start()

    def stop(self, seconds: float = 30.0) -> None:
        """End after the step that is being done; runs that are not at their end go on at the next start."""
        self._stop.set()
        self._queue.wake()
        self._thread.join(seconds)

    def _stand_by(self) -> None:
        while not self._stop.is_set():
            if self._keep_lease():
                self._work()
            else:
                self._stop.wait(self._every)
        log.info("engine.stopped")

    def _work(self) -> None:
        """Until somebody asks to stop, or the lease is lost."""
        log.info("engine.works", owner=self._owner)
        metronome = Metronome(self._jobs())
        self._queue.start(self._carry_out)
        # Mail servers may take their time: what is sent keeps nothing else waiting.
        postman = Metronome(self._errands())
        metronome.start()
        postman.start()
        self.working.set()
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
        self.working.clear()
        metronome.stop()
        postman.stop()
        self._queue.stop(25.0)
        self._give_back()

    def _jobs(self) -> list[Job]:
        return [
            Job("interrupted runs", self._every * 5, self.resume_interrupted),
            Job("due portals", self._every, self._queue_due),
            Job("old plans", 3600.0, self._forget_old_plans),
            Job("webhooks", self._every, self._work_on_webhooks),
            Job("old webhooks", 3600.0, lambda: webhook_processing.tidy(self._ctx)),
        ]

    def _errands(self) -> list[Job]:
        return [
            Job("alerts", ALERTS_EVERY, lambda: alerts.evaluate(self._ctx, SYSTEM)),
            Job("statements", ALERTS_EVERY, lambda: alerts.queue_statements(self._ctx, SYSTEM)),
            Job("messages", self._every * 2, lambda: alerts.deliver(self._ctx)),
            Job("old alerts", 24 * 3600.0, lambda: alerts.tidy(self._ctx, SYSTEM)),
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
        self._ctx.database.run(lambda session: runs.finish(session, run.id, "failed", now, error=text))

    def _forget_old_plans(self) -> None:
        before = self._ctx.clock.now() - PLANS_KEPT
        self._ctx.database.run(lambda session: plans.prune(session, before))

    def _carry_out(self, run: Run) -> None:
        try:
            sync.carry_out(self._ctx, run, stop=self._stop)
        except Exception:
            # It is in the run's log with its number; the engine goes on with the next one.
            log.exception("engine.run_broke", run_id=run.id)

    def _keep_lease(self) -> bool:
        try:
            return self._ctx.database.run(lambda session: take(session, self._ctx, ENGINE, self._owner))
        except SQLAlchemyError as error:
            log.warning("engine.database_unreachable", error=type(error).__name__)
            return False

    def _give_back(self) -> None:
        def work(session: Session) -> None:
            leases.release(session, ENGINE, self._owner)

        try:
            self._ctx.database.run(work)
        except SQLAlchemyError as error:
            log.warning("engine.database_unreachable", error=type(error).__name__)
