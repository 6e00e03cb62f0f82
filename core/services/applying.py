"""Applies changes to Autotask, each exactly once (M4, M5, M11).

A change is noted as intended, noted as sent, sent, and then read back; what was read back decides, not the answer. Nothing
is ever sent again unless the line was found as it was before. The changes of one line take turns: the next is sent when the
one before was read back, and waits when that one failed. So do the changes of two lines that belong together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import structlog
from sqlalchemy.orm import Session

from core.domain.contract import ContractLine, LineRef
from core.domain.errors import ContractBridgeError, Refused, RemoteError
from core.domain.plan import Change
from core.domain.ports import Target
from core.domain.text import T, Text
from core.services.context import Context
from core.services.journal import Journal, Prices, seen_json, why
from core.services.landing import looks
from core.services.readback import Place, Seen, find_lines, prices_match, read_back
from core.services.sending import Answer, Sender, Verdict, Write
from core.store.ledger import Event, Fact

log = structlog.get_logger()

ATTEMPTS = 3
"""A write is sent so often at most, each time after the line was found unchanged."""
SILENT_ATTEMPTS = 2
"""An accepted write that changed nothing is tried once more (Autotask reference §15)."""

UNCERTAIN = T("It was sent and had no answer; the run was stopped before it was certain. The next run settles it.")

STOPPED = T("Somebody stopped it while the run went on.")


class End(StrEnum):
    """How a change ended in this run."""

    VERIFIED = "verified"
    FAILED = "failed"
    REFUSED = "refused"
    WAITING = "waiting"
    """Not sent: an earlier change of its line or its pair failed, Autotask could not be reached, or the run was stopped."""
    OPEN = "open"
    """Sent, and could not be read back: the next run settles it."""


@dataclass(slots=True)
class Work:
    """One change on its way. `line` is known once the line exists; `why` tells a person how it ended. `begun`: a part of it, or
    an earlier change of its line, is written already.
    """

    change: Change
    line: LineRef | None
    attempts: int = 0
    begun: bool = False
    answer: Answer | None = None
    seen: Seen | None = None
    end: End | None = None
    why: Text | None = None
    reason: str = ""

    def close(self, end: End, text: Text | None = None, reason: str = "") -> None:
        self.end, self.why, self.reason = end, text, reason


@dataclass(slots=True)
class Applier:
    """Applies one plan's changes. `ended` is told of every change that ended, in the transaction that keeps its end."""

    ctx: Context
    target: Target
    journal: Journal
    stop: Callable[[], bool]
    may_send: Callable[[], bool] = lambda: True
    ended: Callable[[Session, Sequence[Work]], None] = lambda _session, _works: None
    told: Callable[[int, int], None] = lambda _done, _total: None
    _works: list[Work] = field(default_factory=list)
    _stopped: set[str] = field(default_factory=set)
    _reachable: bool = True

    def apply(self, works: Sequence[Work], prices: Mapping[LineRef, Prices] | None = None) -> None:
        """Bring every change to an end; each `Work` tells how. Raises RunLost when another process took over.

        `prices` are what the lines have now, to be able to go back to them.
        """
        self._works = list(works)
        if not works:
            return
        self.journal.intended([work.change for work in works], prices or {})
        lanes = _lanes(works)
        while front := self._front(lanes):
            self._create_lines([work for work in front if work.line is None])
            self._round([work for work in front if work.end is None and work.line is not None])
            self._keep_ends(front)

    def _front(self, lanes: list[deque[Work]]) -> list[Work]:
        """The next change of each line; those that can no longer be sent are closed."""
        front: list[Work] = []
        for lane in lanes:
            begun = False
            while lane and lane[0].end is End.VERIFIED:
                begun = bool(lane.popleft())
            if lane:
                lane[0].begun = lane[0].begun or begun
            if lane and lane[0].end is None and self._reachable and not self.stop():
                front.append(lane[0])
            elif lane:
                self._leave(lane)
        return front

    def _leave(self, lane: deque[Work]) -> None:
        first, failed = lane[0], lane[0].end is not None
        rest = [work for work in lane if work.end is None]
        for work in rest:
            if failed and work.change.line != first.change.line:
                text = T("The change that it goes together with did not go through: both or none.")
            elif failed:
                text = T("An earlier change of this line did not go through.")
            elif not self._reachable:
                text = T("Autotask cannot be reached.")
            else:
                text = T("The run was stopped.")
            work.close(End.FAILED if work.attempts else End.WAITING, text)
        self._keep_ends(rest)
        lane.clear()

    def _create_lines(self, works: list[Work]) -> None:
        """Put missing lines on their contracts; never a second one of the same service."""
        while pending := [work for work in works if work.line is None and work.end is None]:
            unknown: list[Work] = []
            for work in self._send(pending):
                verdict = work.answer.verdict if work.answer else None
                if verdict is Verdict.DONE:
                    assert work.answer is not None
                    work.line, work.attempts, work.begun = work.answer.line, 0, True
                elif verdict is Verdict.UNKNOWN:
                    unknown.append(work)
                else:
                    _judge_unsent(work)
            self._look_for_lines(unknown)
            if not self._reachable or self.stop():
                return

    def _look_for_lines(self, works: list[Work]) -> None:
        """Whether lines exist whose creation nobody knows the outcome of."""
        missing = works
        waits = looks(self.ctx.pace, self.stop)
        while missing and (last := next(waits, None)) is not None:
            try:
                found = find_lines(self.target, {work.change.contract_id for work in missing})
            except RemoteError as error:
                _leave_open(missing, error)
                return
            for work in missing:
                _recognise(work, found.get((work.change.contract_id, work.change.item), []))
            missing = [work for work in missing if work.line is None and work.end is None]
            if last:
                for work in missing:
                    _judge_unchanged(work)
                return
        _leave_unknown(missing)

    def _round(self, works: list[Work]) -> None:
        """Send one adjustment for each line, and read all of them back."""
        if not works:
            return
        sent = self._send(works)
        failed = [work for work in sent if work.answer and work.answer.verdict is Verdict.NOT_DONE]
        for work in failed:
            _judge_unsent(work)
        to_see = [work for work in sent if work.answer and work.answer.verdict is not Verdict.NOT_DONE]
        self._look_again(self._look(to_see))

    def _look_again(self, doubtful: list[Work]) -> None:
        """At lines that were found unchanged: once where Autotask said yes, and as long as it takes where it said nothing."""
        waits = looks(self.ctx.pace, self.stop)
        while doubtful and (last := next(waits, None)) is not None:
            unchanged, doubtful = self._look(doubtful), []
            for work in unchanged:
                if last or _verdict(work) is not Verdict.UNKNOWN:
                    _judge_unchanged(work)
                else:
                    doubtful.append(work)
        _leave_unknown(doubtful)

    def _send(self, works: Sequence[Work]) -> list[Work]:
        """Send one request for each; gives those that went out."""
        sender = Sender(self.target, self._exchange, self.stop, self.may_send)
        by_change = {work.change.id: work for work in works}
        self._stopped.clear()
        answers = sender.send([Write(work.change, work.line, work.attempts + 1, work.begun) for work in works])
        self._reachable = self._reachable and not (sender.closed and not self.stop())
        sent: list[Work] = []
        for answer in answers:
            work = by_change[answer.write.change.id]
            work.answer, work.attempts = answer, work.attempts + 1
            sent.append(work)
        for change_id in self._stopped:
            by_change[change_id].close(End.WAITING, STOPPED)
        return sent

    def _exchange(self, answers: Sequence[Answer], leaving: Sequence[Write]) -> set[str]:
        stopped = self.journal.exchange(answers, leaving)
        self._stopped |= stopped
        done = sum(work.answer is not None for work in self._works)
        self.told(done + len(answers), len(self._works))
        return stopped

    def _look(self, works: list[Work]) -> list[Work]:
        """Read back and judge; gives the works whose lines were found unchanged."""
        if not works:
            return []
        try:
            seen = read_back(self.target, [(work.change, work.line) for work in works if work.line is not None])
        except RemoteError as error:
            _leave_open(works, error)
            return []
        doubtful: list[Work] = []
        today = self.ctx.clock.today()
        for work in works:
            assert work.line is not None
            work.seen = seen.get(Place(work.line, work.change.effective_date))
            if work.seen is None:
                _leave_open([work], None)
            elif judge(work, work.seen, today) is None:
                doubtful.append(work)
        return doubtful

    def _keep_ends(self, works: Iterable[Work]) -> None:
        closed = [work for work in works if work.end is not None]
        facts = [fact for work in closed if (fact := self._fact(work)) is not None]
        if closed:
            self.journal.ended(facts, lambda session: self.ended(session, closed))

    def _fact(self, work: Work) -> Fact | None:
        error = why(work.answer.error if work.answer else None)
        match work.end:
            case End.VERIFIED:
                return self.journal.fact(Event.VERIFIED, work.change, work.line, **seen_json(work.seen))
            case End.REFUSED:
                return self.journal.fact(Event.REFUSED, work.change, work.line, **error)
            case End.FAILED:
                return self.journal.fact(Event.FAILED, work.change, work.line, **error, **seen_json(work.seen))
            case End.WAITING:
                return self.journal.fact(Event.SKIPPED, work.change, work.line)
        return None


def judge(work: Work, seen: Seen, today: date) -> End | None:
    """How the work ended by what was read back; None when the line was found as it was before."""
    change, answer, verdict = work.change, work.answer, _verdict(work)
    if _as_wanted(work, seen, verdict, future=change.effective_date > today):
        work.close(End.VERIFIED)
    elif answer and isinstance(answer.error, Refused):
        work.close(End.REFUSED, answer.error.message, answer.error.reason)
    elif seen.units != change.from_units:
        text = T("Autotask has {units} units now instead of {wanted}.", units=seen.units, wanted=change.to_units)
        work.close(End.FAILED, text, "mismatch")
    elif seen.posted:
        # Rows of a posted period may stay as they are although the change was taken: sending again could count twice.
        work.close(
            End.FAILED, T("The period is posted and its units did not change; look at it in Autotask."), "posted"
        )
    return work.end


def _verdict(work: Work) -> Verdict:
    return work.answer.verdict if work.answer else Verdict.UNKNOWN


def _recognise(work: Work, there: Sequence[ContractLine]) -> None:
    """The line of the service, where the contract has just one by now."""
    if len(there) == 1:
        work.line, work.attempts, work.begun = there[0].ref, 0, True
    elif there:
        work.close(End.FAILED, T("The contract has several lines of this service now."))


def _judge_unchanged(work: Work) -> None:
    """The line is as it was, and stayed so: another attempt, or the end."""
    if _verdict(work) is Verdict.DONE and work.attempts >= SILENT_ATTEMPTS:
        work.close(End.FAILED, T("Autotask said yes, but nothing changed."), "silent")
    elif work.attempts >= ATTEMPTS:
        work.close(End.FAILED, T("Autotask did not take the change in {count} attempts.", count=work.attempts))
    else:
        log.info("write.again", change=work.change.id, attempt=work.attempts + 1)


def _as_wanted(work: Work, seen: Seen, verdict: Verdict, *, future: bool) -> bool:
    """Whether the line is as the change wants it."""
    change = work.change
    reached = seen.units == change.to_units or (seen.posted and seen.next_units == change.to_units)
    priced = change.unit_price is not None or change.unit_cost is not None
    if not reached or not priced:
        # A refusal of a write without effect on units proves nothing; with the wanted units, there is nothing left to do.
        return reached
    if prices_match(change, seen):
        return True
    # The line shows a later price only from its day on: till then the answer must do.
    repeated = verdict is Verdict.REFUSED and work.attempts > 1
    return future and (verdict is Verdict.DONE or repeated)


def _judge_unsent(work: Work) -> None:
    """A write that is known not to have happened: refused, or not got through."""
    error = work.answer.error if work.answer else None
    if isinstance(error, Refused):
        work.close(End.REFUSED, error.message, error.reason)
    elif work.answer is not None and (not work.answer.may_work_later or work.attempts >= ATTEMPTS):
        text = error.message if isinstance(error, ContractBridgeError) else None
        work.close(End.FAILED, text or T("The change could not be sent."))


def _leave_open(works: Iterable[Work], error: RemoteError | None) -> None:
    for work in works:
        work.close(End.OPEN, T("It was sent, but could not be read back: {why}", why=error.message if error else "?"))


def _leave_unknown(works: Iterable[Work]) -> None:
    for work in works:
        work.close(End.OPEN, UNCERTAIN)


def _lanes(works: Iterable[Work]) -> list[deque[Work]]:
    """The changes of each line, in the order in which they are to be made; lines that change together take turns as one."""
    lanes: dict[object, deque[Work]] = {}
    for work in works:
        change = work.change
        lane = change.pair or change.line or (change.contract_id, change.item)
        lanes.setdefault(lane, deque()).append(work)
    return list(lanes.values())
