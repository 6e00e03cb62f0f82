"""What the ledger remembers of each contract line, ready for the plan. Derived: `core.store.ledger.rebuild` makes it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from core.domain.contract import LineKind, LineRef
from core.domain.plan import LineMemory
from core.store.bulk import chunks, upsert_rows
from core.store.tables import table
from core.store.tables.ledger import LineMemoryRow

if TYPE_CHECKING:
    from core.store.ledger import Fact

MEMORY = table(LineMemoryRow)
KEPT_DAYS = 2
"""Dates that passed are forgotten so many days later: by then they passed in every time zone."""


@dataclass(slots=True)
class _Memory:
    units: int | None = None
    on: date | None = None
    ours: set[date] = field(default_factory=set)
    refused: dict[date, str] = field(default_factory=dict)


def line_memories(session: Session, today: date) -> dict[LineRef, LineMemory]:
    """What is remembered of every line that was ever seen or written; dates before `today` are left out."""
    kinds = {kind.value: kind for kind in LineKind}
    return {
        LineRef(kinds[row[0]], row[1]): LineMemory(
            row[2],
            row[3],
            frozenset(day for day in map(date.fromisoformat, row[4]) if day >= today),
            {day: why for text, why in row[5].items() if (day := date.fromisoformat(text)) >= today},
        )
        for row in session.execute(_query())
    }


def remember(session: Session, today: date, facts: Sequence[Fact]) -> None:
    """Take what `facts` tell about their lines into memory."""
    telling = [fact for fact in facts if fact.line is not None and (_units_of(fact) or _date_of(fact))]
    memories = _load(session, {fact.line for fact in telling if fact.line is not None})
    for fact in telling:
        assert fact.line is not None
        _take_in(memories.setdefault(fact.line, _Memory()), fact)
    oldest = today - timedelta(days=KEPT_DAYS)
    rows = [
        {
            "kind": line.kind.value,
            "id": line.id,
            "verified_units": memory.units,
            "verified_on": memory.on,
            "our_dates": sorted(day.isoformat() for day in memory.ours if day >= oldest),
            "refused": {day.isoformat(): why for day, why in memory.refused.items() if day >= oldest},
        }
        for line, memory in memories.items()
    ]
    upsert_rows(session, MEMORY, rows, ["kind", "id"])


def forget(session: Session) -> None:
    """Empty the memory, to make it again."""
    session.execute(MEMORY.delete())


def _query() -> Any:
    return select(
        MEMORY.c.kind, MEMORY.c.id, MEMORY.c.verified_units, MEMORY.c.verified_on, MEMORY.c.our_dates, MEMORY.c.refused
    )


def _load(session: Session, lines: set[LineRef]) -> dict[LineRef, _Memory]:
    memories: dict[LineRef, _Memory] = {}
    for chunk in chunks((line.kind.value, line.id) for line in lines):
        for row in session.execute(_query().where(tuple_(MEMORY.c.kind, MEMORY.c.id).in_(chunk))):
            memories[LineRef(LineKind(row[0]), row[1])] = _Memory(
                row[2],
                row[3],
                {date.fromisoformat(day) for day in row[4]},
                {date.fromisoformat(day): why for day, why in row[5].items()},
            )
    return memories


def _take_in(memory: _Memory, fact: Fact) -> None:
    if (verified := _units_of(fact)) is not None:
        memory.units, memory.on = verified
    if (day := _date_of(fact)) is None:
        return
    if fact.event == "refused":
        memory.refused[day] = str(fact.payload.get("reason", "other"))
    else:
        memory.ours.add(day)


def _units_of(fact: Fact) -> tuple[int, date | None] | None:
    """Units that were read, and the day on which they are in force."""
    units = fact.payload.get("units")
    if fact.event not in ("verified", "settled", "seen") or units is None:
        return None
    on = fact.payload.get("on", fact.effective_date)
    return int(units), date.fromisoformat(on) if isinstance(on, str) else on


def _date_of(fact: Fact) -> date | None:
    """The effective date that this entry uses up: by a write of ours, or by a refusal."""
    payload: Mapping[str, Any] = fact.payload
    written = fact.event in ("answered", "unknown", "verified") or (fact.event == "settled" and payload.get("applied"))
    return fact.effective_date if written or fact.event == "refused" else None
