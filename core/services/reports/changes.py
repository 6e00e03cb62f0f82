"""Changes of quantities as rows: when, from, to, and where that was read."""

from __future__ import annotations

from decimal import Decimal

from core.domain.text import T, Text
from core.reporting import Column, Kind, Row
from core.services.reports.asked import Scene
from core.services.reports.columns import CUSTOMER, PORTAL, PRODUCT
from core.store.reports import Event

SHOWN = 2_000
"""Changes that one report lists; it says so when there were more."""
CHANGES = (
    Column("at", T("When"), Kind.INSTANT),
    PORTAL,
    CUSTOMER,
    PRODUCT,
    Column("before", T("From"), Kind.COUNT),
    Column("after", T("To"), Kind.COUNT),
    Column("difference", T("+/−"), Kind.DIFFERENCE),
    Column("what", T("What happened")),
    Column("origin", T("Read from"), paper=False),
)


def event_row(scene: Scene, event: Event) -> Row:
    """A change as a row of `CHANGES`."""
    who = scene.customers.get((event.portal_id, event.customer_id))
    return Row(
        (
            event.at,
            scene.portals.get(event.portal_id, "?"),
            who.name if who else event.customer_id,
            scene.product(event.portal_id, event.product_key),
            event.before,
            event.after,
            (event.after or Decimal(0)) - (event.before or Decimal(0)),
            _happened(event),
            event.origin,
        ),
        line_id=event.line_id,
    )


def _happened(event: Event) -> Text:
    if event.before is None:
        return T("new")
    if event.after is None:
        return T("ended")
    return T("more") if event.after > event.before else T("fewer")
