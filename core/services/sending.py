"""Sends writes to Autotask: two at a time of each kind, each one noted before it goes out (M4).

Nothing here decides whether a write is to be sent, or sent again: that is `core.services.applying`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

import structlog

from core.domain.contract import LineKind, LineRef
from core.domain.errors import ContractBridgeError, OutcomeUnknown, Refused, RemoteError, ShapeChanged, Unauthorized
from core.domain.plan import Change
from core.domain.ports import Adjustment, NewLine, TargetWriter
from core.domain.text import T
from core.services.threads import Pool

log = structlog.get_logger()

IN_FLIGHT = 2
"""Requests at a time for one entity: Autotask allows three, but frees a place a little late (reference §5)."""
AHEAD = 4
"""Writes of one entity noted as sent at most: those in flight, and the next ones, so that no place waits for the database."""
TOGETHER = 0.04
"""Seconds that an answer waits for the next one; by then the writes that are ahead have not run out."""
GIVE_UP_AFTER = 6
"""So many writes in a row that did not get through, and the rest stays at home: Autotask is not reachable."""


class Verdict(StrEnum):
    """What an answer tells about a write."""

    DONE = "done"
    """Accepted. No proof yet: a 200 that changed nothing has been seen (Autotask reference §15)."""
    REFUSED = "refused"
    NOT_DONE = "not_done"
    """Known not to have happened."""
    UNKNOWN = "unknown"
    """Nobody knows: read back before anything else."""


@dataclass(frozen=True, slots=True)
class Write:
    """One request of a change. Without a `line` it puts the service on the contract; otherwise it adjusts that line."""

    change: Change
    line: LineRef | None
    attempt: int = 1
    begun: bool = False
    """Whether a part of what it belongs to is written already: then it is too late to stop it."""

    @property
    def kind(self) -> LineKind:
        return self.change.item.kind if self.line is None else self.line.kind

    def adjustment(self) -> Adjustment:
        """The adjustment that turns `from_units` into `to_units` on the effective date."""
        assert self.line is not None
        change = self.change
        return Adjustment(
            contract_id=change.contract_id,
            line=self.line,
            effective_date=change.effective_date,
            unit_change=change.unit_change,
            unit_price=change.unit_price,
            unit_cost=change.unit_cost,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `line` is the line that was adjusted or added, `error` why not."""

    write: Write
    line: LineRef | None = None
    error: BaseException | None = None

    @property
    def verdict(self) -> Verdict:
        match self.error:
            case None:
                return Verdict.DONE
            case Refused():
                return Verdict.REFUSED
            case OutcomeUnknown() | ShapeChanged():
                return Verdict.UNKNOWN
            case ContractBridgeError():
                return Verdict.NOT_DONE
        # A mistake of our own, somewhere between sending and reading the answer: it may have happened.
        return Verdict.UNKNOWN

    @property
    def may_work_later(self) -> bool:
        """For what was not done: whether the same write is worth another try."""
        return isinstance(self.error, RemoteError) and self.error.retryable


def _some(flying: Mapping[Future[LineRef | None], Write]) -> set[Future[LineRef | None]]:
    """Answers to keep together: the first, and another one that comes right behind it. Half as many transactions do."""
    done, left = wait(flying, return_when=FIRST_COMPLETED)
    if len(done) == 1 and left:
        done |= wait(left, timeout=TOGETHER, return_when=FIRST_COMPLETED).done
    return done


Note = Callable[[Sequence[Answer], Sequence[Write]], Collection[str]]
"""Keeps answers and what is about to be sent, in one transaction; gives the changes that are not to be sent after all. Raises when
nothing may be sent any more.
"""


class Sender:
    """Sends many writes of different lines. `note` is called in this thread only; `stop` is asked before each write.

    `may_send` is asked right before a request leaves: a process that stood still since it noted the write may have been taken
    for dead, and another one may have settled it.
    """

    def __init__(
        self,
        target: TargetWriter,
        note: Note,
        stop: Callable[[], bool],
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._target = target
        self._note = note
        self._stop = stop
        self._may_send = may_send
        self._failures = 0
        self.closed = False
        """No more is sent: somebody asked to stop, or Autotask cannot be reached."""

    def send(self, writes: Sequence[Write]) -> list[Answer]:
        """The answers of all writes that were sent. What has no answer was not sent."""
        waiting: dict[LineKind, deque[Write]] = {}
        for write in writes:
            waiting.setdefault(write.kind, deque()).append(write)
        answers: list[Answer] = []
        with ExitStack() as stack:
            pools = {kind: Pool(IN_FLIGHT, f"send-{kind}") for kind in waiting}
            for pool in pools.values():
                # When notes can no longer be taken, what has not left yet stays at home.
                stack.callback(pool.shutdown, cancel_futures=True)
            flying: dict[Future[LineRef | None], Write] = {}
            arrived: list[Answer] = []
            while True:
                leaving = self._next(waiting, flying)
                stopped = self._note(arrived, leaving) if arrived or leaving else ()
                for write in leaving:
                    if write.change.id not in stopped:
                        flying[pools[write.kind].submit(self._request, write)] = write
                if not flying and not leaving:
                    return answers
                if not flying:
                    arrived = []
                    continue
                arrived = [self._answer(future, flying.pop(future)) for future in _some(flying)]
                answers.extend(arrived)

    def _next(self, waiting: dict[LineKind, deque[Write]], flying: dict[Future[LineRef | None], Write]) -> list[Write]:
        if self.closed or self._stop():
            self.closed = True
            return []
        leaving: list[Write] = []
        for kind, queue in waiting.items():
            free = AHEAD - sum(write.kind is kind for write in flying.values())
            leaving.extend(queue.popleft() for _ in range(min(free, len(queue))))
        return leaving

    def _request(self, write: Write) -> LineRef | None:
        if not self._may_send():
            raise RemoteError(T("This process stood still for too long; nothing was sent."), retryable=False)
        return self.deliver(write)

    def deliver(self, write: Write) -> LineRef | None:
        """Send one write; gives the line it was for or made."""
        if write.line is None:
            return self._target.add_line(NewLine(write.change.contract_id, write.change.item))
        self._target.adjust(write.adjustment())
        return write.line

    def _answer(self, future: Future[LineRef | None], write: Write) -> Answer:
        error = future.exception()
        answer = Answer(write, write.line if error else future.result(), error)
        if answer.verdict is Verdict.NOT_DONE and isinstance(error, RemoteError):
            self._failures += 1
            self.closed = self.closed or isinstance(error, Unauthorized) or self._failures >= GIVE_UP_AFTER
        else:
            self._failures = 0
        if error is not None:
            log.warning(
                "write.answered", change=write.change.id, verdict=answer.verdict.value, error=type(error).__name__,
                ours=not isinstance(error, RemoteError), exc_info=None if isinstance(error, RemoteError) else error,
            )  # fmt: skip
        return answer
