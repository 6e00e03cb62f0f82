"""Amounts that were told before and are told no more, without being gone: nothing goes down for those (M2). Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from core.domain.consumption import ConsumptionLine
from core.domain.consumption_lines import WIDE, amount_of, line_identity, month_of
from core.domain.text import T, Text
from core.domain.usage import Reading, Scope, UsageLine

__all__ = [
    "ALL",
    "EVERYBODY",
    "About",
    "AmountDoubt",
    "Doubts",
    "Place",
    "Suspect",
    "Thing",
    "about",
    "doubts_of",
    "is_doubt",
    "still_in_doubt",
    "suspects",
    "unread_things",
]

Place = tuple[str, date]
"""A customer and the first day of a month."""
EVERYBODY = ""
"""Stands for all customers of a portal, where a reading as a whole is not complete."""
NOTHING = Decimal(0)


class About(NamedTuple):
    """What a customer used: the key of a resource (`ConsumptionLine.resource_key`), and of which subscription."""

    resource: str = ""
    subscription: str = ""


ALL = About()
"""Everything that the customer used in the month: it is not known what the doubt is about."""


class Thing(NamedTuple):
    """What may be in doubt: something that a customer used in a month (its first day)."""

    customer: str
    month: date
    about: About = ALL

    @property
    def place(self) -> Place:
        return self.customer, self.month


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountDoubt:
    """Why an amount of a customer (or of everybody) and a month that came last does not count; the one from before does.

    Several things may be in doubt for one reason: they have one `key`.
    """

    portal: str
    customer_id: str
    month: date
    message: Text
    about: About = ALL

    @property
    def key(self) -> str:
        """That of the finding."""
        spelled = f"{self.message.template}|{sorted((name, str(value)) for name, value in self.message.values.items())}"
        said = hashlib.sha256(spelled.encode()).hexdigest()[:12]
        return f"charge|{self.portal}|{self.customer_id}|{self.month}|doubt|{said}"


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
    """`why`: of what a reading is not to count, each with the reason. `also` are further customers and months of which nothing is
    to be charged, and nothing to be said: a line without a period would count there.
    """

    why: Mapping[Thing, Text]
    also: frozenset[Place] = frozenset()

    @property
    def places(self) -> frozenset[Place]:
        return self.also | {thing.place for thing in self.why}


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
    why: dict[Thing, Text] = {}
    also: set[Place] = set()
    for suspect in found:
        customer = suspect.line.customer_id
        months = suspect.months if suspect.dated else sorted({*suspect.months, *before.months(customer)})
        gone = [
            Thing(customer, month, one) for month in months for one in before.more(suspect.line, (customer, month), now)
        ]
        if suspect.certain:
            things = [*gone, *(Thing(customer, month, _about_line(suspect.line)) for month in suspect.months)]
            why |= dict.fromkeys(things, _without_period(suspect.line))
            also.add((customer, suspect.here))
            continue
        for thing in gone:
            why.setdefault(thing, _became_less(suspect, thing.month))
        if gone and not suspect.blank:
            # It would count twice: in the month it was in before, and in that of the reading.
            also.add((customer, suspect.here))
    return Doubts(why, frozenset(also - {thing.place for thing in why}))


def is_doubt(key: str) -> bool:
    """Whether a finding of this key is about an `AmountDoubt`."""
    return "|doubt|" in key


def about(line: ConsumptionLine) -> About:
    """What an amount is for."""
    return About(line.resource_key, line.dimensions.get("subscription_id", ""))


def unread_things(lines: Iterable[UsageLine], known: Sequence[ConsumptionLine], at: datetime) -> dict[Thing, Text]:
    """What is in doubt of lines that were told `at` a moment and could not be read. One without a product may be anything of its
    customer, one without a day is of the month of the moment. A line that tells nothing of money counts where something `known` had
    an amount. What is known of a later moment is not in doubt.
    """
    before, here = _Sums(), at.date()
    later = {_thing(line) for line in known if line.told_at is not None and line.told_at > at}
    before.add(line for line in known if _thing(line) not in later)
    found: dict[Thing, Text] = {}
    for line in lines:
        month = month_of(_day(line) or here)[0]
        place = (line.customer_id, month)
        mine = before.may_be(line, place) if line.product_key else []
        if line.attributes.get("amount") or mine or (not line.product_key and place in before.places):
            own = [_about_line(line)] if line.product_key else [ALL]
            things = [Thing(*place, one) for one in mine or own]
            found |= dict.fromkeys([thing for thing in things if thing not in later], _not_read(line, month))
    return found


def _thing(line: ConsumptionLine) -> Thing:
    return Thing(line.customer_id, month_of(line.period_start)[0], about(line))


def still_in_doubt(
    kept: Iterable[tuple[Thing, datetime | None]], told: Iterable[ConsumptionLine], now: Doubts, at: datetime
) -> set[Thing]:
    """Which things remain in doubt after an event that was true `at` told these amounts: only that very thing ends a doubt, and
    only when it was told no earlier.
    """
    well = {_thing(line) for line in told} - now.why.keys()
    return {thing for thing, since in kept if thing not in well or (since is not None and at < since)}


class _Sum(NamedTuple):
    about: About
    amount: Decimal


_NONE = _Sum(ALL, NOTHING)


@dataclass(slots=True)
class _OfPlace:
    sums: dict[tuple[object, ...], _Sum] = field(default_factory=dict)
    by_start: dict[str, list[tuple[object, ...]]] = field(default_factory=lambda: defaultdict(list))
    """Identities by the product's key, and by that with words behind it (`consumption_from_usage`)."""

    def add(self, line: ConsumptionLine) -> None:
        identity = line_identity(line)
        known = self.sums.get(identity)
        if known is None:
            known = self.sums[identity] = _Sum(about(line), NOTHING)
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

    def more(self, line: UsageLine, place: Place, now: _Sums) -> list[About]:
        """What may be this line and has an amount here, and there none or a smaller one."""
        other = now.places.get(place, _OfPlace())
        return [
            one.about for identity, one in self._like(line, place)
            if abs(other.sums.get(identity, _NONE).amount) < abs(one.amount)
        ]  # fmt: skip

    def may_be(self, line: UsageLine, place: Place) -> list[About]:
        """What may be this line."""
        return [one.about for _, one in self._like(line, place)]

    def _like(self, line: UsageLine, place: Place) -> Iterator[tuple[tuple[object, ...], _Sum]]:
        mine = self.places.get(place)
        if mine is None:
            return
        for identity in mine.by_start.get(_about_line(line).resource, ()):
            one = mine.sums[identity]
            if line.subscription_id in ("", one.about.subscription):
                yield identity, one


def _starts(key: str) -> Iterator[str]:
    yield key
    for at, sign in enumerate(key):
        if sign == "/":
            yield key[:at]


def _about_line(line: UsageLine) -> About:
    """As `consumption_from_usage` names it."""
    words = line.attributes.get("description", "")
    return About(f"{line.product_key}/{words}" if words else line.product_key, line.subscription_id)


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


def _not_read(line: UsageLine, month: date) -> Text:
    values = {"customer": line.customer or line.customer_id, "first": month, "last": month_of(month)[1]}
    if not line.product_key:
        return T(
            "{customer}: amounts from {first} to {last} came that could not be read; the charges of that month stay as they are.",
            **values,
        )
    return T(
        "{customer}: {product} came from {first} to {last} with an amount that could not be read; its last amount stays.",
        product=line.product, **values,
    )  # fmt: skip
