"""Reports against a slow, obvious recomputation from the raw readings, on both engines (S1-72 to S1-77, S1-86)."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from core.domain.text import T
from core.domain.usage import Reading, UsageLine
from core.reporting import Coded, Level, Report
from core.services import reports
from core.services.access import Actor, Role
from core.services.context import Context
from core.services.reports import Asked
from core.store import history, portals
from core.store.db import Database
from core.store.portals import Portal
from core.store.reports import events_between
from tests.looking import tries
from tests.store.conftest import NOW
from tests.store.test_history_properties import CUSTOMERS, KEYS, Model

ZONE = ZoneInfo("Europe/Amsterdam")
DAYS = 430
VIEWER = Actor(1, "Vera", Role.VIEWER)
names = itertools.count()
Known = Decimal | None


class Clock:
    def now(self) -> datetime:
        return NOW + timedelta(days=DAYS)

    def today(self) -> date:
        return self.now().astimezone(ZONE).date()


@dataclass
class Recomputed:
    """One portal's readings, gone through one by one."""

    name: str
    model: Model = field(default_factory=Model)
    first: datetime | None = None
    titles: dict[str, str] = field(default_factory=dict)

    def take(self, reading: Reading) -> None:
        self.model.take(reading)
        self.first = self.first or reading.taken_at
        self.titles |= {
            line.product_key: line.product for line in reading.lines if line.customer_id not in reading.failed_customers
        }

    def known(self, instant: datetime) -> bool:
        return self.first is not None and self.first <= instant


@st.composite
def lives(draw: st.DrawFn) -> list[Reading]:
    """Readings of a portal in the order of time: gaps, failed customers, readings that broke off, renamed products."""
    taken = []
    for day in sorted(draw(st.sets(st.integers(0, DAYS - 1), max_size=6))):
        named = draw(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 4).map(Decimal)))
        version = draw(st.integers(1, 2))
        taken.append(
            Reading(
                portal="p",
                taken_at=NOW + timedelta(days=day, minutes=draw(st.integers(0, 1_000))),
                lines=tuple(
                    UsageLine(
                        customer_id=key[0], customer=key[0], product_key=key[1], product=f"{key[1]} v{version}",
                        quantity=quantity,
                    )
                    for key, quantity in named.items()
                ),
                complete=draw(st.booleans() | st.just(True)),
                failed_customers=dict.fromkeys(draw(st.sets(st.sampled_from(CUSTOMERS), max_size=1)), T("It failed.")),
            )
        )  # fmt: skip
    return taken


on_database = tries(12)


@on_database
@given(st.lists(lives(), min_size=1, max_size=2), st.integers(-5, DAYS))
def test_s1_82_reports_equal_what_the_readings_say(database: Database, told: list[list[Reading]], back: int) -> None:
    ctx = Context(database, Clock(), *([None] * 4), Path())  # type: ignore[arg-type]
    sources = [record(database, readings) for readings in told]
    day = (NOW + timedelta(days=back)).astimezone(ZONE).date()
    instants = [end_of(one) for one in (day, same_day(day, 1), same_day(day, 12))]

    for source in sources:
        asked = Asked(moment=day, portal=source.name)
        listed = cells(reports.build(ctx, VIEWER, "as-of", asked))
        expected = source.model.as_of(instants[0])
        assert {(row[1], row[5]): row[10] for row in listed} == expected
        assert all(row[6] == source.titles[row[5]] for row in listed)

        per_product = recomputed(source, instants, lambda key, one=source: (one.titles[key[1]],))
        vendor = cells(reports.build(ctx, VIEWER, "vendor", asked))
        assert {row[1:2]: (row[2], row[3], row[5]) for row in vendor} == per_product
        assert all(row[4] == less(row[2], row[3]) and row[6] == less(row[2], row[5]) for row in vendor)

        per_customer = recomputed(source, instants, lambda key, one=source: (key[0], one.titles[key[1]]))
        customers = cells(reports.build(ctx, VIEWER, "customer", asked))
        assert {row[2:4]: (row[4], row[5], row[7]) for row in customers} == per_customer

        other = end_of(same_day(day, 3))
        moved = {
            key: (known(source, other, before.get(key)), known(source, instants[0], expected.get(key)))
            for before in [source.model.as_of(other)]
            for key in before.keys() | expected.keys()
        }
        differences = cells(
            reports.build(ctx, VIEWER, "compare", Asked(moment=day, other=same_day(day, 3), portal=source.name))
        )
        assert {(row[2], row[3]): row[6:8] for row in differences} == {
            (key[0], source.titles[key[1]]): pair for key, pair in moved.items() if pair[0] != pair[1]
        }


@on_database
@given(lives())
def test_s1_86_development_equals_as_of_each_month(database: Database, readings: list[Reading]) -> None:
    ctx = Context(database, Clock(), *([None] * 4), Path())  # type: ignore[arg-type]
    source = record(database, readings)
    report = reports.build(ctx, VIEWER, "development", Asked(portal=source.name))
    days = [date.fromisoformat(column.name.removeprefix("on_")) for column in report.sections[0].table.columns[2:]]
    assert days[-1] == Clock().today()
    expected = recomputed(source, [end_of(day) for day in days], lambda key: (source.titles[key[1]],))
    assert {row[1:2]: row[2:] for row in cells(report)} == expected


@on_database
@given(lives())
def test_s1_79_every_change_is_told_with_its_moment(database: Database, readings: list[Reading]) -> None:
    source = record(database, readings)
    with database.session() as session:
        portal = portals.by_name(session, source.name)
        assert portal is not None
        told = events_between(session, NOW - timedelta(days=1), Clock().now())
    found: dict[tuple[str, str], list[tuple[datetime, Known]]] = defaultdict(list)
    for event in reversed(told):
        if event.portal_id == portal.id:
            found[event.customer_id, event.product_key].append((event.at, event.after))
    assert found == {key: story for key, story in source.model.stories.items() if story}


def record(database: Database, readings: list[Reading]) -> Recomputed:
    source = Recomputed(f"portal {next(names)}")
    with database.write() as session:
        portal = portals.save(session, Portal(name=source.name, connector="x"), NOW)
        for reading in readings:
            history.record_reading(session, portal.id, reading)
            source.take(reading)
    return source


def recomputed(source: Recomputed, instants: list[datetime], key) -> dict[tuple[str, ...], tuple[Known, ...]]:
    """Sums at each instant by whatever `key` makes of (customer, product); only what was there at one of them."""
    at = [source.model.as_of(instant) for instant in instants]
    there = {key(one) for found in at for one in found}
    return {
        label: tuple(
            sum((quantity for one, quantity in found.items() if key(one) == label), Decimal(0))
            if source.known(instant)
            else None
            for instant, found in zip(instants, at, strict=True)
        )
        for label in there
    }


def known(source: Recomputed, instant: datetime, quantity: Known) -> Known:
    return (quantity or Decimal(0)) if source.known(instant) else None


def less(one: Known, other: Known) -> Known:
    return None if one is None or other is None else one - other


def cells(report: Report) -> list[tuple]:
    """Rows that are no sums; codes as scripts read them."""
    return [
        tuple(cell.code if isinstance(cell, Coded) else cell for cell in row.cells)
        for row in report.sections[0].table.rows
        if row.level is Level.DETAIL
    ]


def end_of(day: date) -> datetime:
    """The end of a day in Amsterdam, never later than now."""
    return min(datetime.combine(day + timedelta(days=1), time(), ZONE) - timedelta(microseconds=1), Clock().now())


def same_day(day: date, months: int) -> date:
    """Month by month back, then to the same day or the last there is."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    for number in range(day.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError
