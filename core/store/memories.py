"""What the ledger remembers of each contract line, ready for the plan. Derived: `core.store.ledger.rebuild` makes it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.domain.contract import LineKind, LineRef
from core.domain.plan import LineMemory
from core.store.bulk import in_keys, upsert_rows
from core.store.tables import table
from core.store.tables.ledger import LineMemoryRow

if TYPE_CHECKING:
    from core.store.ledger import Fact

MEMORY = table(LineMemoryRow)
Prices = tuple[Decimal | None, Decimal | None]
"""Unit price and unit cost; None where they stay."""
KEPT_DAYS = 2
"""Dates that passed are forgotten so many days later: by then they passed in every time zone."""
TAKEN, TAKEN_DAYS = "same_day", 400
"""Autotask takes no second change on a date, also when it has passed: remembered for longer than any billing period."""


@dataclass(slots=True)
class _Memory:
    units: int | None = None
    on: date | None = None
    ours: set[date] = field(default_factory=set)
    refused: dict[date, str] = field(default_factory=dict)
    price: Decimal | None = None
    cost: Decimal | None = None
    price_from: date | None = None


def line_memories(session: Session, today: date) -> dict[LineRef, LineMemory]:
    """What is remembered of every line that was ever seen or written, as far as it matters from `today` on."""
    kinds = {kind.value: kind for kind in LineKind}
    memories: dict[LineRef, LineMemory] = {}
    for kind, number, units, on, ours, refused, price, cost, price_from in session.execute(_query()):
        ahead = price_from is not None and price_from >= today
        memories[LineRef(kinds[kind], number)] = LineMemory(
            units,
            on,
            frozenset(day for day in map(date.fromisoformat, ours) if day >= min(today, on or today)),
            {day: why for text, why in refused.items() if (day := date.fromisoformat(text)) >= today or why == TAKEN},
            price if ahead else None,
            cost if ahead else None,
            price_from if ahead else None,
        )
    return memories


def remember(session: Session, today: date, facts: Sequence[tuple[Fact, Prices]]) -> None:
    """Take what entries tell about their lines into memory; beside each the prices that its write was to bring."""
    telling = [(fact, prices) for fact, prices in facts if fact.line and (_units_of(fact) or _date_of(fact))]
    memories = _load(session, {fact.line for fact, _ in telling if fact.line})
    oldest = today - timedelta(days=KEPT_DAYS)
    for fact, prices in telling:
        assert fact.line is not None
        memory = memories.setdefault(fact.line, _Memory())
        _take_in(memory, fact, prices)
        _let_go(memory, oldest)
    upsert_rows(session, MEMORY, [_row(line, memory) for line, memory in memories.items()], ["kind", "id"])


def happened(fact: Fact) -> bool:
    """Whether this entry says that a write of ours is in Autotask now."""
    return fact.event == "verified" or (fact.event == "settled" and bool(fact.payload.get("applied")))


def forget(session: Session) -> None:
    """Empty the memory, to make it again."""
    session.execute(MEMORY.delete())


def _query() -> Select[Any]:
    return select(
        MEMORY.c.kind, MEMORY.c.id, MEMORY.c.verified_units, MEMORY.c.verified_on, MEMORY.c.our_dates,
        MEMORY.c.refused, MEMORY.c.unit_price, MEMORY.c.unit_cost, MEMORY.c.price_from,
    )  # fmt: skip


def _load(session: Session, lines: set[LineRef]) -> dict[LineRef, _Memory]:
    memories: dict[LineRef, _Memory] = {}
    keys = [(line.kind.value, line.id) for line in lines]
    for row in in_keys(session, _query(), [MEMORY.c.kind, MEMORY.c.id], keys):
        kind, number, units, on, ours, refused, *prices = tuple(row)
        memories[LineRef(LineKind(kind), number)] = _Memory(
            units,
            on,
            {date.fromisoformat(day) for day in ours},
            {date.fromisoformat(day): why for day, why in refused.items()},
            *prices,
        )
    return memories


def _let_go(memory: _Memory, oldest: date) -> None:
    """Forget dates that passed, but for our own since the units were last verified."""
    since = min(oldest, memory.on or oldest)
    memory.ours = {day for day in memory.ours if day >= since}
    taken_since = oldest - timedelta(days=TAKEN_DAYS)
    memory.refused = {
        day: why for day, why in memory.refused.items() if day >= (taken_since if why == TAKEN else oldest)
    }


def _row(line: LineRef, memory: _Memory) -> dict[str, Any]:
    return {
        "kind": line.kind.value,
        "id": line.id,
        "verified_units": memory.units,
        "verified_on": memory.on,
        "our_dates": sorted(day.isoformat() for day in memory.ours),
        "refused": {day.isoformat(): why for day, why in memory.refused.items()},
        "unit_price": memory.price,
        "unit_cost": memory.cost,
        "price_from": memory.price_from,
    }


def _take_in(memory: _Memory, fact: Fact, prices: Prices) -> None:
    if (verified := _units_of(fact)) is not None:
        memory.units, memory.on = verified
    if happened(fact) and prices != (None, None):
        memory.price, memory.cost, memory.price_from = (*prices, fact.effective_date)
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
    used_up = happened(fact) or fact.event in ("answered", "unknown", "refused")
    return fact.effective_date if used_up else None
