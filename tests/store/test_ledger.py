"""The ledger knows what is open, and remembers what was verified (M4, M10)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.domain.contract import LineKind, LineRef
from core.domain.plan import LineMemory
from core.store import ledger
from core.store.db import Database
from core.store.ledger import ENDS, Event, Fact
from core.store.memories import line_memories
from core.store.tables import METADATA
from tests.looking import tries
from tests.store.conftest import NOW

TODAY = NOW.date()
LINE = LineRef(LineKind.SERVICE, 2**40)


def fact(event: Event, change: str = "c1", **more: object) -> Fact:
    values: dict[str, object] = {"run_id": 1, "line": LINE, "effective_date": TODAY} | more
    return Fact(event=event, change_id=change, **values)  # type: ignore[arg-type]


def append(database: Database, *facts: Fact) -> list[int]:
    with database.write() as session:
        return ledger.append(session, NOW, facts)


def memory(database: Database, today: date = TODAY) -> LineMemory:
    with database.session() as session:
        return line_memories(session, today)[LINE]


def test_m4_an_intent_is_open_until_it_ends(database: Database) -> None:
    append(database, fact(Event.INTENDED, "a", payload={"units": 3}), fact(Event.INTENDED, "b"))
    append(database, fact(Event.SENT, "a"), fact(Event.UNKNOWN, "a"))
    with database.session() as session:
        first, second = ledger.open_intents(session)
    assert (first.intent.change_id, first.last_event, first.may_have_happened) == ("a", Event.UNKNOWN, True)
    assert first.intent.payload == {"units": 3}
    assert (second.intent.change_id, second.may_have_happened) == ("b", False)
    append(database, fact(Event.SETTLED, "a", payload={"applied": True, "units": 3}), fact(Event.SKIPPED, "b"))
    with database.session() as session:
        assert ledger.open_intents(session) == []


def test_m4_intents_of_runs_are_kept_apart(database: Database) -> None:
    append(database, fact(Event.INTENDED, run_id=1), fact(Event.INTENDED, run_id=2))
    append(database, fact(Event.VERIFIED, run_id=1, payload={"units": 1}))
    with database.session() as session:
        assert [found.intent.run_id for found in ledger.open_intents(session)] == [2]
        assert ledger.open_intents(session, run_id=1) == []
        assert len(ledger.of_run(session, 1)) == 2
        assert len(ledger.of_run(session, 1, events=[Event.VERIFIED])) == 1
        assert len(ledger.of_change(session, "c1")) == len(ledger.of_changes(session, ["c1", "x"])) == 3
        assert [entry.event for entry in ledger.of_line(session, LINE)] == ["intended", "intended", "verified"]


def test_m4_five_hundred_intents_are_one_append(database: Database) -> None:
    numbers = append(database, *(fact(Event.INTENDED, f"c{number}") for number in range(500)))
    assert numbers == list(range(1, 501))
    with database.session() as session:
        assert len(ledger.open_intents(session)) == 500


def test_m10_units_that_were_seen_or_verified_are_remembered(database: Database) -> None:
    append(database, Fact(event=Event.SEEN, line=LINE, payload={"units": 7, "on": TODAY}))
    assert memory(database) == LineMemory(verified_units=7, verified_on=TODAY)
    later = TODAY + timedelta(days=20)
    append(database, fact(Event.INTENDED, effective_date=later))
    append(database, fact(Event.VERIFIED, effective_date=later, payload={"units": 9}))
    assert memory(database) == LineMemory(9, later, frozenset({later}))
    assert memory(database, later + timedelta(days=1)).our_dates == {later}, "dates since the verification count"


def test_m4_a_write_that_did_not_happen_leaves_no_memory(database: Database) -> None:
    append(database, fact(Event.INTENDED), fact(Event.SENT), fact(Event.FAILED))
    append(database, fact(Event.INTENDED, "c2"), fact(Event.SETTLED, "c2", payload={"applied": False, "units": 4}))
    assert memory(database) == LineMemory(verified_units=4, verified_on=TODAY)


def test_refused_days_are_remembered_until_they_passed(database: Database) -> None:
    append(database, fact(Event.INTENDED), fact(Event.REFUSED, payload={"reason": "permission"}))
    assert memory(database).refused == {TODAY: "permission"}
    assert memory(database, TODAY + timedelta(days=1)).refused == {}


def test_m5_a_date_that_is_taken_stays_taken_after_it_passed(database: Database) -> None:
    """A price of this period counts from its first day: a second one must not be tried there again."""
    append(database, fact(Event.INTENDED), fact(Event.REFUSED, payload={"reason": "same_day"}))
    assert memory(database, TODAY + timedelta(days=20)).refused == {TODAY: "same_day"}


def test_prices_that_are_not_yet_in_force_are_remembered(database: Database) -> None:
    later = TODAY + timedelta(days=5)
    change = {"change": {"unit_price": "12.50", "unit_cost": None}}
    append(database, fact(Event.INTENDED, effective_date=later, payload=change))
    append(database, fact(Event.VERIFIED, effective_date=later, payload={"units": 3}))
    found = memory(database)
    assert (found.unit_price, found.unit_cost) == (Decimal("12.50"), None)
    assert memory(database, later + timedelta(days=1)).unit_price is None
    append(database, fact(Event.INTENDED, "c2", effective_date=later, payload={"change": {"unit_price": "99"}}))
    append(database, fact(Event.FAILED, "c2", effective_date=later))
    assert memory(database).unit_price == Decimal("12.50"), "a price that was not written is not remembered"


events = st.builds(
    lambda event, run_id, change, number, days, units: Fact(
        event=event,
        run_id=run_id,
        change_id=change,
        line=LineRef(LineKind.SERVICE, number),
        effective_date=TODAY + timedelta(days=days),
        payload={"units": units, "reason": "zero", "applied": bool(units % 2), "change": {"unit_price": str(units)}},
    ),
    st.sampled_from(Event), st.integers(1, 2), st.sampled_from("abc"), st.integers(1, 3), st.integers(-4, 4),
    st.integers(0, 5),
)  # fmt: skip


@tries(20)
@given(st.lists(st.lists(events, min_size=1, max_size=4), max_size=6))
def test_what_is_derived_can_be_made_again_from_the_ledger(database: Database, batches: list[list[Fact]]) -> None:
    tables = [METADATA.tables["open_intent"], METADATA.tables["line_memory"]]

    def derived() -> list[set[str]]:
        with database.session() as session:
            return [{repr(tuple(row)) for row in session.execute(select(table))} for table in tables]

    for batch in batches:
        append(database, *batch)
    before = derived()
    with database.write() as session:
        ledger.rebuild(session)
    assert derived() == before
    with database.session() as session:
        assert ledger.verify(session).ok
        last = {}
        for entry in ledger.entries(session):
            if entry.event not in (Event.SEEN, Event.REVERSED):
                last[entry.run_id, entry.change_id] = entry.event
        open_now = {(found.intent.run_id, found.intent.change_id) for found in ledger.open_intents(session)}
    assert all(last[name] not in ENDS for name in open_now)
