"""When the credentials of portals end: vendors do not tell, so people enter the day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.portals import find
from core.store import workspace
from core.store.portals import all_portals

if TYPE_CHECKING:
    from core.services.context import Context

ENDS = "credential_ends"
"""The setting: number of the portal → last day."""


def credential_ends(ctx: Context, actor: Actor) -> dict[str, date | None]:
    """Every portal with the last day its credentials are good, None where nobody entered one. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        known = ends_by_name(session)
        return {portal.name: known.get(portal.name) for portal in all_portals(session)}


def set_credential_end(ctx: Context, actor: Actor, portal: str, end: date | None) -> None:
    """Enter or forget the day. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        number = str(find(session, portal).id)
        known = dict(workspace.get(session, ENDS, {}))
        before = known.pop(number, None)
        after = end.isoformat() if end else None
        if before == after:
            return
        workspace.put(session, {ENDS: known | ({number: after} if after else {})})
        note(ctx, session, actor, "portal.credential_end", portal, before=before, after=after)

    ctx.database.run(work)


def ends_by_name(session: Session) -> dict[str, date]:
    """Portals whose end is known."""
    known = workspace.get(session, ENDS, {})
    return {
        portal.name: date.fromisoformat(known[str(portal.id)])
        for portal in all_portals(session)
        if str(portal.id) in known
    }
