"""What is in doubt of amounts that came in, until it is told well again or a person says so: the finding behind a charge that stays
as it was (M2).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.orm import Session

from core.domain.amount_doubts import ALL, EVERYBODY, About, AmountDoubt, Doubts, Thing, still_in_doubt
from core.domain.consumption import ConsumptionReading
from core.domain.consumption_lines import month_of, months_between
from core.domain.errors import InputError
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.audited import note_all
from core.store import charges, portals, workspace
from core.store.audit import Audited
from core.store.bulk import alone
from core.store.codec import text_from_json, text_to_json

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = ["NO_DOUBTS", "end_doubts", "keep_doubts", "known_doubts", "not_complete", "one_at_a_time"]

DOUBTS = "amount_doubts:"
"""Workspace setting, with the number of a portal behind it: first day of a month → customer → what is in doubt, since when, why."""
NO_DOUBTS = Doubts({})
AMOUNTS_LOCK = 0x616D6F75_00000000
"""With the number of a portal: what is told of its amounts is put beside what is known, by one process at a time."""


class _Kept(NamedTuple):
    """`at` is when what cannot be believed was told; None where that was not kept yet."""

    at: datetime | None
    why: dict[str, Any]


def one_at_a_time(session: Session, portal_id: int) -> None:
    """Until this transaction ends nobody else changes amounts or doubts of the portal."""
    alone(session, AMOUNTS_LOCK + portal_id)


def keep_doubts(
    session: Session,
    portal_id: int,
    told: ConsumptionReading,
    doubts: Doubts = NO_DOUBTS,
    *,
    whole: bool = True,
) -> None:
    """Note what is in doubt now; what `told` tells well is no more. `whole`: it says everything about its customers and months, and
    ends every doubt of theirs; otherwise it ends that of the very things it names. What was told earlier than what is in doubt ends
    nothing.
    """
    one_at_a_time(session, portal_id)
    name = f"{DOUBTS}{portal_id}"
    stored = workspace.get(session, name, {})
    kept = _opened(stored)
    if told.complete:
        since = [(thing, one.at) for thing, one in kept.items()]
        left = _left(since, told, doubts) if whole else still_in_doubt(since, told.lines, doubts, told.taken_at)
        kept = {thing: one for thing, one in kept.items() if thing in left}
    else:
        why = text_to_json(not_complete(told))
        for month, _ in months_between(told.period_start, told.period_end):
            _add(kept, Thing(EVERYBODY, month), told.taken_at, why)
    for thing, text in doubts.why.items():
        _add(kept, thing, told.taken_at, text_to_json(text))
    if (closed := _closed(kept)) != stored:
        workspace.put(session, {name: closed})


def end_doubts(ctx: Context, actor: Actor, keys: Collection[str], reason: str) -> int:
    """A person says that what counts is right, although something came that is not believed: the doubts behind the findings of
    these `keys` end, until something comes again. Into the audit, with the reason. For operators. Gives how many things it was.

    Raises InputError without a reason, or when something of it is not in doubt (any more).
    """
    require(actor, Role.OPERATOR)
    if not reason.strip():
        raise InputError(T("Say why the amounts that count are right."), place="reason", kind="reason")

    def work(session: Session) -> int:
        for number in sorted(portal.id for portal in portals.all_portals(session)):
            one_at_a_time(session, number)
        wanted = [one for one in known_doubts(session, date.min) if one.key in keys]
        if {one.key for one in wanted} != set(keys):
            raise InputError(
                T("This is not in doubt any more, or for another reason."),
                remedy=T("Look at it again."),
                kind="unknown_doubt",
            )
        for portal in portals.all_portals(session):
            name = f"{DOUBTS}{portal.id}"
            mine = {Thing(one.customer_id, one.month, one.about) for one in wanted if one.portal == portal.name}
            if mine:
                kept = _opened(workspace.get(session, name, {}))
                workspace.put(
                    session, {name: _closed({thing: one for thing, one in kept.items() if thing not in mine})}
                )
        charges.drop_findings(session, keys)
        note_all(ctx, session, actor, [_audited(one, reason.strip()) for one in wanted])
        return len(wanted)

    return ctx.database.run(work)


def _audited(one: AmountDoubt, reason: str) -> Audited:
    before = {
        "month": one.month,
        "customer": one.customer_id,
        **one.about._asdict(),
        "doubt": text_to_json(one.message),
    }
    return Audited(actor="", event="consumption.confirmed", subject=one.portal, before=before, after={"reason": reason})


def not_complete(told: ConsumptionReading) -> Text:
    """Why nothing is charged from a reading."""
    first = T("{portal}: the amounts from {first} to {last} are not complete; nothing is charged from them.",
              portal=told.portal, first=told.period_start, last=told.period_end)  # fmt: skip
    return T("{first} {second}", first=first, second=told.notes[0]) if told.notes else first


def known_doubts(session: Session, since: date) -> tuple[AmountDoubt, ...]:
    """What is in doubt for months that begin on or after a day, by portal, month and customer."""
    names = {f"{DOUBTS}{portal.id}": portal.name for portal in portals.all_portals(session)}
    found = [
        AmountDoubt(portal=portal, customer_id=thing.customer, month=thing.month, message=why, about=thing.about)
        for name, value in workspace.beginning(session, DOUBTS).items()
        if (portal := names.get(name)) is not None
        for thing, one in _opened(value).items()
        if thing.month >= since and (why := text_from_json(one.why)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.portal, one.month, one.customer_id, one.about)))


def _left(kept: Iterable[tuple[Thing, datetime | None]], told: ConsumptionReading, doubts: Doubts) -> set[Thing]:
    """What remains in doubt after a reading of the whole."""
    places = doubts.places
    well = {(line.customer_id, month_of(line.period_start)[0]) for line in told.lines} - places
    # Somebody who is told well is in doubt no more, in no month of the reading.
    sure: Collection[str] = {EVERYBODY} | ({customer for customer, _ in well} - {customer for customer, _ in places})
    months = {first for first, _ in months_between(told.period_start, told.period_end)}
    return {
        thing
        for thing, at in kept
        if (at is not None and told.taken_at < at)
        or not (thing.place in well or (thing.customer in sure and thing.month in months))
    }


def _add(kept: dict[Thing, _Kept], thing: Thing, at: datetime, why: dict[str, Any]) -> None:
    """The latest one that cannot be believed is the one to be outdone."""
    known = kept.get(thing)
    if known is None or known.at is None or known.at <= at:
        kept[thing] = _Kept(at, why)


def _opened(stored: Mapping[str, Mapping[str, Any]]) -> dict[Thing, _Kept]:
    found: dict[Thing, _Kept] = {}
    for month, by_customer in stored.items():
        day = date.fromisoformat(month)
        for customer, told in by_customer.items():
            if isinstance(told, Mapping):  # kept before it was known what a doubt is about: of everything
                found[Thing(customer, day, ALL)] = _Kept(None, dict(told))
                continue
            for resource, subscription, at, why in told:
                since = None if at is None else datetime.fromisoformat(at)
                found[Thing(customer, day, About(resource, subscription))] = _Kept(since, why)
    return found


def _closed(kept: Mapping[Thing, _Kept]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for thing, one in sorted(kept.items(), key=lambda item: item[0]):
        by_customer = found.setdefault(thing.month.isoformat(), {})
        since = None if one.at is None else one.at.isoformat()
        by_customer.setdefault(thing.customer, []).append([*thing.about, since, one.why])
    return found
