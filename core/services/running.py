"""A run that this process carries out: its lease, its log, its progress, and its turn to write to Autotask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.errors import ContractBridgeError, PersonError
from core.domain.text import T, Text
from core.services.context import Context
from core.services.owners import is_dead
from core.services.threads import daemon
from core.store import leases, runlog, runs
from core.store.runlog import LogLine
from core.store.runs import Run

log = structlog.get_logger()

WRITER = "writer"
"""The lease of the one run that may write to Autotask."""
Progress = Callable[[int, int, Text], None]
"""Told how far a run is: portals done, portals in all, and a sentence."""


class RunLost(ContractBridgeError):
    """Another process has taken this run over, or its turn to write: nothing more may be sent."""

    def __init__(self) -> None:
        super().__init__(T("Another process has taken this run over."), kind="run_lost")


class RunStopped(ContractBridgeError):
    """The process was asked to end: the run goes on at the next start."""

    def __init__(self) -> None:
        super().__init__(T("The run was stopped; it goes on at the next start."), kind="run_stopped")


class Running:
    """One claimed run. Thread-safe. `stop` is set when the process is asked to end, `lost` when the lease was."""

    def __init__(
        self, ctx: Context, run: Run, *, stop: threading.Event | None = None, progress: Progress | None = None
    ) -> None:
        self.ctx = ctx
        self.run = run
        self.owner = run.lease_owner
        self.stop = stop or threading.Event()
        self.lost = threading.Event()
        self.others_until: datetime | None = None
        """Until when whoever had the turn before, and never gave it back, may have sent something; None where it was given back."""
        self._tell = progress
        self._writes = False
        self._beating = threading.Lock()
        self._alive_at = time.time()

    @property
    def id(self) -> int:
        return self.run.id

    def should_stop(self) -> bool:
        """Whether nothing new may be begun."""
        return self.stop.is_set() or self.lost.is_set()

    def go_on(self) -> None:
        """Between two steps: raises RunStopped or RunLost where the next one may not begin."""
        if self.lost.is_set():
            raise RunLost
        if self.stop.is_set():
            raise RunStopped

    def may_send(self) -> bool:
        """Whether it is certainly still this run's turn: a sign of life was kept not long ago. By the wall clock, which goes on
        while a machine sleeps.
        """
        return not self.lost.is_set() and time.time() - self._alive_at < self.ctx.pace.lease / 2

    def may_write(self) -> bool:
        """Whether a write may leave at this very moment: asked last, when it has its place at Autotask and nothing is waited for.

        A process that stood still since the write was noted may have been taken for dead and its work be done by another one (M4).
        So the run's lease and that of the turn are looked at where they are: the clock of a machine that slept proves nothing.
        """
        if not self.may_send():
            return False
        try:
            with self.ctx.database.session() as session:
                mine = runs.is_mine(session, self.id, self.owner)
                turn = leases.holder(session, WRITER, self.ctx.clock.now()) == self.owner
        except SQLAlchemyError as error:
            log.warning("run.fence_unknown", run_id=self.id, error=type(error).__name__)
            return False
        if not (mine and turn):
            self.lost.set()
        return mine and turn

    def log(self, text: Text, *, level: str = "info", event: str = "", portal: str = "") -> None:
        """One line of the run's log."""
        line = self.line(text, level=level, event=event, portal=portal)
        self.ctx.database.run(lambda session: runlog.append(session, [line]))

    def line(self, text: Text, *, level: str = "info", event: str = "", portal: str = "") -> LogLine:
        """A line of the run's log that is written together with something else."""
        return LogLine(run_id=self.id, at=self.ctx.clock.now(), text=text, level=level, event=event, portal=portal)

    def progress(self, done: int, total: int, text: Text) -> None:
        """How far the run is."""
        if self._tell:
            self._tell(done, total, text)
        self.ctx.database.run(lambda session: runs.progress(session, self.id, self.owner, done, total, text))

    def fence(self, session: Session) -> None:
        """Inside a transaction: go on only while the run is ours and it is its turn to write. Raises RunLost.

        The turn alone proves nothing: another process may have taken the run over, ended it, and given the turn back.
        """
        now, seconds = self.ctx.clock.now(), self.ctx.pace.lease
        self.must_be_mine(session)
        if not leases.acquire(session, WRITER, self.owner, now, seconds):
            self.lost.set()
            raise RunLost
        self._alive_at = time.time()

    def must_be_mine(self, session: Session) -> None:
        """Inside a transaction: go on only while no other process has taken the run over. Raises RunLost."""
        now, seconds = self.ctx.clock.now(), self.ctx.pace.lease
        if self.lost.is_set() or not runs.heartbeat(session, self.id, self.owner, now, seconds):
            self.lost.set()
            raise RunLost

    @contextmanager
    def breathing(self) -> Iterator[None]:
        """Keep the run's leases while it goes on."""
        ended = threading.Event()
        thread = daemon(self._breathe, ended, name=f"run-{self.id}")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _breathe(self, ended: threading.Event) -> None:
        while not ended.wait(self.ctx.pace.lease / 4):
            began = time.time()
            try:
                with self._beating:
                    alive = self.ctx.database.run(self._beat)
                if not alive:
                    self.lost.set()
                    log.error("run.lost", run_id=self.id)
                    return
                self._alive_at = began
            except SQLAlchemyError as error:
                # The lease runs out by itself if this goes on; the fence keeps anything from being sent then.
                log.warning("run.heartbeat_failed", run_id=self.id, error=type(error).__name__)

    def _beat(self, session: Session) -> bool:
        # In the order of `fence`, so that neither waits for the other.
        now, seconds = self.ctx.clock.now(), self.ctx.pace.lease
        if not runs.heartbeat(session, self.id, self.owner, now, seconds):
            return False
        return not self._writes or leases.acquire(session, WRITER, self.owner, now, seconds)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """This run's turn to plan and write: only one has it at a time, on however many machines.

        Raises PersonError when another run does not end in time.
        """
        self._wait_for_turn()
        self._writes = True
        try:
            yield
        finally:
            # Never while a sign of life is being given: that would take the turn again behind our back.
            with self._beating:
                self._writes = False
                self.ctx.database.run(lambda session: leases.release(session, WRITER, self.owner))

    def wait_for_portals(self) -> None:
        """Return when no run that was there before reads portals of this one. Raises PersonError when one does not end in time."""
        self._wait(
            lambda: not self._somebody_ahead(),
            T("Another run reads the same portal: this one waits for it."),
            T("Another run is still reading the same portal."),
        )

    def _somebody_ahead(self) -> bool:
        now = self.ctx.clock.now()
        with self.ctx.database.session() as session:
            before = runs.ahead(session, self.run)
        return any(
            run.lease_until is not None and run.lease_until >= now and not is_dead(run.lease_owner) for run in before
        )

    def _wait_for_turn(self) -> None:
        self._wait(
            lambda: self.ctx.database.run(self._take_turn),
            T("Another run is writing to Autotask: this one waits for it."),
            T("Another run is still writing to Autotask."),
        )

    def _take_turn(self, session: Session) -> bool:
        now, before = self.ctx.clock.now(), leases.left_behind(session, WRITER)
        if not take(session, self.ctx, WRITER, self.owner):
            return False
        if before is not None and before[0] != self.owner:
            # Nothing leaves half a lease after the last sign of life (`may_send`).
            self.others_until = min(now, before[1] - timedelta(seconds=self.ctx.pace.lease / 2))
        return True

    def _wait(self, free: Callable[[], bool], why: Text, too_long: Text) -> None:
        until = time.monotonic() + self.ctx.pace.lock_wait
        told = False
        while not free():
            if not told:
                self.log(why, event="run.waits")
                told = True
            self.stop.wait(0.2)
            self.go_on()
            if time.monotonic() > until:
                raise PersonError(too_long, remedy=T("Try again when it has ended."), kind="busy")

    def leave(self, pause: float = -1.0) -> None:
        """Let the run be taken up again by whoever starts next, or after so many seconds."""
        now = self.ctx.clock.now()
        self.ctx.database.run(lambda session: runs.leave(session, self.id, self.owner, now, pause))

    def finish(self, status: str, summary: Mapping[str, Any], error: Text | None = None) -> bool:
        """End the run; False when it is not this process's any more."""
        now = self.ctx.clock.now()
        return self.ctx.database.run(
            lambda session: runs.finish(session, self.id, status, now, owner=self.owner, summary=summary, error=error)
        )


def take(session: Session, ctx: Context, name: str, owner: str) -> bool:
    """Take a lease, also from a process that is known to be dead."""
    now, seconds = ctx.clock.now(), ctx.pace.lease
    if leases.acquire(session, name, owner, now, seconds):
        return True
    other = leases.holder(session, name, now)
    if not is_dead(other):
        return False
    leases.release(session, name, other)
    return leases.acquire(session, name, owner, now, seconds)


def begin(ctx: Context, new: runs.NewRun, owner: str) -> Run:
    """A run that this process carries out itself, at once."""

    def work(session: Session) -> Run:
        queued = runs.enqueue(session, new, ctx.clock.now())
        assert queued is not None
        run = runs.claim(session, owner, ctx.clock.now(), ctx.pace.lease, run_id=queued.id, in_turn=False)
        assert run is not None
        return run

    return ctx.database.run(work)


def free_dead_runs(ctx: Context) -> list[Run]:
    """Runs whose process died, now marked as interrupted."""

    def work(session: Session) -> list[Run]:
        now = ctx.clock.now()
        for run in runs.unfinished(session):
            if run.status == runs.RUNNING and is_dead(run.lease_owner):
                runs.heartbeat(session, run.id, run.lease_owner, now, -1.0)
        return runs.interrupt_dead(session, now)

    return ctx.database.run(work)
