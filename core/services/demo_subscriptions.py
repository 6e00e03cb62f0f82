"""Sample subscriptions for `run --demo`, as a distributor tells them: renewals, a commitment, seats nobody uses, one suspended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.policy import Mode
from core.services.access import Actor, Role, require
from core.services.portals import create_portal, find, list_portals, pull
from core.store import history

if TYPE_CHECKING:
    from core.services.context import Context

DISTRIBUTOR = "CSP distributor"
EARLIER = timedelta(days=40)


def seed_subscriptions(ctx: Context, actor: Actor) -> None:
    """Connect the sample distributor where it is not there yet, with two readings: since the first one something happened."""
    require(actor, Role.ADMIN)
    if any(card.name == DISTRIBUTOR for card in list_portals(ctx, actor)):
        return
    create_portal(ctx, actor, DISTRIBUTOR, "sample", settings={"of": "sample"}, secrets={}, mode=Mode.REVIEW)
    now = pull(ctx, actor, DISTRIBUTOR)
    before = replace(
        now,
        taken_at=now.taken_at - EARLIER,
        lines=tuple(replace(line, quantity=line.quantity - line.quantity // 4) for line in now.lines[:-1]),
    )

    def work(session: Session) -> None:
        portal = find(session, DISTRIBUTOR)
        for reading in (before, now):
            history.record_reading(session, portal.id, reading)

    ctx.database.run(work)
