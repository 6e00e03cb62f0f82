"""What other runs wrote while this one read: a look at those lines is enough, and all of Autotask need not be read again.

Runs read side by side and write in turns. Without this every turn would begin with another refresh, and runs wait for their turns.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.domain.contract import ContractState, LineRef
from core.domain.ports import Target
from core.services import plan_making
from core.services.charge_journal import is_charge
from core.services.context import Context
from core.services.journal import intended_change
from core.store import ledger
from core.store.ledger import Event

ABOUT_NOTHING = (Event.SEEN, Event.REVERSED)
"""Nothing is written with these."""
MOST_LINES = 500
"""One page of ids; for more a refresh costs no more."""


def lines_written(session: Session, position: int) -> frozenset[LineRef] | None:
    """The lines whose units were written since the ledger was so long. None when more than units was written, or very much."""
    since = [entry for entry in ledger.entries(session, position) if entry.event not in ABOUT_NOTHING]
    changes = {entry.change_id for entry in since if not is_charge(entry.change_id)}
    lines: set[LineRef] = set()
    for entry in ledger.of_changes(session, changes):
        if entry.event is not Event.INTENDED:
            continue
        change = intended_change(entry)
        if change.line is None or change.step or change.unit_price is not None or change.unit_cost is not None:
            return None
        lines.add(change.line)
    return frozenset(lines) if len(lines) <= MOST_LINES else None


def caught_up(ctx: Context, target: Target, state: ContractState, lines: frozenset[LineRef]) -> ContractState:
    """The same state with the units of these lines as they are now. Raises RemoteError."""
    return plan_making.with_units(ctx, target, state, lines & state.lines.keys())
