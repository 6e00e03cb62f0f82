"""Amounts that usage lines tell, whoever brings them: files, endpoints that are asked, webhooks (S1-61). Kept as consumption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from core.domain.consumption import ConsumptionLine, ConsumptionReading
from core.domain.consumption_lines import consumption_from_usage, line_identity, month_of
from core.domain.text import T, Text
from core.domain.usage import Reading, Scope
from core.store import charges, consumption

__all__ = ["keep_amounts", "keep_file_amounts"]


def keep_amounts(
    session: Session, portal_id: int, reading: Reading, *, run_id: int | None = None, files: Sequence[str] = ()
) -> Text | None:
    """Keep what the lines of a portal that is fetched, or that sends, tell of money; gives why nothing can be charged from it.

    Amounts that are told as such count always; quantity × unit cost or price where the portal's charge settings say so
    (`from_prices`). A reading that names single lines alone (a webhook) replaces those and leaves the customer's others of the
    month as they were; it never takes one away.
    """
    lines = reading.amounts or reading.lines
    told_as_such = any(line.attributes.get("amount") for line in lines)
    if not told_as_such and not any(line.unit_cost is not None or line.unit_price is not None for line in lines):
        return None
    known = charges.all_settings(session).get(portal_id)
    from_prices = known is not None and known.settings.from_prices
    if not told_as_such and not from_prices:
        return None
    told = consumption_from_usage(reading, priced=from_prices)
    if reading.scope is Scope.LINES:
        told = _beside_known(session, portal_id, told)
    return _kept(session, portal_id, told, run_id, files)


def keep_file_amounts(session: Session, portal_id: int, reading: Reading) -> Text | None:
    """Keep the amounts of a file whose mapping reads them. It says everything about its customers and months."""
    return _kept(session, portal_id, consumption_from_usage(reading), None, ())


def _kept(
    session: Session, portal_id: int, told: ConsumptionReading, run_id: int | None, files: Sequence[str]
) -> Text | None:
    if not told.lines and told.complete:
        return None
    consumption.record(session, portal_id, told, run_id=run_id, files=files)
    if told.complete:
        return None
    return T(
        "{portal}: the amounts from {first} to {last} are not complete; nothing is charged from them.",
        portal=told.portal, first=told.period_start, last=told.period_end,
    )  # fmt: skip


def _beside_known(session: Session, portal_id: int, told: ConsumptionReading) -> ConsumptionReading:
    """The reading with what is known of the same customers and months and was not named now."""
    wanted = {(line.customer_id, month_of(line.period_start)[0]) for line in told.lines}
    if not wanted:
        return told
    since = min(month for _, month in wanted)
    known: Mapping[tuple[str, date], tuple[ConsumptionLine, ...]] = {
        (one.customer_id, one.period_start): one.lines
        for one in consumption.current(session, portal_ids=[portal_id], since=since)
    }
    named = {line_identity(line) for line in told.lines}
    rest = [
        line for place in sorted(wanted) for line in known.get(place, ()) if line_identity(line) not in named
    ]  # fmt: skip
    return replace(told, lines=(*rest, *told.lines))
