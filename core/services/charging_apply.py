"""Writes charges to Autotask, each exactly once (M4, M15).

A change is noted as intended, noted as sent, sent, and then read back by its key; what was read back decides, not the answer.
Nothing is sent again unless the charge was found as it was before. The changes of one customer and period take turns.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy.orm import Session

from core.domain.charges.plan import ChargeChange, ExistingCharge
from core.domain.errors import ContractBridgeError, OutcomeUnknown, Refused, RemoteError, ShapeChanged, Unauthorized
from core.domain.ports import ChargeTarget, ChargeWrite
from core.domain.text import Money, T, Text
from core.services.applying import ATTEMPTS, SILENT_ATTEMPTS, STOPPED, UNCERTAIN, End
from core.services.charge_journal import ChargeJournal, seen_json
from core.services.context import Context
from core.services.journal import why
from core.services.landing import looks
from core.services.sending import AHEAD, GIVE_UP_AFTER, IN_FLIGHT
from core.services.threads import Pool
from core.store.bulk import chunks
from core.store.ledger import Event, Fact

log = structlog.get_logger()


@dataclass(slots=True)
class ChargeWork:
    """One change on its way. `found` is the charge as it was read back; `why` tells a person how it ended. `begun`: another change
    that it stands or falls together with is written already.
    """

    change: ChargeChange
    attempts: int = 0
    begun: bool = False
    error: BaseException | None = None
    found: ExistingCharge | None = None
    end: End | None = None
    why: Text | None = None

    def close(self, end: End, text: Text | None = None) -> None:
        self.end, self.why = end, text


@dataclass(slots=True)
class ChargeApplier:
    """Applies changes. `ended` is told of every change that ended, in the transaction that keeps its end."""

    ctx: Context
    target: ChargeTarget
    journal: ChargeJournal
    stop: Callable[[], bool]
    may_send: Callable[[], bool]
    ended: Callable[[Session, Sequence[ChargeWork]], None]
    _reachable: bool = True
    _failures: int = field(default=0)

    def apply(self, works: Sequence[ChargeWork]) -> None:
        """Bring every change to an end; each work tells how. Raises RunLost when another process took over."""
        if not works:
            return
        self.journal.intended([work.change for work in works])
        lanes: dict[str, deque[ChargeWork]] = defaultdict(deque)
        for work in works:
            lanes[work.change.lane].append(work)
        while front := self._front(list(lanes.values())):
            self._round(front)
            self._keep([work for work in front if work.end is not None])

    def _front(self, lanes: Sequence[deque[ChargeWork]]) -> list[ChargeWork]:
        front: list[ChargeWork] = []
        for lane in lanes:
            begun = False
            while lane and lane[0].end is End.VERIFIED:
                begun = bool(lane.popleft())
            if not lane:
                continue
            lane[0].begun = lane[0].begun or begun
            if lane[0].end is None and self._reachable and not self.stop():
                front.append(lane[0])
            else:
                self._leave(lane)
        return front

    def _leave(self, lane: deque[ChargeWork]) -> None:
        """What waits in this lane is not sent any more."""
        if lane[0].end is not None:
            text = T("An earlier charge of this customer did not go through.")
        else:
            text = T("The run was stopped.") if self._reachable else T("Autotask cannot be reached.")
        rest = [work for work in lane if work.end is None]
        for work in rest:
            work.close(End.FAILED if work.attempts else End.WAITING, text)
        self._keep(rest)
        lane.clear()

    def _round(self, works: Sequence[ChargeWork]) -> None:
        """Send one request for each and read all of them back; what had no answer is looked at until it is certain."""
        doubtful = _judge_answered(self._look(self._send(works)))
        waits = looks(self.ctx.pace, self.stop)
        while doubtful and (last := next(waits, None)) is not None:
            doubtful = _judge_answered(self._look(doubtful), last=last)
        for work in doubtful:
            work.close(End.OPEN, UNCERTAIN)

    def _send(self, works: Sequence[ChargeWork]) -> list[ChargeWork]:
        """Those that went out, each noted before."""
        sent: list[ChargeWork] = []
        came: list[ChargeWork] = []
        with Pool(IN_FLIGHT, "charges") as pool:
            for some in chunks(works, AHEAD):
                if not self._reachable or self.stop():
                    break
                came = self._leaving(came, some)
                for work in came:
                    work.attempts += 1
                for work, error in zip(came, pool.map(self._request, came), strict=True):
                    work.error = error
                    self._count(error)
                sent += came
        self._leaving(came, [])
        return sent

    def _leaving(self, came: Sequence[ChargeWork], next_ones: Sequence[ChargeWork]) -> list[ChargeWork]:
        """Note what came back and what goes out; gives the latter. What somebody stopped meanwhile stays at home."""
        stopped = self.journal.exchange(
            [(work.change, work.error, work.attempts) for work in came],
            [(work.change, work.attempts + 1) for work in next_ones],
            [work.change for work in next_ones if not work.begun],
        )
        leaving = []
        for work in next_ones:
            if work.change.id in stopped:
                work.close(End.WAITING, STOPPED)
            else:
                leaving.append(work)
        return leaving

    def _request(self, work: ChargeWork) -> BaseException | None:
        """What went wrong. Nothing is raised: what came of the request is to be read back, whatever it was."""
        if not self.may_send():
            return RemoteError(T("This process stood still for too long; nothing was sent."), retryable=False)
        change = work.change
        try:
            self.target.write_charge(ChargeWrite(change.contract_id, change.key, change.charge_id, change.after))
        except ContractBridgeError as error:
            return error
        except Exception as error:
            log.exception("charge.broke", change=change.id)
            return error
        return None

    def _count(self, error: BaseException | None) -> None:
        not_sent = isinstance(error, RemoteError) and not isinstance(error, Refused | OutcomeUnknown | ShapeChanged)
        self._failures = self._failures + 1 if not_sent else 0
        if isinstance(error, Unauthorized) or self._failures >= GIVE_UP_AFTER:
            self._reachable = False

    def _look(self, works: Sequence[ChargeWork]) -> list[ChargeWork]:
        """Read back and judge; gives those that were found as they were before."""
        if not works:
            return []
        try:
            found = look_up(self.target, [work.change for work in works])
        except RemoteError as error:
            for work in works:
                work.close(End.OPEN, T("It was sent, but could not be read back: {why}", why=error.message))
            return []
        return [work for work in works if judge(work, found[work.change.id]) is None]

    def _keep(self, works: Sequence[ChargeWork]) -> None:
        facts = [one for work in works if (one := self._fact(work)) is not None]
        if works:
            self.journal.ended(facts, lambda session: self.ended(session, works))

    def _fact(self, work: ChargeWork) -> Fact | None:
        events = {
            End.VERIFIED: Event.VERIFIED, End.REFUSED: Event.REFUSED, End.FAILED: Event.FAILED, End.WAITING: Event.SKIPPED,
        }  # fmt: skip
        event = events.get(work.end) if work.end else None
        if event is None:
            return None
        said = why(work.error) if event in (Event.REFUSED, Event.FAILED) else {}
        return self.journal.fact(event, work.change, **said, **seen_json(work.found))


def _judge_answered(unchanged: Sequence[ChargeWork], *, last: bool = False) -> list[ChargeWork]:
    """Judge what was found unchanged; gives those that may still change, as nobody answered. On the last look there are none."""
    doubtful = []
    for work in unchanged:
        if _doubtful(work.error) and not last:
            doubtful.append(work)
        else:
            _judge_unchanged(work)
    return doubtful


def _doubtful(error: BaseException | None) -> bool:
    """Whether Autotask may still be working on it."""
    return not isinstance(error, ContractBridgeError) or isinstance(error, OutcomeUnknown | ShapeChanged)


def look_up(target: ChargeTarget, changes: Sequence[ChargeChange]) -> dict[str, list[ExistingCharge]]:
    """What there is of each change, by its id: charges with its key, and the one with its number. Raises RemoteError."""
    keys = [change.key for change in changes]
    numbers = [change.charge_id for change in changes if change.charge_id is not None]
    found = target.charges_by_key(keys, numbers)
    by_key: dict[str, list[ExistingCharge]] = defaultdict(list)
    by_id = {charge.id: charge for charge in found}
    for charge in found:
        if charge.key is not None:
            by_key[charge.key.text].append(charge)
    there: dict[str, list[ExistingCharge]] = {}
    for change in changes:
        if change.charge_id is None:
            there[change.id] = by_key[change.key.text]
        else:
            there[change.id] = [by_id[change.charge_id]] if change.charge_id in by_id else []
    return there


def judge(work: ChargeWork, there: Sequence[ExistingCharge]) -> End | None:
    """How the change ended by what was read back; None when everything is as it was before."""
    work.found = there[0] if there else None
    if len(there) > 1:
        work.close(End.FAILED, T("Autotask has this charge {count} times now.", count=len(there)))
    elif _as_wanted(work.change, work.found):
        work.close(End.VERIFIED)
    elif isinstance(work.error, Refused):
        work.close(End.REFUSED, work.error.message)
    elif (text := _otherwise(work.change, work.found)) is not None:
        work.close(End.FAILED, text)
    return work.end


def _as_wanted(change: ChargeChange, found: ExistingCharge | None) -> bool:
    if found is None or change.after is None:
        return found is None and change.after is None
    return reached(change, found)


def _otherwise(change: ChargeChange, found: ExistingCharge | None) -> Text | None:
    """What somebody else made of the charge meanwhile; None when it is as it was before."""
    if change.charge_id is None:
        if found is None:
            return None
        return T("Autotask has {amount} now instead of {wanted}.", amount=Money(found.amount, change.currency),
                 wanted=Money(change.amount, change.currency))  # fmt: skip
    if found is None:
        return T("The charge is not in Autotask any more.")
    if change.before is not None and found.amount != change.before.price:
        return T("Somebody changed the charge meanwhile: {amount}.", amount=Money(found.amount, change.currency))
    return None


def reached(change: ChargeChange, found: ExistingCharge) -> bool:
    """Whether the charge says what the change wants. Money, day and booking count; words may be trimmed by Autotask."""
    wanted = change.after
    assert wanted is not None
    have = found.values
    return (
        found.quantity == 1
        and found.contract_id == change.contract_id
        and (have.price, have.cost, have.day) == (wanted.price, wanted.cost, wanted.day)
        and (have.billing_code_id, have.product_id) == (wanted.billing_code_id, wanted.product_id)
        and (change.before is None or change.before.price != wanted.price or have.name == wanted.name)
    )


def _judge_unchanged(work: ChargeWork) -> None:
    """The charge is as it was, and stayed so: another attempt, or the end."""
    error = work.error
    if error is None and work.attempts >= SILENT_ATTEMPTS:
        work.close(End.FAILED, T("Autotask said yes, but nothing changed."))
    elif (
        isinstance(error, RemoteError) and not error.retryable and not isinstance(error, OutcomeUnknown | ShapeChanged)
    ):
        work.close(End.FAILED, error.message)
    elif error is not None and not isinstance(error, RemoteError):
        work.close(End.FAILED, T("The charge could not be sent."))
    elif work.attempts >= ATTEMPTS:
        work.close(End.FAILED, T("Autotask did not take the change in {count} attempts.", count=work.attempts))
