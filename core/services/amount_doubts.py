"""What is in doubt of amounts that came in, until it is told well again: the finding behind a charge that stays as it was (M2)."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from core.domain.amount_doubts import EVERYBODY, AmountDoubt, Doubts
from core.domain.consumption import ConsumptionReading
from core.domain.consumption_lines import month_of, months_between
from core.domain.text import T, Text
from core.store import portals, workspace
from core.store.codec import text_from_json, text_to_json

__all__ = ["NO_DOUBTS", "keep_doubts", "known_doubts", "not_complete"]

DOUBTS = "amount_doubts:"
"""Workspace setting, with the number of a portal behind it: first day of a month → customer → why, as JSON."""
NO_DOUBTS = Doubts({})


def keep_doubts(
    session: Session,
    portal_id: int,
    told: ConsumptionReading,
    doubts: Doubts = NO_DOUBTS,
    *,
    whole: bool = True,
) -> None:
    """Note what is in doubt now; what `told` tells well is no more. `whole`: it says everything about its months."""
    name = f"{DOUBTS}{portal_id}"
    stored: dict[str, dict[str, Any]] = workspace.get(session, name, {})
    kept = {month: dict(by_customer) for month, by_customer in stored.items()}
    months = [first for first, _ in months_between(told.period_start, told.period_end)]
    if told.complete:
        well = {(line.customer_id, month_of(line.period_start)[0]) for line in told.lines} - doubts.places
        if whole:
            # Somebody who is told well is in doubt no more, in no month of the reading.
            sure = {customer for customer, _ in well} - {customer for customer, _ in doubts.places}
            well |= {(customer, month) for month in months for customer in (EVERYBODY, *sure)}
        for customer, month in well:
            kept.get(month.isoformat(), {}).pop(customer, None)
    else:
        for month in months:
            kept.setdefault(month.isoformat(), {})[EVERYBODY] = text_to_json(not_complete(told))
    for (customer, month), why in doubts.why.items():
        kept.setdefault(month.isoformat(), {})[customer] = text_to_json(why)
    kept = {month: by_customer for month, by_customer in kept.items() if by_customer}
    if kept != stored:
        workspace.put(session, {name: kept})


def not_complete(told: ConsumptionReading) -> Text:
    """Why nothing is charged from a reading."""
    first = T("{portal}: the amounts from {first} to {last} are not complete; nothing is charged from them.",
              portal=told.portal, first=told.period_start, last=told.period_end)  # fmt: skip
    return T("{first} {second}", first=first, second=told.notes[0]) if told.notes else first


def known_doubts(session: Session, since: date) -> tuple[AmountDoubt, ...]:
    """What is in doubt for months that begin on or after a day, by portal, month and customer."""
    names = {f"{DOUBTS}{portal.id}": portal.name for portal in portals.all_portals(session)}
    found = [
        AmountDoubt(portal=portal, customer_id=customer, month=date.fromisoformat(month), message=why)
        for name, value in workspace.beginning(session, DOUBTS).items()
        if (portal := names.get(name)) is not None
        for month, by_customer in value.items()
        if date.fromisoformat(month) >= since
        for customer, data in by_customer.items()
        if (why := text_from_json(data)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.portal, one.month, one.customer_id)))
