"""Settles what an earlier run left open: a process that was killed, an answer that never came (M4).

Whoever settles has the turn to write, so nobody else is sending. Nothing is sent here: what did not happen is planned again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.domain.contract import LineRef
from core.domain.plan import Change
from core.domain.ports import Target
from core.domain.text import T, Text
from core.services import reversals
from core.services.applying import End, Work, judge
from core.services.charge_journal import is_charge
from core.services.journal import intended_change, seen_json
from core.services.landing import let_land
from core.services.provisioning_recovery import settle_steps
from core.services.readback import Place, Seen, find_lines, read_back
from core.services.running import Running
from core.store import ledger, runlog
from core.store.ledger import Entry, Event, Fact, OpenIntent


@dataclass(frozen=True, slots=True)
class _Open:
    """One open write, and the line it was for (or made)."""

    intent: Entry
    change: Change
    line: LineRef | None
    sent: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """One write whose end is known now. `applied`: Autotask has it."""

    change: Change
    line: LineRef | None
    applied: bool


def settle(running: Running, target: Target) -> list[Settled]:
    """Read back every write that has no end in the ledger, and note how it ended. Raises RemoteError when that cannot be read."""
    ctx = running.ctx
    with ctx.database.session() as session:
        intents = [one for one in ledger.open_intents(session) if not is_charge(one.intent.change_id)]
        every = [_opened(session, one) for one in intents]
        last = _last_sign(session, every)
    if not every:
        return []
    sent_steps = any(one.sent and one.change.step for one in every)
    opens = [one for one in every if one.change.step is None]
    let_land(running, last, lambda: not sent_steps and _all_there(running, target, opens))
    settle_steps(running, target, [(i, o.change) for i, o in zip(intents, every, strict=True) if o.change.step])
    settled = _looked(running, target, opens)
    facts = [fact for _, fact in settled]
    texts = [running.line(_text(one), event="change.settled") for one, _ in settled if one.applied or one.line]

    def note(session: Session) -> None:
        running.fence(session)
        runlog.append(session, texts)
        done = [(one.change, one.line) for one, _ in settled if one.applied]
        reversals.written(session, done, running.run.started_by, ctx.clock.now())
        ledger.append(session, ctx.clock.now(), facts)

    ctx.database.run(note)
    return [one for one, _ in settled]


def _looked(running: Running, target: Target, opens: Sequence[_Open]) -> list[tuple[Settled, Fact]]:
    """Each open write as Autotask has it now."""
    lines = _created_lines(target, [one for one in opens if one.sent and one.line is None])
    sent = [(one, line) for one in opens if one.sent and (line := one.line or lines.get(_where(one.change)))]
    seen = read_back(target, [(one.change, line) for one, line in sent])
    found = {one.intent.id: (line, seen.get(Place(line, one.change.effective_date))) for one, line in sent}
    return [_settled(running, one, *found.get(one.intent.id, (one.line, None))) for one in opens]


def _all_there(running: Running, target: Target, opens: Sequence[_Open]) -> bool:
    sent = [one for one in opens if one.sent]
    return all(settled.applied for settled, _ in _looked(running, target, sent))


def _opened(session: Session, one: OpenIntent) -> _Open:
    change = intended_change(one.intent)
    line = change.line
    if line is None and one.may_have_happened:
        events = ledger.of_change(session, change.id)
        line = next((entry.line for entry in reversed(events) if entry.line is not None), None)
    return _Open(one.intent, change, line, one.may_have_happened)


def _last_sign(session: Session, opens: Sequence[_Open]) -> datetime | None:
    """When the last of these writes can have been sent; None when none was."""
    runs = {one.intent.run_id for one in opens if one.sent and one.intent.run_id is not None}
    return max((entry.at for run_id in runs for entry in ledger.of_run(session, run_id)[-1:]), default=None)


def _created_lines(target: Target, opens: Sequence[_Open]) -> dict[tuple[object, ...], LineRef]:
    if not opens:
        return {}
    found = find_lines(target, {one.change.contract_id for one in opens})
    return {where: lines[0].ref for where, lines in found.items() if len(lines) == 1}


def _where(change: Change) -> tuple[object, ...]:
    return (change.contract_id, change.item)


def _settled(running: Running, one: _Open, line: LineRef | None, seen: Seen | None) -> tuple[Settled, Fact]:
    applied = False
    if seen is not None:
        work = Work(one.change, line)
        applied = judge(work, seen, running.ctx.clock.today()) is End.VERIFIED
    fact = Fact(
        event=Event.SETTLED if one.sent else Event.SKIPPED,
        run_id=one.intent.run_id,
        change_id=one.change.id,
        line=line,
        effective_date=one.change.effective_date,
        payload={"applied": applied, "by_run": running.id} | _told(one.change, seen, applied=applied),
    )
    return Settled(one.change, line, applied), fact


def _told(change: Change, seen: Seen | None, *, applied: bool) -> dict[str, Any]:
    """What was read, as the ledger keeps it. Units that the line had neither before nor after are somebody else's: taken for units
    that we verified, they would hide that the line was changed (M10).
    """
    if seen is None or applied or seen.units == change.from_units:
        return seen_json(seen)
    return {"found": seen.units}


def _text(one: Settled) -> Text:
    if one.applied:
        return T("A change that was interrupted had reached Autotask: {units} units.", units=one.change.to_units)
    return T("A change that was interrupted had not reached Autotask; it is planned again.")
