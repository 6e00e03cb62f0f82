"""Amounts that were told before and are told no more, without being gone: nothing goes down for those (M2). Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from core.domain.consumption import ConsumptionLine
from core.domain.consumption_lines import WIDE, amount_of, line_identity, month_of
from core.domain.text import T, Text
from core.domain.usage import Reading, Scope, UsageLine

__all__ = ["EVERYBODY", "AmountDoubt", "Doubts", "Place", "Suspect", "doubts_of", "suspects"]

Place = tuple[str, date]
"""A customer and the first day of a month."""
EVERYBODY = ""
"""Stands for all customers of a portal, where a reading as a whole is not complete."""
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountDoubt:
    """Why the amounts of a customer (or of everybody) and a month that came last do not count; those from before go on counting."""

    portal: str
    customer_id: str
    month: date
    message: Text


class Suspect(NamedTuple):
    """A line that may hide an amount: `blank`, without one, or without a period where others have one.

    `months` are those it may be of, by their first days; `dated`: there is just that one. `here` is the month in which a line
    without a period counts. `certain`: it is for a person, whatever was known.
    """

    line: UsageLine
    months: tuple[date, ...]
    here: date
    blank: bool
    dated: bool
    certain: bool = False


class Doubts(NamedTuple):
    """`why`: the customers and months for which a reading is not to count, each with the reason. `also` are further ones of which
    nothing is to be charged, and nothing to be said: a line without a period would count there.
    """

    why: Mapping[Place, Text]
    also: frozenset[Place] = frozenset()

    @property
    def places(self) -> frozenset[Place]:
        return self.also | self.why.keys()


def suspects(reading: Reading, *, file: bool = False) -> tuple[Suspect, ...]:
    """Lines of a reading that tell less than they should. In a `file` a line without a period among lines that have one is for a
    person: nobody can tell of which month it is (M9). In a source that is asked it counts in the month of the reading, as ever, but
    not at the cost of a month it was in before. An event says nothing but what it names.
    """
    lines = reading.amounts or reading.lines
    months = tuple(sorted({month_of(day)[0] for line in lines if (day := _day(line)) is not None}))
    here = month_of(reading.taken_at.date())[0]
    whole = file or reading.scope is not Scope.LINES
    found = []
    for line in lines:
        day = _day(line)
        blank = amount_of(line) is None and not line.attributes.get("amount")
        undated = whole and bool(months) and day is None
        if (blank or undated) and line.customer_id not in reading.failed_customers:
            mine = (months or (here,)) if day is None else (month_of(day)[0],)
            found.append(Suspect(line, mine, here, blank, day is not None, certain=file and not blank))
    return tuple(found)


def doubts_of(found: Sequence[Suspect], told: Iterable[ConsumptionLine], known: Iterable[ConsumptionLine]) -> Doubts:
    """What in `told` is not to count. `known` is what counts until now, from the first of the suspects' months on: where it has an
    amount of the same thing that is now missing or smaller, the amount became blank (or lost its period) and was not withdrawn.
    """
    before, now = _Sums(), _Sums()
    before.add(known)
    now.add(told)
    why: dict[Place, Text] = {}
    also: set[Place] = set()
    for suspect in found:
        customer = suspect.line.customer_id
        months = suspect.months if suspect.dated else sorted({*suspect.months, *before.months(customer)})
        gone = [(customer, month) for month in months if before.is_more(suspect.line, (customer, month), now)]
        if suspect.certain:
            places = [*gone, *((customer, month) for month in suspect.months)]
            why |= dict.fromkeys(places, _without_period(suspect.line))
            also.add((customer, suspect.here))
            continue
        for place in gone:
            why.setdefault(place, _became_less(suspect, place[1]))
        if gone and not suspect.blank:
            # It would count twice: in the month it was in before, and in that of the reading.
            also.add((customer, suspect.here))
    return Doubts(why, frozenset(also - why.keys()))


class _Sum(NamedTuple):
    subscription: str
    amount: Decimal


@dataclass(slots=True)
class _OfPlace:
    sums: dict[tuple[object, ...], _Sum] = field(default_factory=dict)
    by_start: dict[str, list[tuple[object, ...]]] = field(default_factory=lambda: defaultdict(list))
    """Identities by the product's key, and by that with words behind it (`consumption_from_usage`)."""

    def add(self, line: ConsumptionLine) -> None:
        identity = line_identity(line)
        known = self.sums.get(identity)
        if known is None:
            known = self.sums[identity] = _Sum(line.dimensions.get("subscription_id", ""), NOTHING)
            for start in _starts(line.resource_key):
                self.by_start[start].append(identity)
        self.sums[identity] = known._replace(amount=WIDE.add(known.amount, line.amount))


@dataclass(slots=True)
class _Sums:
    places: dict[Place, _OfPlace] = field(default_factory=lambda: defaultdict(_OfPlace))
    by_customer: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))

    def add(self, lines: Iterable[ConsumptionLine]) -> None:
        for line in lines:
            month = month_of(line.period_start)[0]
            self.places[line.customer_id, month].add(line)
            self.by_customer[line.customer_id].add(month)

    def months(self, customer: str) -> set[date]:
        return self.by_customer.get(customer, set())

    def is_more(self, line: UsageLine, place: Place, now: _Sums) -> bool:
        """Whether something that may be this line has an amount here, and there none or a smaller one."""
        if place not in self.places:
            return False
        mine, other = self.places[place], now.places.get(place, _OfPlace())
        words = line.attributes.get("description", "")
        wanted = f"{line.product_key}/{words}" if words else line.product_key
        for identity in mine.by_start.get(wanted, ()):
            known = mine.sums[identity]
            left = other.sums.get(identity, _Sum("", NOTHING)).amount
            if line.subscription_id in ("", known.subscription) and abs(left) < abs(known.amount):
                return True
        return False


def _starts(key: str) -> Iterator[str]:
    yield key
    for at, sign in enumerate(key):
        if sign == "/":
            yield key[:at]


def _day(line: UsageLine) -> date | None:
    return line.period_start or line.effective_date


def _became_less(suspect: Suspect, month: date) -> Text:
    customer, product, first, last = suspect.line.customer, suspect.line.product, month, month_of(month)[1]
    if suspect.blank:
        return T(
            "{customer}: {product} had an amount from {first} to {last} and is told without one now; the charges of that month "
            "stay as they are.",
            customer=customer, product=product, first=first, last=last,
        )  # fmt: skip
    return T(
        "{customer}: {product} had an amount from {first} to {last} and is told without a period now; "
        "the charges stay as they are.",
        customer=customer, product=product, first=first, last=last,
    )  # fmt: skip


def _without_period(line: UsageLine) -> Text:
    return T(
        "{customer}: {product} has no period, where other lines of the file have one; the charges stay as they are.",
        customer=line.customer, product=line.product,
    )  # fmt: skip
