"""The driver for several machines on one PostgreSQL database: procrastinate carries the numbers of runs to whoever is free.

What may begin is decided by the table of runs (`core.store.runs`): a run may need several portals, a job of the library has one
lock. So only runs that may begin are given to the library, and who gets one claims it in the table before anything else. A job that
is there twice, comes late, or is lost with its worker, does no harm: the feeder of any process gives the run out again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException
from procrastinate.jobs import Status
from sqlalchemy.exc import SQLAlchemyError

from core.engine.queue import EmbeddedQueue, Handler
from core.services.context import Context
from core.services.owners import new_owner
from core.store import queue_schema, runs
from core.store.runs import Run

log = structlog.get_logger()
# It tells of every job; the run's own log does so already.
logging.getLogger("procrastinate").setLevel(logging.WARNING)

QUEUE = "runs"
PATIENCE = 10.0
"""Seconds that a connection to the queue is waited for."""
TROUBLE = (ProcrastinateException, psycopg.Error, SQLAlchemyError, OSError, TimeoutError)


class SharedQueue:
    """Threads that carry out runs, fed by procrastinate. Start it once a process."""

    def __init__(self, ctx: Context, *, threads: int = 2, look_every: float = 0.5) -> None:
        self._ctx = ctx
        self._count = threads
        self._look_every = look_every
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake: Callable[[], None] = lambda: None
        self._end: Callable[[], None] = lambda: None

    def start(self, handler: Handler) -> None:
        """Begin; may be started again after `stop`."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._live, args=(handler,), name="runs", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._wake()

    def stop(self, seconds: float) -> bool:
        """Threads end after the run they are at."""
        self._ended.set()
        self._end()
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _live(self, handler: Handler) -> None:
        """Serve; begin anew after the database was away."""
        while not self._ended.is_set():
            try:
                if not queue_schema.prepare(self._ctx.database):
                    self._look_instead(handler)
                    return
                asyncio.run(self._serve(handler))
            except TROUBLE as error:
                log.warning("queue.unreachable", error=type(error).__name__)
            self._ended.wait(self._look_every * 2)

    def _look_instead(self, handler: Handler) -> None:
        """Where no schema may be made for the library, threads look at the table of runs themselves: a little later, as safely."""
        log.warning("queue.no_schema", remedy="GRANT CREATE ON DATABASE")
        queue = EmbeddedQueue(self._ctx, threads=self._count, look_every=self._look_every)
        self._wake = queue.wake
        queue.start(handler)
        self._ended.wait()
        queue.stop(threading.TIMEOUT_MAX)

    async def _serve(self, handler: Handler) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_told)
        news, end = asyncio.Event(), asyncio.Event()
        self._wake = lambda: _signal(loop, news)
        self._end = lambda: _signal(loop, end)
        if self._ended.is_set():
            return
        address, options = queue_schema.connect_info(self._ctx.database)
        connector = procrastinate.PsycopgConnector(
            conninfo=address, kwargs=options, min_size=1, max_size=self._count + 2, timeout=PATIENCE
        )
        app = procrastinate.App(connector=connector)

        @app.task(name="carry_out", queue=QUEUE)
        def carry_out(run_id: int) -> None:
            self._carry_out(run_id, handler)

        lease = self._ctx.pace.lease
        async with app.open_async():
            tasks = [
                asyncio.create_task(
                    app.run_worker_async(
                        queues=[QUEUE],
                        concurrency=self._count,
                        install_signal_handlers=False,
                        delete_jobs="always",
                        update_heartbeat_interval=lease / 6,
                        stalled_worker_timeout=lease,
                    )
                ),
                asyncio.create_task(self._feed(app, carry_out, news)),
                asyncio.create_task(self._clear(app, lease)),
                asyncio.create_task(end.wait()),
            ]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                # The library's worker ends after the runs it is at.
                await asyncio.gather(*tasks, return_exceptions=True)
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error

    def _carry_out(self, run_id: int, handler: Handler) -> None:
        run = self._claim(run_id)
        if run is None:
            return
        handler(run)
        # What waited for its portals may begin now.
        self._wake()

    def _claim(self, run_id: int) -> Run | None:
        ctx, owner = self._ctx, new_owner()
        if self._ended.is_set():
            return None
        try:
            return ctx.database.run(
                lambda session: runs.claim(session, owner, ctx.clock.now(), ctx.pace.lease, run_id=run_id)
            )
        except SQLAlchemyError as error:
            log.warning("queue.unreachable", error=type(error).__name__)
            return None

    async def _feed(self, app: procrastinate.App, task: Any, news: asyncio.Event) -> None:
        """Give out what may begin and was not given out yet. Every process does so; one job for a run can wait at a time."""
        while True:
            free = await asyncio.to_thread(self._claimable)
            if free:
                waiting = await app.job_manager.list_jobs_async(queue=QUEUE, status=Status.TODO.value)
                given = {job.task_kwargs.get("run_id") for job in waiting}
                for run_id in free:
                    if run_id not in given:
                        await _defer(task, run_id)
            try:
                # Python 3.11's `wait_for` goes on when news comes in the very moment in which it is told to end: `stop` hung.
                async with asyncio.timeout(self._look_every):
                    await news.wait()
            except TimeoutError:
                continue
            news.clear()

    def _claimable(self) -> list[int]:
        with self._ctx.database.session() as session:
            return runs.claimable(session)

    async def _clear(self, app: procrastinate.App, seconds: float) -> None:
        """Throw away the jobs of workers that died; their runs are found in the table of runs."""
        while True:
            stalled = await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=seconds)
            for job in stalled:
                try:
                    await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
                except ProcrastinateException as error:
                    log.info("queue.cleared_elsewhere", job=job.id, error=type(error).__name__)
            await asyncio.sleep(seconds)


async def _defer(task: Any, run_id: int) -> None:
    try:
        await task.configure(queueing_lock=f"run {run_id}").defer_async(run_id=run_id)
    except AlreadyEnqueued:
        log.debug("queue.given_elsewhere", run_id=run_id)


def _signal(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(event.set)
    except RuntimeError:
        # It is served no more; the next start looks by itself.
        log.debug("queue.asleep")


def _told(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A job that was thrown away while its worker stood still cannot be ended any more: nothing to do about it."""
    error = context.get("exception")
    log.info("queue.job_lost", error=type(error).__name__ if error else str(context.get("message", "")))
