"""Amounts that usage lines tell, whoever brings them: files, endpoints that are asked, webhooks (S1-61). Kept as consumption."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from core.domain.amount_doubts import Doubts, Place, Suspect, doubts_of, suspects
from core.domain.consumption import ConsumptionLine, ConsumptionReading
from core.domain.consumption_lines import amount_of, consumption_from_usage, line_identity, month_of
from core.domain.text import T, Text
from core.domain.usage import Reading, Scope
from core.services.amount_doubts import NO_DOUBTS, keep_doubts, not_complete
from core.store import charges, consumption

__all__ = ["keep_amounts", "keep_file_amounts"]

MOST_NOTES = 100


def keep_amounts(
    session: Session, portal_id: int, reading: Reading, *, run_id: int | None = None, files: Sequence[str] = ()
) -> Text | None:
    """Keep what the lines of a portal that is fetched, or that sends, tell of money; gives why nothing can be charged from it.

    Amounts that are told as such count always; quantity × unit cost or price where the portal's charge settings say so
    (`from_prices`). A reading that names single lines alone (a webhook) replaces those and leaves the customer's others of the
    month as they were; it never takes one away.
    """
    lines = reading.amounts or reading.lines
    known = charges.all_settings(session).get(portal_id)
    from_prices = known is not None and known.settings.from_prices
    told = consumption_from_usage(reading, priced=from_prices)
    odd = suspects(reading)
    if not from_prices and not any(line.attributes.get("amount") for line in lines):
        # Nothing is charged from it; yet what had an amount until now may have become blank.
        told, odd = replace(told, complete=True), tuple(suspect for suspect in odd if suspect.blank)
    doubts = _doubts(session, portal_id, odd, told)
    if reading.scope is Scope.LINES:
        # What an event does not name stays as it is, with or without doubts.
        named = told
        if not told.complete:
            # It says nothing of customers that it does not name: they are not in doubt, and no other event would tell them well.
            doubts = doubts._replace(why=dict.fromkeys(_unread(reading), not_complete(told)) | dict(doubts.why))
            named = replace(told, complete=True, lines=())
        keep_doubts(session, portal_id, named, doubts, whole=False)
        told = _beside_known(session, portal_id, told)
        return _recorded(session, portal_id, told, NO_DOUBTS, run_id, files) or _first(doubts)
    return _kept(session, portal_id, told, doubts, run_id, files)


def _unread(reading: Reading) -> set[Place]:
    """Whose amounts an event that is not complete leaves open: those that cannot be read, else all that it names."""
    lines = reading.amounts or reading.lines
    odd = [line for line in lines if line.attributes.get("amount") and amount_of(line) is None] or lines
    here = reading.taken_at.date()
    return {(line.customer_id, month_of(line.period_start or line.effective_date or here)[0]) for line in odd}


def keep_file_amounts(session: Session, portal_id: int, reading: Reading) -> Text | None:
    """Keep the amounts of a file whose mapping reads them. It says everything about its customers and months."""
    told = consumption_from_usage(reading)
    return _kept(session, portal_id, told, _doubts(session, portal_id, suspects(reading, file=True), told), None, ())


def _doubts(session: Session, portal_id: int, odd: Sequence[Suspect], told: ConsumptionReading) -> Doubts:
    if not odd:
        return NO_DOUBTS
    since = min(month for suspect in odd for month in suspect.months)
    known = consumption.current(session, portal_ids=[portal_id], since=since)
    return doubts_of(odd, told.lines, [line for one in known for line in one.lines])


def _kept(
    session: Session,
    portal_id: int,
    told: ConsumptionReading,
    doubts: Doubts,
    run_id: int | None,
    files: Sequence[str],
) -> Text | None:
    if told.lines or doubts.why or not told.complete:
        keep_doubts(session, portal_id, told, doubts)
    return _recorded(session, portal_id, told, doubts, run_id, files)


def _recorded(
    session: Session,
    portal_id: int,
    told: ConsumptionReading,
    doubts: Doubts,
    run_id: int | None,
    files: Sequence[str],
) -> Text | None:
    if not told.lines and told.complete and not doubts.why:
        return None
    for part in _sure_and_doubted(told, doubts):
        consumption.record(session, portal_id, part, run_id=run_id, files=files)
    if not told.complete:
        return T(
            "{portal}: the amounts from {first} to {last} are not complete; nothing is charged from them.",
            portal=told.portal, first=told.period_start, last=told.period_end,
        )  # fmt: skip
    return _first(doubts)


def _first(doubts: Doubts) -> Text | None:
    return next(iter(doubts.why.values()), None)


def _sure_and_doubted(told: ConsumptionReading, doubts: Doubts) -> Iterator[ConsumptionReading]:
    """The reading, and for each month with doubts one that is not complete: kept to be looked at, charged never."""
    places = doubts.places
    if not told.complete or not places:
        yield told
        return
    by_place = defaultdict(list)
    for line in told.lines:
        by_place[line.customer_id, month_of(line.period_start)[0]].append(line)
    sure = tuple(line for place, lines in by_place.items() if place not in places for line in lines)
    if sure:
        yield replace(told, lines=sure, provisional=any(line.provisional for line in sure))
    for month in sorted({month for _, month in places}):
        first, last = month_of(month)
        mine = sorted(place for place in places if place[1] == month)
        lines = tuple(line for place in mine for line in by_place.get(place, ()))
        notes = tuple(doubts.why[place] for place in mine[:MOST_NOTES] if place in doubts.why)
        yield replace(
            told, period_start=first, period_end=last, lines=lines, complete=False, notes=(*notes, *told.notes)
        )


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
