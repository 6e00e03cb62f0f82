"""Reversals that were proposed and not yet decided: which lines of which run (M14); and what follows when lines were written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from core.domain.contract import LineRef
from core.domain.plan import Change, ChangeKind
from core.domain.reverse import AppliedChange
from core.services.journal import intended_change
from core.store import decisions, ledger, workspace
from core.store.ledger import Entry, Event

SETTING = "reversals"
"""Workspace setting: run → lines that wait to be brought back."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Lines of one run that are proposed to go back. `pairs` are the changes that were made, with their dismissal keys."""

    run_id: int
    lines: frozenset[LineRef]
    pairs: tuple[tuple[AppliedChange, str], ...]

    @property
    def applied(self) -> tuple[AppliedChange, ...]:
        return tuple(change for change, _ in self.pairs)


def pending_reversals(session: Session) -> tuple[Pending, ...]:
    """All reversals that wait."""
    stored: dict[str, list[str]] = workspace.get(session, SETTING, {})
    found = []
    for run, names in sorted(stored.items(), key=lambda item: int(item[0])):
        lines = frozenset(LineRef.parse(name) for name in names)
        found.append(_pending(session, int(run), lines))
    return tuple(found)


def propose(session: Session, run_id: int, lines: Iterable[LineRef]) -> None:
    """Let these lines of a run wait for a decision."""
    stored: dict[str, list[str]] = workspace.get(session, SETTING, {})
    names = sorted({line.text for line in lines})
    workspace.put(session, {SETTING: stored | {str(run_id): names}})


def forget(session: Session, lines: Collection[LineRef]) -> list[Pending]:
    """These lines wait no longer; gives the reversals that they were part of."""
    waiting = [one for one in pending_reversals(session) if one.lines & set(lines)]
    if waiting:
        stored: dict[str, list[str]] = workspace.get(session, SETTING, {})
        gone = {line.text for line in lines}
        left = {run: [name for name in names if name not in gone] for run, names in stored.items()}
        workspace.put(session, {SETTING: {run: names for run, names in left.items() if names}})
    return waiting


def written(session: Session, done: Iterable[tuple[Change, LineRef | None]], by: str, now: datetime) -> None:
    """What follows from writes that are in Autotask now, by whichever run that was found out.

    An approval is used up, and what was dismissed of the line as it was has ended. A line that went back stays so: what had
    moved it forward is dismissed, until its target is another one.
    """
    pairs = list(done)
    decisions.withdraw(session, [change.id for change, _ in pairs])
    decisions.forget_dismissals(session, {line for change, line in pairs if line is not None and change.sources})
    back = {line for change, line in pairs if line is not None and not change.sources}
    for pending in forget(session, back) if back else ():
        keys = sorted({key for change, key in pending.pairs if change.line in back})
        decisions.dismiss(session, keys, f"reversed run {pending.run_id}", by, now)


def applied_changes(session: Session, run_id: int) -> list[tuple[AppliedChange, str]]:
    """The verified changes of a run in the order in which they were written, each with its dismissal key."""
    entries = ledger.of_run(session, run_id, events=[Event.INTENDED, Event.VERIFIED, Event.SETTLED])
    intents: dict[str, Entry] = {}
    found: list[tuple[AppliedChange, str]] = []
    for entry in entries:
        if entry.event is Event.INTENDED:
            intents[entry.change_id] = entry
        elif entry.line is not None and _happened(entry) and entry.change_id in intents:
            intent = intents[entry.change_id]
            # With the line that it made: a later change of it is dismissed under that name.
            change = replace(intended_change(intent), line=entry.line)
            found.append((_applied(change, entry.line, intent), change.dismissal_key))
    return found


def _pending(session: Session, run_id: int, lines: frozenset[LineRef]) -> Pending:
    pairs = tuple((change, key) for change, key in applied_changes(session, run_id) if change.line in lines)
    return Pending(run_id, lines, pairs)


def _happened(entry: Entry) -> bool:
    return entry.event is Event.VERIFIED or bool(entry.payload.get("applied"))


def _applied(change: Change, line: LineRef, intent: Entry) -> AppliedChange:
    before: Sequence[str | None] = intent.payload.get("prices_before", [None, None])
    price, cost = (None if amount is None else Decimal(amount) for amount in before)
    return AppliedChange(
        line=line,
        contract_id=change.contract_id,
        effective_date=change.effective_date,
        from_units=0 if change.kind is ChangeKind.ADD_LINE else change.from_units,
        to_units=change.to_units,
        unit_price_before=price if change.unit_price is not None else None,
        unit_cost_before=cost if change.unit_cost is not None else None,
    )
