"""Settles steps that an earlier run left open: what was made is known, what was not is planned again (M4)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.domain.plan import Change
from core.domain.ports import Target
from core.services.provisioning import is_done, look, remember
from core.services.running import Running
from core.store import ledger
from core.store.ledger import Event, Fact, OpenIntent


def settle_steps(running: Running, target: Target, opens: Sequence[tuple[OpenIntent, Change]]) -> int:
    """Read back every step that has no end in the ledger, and note how it ended; gives how many. Raises RemoteError."""
    if not opens:
        return 0
    sent = [change for one, change in opens if one.may_have_happened]
    found = look(target, sent)
    done = [change for change in sent if is_done(change, found)]
    ended = {change.id for change in done}
    facts = [
        Fact(
            event=Event.SETTLED if one.may_have_happened else Event.SKIPPED,
            run_id=one.intent.run_id,
            change_id=change.id,
            effective_date=change.effective_date,
            payload={"applied": change.id in ended, "by_run": running.id},
        )
        for one, change in opens
    ]

    def note(session: Session) -> None:
        running.fence(session)
        remember(session, running, done, found)
        ledger.append(session, running.ctx.clock.now(), facts)

    running.ctx.database.run(note)
    return len(opens)
