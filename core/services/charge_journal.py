"""What the ledger keeps of charges: the same steps as for contract lines, `charge` instead of `change` in what was intended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.domain.charges.plan import ChargeChange, ExistingCharge
from core.services.context import Context
from core.services.journal import Fence, why
from core.store import decisions, ledger
from core.store.charge_codec import change_from_json, change_to_json, values_to_json
from core.store.ledger import Entry, Event, Fact
from core.store.runs import Run

CHARGE = "charge"
"""Begins the ids of changes of charges, and names them in the payload of what was intended."""


def is_charge(change_id: str) -> bool:
    """Whether the ledger's change is one of a charge."""
    return change_id.startswith(f"{CHARGE}-")


def intended_charge(entry: Entry) -> ChargeChange:
    """The change that was intended, from its ledger entry."""
    return change_from_json(entry.payload[CHARGE])


def fact(event: Event, change: ChargeChange, run_id: int | None, /, **payload: Any) -> Fact:
    """One entry about a change."""
    return Fact(event=event, run_id=run_id, change_id=change.id, effective_date=change.period_end, payload=payload)


def seen_json(found: ExistingCharge | None) -> dict[str, Any]:
    """What was read back, as the ledger keeps it."""
    if found is None:
        return {"charge_id": None}
    return {
        "charge_id": found.id, "contract_id": found.contract_id, "billed": found.billed,
        "amount": found.amount, "values": values_to_json(found.values),
    }  # fmt: skip


class ChargeJournal:
    """The ledger entries of one run. Every method is one transaction; nothing is sent before it is noted (M4)."""

    def __init__(self, ctx: Context, run: Run, fence: Fence) -> None:
        self._ctx = ctx
        self._run_id = run.id
        self._since = run.started_at or ctx.clock.now()
        self._fence = fence
        self._approved: set[str] = set()

    def intended(self, changes: Sequence[ChargeChange], before: Callable[[Session], None] = lambda _: None) -> None:
        """All that is about to be written, before the first request."""
        facts = [fact(Event.INTENDED, change, self._run_id, charge=change_to_json(change)) for change in changes]

        def work(session: Session) -> None:
            self._fence(session)
            before(session)
            self._approved = decisions.approved_among(session, [change.id for change in changes])
            ledger.append(session, self._ctx.clock.now(), facts)

        self._ctx.database.run(work)

    def exchange(
        self,
        answers: Sequence[tuple[ChargeChange, BaseException | None, int]],
        leaving: Sequence[tuple[ChargeChange, int]],
        may_stop: Sequence[ChargeChange] = (),
    ) -> set[str]:
        """What came back, and what goes out now, each with the number of its attempt. Gives those of `may_stop` that stay at home:
        somebody stopped them since the run began.
        """
        facts = []
        for change, error, attempt in answers:
            if error is None:
                facts.append(fact(Event.ANSWERED, change, self._run_id, attempt=attempt))
            else:
                facts.append(fact(Event.UNKNOWN, change, self._run_id, attempt=attempt, **why(error)))
        stopped: set[str] = set()

        def work(session: Session) -> None:
            self._fence(session)
            stopped.clear()
            stopped.update(decisions.stopped_since(session, may_stop, self._since, self._approved) if may_stop else ())
            sent = [
                fact(Event.SENT, change, self._run_id, attempt=attempt)
                for change, attempt in leaving
                if change.id not in stopped
            ]
            ledger.append(session, self._ctx.clock.now(), facts + sent)

        self._ctx.database.run(work)
        return stopped

    def ended(self, facts: Sequence[Fact], also: Callable[[Session], None]) -> None:
        """How changes ended, together with what else follows from it."""

        def work(session: Session) -> None:
            also(session)
            ledger.append(session, self._ctx.clock.now(), facts)

        self._ctx.database.run(work)

    def fact(self, event: Event, change: ChargeChange, /, **payload: Any) -> Fact:
        return fact(event, change, self._run_id, **payload)
