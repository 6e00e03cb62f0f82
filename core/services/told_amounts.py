"""Amounts that usage lines tell, whoever brings them: files, endpoints that are asked, webhooks (S1-61). Kept as consumption."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from core.domain.amount_doubts import Doubts, Suspect, Thing, doubts_of, suspects, unread_things
from core.domain.consumption import ConsumptionLine, ConsumptionReading
from core.domain.consumption_lines import amount_of, consumption_from_usage, line_identity, month_of
from core.domain.text import T, Text
from core.domain.usage import Reading, Scope, UsageLine
from core.services.amount_doubts import NO_DOUBTS, keep_doubts, not_complete, one_at_a_time
from core.store import charges, consumption, workspace
from core.store.consumption import StoredConsumption

__all__ = ["is_money", "keep_amounts", "keep_file_amounts", "prices_count"]

MOST_NOTES = 100


def keep_amounts(
    session: Session,
    portal_id: int,
    reading: Reading,
    *,
    run_id: int | None = None,
    files: Sequence[str] = (),
    event: bool = False,
    unread: Sequence[UsageLine] = (),
) -> Text | None:
    """Keep what the lines of a portal that is fetched, or that sends, tell of money; gives why nothing can be charged from it.

    Amounts that are told as such count always; quantity × unit cost or price where the portal's charge settings say so
    (`from_prices`). A reading that names single lines alone (a webhook) replaces those and leaves the customer's others of the
    month as they were; it never takes one away.

    An `event` was true when its reading was taken: what is known of a later moment stays. `unread` are lines of it that could not
    be read, with what is known of them.
    """
    one_at_a_time(session, portal_id)
    reading = _on_its_day(session, reading)
    from_prices = prices_count(session, portal_id)
    if reading.scope is Scope.LINES and reading.complete:
        reading, unread = _readable(reading, unread)
    told = consumption_from_usage(reading, priced=from_prices)
    if event:
        told = replace(told, lines=tuple(replace(line, told_at=told.taken_at) for line in told.lines))
    odd = suspects(reading)
    if not from_prices and not any(line.attributes.get("amount") for line in reading.amounts or reading.lines):
        # Nothing is charged from it; yet what had an amount until now may have become blank.
        told, odd = replace(told, complete=True), tuple(suspect for suspect in odd if suspect.blank)
    doubts = _doubts(session, portal_id, odd, told, unread)
    if reading.scope is Scope.LINES:
        # What an event does not name stays as it is, with or without doubts.
        named = told
        if not told.complete:
            # It says nothing of customers that it does not name: they are not in doubt, and no other event would tell them well.
            doubts = doubts._replace(why=dict.fromkeys(_named(reading), not_complete(told)) | dict(doubts.why))
            named = replace(told, complete=True, lines=())
        keep_doubts(session, portal_id, named, doubts, whole=False)
        told = _beside_known(session, portal_id, told)
        return _recorded(session, portal_id, told, NO_DOUBTS, run_id, files) or _first(doubts)
    if event:
        told = _beside_known(session, portal_id, told, whole=True)
    return _kept(session, portal_id, told, doubts, run_id, files)


def _readable(reading: Reading, unread: Sequence[UsageLine]) -> tuple[Reading, list[UsageLine]]:
    """An event without the lines whose amount cannot be read, and these: what stands beside them is believed, line by line."""
    lines = reading.amounts or reading.lines
    broken = [line for line in lines if line.attributes.get("amount") and amount_of(line) is None]
    if not broken:
        return reading, list(unread)
    sure = tuple(line for line in lines if not line.attributes.get("amount") or amount_of(line) is not None)
    return replace(reading, lines=sure, amounts=()), [*unread, *broken]


def prices_count(session: Session, portal_id: int) -> bool:
    """Whether quantity × unit cost or price is charged of this portal, too."""
    known = charges.all_settings(session).get(portal_id)
    return known is not None and known.settings.from_prices


def is_money(reading: Reading, *, priced: bool) -> bool:
    """Whether it tells amounts; `priced`: costs and prices make some."""
    return any(
        line.attributes.get("amount") or (priced and amount_of(line) is not None)
        for line in reading.amounts or reading.lines
    )


def _on_its_day(session: Session, reading: Reading) -> Reading:
    """The same, with its moment in the workspace's time zone: what tells no month is of the month that it was here (M7)."""
    return replace(reading, taken_at=reading.taken_at.astimezone(workspace.time_zone(session)))


def _named(reading: Reading) -> set[Thing]:
    """What something that is not complete leaves open: all that it names."""
    here = reading.taken_at.date()
    return {
        Thing(line.customer_id, month_of(line.period_start or line.effective_date or here)[0])
        for line in reading.amounts or reading.lines
    }


def keep_file_amounts(session: Session, portal_id: int, reading: Reading) -> Text | None:
    """Keep the amounts of a file whose mapping reads them. It says everything about its customers and months."""
    reading = _on_its_day(session, reading)
    told = consumption_from_usage(reading)
    return _kept(session, portal_id, told, _doubts(session, portal_id, suspects(reading, file=True), told), None, ())


def _doubts(
    session: Session,
    portal_id: int,
    odd: Sequence[Suspect],
    told: ConsumptionReading,
    unread: Sequence[UsageLine] = (),
) -> Doubts:
    if not odd and not unread:
        return NO_DOUBTS
    here = told.taken_at.date()
    months = [month for suspect in odd for month in suspect.months]
    months += [month_of(line.period_start or line.effective_date or here)[0] for line in unread]
    known = consumption.current(session, portal_ids=[portal_id], since=min(months))
    # Of what is known of a later moment nothing is in doubt.
    lines = [line for one in known for line in _timed(one)]
    found = doubts_of(
        odd, told.lines, (line for line in lines if line.told_at is None or line.told_at <= told.taken_at)
    )
    return found._replace(why={**found.why, **unread_things(unread, lines, told.taken_at)})


def _kept(
    session: Session,
    portal_id: int,
    told: ConsumptionReading,
    doubts: Doubts,
    run_id: int | None,
    files: Sequence[str],
) -> Text | None:
    one_at_a_time(session, portal_id)
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
        notes = tuple(dict.fromkeys(why for thing, why in doubts.why.items() if thing.month == month))[:MOST_NOTES]
        yield replace(
            told, period_start=first, period_end=last, lines=lines, complete=False, notes=(*notes, *told.notes)
        )


def _timed(one: StoredConsumption) -> tuple[ConsumptionLine, ...]:
    """Its lines, each with the moment of which it is: what came in a whole is of that of the whole."""
    if any(line.told_at is not None for line in one.lines):
        return one.lines
    return tuple(replace(line, told_at=one.taken_at) for line in one.lines)


def _beside_known(
    session: Session, portal_id: int, told: ConsumptionReading, *, whole: bool = False
) -> ConsumptionReading:
    """The reading with what is known of the same customers and months and was not named now, or was told of a later moment. Of one
    that says everything about its customers (`whole`) only the latter.
    """
    wanted = {(line.customer_id, month_of(line.period_start)[0]) for line in told.lines}
    if not wanted:
        return told
    since = min(month for _, month in wanted)
    known: Mapping[tuple[str, date], tuple[ConsumptionLine, ...]] = {
        (one.customer_id, one.period_start): _timed(one)
        for one in consumption.current(session, portal_ids=[portal_id], since=since)
    }
    named = {line_identity(line): line.told_at or told.taken_at for line in told.lines}
    kept: list[ConsumptionLine] = []
    outdone: set[tuple[object, ...]] = set()
    for line in (line for place in sorted(wanted) for line in known.get(place, ())):
        identity = line_identity(line)
        at = named.get(identity)
        if line.told_at is not None and line.told_at > (at or told.taken_at):
            kept.append(line)
            outdone.add(identity)
        elif at is None and not whole:
            kept.append(line)
    return replace(told, lines=(*kept, *(line for line in told.lines if line_identity(line) not in outdone)))
