"""Reads back what Autotask made of writes: in bulk, never line by line (M4, M16)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from core.domain.contract import ContractLine, ItemRef, LineRef, UnitRow, units_on
from core.domain.plan import Change
from core.domain.ports import TargetDirectory
from core.services.directory import PAGE
from core.services.threads import Pool
from core.store.bulk import chunks

CENT_FRACTION = Decimal("0.00005")
"""Autotask keeps four decimals of a price."""


class Place(NamedTuple):
    """A line on a day."""

    line: LineRef
    day: date


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of a line: `units` in force on the day, whether that day is `posted`, and the line's present prices.

    `next_units` are those of the first later row that is not posted, read for posted days only: there Autotask may keep the
    rows as they were, and show a change later (Autotask reference §14.2).
    """

    units: int
    posted: bool = False
    next_units: int | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None


def read_back(target: TargetDirectory, writes: Iterable[tuple[Change, LineRef]]) -> dict[Place, Seen]:
    """The units in force on the day of each change, and prices where prices were written. Raises RemoteError."""
    pairs = list(writes)
    rows = _rows(target, {Place(line, change.effective_date) for change, line in pairs})
    posted = {place for place, found in rows.items() if _posted_on(found, place.day)}
    later = _rows_after(target, posted)
    priced = sorted({line for change, line in pairs if change.unit_price is not None or change.unit_cost is not None})
    prices = target.prices(priced) if priced else {}
    return {
        place: Seen(
            units_on(found, place.day),
            place in posted,
            _first_open(later.get(place, ()), place.day),
            *prices.get(place.line, (None, None)),
        )
        for place, found in rows.items()
    }


def find_lines(target: TargetDirectory, contract_ids: Collection[int]) -> dict[tuple[int, ItemRef], list[ContractLine]]:
    """The lines of these contracts, by contract and service: what became of a line that was to be added."""
    found: dict[tuple[int, ItemRef], list[ContractLine]] = defaultdict(list)
    for line in target.lines(sorted(contract_ids)):
        found[line.contract_id, line.item].append(line)
    return found


def prices_match(change: Change, seen: Seen) -> bool:
    """Whether the line carries the prices of the change."""
    pairs = ((change.unit_price, seen.unit_price), (change.unit_cost, seen.unit_cost))
    return all(wanted is None or (found is not None and abs(wanted - found) < CENT_FRACTION) for wanted, found in pairs)


class _Query(NamedTuple):
    first: date
    last: date
    lines: list[LineRef]


def _rows(target: TargetDirectory, places: Collection[Place]) -> dict[Place, Sequence[UnitRow]]:
    queries = _queries(places)
    if not queries:
        return {}
    with Pool(2, "read-back") as pool:
        answers = list(pool.map(lambda query: target.units(query.first, query.last, lines=query.lines), queries))
    days: dict[LineRef, list[date]] = defaultdict(list)
    for place in places:
        days[place.line].append(place.day)
    rows: dict[Place, Sequence[UnitRow]] = {}
    for query, answer in zip(queries, answers, strict=True):
        for line in query.lines:
            for day in days[line]:
                if query.first <= day <= query.last:
                    rows[Place(line, day)] = answer.get(line, ())
    return rows


def _queries(places: Collection[Place]) -> list[_Query]:
    """A query for each day, or one for all days where that takes no more pages."""
    by_day: dict[date, set[LineRef]] = defaultdict(set)
    for place in places:
        by_day[place.day].add(place.line)
    groups = [(day, day, lines) for day, lines in sorted(by_day.items())]
    if len(groups) > 1:
        first, last = groups[0][0], groups[-1][1]
        lines = set().union(*by_day.values())
        rows = len(lines) * (2 + (last - first).days // 28)
        if _pages(rows) <= sum(_pages(len(of_day)) for of_day in by_day.values()):
            groups = [(first, last, lines)]
    return [_Query(first, last, part) for first, last, lines in groups for part in chunks(sorted(lines), PAGE)]


def _pages(rows: int) -> int:
    return -(-rows // PAGE)


def _rows_after(target: TargetDirectory, places: Collection[Place]) -> dict[Place, Sequence[UnitRow]]:
    if not places:
        return {}
    answer = target.units(min(place.day for place in places), lines=sorted({place.line for place in places}))
    return {place: answer.get(place.line, ()) for place in places}


def _posted_on(rows: Sequence[UnitRow], day: date) -> bool:
    covering = [row for row in rows if row.start <= day]
    return bool(covering) and covering[-1].posted


def _first_open(rows: Sequence[UnitRow], day: date) -> int | None:
    return next((row.units for row in rows if row.start > day and not row.posted), None)
