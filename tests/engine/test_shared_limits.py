"""Autotask's limits over all processes on one database: places, and the hour."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connectors.autotask.limits_shared import SharedGate, SharedMeter
from core.domain.errors import RemoteError
from core.domain.ports import ApiBudget
from core.services.shared_limits import DatabaseLimits
from core.store.db import Database
from tests.services.money.world import SandboxData, TestClock, World
from tests.waiting import until

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


class RealClock(TestClock):
    """Goes on, and can be moved."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest, data: SandboxData, make_world: Callable[..., World]) -> Database:
    url = request.getfixturevalue("postgres_database") if request.param == "postgres" else ""
    return make_world(data, url=url).database


def processes(database: Database, count: int = 2) -> tuple[TestClock, list[DatabaseLimits]]:
    """As many as would share the database, each with a name of its own, and their clock."""
    clock = TestClock()
    return clock, [DatabaseLimits(database, clock, 30.0) for _ in range(count)]


def test_no_more_places_than_the_limit_over_all_processes(database: Database) -> None:
    _, (one, other) = processes(database)
    first, second = one.take("i", ["Companies"], 2), other.take("i", ["Companies"], 2)
    assert first and second and first != second
    assert one.take("i", ["Companies"], 2) == other.take("i", ["Companies"], 2) == []
    assert one.take("another", ["Companies"], 2), "another integration has places of its own"
    assert other.take("i", ["Contracts", "Companies"], 2) == [], "all of them, or none"
    assert len(other.take("i", ["Contracts"], 2)) == 1


def test_a_place_that_was_left_counts_a_little_longer(database: Database) -> None:
    """Autotask has one slot more than we use: one that was just left may be followed at once, two may not."""
    clock, (one, other) = processes(database)
    first, second = one.take("i", ["Companies"], 2), one.take("i", ["Companies"], 2)
    one.give("i", first, 0.02)
    third = other.take("i", ["Companies"], 2)
    assert third and third != first
    one.give("i", second, 0.02)
    assert other.take("i", ["Companies"], 2) == []
    clock.move(seconds=0.05)
    assert other.take("i", ["Companies"], 2)


def test_the_places_of_a_process_that_died_come_free(database: Database) -> None:
    clock, (one, other) = processes(database)
    mine = [*one.take("i", ["Companies"], 2), *one.take("i", ["Companies"], 2)]
    clock.move(seconds=25)
    one.keep("i", mine[:1])
    clock.move(seconds=10)
    assert [slot.number for slot in other.take("i", ["Companies"], 2)] == [mine[1].number]
    one.give("i", mine, 0.0)
    assert other.take("i", ["Companies"], 2), "it gives back what is still its own, and nothing else"
    assert other.take("i", ["Companies"], 2) == []


def test_a_process_that_is_known_to_be_dead_is_not_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (one, other) = processes(database)
    assert one.take("i", ["Companies"], 1)
    assert other.take("i", ["Companies"], 1) == []
    monkeypatch.setattr(one, "_owner", "")
    monkeypatch.setattr("core.services.shared_limits.is_dead", lambda owner: owner == one_owner)
    one_owner = _owner_in(database)
    assert other.take("i", ["Companies"], 1)


def _owner_in(database: Database) -> str:
    from core.store.api_limits import SLOT

    with database.session() as session:
        return str(session.execute(SLOT.select().where(SLOT.c.owner != "")).one().owner)


def test_threads_of_several_processes_never_have_more_inside_than_the_limit(database: Database) -> None:
    clock = RealClock()
    gates = [SharedGate(DatabaseLimits(database, clock, 30.0), "i") for _ in range(3)]
    inside: Counter[str] = Counter()
    peak: list[int] = []
    lock = threading.Lock()

    def work(gate: SharedGate, entities: tuple[str, ...]) -> None:
        for _ in range(4):
            with gate.enter(entities, 2) as still_held:
                with lock:
                    inside.update(entities)
                    peak.append(max(inside.values()))
                assert still_held()
                with lock:
                    inside.subtract(entities)

    threads = [
        threading.Thread(target=work, args=(gate, entities))
        for gate in gates
        for entities in (("Contracts",), ("Contracts", "Lines"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert max(peak) <= 2


def test_who_stood_still_for_longer_than_it_holds_a_place_knows_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    import connectors.autotask.limits_shared as module

    real = module.time.time
    with SharedGate(DatabaseLimits(database, RealClock(), 30.0), "i").enter(("Companies",), 2) as still_held:
        assert still_held()
        monkeypatch.setattr(module.time, "time", lambda: real() + 29)
        assert not still_held()


def test_a_request_that_takes_long_keeps_its_place(database: Database) -> None:
    clock = RealClock()
    gate = SharedGate(DatabaseLimits(database, clock, 1.5), "i")
    other = DatabaseLimits(database, clock, 1.5)
    with gate.enter(("Companies",), 1):
        kept = _until_of(database)
        assert until(lambda: _until_of(database) > kept)
        assert other.take("i", ["Companies"], 1) == []


def _until_of(database: Database) -> datetime:
    from core.store.api_limits import SLOT

    with database.session() as session:
        found: datetime = session.execute(SLOT.select().where(SLOT.c.owner != "")).one().until
        return found


def test_m16_the_hour_is_counted_over_all_processes(database: Database) -> None:
    clock, limits = processes(database)
    one, other = (SharedMeter(each, "i") for each in limits)
    for _ in range(30):
        one.count()
    for _ in range(12):
        other.count()
    one.flush()
    other.flush()
    assert SharedMeter(limits[0], "i").look(10_000).used == 42
    one.told(ApiBudget(limit=5_000, used=4_000, window_minutes=60))
    other.count()
    other.flush()
    told = SharedMeter(limits[1], "i").look(10_000)
    assert (told.limit, told.used, told.own) == (5_000, 4_001, 43)
    clock.move(minutes=61)
    assert SharedMeter(limits[1], "i").look(10_000).used == 0


def test_autotask_is_asked_by_one_process_after_so_many_requests_of_all(database: Database) -> None:
    _, limits = processes(database)
    for each in limits:
        each.count("i", 200)
    meters = [SharedMeter(each, "i") for each in limits]
    assert sorted(meter.claim_question(300) for meter in meters) == [False, True]
    meters[0].told(ApiBudget(10_000, 400, 60))
    assert not SharedMeter(limits[0], "i").claim_question(300)


def test_what_could_not_be_told_is_told_later() -> None:
    told: list[int] = []
    broken = [True]

    class Limits:
        held = 30.0

        def count(self, integration: str, requests: int) -> None:
            if broken[0]:
                from core.domain.text import T

                raise RemoteError(T("x"), retryable=True)
            told.append(requests)

    meter = SharedMeter(Limits(), "i")  # type: ignore[arg-type]
    for _ in range(3):
        meter.count()
    meter.flush()
    broken[0] = False
    meter.flush()
    assert told == [3]


@pytest.mark.postgres
def test_machines_whose_clocks_differ_have_one_time(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are compared over machines: a clock that is ahead must not take the others for dead."""
    import core.services.database_clock as module

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(minutes=10)

    database = Database(postgres_database, pool_size=1)
    right = module.DatabaseClock(database).now()
    monkeypatch.setattr(module, "datetime", Ahead)
    wrong = module.DatabaseClock(database)
    assert wrong.now() - right < timedelta(minutes=5)
    monkeypatch.setattr(module, "datetime", datetime)
    monkeypatch.setattr(module, "ASK_EVERY", 0.0)
    assert until(lambda: abs(wrong.now() - datetime.now(UTC)) < timedelta(minutes=5)), "a clock that was set is noticed"
    assert until(lambda: not wrong._asking)
    database.dispose()
