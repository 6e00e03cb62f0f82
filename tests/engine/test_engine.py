"""One engine works, runs survive, and the schedule misses nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.domain.usage import Reading
from core.engine import Engine
from core.engine.metronome import Job, Metronome, queue_due
from core.services import runs as service
from core.services.access import SYSTEM
from core.services.owners import new_owner
from core.services.running import begin, free_dead_runs
from core.store import leases, portals, runs
from core.store.runs import NewRun
from tests.services.money.world import SandboxData, World, reading
from tests.waiting import until


@pytest.fixture
def acme(data: SandboxData, make_world: Callable[..., World]) -> World:
    """A portal that says 12 where the contract has 10."""
    company, service_id = data.company("Acme BV"), data.service("MFA per user")
    data.line(data.contract(company), service_id, 10)
    world = make_world(data)
    world.portal()
    world.map({"Acme": company}, {"users": service_id})
    world.says({("Acme", "users"): 12})
    return world


@pytest.fixture
def engine(acme: World) -> Iterator[Engine]:
    running = Engine(acme.ctx, every=0.05)
    running.start()
    yield running
    running.stop()


def ended(world: World, run_id: int) -> bool:
    return service.run_state(world.ctx, SYSTEM, run_id).ended


def test_s1_30_a_sync_runs_in_the_background(acme: World, engine: Engine) -> None:
    number = service.request_sync(acme.ctx, SYSTEM)
    assert until(lambda: ended(acme, number))
    state = service.run_state(acme.ctx, SYSTEM, number)
    assert (state.status, state.summary["changes"]["applied"]) == ("done", 1)
    assert (state.done, state.total) == (1, 1)
    assert acme.units(8001) == 12


def test_a_sync_that_is_queued_already_is_followed(acme: World) -> None:
    first = service.request_sync(acme.ctx, SYSTEM)
    assert service.request_sync(acme.ctx, SYSTEM) == first
    assert service.request_sync(acme.ctx, SYSTEM, ["Duo"]) != first


def test_two_engines_one_works(acme: World) -> None:
    engines = [Engine(acme.ctx, every=0.05) for _ in range(2)]
    for one in engines:
        one.start()
    try:
        assert until(lambda: any(one.working.is_set() for one in engines))
        numbers = [service.request_sync(acme.ctx, SYSTEM, apply=flag) for flag in (True, False)]
        assert until(lambda: all(ended(acme, number) for number in numbers))
        assert sorted(one.working.is_set() for one in engines) == [False, True]
        assert len(acme.adjustments()) == 1
        first = next(one for one in engines if one.working.is_set())
        first.stop()
        assert until(lambda: all(one.working.is_set() for one in engines if one is not first))
    finally:
        for one in engines:
            one.stop()


def test_a_run_that_breaks_does_not_stop_the_engine(acme: World, engine: Engine) -> None:
    with acme.database.write() as session:
        broken = runs.enqueue(session, NewRun(kind="nonsense"), acme.clock.now())
    assert broken is not None
    number = service.request_sync(acme.ctx, SYSTEM)
    assert until(lambda: ended(acme, number) and ended(acme, broken.id))
    assert service.run_state(acme.ctx, SYSTEM, broken.id).status == "failed"
    assert service.run_state(acme.ctx, SYSTEM, number).status == "done"


def test_a_run_is_left_when_asked_to_stop_and_goes_on_at_the_next_start(acme: World) -> None:
    gate = threading.Event()

    def slow(now: datetime) -> Reading:
        gate.wait(120)
        return reading("Duo", now, {("Acme", "users"): 12})

    acme.said["Duo"] = slow
    first = Engine(acme.ctx, every=0.05)
    first.start()
    number = service.request_sync(acme.ctx, SYSTEM)
    assert until(lambda: service.run_state(acme.ctx, SYSTEM, number).status == "running")
    first.stop()
    assert not ended(acme, number), "stopping did not wait for the portal"
    gate.set()
    second = Engine(acme.ctx, every=0.05)
    second.start()
    try:
        assert until(lambda: ended(acme, number))
    finally:
        second.stop()
    assert acme.units(8001) == 12
    assert len(acme.adjustments()) == 1


def test_the_run_of_a_dead_process_is_resumed_at_once(acme: World, engine: Engine) -> None:
    host, _, _, _ = new_owner().split("|")
    dead = f"{host}|999999999|1|abc"
    run = begin(acme.ctx, NewRun(kind="sync", options={"apply": True}), dead)
    assert until(lambda: ended(acme, run.id))
    assert acme.units(8001) == 12


def test_the_run_of_a_living_process_is_left_alone(acme: World) -> None:
    run = begin(acme.ctx, NewRun(kind="sync"), new_owner())
    assert free_dead_runs(acme.ctx) == []
    with acme.database.session() as session:
        assert runs.get(session, run.id).status == "running"  # type: ignore[union-attr]


def test_a_run_that_kills_its_process_again_and_again_is_given_up(acme: World) -> None:
    run = begin(acme.ctx, NewRun(kind="sync"), "elsewhere|1|1|x")
    engine = Engine(acme.ctx)
    for _ in range(5):
        acme.clock.move(minutes=10)
        engine.resume_interrupted()
        with acme.database.write() as session:
            runs.claim(session, "elsewhere|1|1|x", acme.clock.now(), 60, run_id=run.id)
    with acme.database.session() as session:
        found = runs.get(session, run.id)
    assert found is not None
    assert found.status == "failed"


def test_two_runs_never_write_at_the_same_time(acme: World) -> None:
    """The second one waits for its turn, and then finds nothing left to do."""
    acme.server.faults.add(action="hold", entity="ContractServiceAdjustments", operation="create")
    first = threading.Thread(target=acme.sync)
    first.start()
    assert acme.server.faults.wait_held()
    with acme.database.session() as session:
        assert leases.holder(session, "writer", acme.clock.now())
    second = threading.Thread(target=acme.sync)
    second.start()
    time.sleep(0.5)
    assert second.is_alive()
    acme.server.faults.release()
    first.join(20)
    second.join(20)
    assert not second.is_alive()
    assert len(acme.adjustments()) == 1


def test_a_run_that_lost_its_turn_sends_nothing_more(acme: World) -> None:
    """Its process was frozen for longer than the lease, and another one has begun to write."""
    acme.server.faults.add(action="hold", entity="ContractServiceUnits", operation="query", nth=2)
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(acme.sync()))
    thread.start()
    assert acme.server.faults.wait_held()
    with acme.database.write() as session:
        leases.release(session, "writer", leases.holder(session, "writer", acme.clock.now()))
        assert leases.acquire(session, "writer", "another", acme.clock.now(), 3600)
    acme.server.faults.release()
    thread.join(20)
    assert acme.adjustments() == []
    assert results[0].status == "failed"  # type: ignore[attr-defined]


# ---- the schedule


def save(world: World, **values: object) -> None:
    with world.database.write() as session:
        known = portals.by_name(session, "Duo")
        assert known is not None
        portals.save(session, replace(known, **values), world.clock.now())  # type: ignore[arg-type]


def due_at(world: World) -> datetime | None:
    with world.database.session() as session:
        return portals.by_name(session, "Duo").next_due_at  # type: ignore[union-attr]


def test_s1_37_a_portal_that_is_due_is_queued_once(acme: World) -> None:
    save(acme, schedule={"every": "day", "at": "02:00"}, next_due_at=datetime(2026, 11, 21, 1, 0, tzinfo=UTC))
    assert queue_due(acme.ctx) == []
    acme.clock.move(hours=17)
    [number] = queue_due(acme.ctx)
    assert queue_due(acme.ctx) == []
    with acme.database.session() as session:
        run = runs.get(session, number)
    assert run is not None
    assert (run.kind, run.portals, run.started_by) == ("sync", ("Duo",), "schedule")
    assert due_at(acme) > acme.clock.now()  # type: ignore[operator]


def test_after_ten_days_off_a_portal_is_read_once_not_ten_times(acme: World) -> None:
    save(acme, schedule={"every": "day", "at": "02:00"}, next_due_at=datetime(2026, 11, 21, 1, 0, tzinfo=UTC))
    acme.clock.move(days=10)
    assert len(queue_due(acme.ctx)) == 1
    assert queue_due(acme.ctx) == []


def test_runs_that_take_longer_than_their_schedule_do_not_pile_up(acme: World) -> None:
    save(acme, schedule={"cron": "* * * * *"}, next_due_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    [number] = queue_due(acme.ctx)
    acme.clock.move(minutes=2)
    assert queue_due(acme.ctx) == []
    assert due_at(acme) > acme.clock.now()  # type: ignore[operator]
    with acme.database.write() as session:
        runs.claim(session, "somebody", acme.clock.now(), 60, run_id=number)
    acme.clock.move(minutes=2)
    assert len(queue_due(acme.ctx)) == 1


def test_portals_due_together_share_one_run(acme: World) -> None:
    acme.portal("Pax8")
    moment = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    with acme.database.write() as session:
        for portal in portals.all_portals(session):
            portals.save(session, replace(portal, schedule={"every": "hour"}, next_due_at=moment), acme.clock.now())
    [number] = queue_due(acme.ctx)
    with acme.database.session() as session:
        assert runs.get(session, number).portals == ("Duo", "Pax8")  # type: ignore[union-attr]


def test_two_metronomes_queue_a_due_moment_once(acme: World) -> None:
    save(acme, schedule={"every": "hour"}, next_due_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(queue_due(acme.ctx))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(numbers) for numbers in found) == 1


def test_s1_38_the_engine_reads_a_due_portal_by_itself(acme: World, engine: Engine) -> None:
    save(acme, schedule={"every": "hour"}, next_due_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    assert until(lambda: acme.units(8001) == 12)


def test_a_paused_portal_is_never_due(acme: World) -> None:
    save(acme, enabled=False, next_due_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    assert queue_due(acme.ctx) == []


def test_a_job_that_breaks_is_tried_again_and_stops_no_other() -> None:
    done: list[str] = []

    def breaks() -> None:
        done.append("broke")
        raise ValueError("no")

    metronome = Metronome([Job("a", 1, breaks), Job("b", 1, lambda: done.append("fine"))], tick=0.05)
    metronome.start()
    assert until(lambda: done.count("broke") >= 2 and done.count("fine") >= 2, 5.0)
    metronome.stop()
