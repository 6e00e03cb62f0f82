"""History against a slow, obvious model of it, for random readings in any order."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.domain.target import NEVER
from core.domain.text import T
from core.domain.usage import Reading, Scope, UsageLine
from core.store import history, portals
from core.store.db import Database
from core.store.portals import Portal
from tests.looking import tries
from tests.store.conftest import NOW

CUSTOMERS, PRODUCTS = ("a", "b", "c"), ("x", "y")
KEYS = tuple(itertools.product(CUSTOMERS, PRODUCTS))
names = itertools.count()
Key = tuple[str, str]


@dataclass
class Model:
    """Every line's story as a list of (from, quantity or None for gone), kept by going through the rules one by one."""

    stories: dict[Key, list[tuple[datetime, Decimal | None]]] = field(default_factory=dict)
    evidence: dict[Key, datetime] = field(default_factory=dict)
    read: dict[str, datetime] = field(default_factory=dict)
    whole: datetime = NOW
    """When everything was last read: what was not named until then was not there."""

    def take(self, reading: Reading) -> None:
        named = {(line.customer_id, line.product_key): line.quantity for line in reading.lines}
        named = {key: quantity for key, quantity in named.items() if key[0] not in reading.failed_customers}
        for key in named:
            self.read.setdefault(key[0], self.whole)
        for key in KEYS:
            if reading.taken_at < max(self.evidence.get(key, NOW), self.read.get(key[0], NOW)):
                continue
            story = self.stories.get(key)
            if key in named:
                if story and not reading.complete and named[key] <= (story[-1][1] or 0):
                    continue
                self._tell(key, reading.taken_at, named[key])
                self.evidence[key] = reading.taken_at
            elif story and reading.proves_absence(key[0]):
                self._tell(key, reading.taken_at, None)
        if reading.complete and reading.scope is Scope.PORTAL:
            self.whole = max(self.whole, reading.taken_at)
        for customer in self.read:
            if reading.proves_absence(customer):
                self.read[customer] = max(self.read[customer], reading.taken_at)

    def _tell(self, key: Key, at: datetime, quantity: Decimal | None) -> None:
        story = self.stories.setdefault(key, [])
        if story and story[-1][1] == quantity:
            return
        if story and story[-1][0] == at:
            story.pop()
        story.append((at, quantity))

    def as_of(self, instant: datetime) -> dict[Key, Decimal]:
        found: dict[Key, Decimal] = {}
        for key, story in self.stories.items():
            past = [quantity for at, quantity in story if at <= instant]
            if past and past[-1] is not None:
                found[key] = past[-1]
        return found


quantities = st.integers(0, 4).map(Decimal)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    named = draw(st.dictionaries(st.sampled_from(KEYS), quantities))
    scope = draw(st.sampled_from(Scope))
    return Reading(
        portal="p",
        taken_at=NOW + timedelta(hours=draw(st.integers(0, 12))),
        lines=tuple(
            UsageLine(customer_id=key[0], customer=key[0], product_key=key[1], product=key[1], quantity=quantity)
            for key, quantity in named.items()
        ),
        complete=draw(st.booleans() | st.just(True)),
        scope=scope,
        customers_covered=frozenset(draw(st.sets(st.sampled_from(CUSTOMERS))))
        if scope is Scope.CUSTOMERS
        else frozenset(),
        failed_customers=dict.fromkeys(draw(st.sets(st.sampled_from(CUSTOMERS), max_size=1)), T("It failed.")),
    )


def fresh_portal(database: Database) -> Portal:
    with database.write() as session:
        return portals.save(session, Portal(name=f"portal {next(names)}", connector="x"), NOW)


on_database = tries(20)


@on_database
@given(st.lists(readings(), max_size=8))
def test_m2_as_of_any_instant_equals_the_model(database: Database, taken: list[Reading]) -> None:
    portal, model = fresh_portal(database), Model()
    with database.write() as session:
        for reading in taken:
            history.record_reading(session, portal.id, reading)
            model.take(reading)
            lines = history.known_lines(session, [portal.id]).get(portal.id, [])
            now = {(line.usage.customer_id, line.usage.product_key): line.quantity for line in lines if line.present}
            assert now == model.as_of(NOW + timedelta(days=9))
        for hour in range(-1, 14):
            instant = NOW + timedelta(hours=hour, minutes=30)
            used = history.as_of(session, instant, portal_ids=[portal.id])
            assert {(row.customer_id, row.product_key): row.quantity for row in used} == model.as_of(instant)


@on_database
@given(st.lists(readings(), max_size=8))
def test_intervals_of_a_line_follow_each_other_without_gaps(database: Database, taken: list[Reading]) -> None:
    portal = fresh_portal(database)
    with database.write() as session:
        for reading in taken:
            history.record_reading(session, portal.id, reading)
        for line in history.known_lines(session, [portal.id]).get(portal.id, []):
            story = history.timeline(session, line.id)
            assert [used.valid_to for used in story[:-1]] == [used.valid_from for used in story[1:]]
            assert all(used.valid_to is None or used.valid_from < used.valid_to for used in story)
            assert [used.valid_to for used in story].count(None) == 1
            named = [one.taken_at for one in taken if any(other.key == line.usage.key for other in one.lines)]
            assert line.since in {one.taken_at for one in taken}
            assert line.confirmed_at == NEVER or min(named) <= line.confirmed_at


@on_database
@given(st.lists(readings(), max_size=5), readings())
def test_m2_what_goes_down_was_named_or_proved(database: Database, taken: list[Reading], last: Reading) -> None:
    portal = fresh_portal(database)
    with database.write() as session:
        for reading in taken:
            history.record_reading(session, portal.id, reading)
        before = {line.id: line.quantity for line in history.known_lines(session, [portal.id]).get(portal.id, [])}
        history.record_reading(session, portal.id, last)
        named = {line.key[:2]: line.quantity for line in last.lines}
        for line in history.known_lines(session, [portal.id]).get(portal.id, []):
            if line.quantity >= before.get(line.id, Decimal(0)):
                continue
            key = line.usage.key[:2]
            assert last.complete
            assert key[0] not in last.failed_customers
            assert named[key] == line.quantity if key in named else last.proves_absence(key[0])


@on_database
@given(readings())
def test_the_same_reading_again_changes_nothing(database: Database, taken: Reading) -> None:
    portal = fresh_portal(database)
    with database.write() as session:
        history.record_reading(session, portal.id, taken)
        assert not history.record_reading(session, portal.id, taken).changes_anything
