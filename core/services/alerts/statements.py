"""Licence statements that are due go through the outbox like everything else that is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.alerts.pacing import MAIL
from core.services.access import Actor, Role, require
from core.store import alert_outbox as outbox

if TYPE_CHECKING:
    from core.services.context import Context
    from core.services.reports.statements import Due


def queue_statements(ctx: Context, actor: Actor) -> int:
    """Put statements whose day has come into the outbox, each once a month; gives how many. Without mail set up they wait."""
    from core.services.reports.statements import claim, due

    require(actor, Role.OPERATOR)
    waiting = due(ctx, actor)
    if not waiting:
        return 0
    with ctx.database.session() as session:
        channel = next((one for one in outbox.channels(session, enabled=True) if one.kind in MAIL), None)
    if channel is None:
        return 0
    for one in waiting:
        _queue(ctx, channel.id, one)
        # A process that ends here queues nothing twice: the key is the same.
        claim(ctx, actor, one)
    return len(waiting)


def _queue(ctx: Context, channel_id: int, one: Due) -> None:
    key = f"statement|{one.company_id}|{one.month}"
    options = {
        "company_id": one.company_id,
        "company": one.company,
        "day": one.day.isoformat(),
        "language": one.language,
        "recipients": list(one.recipients),
    }

    def work(session: Session) -> None:
        if not outbox.has_key(session, key):
            now = ctx.clock.now()
            outbox.put(session, channel_id, key, "statement", now, now, options)

    ctx.database.run(work)
