"""The ledger: what was intended, sent, answered and verified (M4, M13). Append-only and chained (see `core.store.chain`).

Two tables are derived from it and can be made again (`rebuild`): the writes whose end is not known yet, and what is
remembered of each contract line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.domain.contract import LineKind, LineRef
from core.store import chain, memories
from core.store.bulk import delete_rows, in_keys, upsert_rows
from core.store.chain import Verification
from core.store.codec import canonical
from core.store.tables import table
from core.store.tables.ledger import LedgerRow, OpenIntentRow

LEDGER, OPEN = table(LedgerRow), table(OpenIntentRow)
OPEN_KEY = (OPEN.c.run_id, OPEN.c.change_id)


class Event(StrEnum):
    """What can happen to a write. `payload` keys that the store understands stand behind each."""

    INTENDED = "intended"
    """About to be sent; from here on the write is open. `change`: the whole change, as `core.store.plan_codec` writes it."""
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
OF_WRITES = frozenset(Event) - {Event.SEEN, Event.REVERSED}
"""What belongs to the way of one write."""


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
    _derive(session, at.date(), list(zip(numbers, facts, strict=True)))
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
    found = [_entry(row) for row in in_keys(session, select(LEDGER), [LEDGER.c.change_id], change_ids)]
    return sorted(found, key=lambda entry: entry.id)


def of_charge(session: Session, base: str) -> list[Entry]:
    """Entries of all changes of one charge (the base of its key) that were ever intended, in order."""
    intended = select(LEDGER.c.change_id).where(
        LEDGER.c.event == Event.INTENDED.value,
        LEDGER.c.change_id.startswith("charge-"),
        LEDGER.c.payload.contains(f'"key":"{base}', autoescape=True),
    )
    query = select(LEDGER).where(LEDGER.c.change_id.in_(intended)).order_by(LEDGER.c.id)
    return [_entry(row) for row in session.execute(query)]


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
    session.execute(OPEN.delete())
    memories.forget(session)
    query = select(LEDGER).order_by(LEDGER.c.id).limit(chain.ROWS_AT_ONCE)
    after = 0
    # In portions that are read to their end: a cursor may not stay open over writes of the same connection.
    while portion := [_entry(row) for row in session.execute(query.where(LEDGER.c.id > after))]:
        after = portion[-1].id
        for day, of_day in groupby(portion, key=lambda entry: entry.at.date()):
            _derive(session, day, [(entry.id, entry) for entry in of_day])


def _derive(session: Session, today: date, facts: Sequence[tuple[int, Fact]]) -> None:
    """Bring the derived tables to what these entries say, one after the other."""
    of_writes = [(number, fact) for number, fact in facts if fact.run_id and fact.change_id and fact.event in OF_WRITES]
    happened = _follow_open(session, of_writes)
    prices = _prices(session, set(happened.values()))
    unpriced: memories.Prices = (None, None)
    told = [(fact, prices.get(happened.get(number, 0), unpriced)) for number, fact in facts]
    memories.remember(session, today, told)


def _follow_open(session: Session, facts: Sequence[tuple[int, Fact]]) -> dict[int, int]:
    """Open what was intended, close what ended; gives, for entries that say that a write happened, the intent's number."""
    names = list(dict.fromkeys((fact.run_id, fact.change_id) for _, fact in facts))
    query = select(OPEN.c.run_id, OPEN.c.change_id, OPEN.c.intent_id, OPEN.c.last_event)
    before = {(row[0], row[1]): (row[2], row[3]) for row in in_keys(session, query, OPEN_KEY, names)}
    now = dict(before)
    happened: dict[int, int] = {}
    for number, fact in facts:
        name = (fact.run_id, fact.change_id)
        intent_id = number if fact.event is Event.INTENDED else now.pop(name, (0, ""))[0]
        if memories.happened(fact):
            happened[number] = intent_id
        if intent_id and fact.event not in ENDS:
            now[name] = (intent_id, fact.event.value)
    delete_rows(session, OPEN, OPEN_KEY, [name for name in before if name not in now])
    rows = [
        {"run_id": name[0], "change_id": name[1], "intent_id": state[0], "last_event": state[1]}
        for name, state in now.items()
        if before.get(name) != state
    ]
    upsert_rows(session, OPEN, rows, ["run_id", "change_id"])
    return happened


def _prices(session: Session, intents: Collection[int]) -> dict[int, memories.Prices]:
    """The prices that these intents were to bring."""
    prices: dict[int, memories.Prices] = {}
    query = select(LEDGER.c.id, LEDGER.c.payload)
    for number, payload in in_keys(session, query, [LEDGER.c.id], intents):
        change = orjson.loads(payload).get("change") or {}
        price, cost = change.get("unit_price"), change.get("unit_cost")
        prices[number] = (Decimal(price) if price else None, Decimal(cost) if cost else None)
    return prices


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
