"""Names of portals and their numbers."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.store.tables import table
from core.store.tables.workspace import PortalRow

PORTAL = table(PortalRow)


def portal_ids(session: Session) -> dict[str, int]:
    """Number by name, of portals that are not archived."""
    query = select(PORTAL.c.name, PORTAL.c.id).where(PORTAL.c.archived_at.is_(None))
    return {row[0]: row[1] for row in session.execute(query)}


def portal_names(session: Session) -> dict[int, str]:
    """Name by number, of all portals."""
    return {row[0]: row[1] for row in session.execute(select(PORTAL.c.id, PORTAL.c.name))}
