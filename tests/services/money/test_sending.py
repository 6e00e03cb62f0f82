"""Writes leave two at a time, noted before they go, and stop when they must."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import date

import pytest

from core.domain.contract import ItemRef, LineKind, LineRef, PeriodType
from core.domain.errors import (
    OutcomeUnknown,
    RateLimited,
    Refused,
    RemoteError,
    SettingsError,
    ShapeChanged,
    Unauthorized,
)
from core.domain.plan import Change, ChangeKind, ChangeStatus
from core.domain.ports import Adjustment, NewLine
from core.domain.text import T
from core.services.applying import End, Work, judge
from core.services.readback import Seen
from core.services.sending import AHEAD, GIVE_UP_AFTER, IN_FLIGHT, Answer, Sender, Verdict, Write
from tests.services.money.world import TODAY


def change(number: int, before: int = 10, after: int = 12) -> Change:
    return Change(
        kind=ChangeKind.UNITS, company_id=1, contract_id=1, line=LineRef(LineKind.SERVICE, number),
        item=ItemRef(LineKind.SERVICE, 1), from_units=before, to_units=after, effective_date=date(2026, 11, 20),
        status=ChangeStatus.READY, reason=T("test"), period_type=PeriodType.MONTHLY,
    )  # fmt: skip


def writes(count: int) -> list[Write]:
    return [Write(one, one.line) for one in map(change, range(1, count + 1))]


class Slow:
    """Takes a moment for each write, and counts what it sees."""

    def __init__(self, fail: Callable[[int], Exception | None] = lambda _: None) -> None:
        self.fail = fail
        self.sent: list[int] = []
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def adjust(self, adjustment: Adjustment) -> None:
        with self._lock:
            self.sent.append(adjustment.line.id)
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.01)
        with self._lock:
            self.inside -= 1
        if error := self.fail(adjustment.line.id):
            raise error

    def add_line(self, line: NewLine) -> LineRef:
        return LineRef(line.item.kind, 99)


class Notes:
    """Remembers what was noted, and that it was noted before it was sent."""

    def __init__(self, target: Slow) -> None:
        self._target = target
        self.noted: list[int] = []
        self.answered: list[Answer] = []

    def __call__(self, answers: Sequence[Answer], leaving: Sequence[Write]) -> set[str]:
        assert not {write.change.line.id for write in leaving if write.change.line} & set(self._target.sent)
        self.noted += [write.change.line.id for write in leaving if write.change.line]
        self.answered += answers
        assert len(self.noted) - len(self.answered) <= AHEAD
        return set()


def test_m4_every_write_is_noted_before_it_leaves_and_two_are_on_their_way() -> None:
    target = Slow()
    notes = Notes(target)
    answers = Sender(target, notes, lambda: False).send(writes(20))
    assert len(answers) == len(notes.answered) == len(target.sent) == 20
    assert target.most == IN_FLIGHT
    assert all(answer.verdict is Verdict.DONE for answer in answers)


def test_when_autotask_is_away_the_rest_is_not_tried() -> None:
    target = Slow(lambda _: RemoteError(T("Away."), retryable=True))
    sender = Sender(target, Notes(target), lambda: False)
    answers = sender.send(writes(40))
    assert sender.closed
    assert GIVE_UP_AFTER <= len(answers) < GIVE_UP_AFTER + AHEAD + IN_FLIGHT


def test_a_wrong_secret_stops_at_once() -> None:
    target = Slow(lambda _: Unauthorized(T("No.")))
    sender = Sender(target, Notes(target), lambda: False)
    assert len(sender.send(writes(40))) <= AHEAD + IN_FLIGHT


def test_nothing_leaves_a_process_that_stood_still() -> None:
    target = Slow()
    answers = Sender(target, Notes(target), lambda: False, lambda: False).send(writes(3))
    assert target.sent == []
    assert {answer.verdict for answer in answers} == {Verdict.NOT_DONE}


def test_what_somebody_stopped_stays_at_home_and_the_rest_goes() -> None:
    """Also where all that was about to leave was stopped."""
    target, asked = Slow(), writes(20)
    stopped = {write.change.id for write in asked[:10]}
    answers = Sender(target, lambda _, leaving: stopped, lambda: False).send(asked)
    assert {answer.write.change.id for answer in answers} == {write.change.id for write in asked[10:]}
    assert len(target.sent) == 10


def test_nothing_leaves_when_it_cannot_be_noted() -> None:
    target = Slow()

    def broken(answers: Sequence[Answer], leaving: Sequence[Write]) -> set[str]:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Sender(target, broken, lambda: False).send(writes(3))
    assert target.sent == []


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (None, Verdict.DONE),
        (Refused(T("No."), reason="zero"), Verdict.REFUSED),
        (RateLimited(T("Later.")), Verdict.NOT_DONE),
        (RemoteError(T("Down."), retryable=True), Verdict.NOT_DONE),
        (SettingsError(T("Bundles have no cost.")), Verdict.NOT_DONE),
        (OutcomeUnknown(T("?")), Verdict.UNKNOWN),
        (ShapeChanged(T("?")), Verdict.UNKNOWN),
        (KeyError("our own mistake"), Verdict.UNKNOWN),
    ],
)
def test_m4_what_an_answer_tells(error: Exception | None, verdict: Verdict) -> None:
    assert Answer(Write(change(1), None), error=error).verdict is verdict


@pytest.mark.parametrize(
    ("error", "units", "end"),
    [
        (None, 12, End.VERIFIED),
        (None, 10, None),
        (None, 11, End.FAILED),
        (OutcomeUnknown(T("?")), 12, End.VERIFIED),
        (OutcomeUnknown(T("?")), 10, None),
        (OutcomeUnknown(T("?")), 7, End.FAILED),
        (Refused(T("No."), reason="same_day"), 10, End.REFUSED),
        (Refused(T("No."), reason="same_day"), 12, End.VERIFIED),
    ],
)
def test_m4_what_was_read_back_decides(error: Exception | None, units: int, end: End | None) -> None:
    one = change(1)
    work = Work(one, one.line, attempts=1, answer=Answer(Write(one, one.line), one.line, error))
    assert judge(work, Seen(units), TODAY) is end


def test_m8_units_that_stay_in_a_posted_period_are_no_reason_to_send_again() -> None:
    one = change(1)
    work = Work(one, one.line, attempts=1, answer=Answer(Write(one, one.line), one.line, OutcomeUnknown(T("?"))))
    assert judge(work, Seen(10, posted=True, next_units=10), TODAY) is End.FAILED
    assert judge(Work(one, one.line, 1, work.answer), Seen(10, posted=True, next_units=12), TODAY) is End.VERIFIED
