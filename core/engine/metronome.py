"""Queues what is due. The due moments stand in the database, so a restart misses nothing and catches up once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import schedule
import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.due import Schedule, next_due
from core.services.autotask_settings import zone
from core.services.context import Context
from core.store import portals, runs
from core.store.portals import Portal
from core.store.runs import NewRun

log = structlog.get_logger()


def queue_due(ctx: Context) -> list[int]:
    """Queue one run for all portals that are due, and note when each is due next; gives the numbers of new runs.

    Two metronomes at once queue no run twice: a due moment is part of the run's `dedupe`. However long nobody looked, a portal
    is read once, not once for every moment that was missed.
    """
    now = ctx.clock.now()
    with ctx.database.session() as session:
        if not portals.due(session, now):
            return []
    where = zone(ctx)

    def work(session: Session) -> list[int]:
        due = portals.due(session, now)
        for portal in due:
            timed = _schedule(portal)
            portals.set_due(session, portal.id, next_due(timed, now, where) if timed else None)
        if not due or runs.waiting_like(session, _run_of(due)):
            # Where runs take longer than their schedule they do not pile up: the one that waits reads the portals after now.
            return []
        run = runs.enqueue(session, _run_of(due), now)
        return [run.id] if run else []

    queued = ctx.database.run(work)
    if queued:
        log.info("schedule.due", runs=queued)
    return queued


def _run_of(due: Sequence[Portal]) -> NewRun:
    moments = sorted(f"{portal.id}:{portal.next_due_at:%Y-%m-%dT%H:%MZ}" for portal in due)
    return NewRun(
        kind="sync",
        portals=[portal.name for portal in due],
        options={"apply": True},
        dedupe=" ".join(moments),
        started_by="schedule",
    )


def _schedule(portal: Portal) -> Schedule | None:
    try:
        return Schedule.model_validate(portal.schedule) if portal.schedule else None
    except ValidationError:
        log.error("schedule.invalid", portal=portal.name)
        return None


@dataclass(slots=True)
class Job:
    """Something to do every so many seconds."""

    name: str
    seconds: float
    work: Callable[[], object]


class Metronome:
    """Does each job in its own time, in one thread. A job that fails is logged and tried again the next time."""

    def __init__(self, jobs: Sequence[Job], *, tick: float = 0.25) -> None:
        self._jobs = jobs
        self._tick = tick
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; every job is done at once for the first time."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._beat, name="metronome", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End after the job that is being done."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _beat(self) -> None:
        scheduler = schedule.Scheduler()
        for job in self._jobs:
            # The library counts whole seconds; shorter ones are for tests.
            scheduler.every(max(1, round(job.seconds))).seconds.do(self._do, job)
        scheduler.run_all()
        while not self._ended.wait(self._tick):
            scheduler.run_pending()

    def _do(self, job: Job) -> None:
        if self._ended.is_set():
            return
        try:
            job.work()
        except (SQLAlchemyError, OSError) as error:
            log.warning("job.failed", job=job.name, error=type(error).__name__)
        except Exception:
            log.exception("job.broke", job=job.name)
