"""What the money path writes down of its changes: the ledger, before and after each request (M4, M13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.domain.contract import LineRef
from core.domain.errors import ContractBridgeError, Refused
from core.domain.plan import Change
from core.services.context import Context
from core.services.readback import Seen
from core.services.sending import Answer, Verdict, Write
from core.store import decisions, ledger
from core.store.codec import text_to_json
from core.store.ledger import Entry, Event, Fact
from core.store.plan_codec import change_from_json, change_to_json
from core.store.runs import Run
from core.store.tables import table
from core.store.tables.ledger import ChainHeadRow, LedgerRow

Prices = tuple[Decimal | None, Decimal | None]
"""Unit price and unit cost."""
Fence = Callable[[Session], None]
"""Raises when this process may no longer write: another one has taken over."""


class Journal:
    """The ledger entries of one run. Every method is one transaction; nothing is sent before it is noted."""

    def __init__(self, ctx: Context, run: Run, fence: Fence) -> None:
        self._ctx = ctx
        self._run_id = run.id
        self._since = run.started_at or ctx.clock.now()
        self._fence = fence
        self._approved: set[str] = set()

    def intended(self, changes: Sequence[Change], prices: Mapping[LineRef, Prices]) -> None:
        """All that is about to be written, before the first request. `prices` are what the lines have now."""
        facts = []
        for change in changes:
            before = prices.get(change.line, (None, None)) if change.line else (None, None)
            facts.append(self.fact(Event.INTENDED, change, change.line, **intent(change, before)))

        def work(session: Session) -> None:
            self._fence(session)
            self._approved = decisions.approved_among(session, [change.id for change in changes])
            ledger.append(session, self._ctx.clock.now(), facts)

        self._ctx.database.run(work)

    def exchange(self, answers: Sequence[Answer], leaving: Sequence[Write]) -> set[str]:
        """What came back, and what goes out now. Gives the changes that stay at home: somebody stopped them since the run began.

        Nobody is asked about the second half of what goes together, nor where one part of a change is written already.
        """
        facts = [self._answered(answer) for answer in answers]
        asked = [one.change for one in leaving if not (one.change.pair or one.begun)]
        stopped: set[str] = set()

        def work(session: Session) -> None:
            self._fence(session)
            stopped.clear()
            stopped.update(decisions.stopped_since(session, asked, self._since, self._approved) if asked else ())
            sent = [
                self.fact(Event.SENT, write.change, write.line, attempt=write.attempt)
                for write in leaving
                if write.change.id not in stopped
            ]
            ledger.append(session, self._ctx.clock.now(), facts + sent)

        self._ctx.database.run(work)
        return stopped

    def ended(self, facts: Sequence[Fact], also: Callable[[Session], None] = lambda _: None) -> None:
        """How changes ended, together with what else follows from it."""

        def work(session: Session) -> None:
            also(session)
            ledger.append(session, self._ctx.clock.now(), facts)

        self._ctx.database.run(work)

    def fact(self, event: Event, change: Change, line: LineRef | None, /, **payload: Any) -> Fact:
        # An answer uses up no date of the line: only what is read back tells whether the write is there.
        day = None if event in (Event.SENT, Event.ANSWERED, Event.UNKNOWN) else change.effective_date
        return Fact(
            event=event, run_id=self._run_id, change_id=change.id, line=line, effective_date=day, payload=payload
        )

    def _answered(self, answer: Answer) -> Fact:
        write, error = answer.write, answer.error
        if answer.verdict is Verdict.DONE:
            step = "line" if write.line is None else "units"
            return self.fact(Event.ANSWERED, write.change, answer.line, attempt=write.attempt, step=step)
        # Refused or not done: whether that is the end is decided after reading back, so it is not an end here.
        return self.fact(
            Event.UNKNOWN, write.change, write.line, attempt=write.attempt, verdict=answer.verdict.value, **why(error)
        )


def intent(change: Change, before: Prices) -> dict[str, Any]:
    """A change as the ledger keeps it: enough to settle it, to reverse it, and to tell what it was computed from."""
    return {"change": change_to_json(change), "prices_before": list(before)}


def intended_change(entry: Entry) -> Change:
    """The change that was intended, from its ledger entry."""
    return change_from_json(entry.payload["change"])


def why(error: BaseException | None) -> dict[str, Any]:
    """An error as the ledger keeps it."""
    match error:
        case None:
            return {}
        case Refused():
            return {"reason": error.reason, "message": text_to_json(error.message), "detail": error.detail}
        case ContractBridgeError():
            return {"message": text_to_json(error.message), "detail": error.detail}
    return {"detail": type(error).__name__}


def seen_json(seen: Seen | None) -> dict[str, Any]:
    """What was read back, as the ledger keeps it."""
    if seen is None:
        return {}
    return {
        "units": seen.units, "posted": seen.posted, "unit_price": seen.unit_price, "unit_cost": seen.unit_cost,
    }  # fmt: skip


def ledger_position(session: Session) -> int:
    """How many entries the ledger has: what was read before it moved may be out of date."""
    head = table(ChainHeadRow)
    return int(session.execute(select(head.c.position).where(head.c.name == LedgerRow.__tablename__)).scalar() or 0)
