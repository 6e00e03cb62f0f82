"""The ledger: what was intended, sent, answered and verified (M4, M13). Append-only and chained (see `core.store.chain`).

Two tables are derived from it and can be made again (`rebuild`): the writes whose end is not known yet, and what is
remembered of each contract line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.domain.contract import LineKind, LineRef
from core.store import chain
from core.store.bulk import chunks
from core.store.chain import Verification
from core.store.codec import canonical
from core.store.tables import table
from core.store.tables.ledger import LedgerRow, OpenIntentRow

LEDGER, OPEN = table(LedgerRow), table(OpenIntentRow)


class Event(StrEnum):
    """What can happen to a write. `payload` keys that the store understands stand behind each."""

    INTENDED = "intended"
    """About to be sent; from here on the write is open."""
    SENT = "sent"
    ANSWERED = "answered"
    """Autotask said yes; still to be read back."""
    UNKNOWN = "unknown"
    """Nobody knows whether it happened; to be read back before anything else."""
    VERIFIED = "verified"
    """Read back as intended. `units` (and `on`, a date; the effective date otherwise)."""
    SETTLED = "settled"
    """An unknown write was settled by reading back. `applied`; `units` and `on` as above."""
    FAILED = "failed"
    """Known not to have happened."""
    REFUSED = "refused"
    """Autotask said no. `reason` as in `core.domain.errors.Refused`."""
    SKIPPED = "skipped"
    """Intended and never sent: it was no longer needed."""
    REVERSED = "reversed"
    """A person asked for the opposite."""
    SEEN = "seen"
    """Units of a line as found, without a write of ours: the base line for drift (M10). `units`, `on`."""


ENDS = frozenset({Event.VERIFIED, Event.SETTLED, Event.FAILED, Event.REFUSED, Event.SKIPPED})
"""After these nothing of the write is open any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One entry to write. `payload` is anything that has canonical JSON, never secrets."""

    event: Event
    run_id: int | None = None
    change_id: str = ""
    line: LineRef | None = None
    effective_date: date | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Fact):
    """One entry as it stands; `id` is its place in the chain."""

    id: int
    at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A write that was intended and whose end the ledger does not know: to be settled before the line is planned again."""

    intent: Entry
    last_event: Event

    @property
    def may_have_happened(self) -> bool:
        """Whether a request may have left: only then must the line be read back."""
        return self.last_event is not Event.INTENDED


def append(session: Session, at: datetime, facts: Sequence[Fact]) -> list[int]:
    """Write entries to the end of the ledger, and what follows from them; gives their numbers. Do it last in a transaction."""
    from core.store.memories import remember

    if not facts:
        return []
    rows = [
        {
            "at": at,
            "run_id": fact.run_id,
            "change_id": fact.change_id,
            "line_kind": fact.line.kind.value if fact.line else None,
            "line_id": fact.line.id if fact.line else None,
            "effective_date": fact.effective_date,
            "event": fact.event.value,
            "payload": canonical(fact.payload),
        }
        for fact in facts
    ]
    numbers = chain.append_rows(session, LEDGER, rows)
    _follow_open(session, list(zip(numbers, facts, strict=True)))
    remember(session, at.date(), facts)
    return numbers


def open_intents(session: Session, *, run_id: int | None = None) -> list[OpenIntent]:
    """Writes without an end, in the order in which they were intended: what recovery begins with."""
    query = select(LEDGER, OPEN.c.last_event).join(OPEN, OPEN.c.intent_id == LEDGER.c.id).order_by(LEDGER.c.id)
    if run_id is not None:
        query = query.where(OPEN.c.run_id == run_id)
    return [OpenIntent(_entry(row), Event(row.last_event)) for row in session.execute(query)]


def of_run(session: Session, run_id: int, *, events: Sequence[Event] | None = None) -> list[Entry]:
    """Entries of one run, in order."""
    query = select(LEDGER).where(LEDGER.c.run_id == run_id).order_by(LEDGER.c.id)
    if events is not None:
        query = query.where(LEDGER.c.event.in_([event.value for event in events]))
    return [_entry(row) for row in session.execute(query)]


def of_change(session: Session, change_id: str) -> list[Entry]:
    """Entries of one change, in any run, in order."""
    query = select(LEDGER).where(LEDGER.c.change_id == change_id).order_by(LEDGER.c.id)
    return [_entry(row) for row in session.execute(query)]


def of_changes(session: Session, change_ids: Iterable[str]) -> list[Entry]:
    """Entries of several changes, in order."""
    entries: list[Entry] = []
    for chunk in chunks(change_ids):
        query = select(LEDGER).where(LEDGER.c.change_id.in_(chunk))
        entries += [_entry(row) for row in session.execute(query)]
    return sorted(entries, key=lambda entry: entry.id)


def of_line(session: Session, line: LineRef) -> list[Entry]:
    """Everything that ever happened to one contract line, in order."""
    query = (
        select(LEDGER).where(LEDGER.c.line_kind == line.kind.value, LEDGER.c.line_id == line.id).order_by(LEDGER.c.id)
    )
    return [_entry(row) for row in session.execute(query)]


def entries(session: Session, after: int = 0) -> Iterator[Entry]:
    """All entries in order, streamed."""
    for row in chain.stream(session, LEDGER, after):
        yield _entry(row)


def verify(session: Session) -> Verification:
    """Whether the ledger is whole."""
    return chain.verify(session, LEDGER)


def rebuild(session: Session) -> None:
    """Make the derived tables again from the ledger alone."""
    from core.store.memories import forget, remember

    session.execute(OPEN.delete())
    forget(session)
    query = select(LEDGER).order_by(LEDGER.c.id).limit(chain.ROWS_AT_ONCE)
    after = 0
    # In portions that are read to their end: a cursor may not stay open over writes of the same connection.
    while portion := [_entry(row) for row in session.execute(query.where(LEDGER.c.id > after))]:
        after = portion[-1].id
        _follow_open(session, [(entry.id, entry) for entry in portion])
        for day, of_day in groupby(portion, key=lambda entry: entry.at.date()):
            remember(session, day, list(of_day))


def _follow_open(session: Session, facts: Sequence[tuple[int, Fact]]) -> None:
    """Open what was intended, close what ended, and note the last event of what goes on."""
    last: dict[tuple[int, str], tuple[int | None, Event]] = {}
    for number, fact in facts:
        if fact.run_id is None or not fact.change_id or fact.event in (Event.SEEN, Event.REVERSED):
            continue
        name = (fact.run_id, fact.change_id)
        began = number if fact.event is Event.INTENDED else last.get(name, (None, fact.event))[0]
        last[name] = (began, fact.event)
    _write_open(session, last)


def _write_open(session: Session, last: Mapping[tuple[int, str], tuple[int | None, Event]]) -> None:
    from sqlalchemy import tuple_

    from core.store.bulk import update_rows, upsert_rows

    ended = [name for name, (_, event) in last.items() if event in ENDS]
    for chunk in chunks(ended):
        session.execute(OPEN.delete().where(tuple_(OPEN.c.run_id, OPEN.c.change_id).in_(chunk)))
    going = {name: state for name, state in last.items() if state[1] not in ENDS}
    begun = [_open_row(name, state) | {"intent_id": state[0]} for name, state in going.items() if state[0]]
    upsert_rows(session, OPEN, begun, ["run_id", "change_id"])
    update_rows(
        session,
        OPEN,
        [_open_row(name, state) for name, state in going.items() if not state[0]],
        ["run_id", "change_id"],
    )


def _open_row(name: tuple[int, str], state: tuple[int | None, Event]) -> dict[str, Any]:
    return {"run_id": name[0], "change_id": name[1], "last_event": state[1].value}


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        at=row.at,
        hash=row.hash,
        event=Event(row.event),
        run_id=row.run_id,
        change_id=row.change_id,
        line=LineRef(LineKind(row.line_kind), row.line_id) if row.line_kind else None,
        effective_date=row.effective_date,
        payload=orjson.loads(row.payload),
    )
