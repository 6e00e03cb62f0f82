"""Our own readings as units of each day: what was in use at the end of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from core.domain.invoice.model import EVERYBODY, Level, Move, OwnRecord, Place

ONE_DAY = timedelta(days=1)


class Piece(NamedTuple):
    """Days on which a usage line had a quantity: `last` is inclusive, None: still. One line has no two pieces on one day."""

    customer_id: str
    customer: str
    product_key: str
    quantity: Decimal
    first: date
    last: date | None
    unit_cost: Decimal | None = None
    currency: str = ""


def records_of(
    pieces: Iterable[Piece], products: Mapping[str, str], known_from: date, cost_day: date, *, by_customer: bool
) -> dict[Place, OwnRecord]:
    """A record for each product of each customer, or of EVERYBODY. Before `known_from` nothing is known (M2).

    `products` are their names by key. The unit cost is that of `cost_day`, or else of the last day before it that has one.
    """
    found: dict[Place, list[Piece]] = defaultdict(list)
    for piece in pieces:
        if piece.last is None or piece.last >= piece.first:
            found[Place(piece.customer_id if by_customer else EVERYBODY, piece.product_key)].append(piece)
    return {
        place: _record(place, mine, products.get(place.product_key, place.product_key), known_from, cost_day)
        for place, mine in found.items()
    }


def _record(place: Place, pieces: Sequence[Piece], product: str, known_from: date, cost_day: date) -> OwnRecord:
    steps: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for piece in pieces:
        steps[max(piece.first, known_from), piece.customer] += piece.quantity
        if piece.last is not None:
            steps[max(piece.last + ONE_DAY, known_from), piece.customer] -= piece.quantity
    moves = tuple(Move(day, who, change) for (day, who), change in sorted(steps.items()) if change)
    cost, currency = _cost(pieces, cost_day)
    return OwnRecord(
        place=place,
        customer="" if place.customer_id == EVERYBODY else pieces[-1].customer,
        product=product,
        levels=_levels(moves, known_from),
        moves=tuple(move for move in moves if move.day > known_from),
        unit_cost=cost,
        currency=currency,
    )


def _levels(moves: Sequence[Move], known_from: date) -> tuple[Level, ...]:
    levels = [Level(known_from, Decimal(0))]
    for move in moves:
        units = (levels[-1].units or Decimal(0)) + move.change
        if levels[-1].day == move.day:
            levels[-1] = Level(move.day, units)
        else:
            levels.append(Level(move.day, units))
    return tuple(levels)


def _cost(pieces: Sequence[Piece], day: date) -> tuple[Decimal | None, str]:
    """What one unit costs, where all lines of the place agree on it or at least on the currency; else not known."""
    priced = [piece for piece in pieces if piece.first <= day]
    now = [piece for piece in priced if piece.last is None or piece.last >= day] or priced[-1:]
    currencies = {piece.currency for piece in now}
    costs = {piece.unit_cost for piece in now}
    if len(currencies) != 1 or None in costs:
        return None, ""
    if len(costs) == 1:
        return costs.pop(), currencies.pop()
    units = sum((piece.quantity for piece in now), Decimal(0))
    if not units:
        return None, ""
    return sum(
        ((piece.unit_cost or Decimal(0)) * piece.quantity for piece in now), Decimal(0)
    ) / units, currencies.pop()
