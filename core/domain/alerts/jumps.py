"""Quantities that jump: against the reading before, the month before, or what is usual for them (S1-48)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from core.domain.alerts.rules import AlertRule, Baseline, Direction, Per, RuleKind
from core.domain.alerts.signals import Signal
from core.domain.text import T, Text

WEEKS = 12
FEWEST = 5
"""Weeks that must be known before anything is called unusual."""
SPREAD = Decimal("1.4826")
"""From a median absolute deviation to what a standard deviation would be."""
A_DAY = timedelta(hours=20)
"""Readings closer together than this count as one look: where a portal is read hourly, "the reading before" is yesterday's."""


class Piece(NamedTuple):
    """A quantity of one usage line from `start` until before `end` (UTC instants)."""

    portal_id: int
    customer_id: str
    customer: str
    product_key: str
    product: str
    quantity: Decimal
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Looks:
    """When one portal is looked at: its newest reading, the one to compare with, a month before, and the weeks before.

    `first` is its first reading: before that nothing is known of it, which is not zero (M2).
    """

    portal: str
    first: datetime
    newest: datetime
    before: datetime | None
    month_before: datetime

    @property
    def instants(self) -> tuple[datetime, ...]:
        weeks = (self.newest - timedelta(weeks=number) for number in range(1, WEEKS + 1))
        return (self.newest, self.before or self.newest, self.month_before, *weeks)


def look_before(readings: Sequence[datetime]) -> datetime | None:
    """The reading to compare the newest one with; `readings` in order of time. None while there is only one."""
    if len(readings) < 2:
        return None
    place = bisect_right(readings, readings[-1] - A_DAY)
    return readings[max(place - 1, 0)]


def month_before(instant: datetime, zone: tzinfo) -> datetime:
    """The same time of the same day of the month before, in a time zone; its last day where it is shorter."""
    local = instant.astimezone(zone)
    last = local.replace(day=1) - timedelta(days=1)
    return last.replace(day=min(local.day, last.day))


@dataclass(frozen=True, slots=True)
class Course:
    """How much of a product (of a customer, where `customer_id` is given) there was: now, before, a month before, in past weeks.

    None where that was not known.
    """

    portal_id: int
    customer_id: str
    customer: str
    product_key: str
    product: str
    now: Decimal
    before: Decimal | None
    month_before: Decimal | None
    weeks: tuple[Decimal, ...]


def courses(pieces: Iterable[Piece], looks: Mapping[int, Looks], per: Per) -> list[Course]:
    """Sums at each of the portals' instants."""
    instants = {number: look.instants for number, look in looks.items()}
    sums: dict[tuple[int, str, str], list[Decimal]] = {}
    names: dict[tuple[int, str, str], tuple[str, str]] = {}
    for piece in pieces:
        when = instants.get(piece.portal_id)
        if when is None:
            continue
        key = (piece.portal_id, piece.customer_id if per is Per.CUSTOMER else "", piece.product_key)
        totals = sums.setdefault(key, [Decimal(0)] * len(when))
        names[key] = (piece.customer if per is Per.CUSTOMER else "", piece.product)
        for place, instant in enumerate(when):
            if piece.start <= instant < piece.end:
                totals[place] += piece.quantity
    return [_course(key, names[key], totals, looks[key[0]], instants[key[0]]) for key, totals in sums.items()]


def _course(
    key: tuple[int, str, str], names: tuple[str, str], totals: list[Decimal], look: Looks, instants: Sequence[datetime]
) -> Course:
    known = [total if instant >= look.first else None for total, instant in zip(totals, instants, strict=True)]
    return Course(
        portal_id=key[0],
        customer_id=key[1],
        customer=names[0],
        product_key=key[2],
        product=names[1],
        now=totals[0],
        before=known[1] if look.before else None,
        month_before=known[2],
        weeks=tuple(week for week in known[3:] if week is not None),
    )


def jumps(rules: Sequence[AlertRule], all_courses: Mapping[Per, Sequence[Course]], looks: Mapping[int, Looks]) -> Iterator[
    tuple[AlertRule, Signal]
]:  # fmt: skip
    """Every jump with the rule that calls it one. Narrower rules take the place of wider ones that compare in the same way."""
    ways: dict[tuple[Baseline, Per], list[AlertRule]] = defaultdict(list)
    for rule in rules:
        if rule.kind is RuleKind.USAGE:
            ways[rule.baseline, rule.per].append(rule)
    for (_, per), of_way in ways.items():
        deciding: dict[tuple[int, str], list[AlertRule]] = {}
        for course in all_courses.get(per, ()):
            place = (course.portal_id, course.product_key)
            if place not in deciding:
                deciding[place] = _deciding(of_way, *place)
            for rule in deciding[place]:
                signal = jump(rule, course, looks[course.portal_id].portal)
                if signal is not None:
                    yield rule, signal


def _deciding(rules: Iterable[AlertRule], portal_id: int, product: str) -> list[AlertRule]:
    fitting = [rule for rule in rules if rule.portal_id in (None, portal_id) and rule.product in ("", product)]
    narrowest = max((rule.reach for rule in fitting), default=0)
    return [rule for rule in fitting if rule.reach == narrowest and rule.enabled]


def jump(rule: AlertRule, course: Course, portal: str) -> Signal | None:
    """What the rule says of this quantity; None for nothing, and where there is nothing to compare with."""
    base = _base(rule, course)
    if base is None or not _is_jump(rule, course.now, base, course):
        return None
    way = "up" if course.now > base else "down"
    parts = [
        "usage",
        rule.baseline.value,
        rule.per.value,
        str(course.portal_id),
        course.customer_id,
        course.product_key,
        way,
    ]
    if rule.baseline is Baseline.LAST_READING:
        # The next step in the same direction starts from another number: it is another jump.
        parts.append(f"{base.normalize():f}")
    return Signal(
        kind=RuleKind.USAGE,
        subject="|".join(parts),
        title=_title(course, portal, base),
        details=(_compared(rule, base),),
        portals=(portal,),
        products=(course.product_key,),
        size=abs(course.now - base),
        page="history",
        filters={"history_portal": portal, "history_text": course.customer or course.product},
    )


def _base(rule: AlertRule, course: Course) -> Decimal | None:
    if rule.baseline is Baseline.LAST_READING:
        return course.before
    if rule.baseline is Baseline.LAST_MONTH:
        return course.month_before
    return Decimal(median(course.weeks)) if len(course.weeks) >= FEWEST else None


def _is_jump(rule: AlertRule, now: Decimal, base: Decimal, course: Course) -> bool:
    moved = now - base
    if not moved or rule.direction is (Direction.DOWN if moved > 0 else Direction.UP):
        return False
    if rule.units is not None and abs(moved) < rule.units:
        return False
    # From nothing to something is more than any percentage.
    if rule.percent is not None and base and abs(moved) * 100 < rule.percent * abs(base):
        return False
    if rule.baseline is not Baseline.USUAL:
        return True
    spread = SPREAD * Decimal(median(abs(week - base) for week in course.weeks))
    return abs(moved) > rule.band * spread


def _title(course: Course, portal: str, base: Decimal) -> Text:
    who = course.customer or portal
    values = {"who": who, "product": course.product, "before": base, "after": course.now}
    if course.now > base:
        return T("{who}: {product} went up from {before} to {after}.", **values)
    return T("{who}: {product} went down from {before} to {after}.", **values)


def _compared(rule: AlertRule, base: Decimal) -> Text:
    match rule.baseline:
        case Baseline.LAST_READING:
            return T("Compared with the reading before.")
        case Baseline.LAST_MONTH:
            return T("Compared with the same day last month.")
    return T("Usual over the last weeks is {count}.", count=base)
