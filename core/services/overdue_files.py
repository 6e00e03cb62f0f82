"""Files that should have come and did not: findings of every plan until they do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from core.domain.finding import Finding
from core.domain.pickup import overdue
from core.store import pickups
from core.store.portals import all_portals

EVERY = "expected_every_days"


def overdue_files(session: Session, now: datetime) -> tuple[Finding, ...]:
    """For each enabled portal that expects a file every so many days, and was looked at long enough."""
    expecting = [portal for portal in all_portals(session, enabled=True) if portal.settings.get(EVERY)]
    if not expecting:
        return ()
    places = pickups.places(session, [portal.id for portal in expecting])
    found = []
    for portal in expecting:
        place = places.get(portal.id)
        if place is not None:
            since = place.last_file_at or place.first_polled_at
            found.append(overdue(portal.name, since, int(portal.settings[EVERY]), now))
    return tuple(finding for finding in found if finding is not None)
