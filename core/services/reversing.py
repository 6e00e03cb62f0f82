"""The opposite of a run that was applied: proposed through the same plan, guards and apply (M14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T
from core.services import reversals
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.planning import replan
from core.services.reversals import applied_changes
from core.store import ledger, runs
from core.store.ledger import Event, Fact

if TYPE_CHECKING:
    from core.services.context import Context


def reverse_run(ctx: Context, actor: Actor, run_id: int) -> int:
    """Propose to bring every line back to what it was before this run; gives how many changes wait for approval. For operators.

    Once a line is back, what had moved it forward is dismissed: it is not made again until the usage is another one. Lines
    that were changed again after the run are left alone, with a finding. Raises InputError for a run that wrote nothing.
    """
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        known = runs.get(session, run_id)
        applied = [change for change, _ in applied_changes(session, run_id)]
    if known is None or not applied:
        raise InputError(
            T("Run {run} wrote nothing that could be reversed.", run=str(run_id)), place=str(run_id), kind="no_changes"
        )
    lines = {change.line for change in applied}

    def work(session: Session) -> None:
        reversals.propose(session, run_id, lines)
        note(ctx, session, actor, "run.reversal_proposed", str(run_id), after={"lines": sorted(x.text for x in lines)})
        facts = [
            Fact(event=Event.REVERSED, run_id=run_id, line=line, payload={"by": actor.name}) for line in sorted(lines)
        ]
        ledger.append(session, ctx.clock.now(), facts)

    ctx.database.run(work)
    plan = replan(ctx, actor)
    proposed = [change for change in plan.changes if change.line in lines and not change.sources]
    left = lines - {change.line for change in proposed}
    if left:
        # They could not be brought back, which the plan's findings tell: no later plan needs to try again.
        ctx.database.run(lambda session: reversals.forget(session, left))
    return len(proposed)
