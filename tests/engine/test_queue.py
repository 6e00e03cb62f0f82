"""What every driver of the queue promises, whoever carries the runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import make_url, text

from core.engine.queue import EmbeddedQueue, Queue
from core.engine.shared_queue import SharedQueue
from core.store import queue_schema, runs
from core.store.db import Database
from core.store.runs import NewRun, Run
from tests.services.money.world import SandboxData, World
from tests.waiting import until

DRIVERS = ["embedded", pytest.param("shared", marks=pytest.mark.postgres)]


@dataclass
class Handled:
    """What handlers were given: numbers in the order in which they began, and how many were at work at once for each portal."""

    world: World
    gate: threading.Event = field(default_factory=threading.Event)
    began: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    inside: dict[str, int] = field(default_factory=dict)
    most: int = 0
    overlaps: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, run: Run) -> None:
        with self.lock:
            self.began.append(run.id)
            for portal in run.portals:
                self.inside[portal] = self.inside.get(portal, 0) + 1
                if self.inside[portal] > 1:
                    self.overlaps.append(run.id)
            self.most = max(self.most, len(self.began) - len(self.ended))
        self.gate.wait(30)
        with self.lock:
            for portal in run.portals:
                self.inside[portal] -= 1
            self.ended.append(run.id)
        now = self.world.clock.now()
        self.world.database.run(lambda session: runs.finish(session, run.id, "done", now, owner=run.lease_owner))

    def queue(self, *portals: str, kind: str = "sync") -> int:
        with self.world.database.write() as session:
            run = runs.enqueue(session, NewRun(kind=kind, portals=portals), self.world.clock.now())
        assert run is not None
        return run.id


@pytest.fixture(params=DRIVERS)
def driver(
    request: pytest.FixtureRequest, data: SandboxData, make_world: Callable[..., World]
) -> tuple[World, Callable[[], Queue]]:
    if request.param == "embedded":
        world = make_world(data)
        return world, lambda: EmbeddedQueue(world.ctx, look_every=0.05)
    world = make_world(data, url=request.getfixturevalue("postgres_database"))
    return world, lambda: SharedQueue(world.ctx, look_every=0.05)


@pytest.fixture
def handled(driver: tuple[World, Callable[[], Queue]]) -> Iterator[Handled]:
    """Two queues on one database, as in two processes; the gate is open."""
    world, make = driver
    log = Handled(world)
    log.gate.set()
    queues = [make() for _ in range(2)]
    for queue in queues:
        queue.start(log.handle)
    yield log
    log.gate.set()
    stopped = [queue.stop(60.0) for queue in queues]
    assert all(stopped)


def test_a_run_reaches_one_handler_once(handled: Handled) -> None:
    numbers = [handled.queue(f"P{number % 6}") for number in range(18)]
    assert until(lambda: len(handled.ended) >= 18)
    assert sorted(handled.began) == numbers


def test_runs_of_one_portal_go_one_after_the_other_in_their_order(handled: Handled) -> None:
    numbers = [handled.queue(*portals) for portals in [("A",), ("A", "B"), ("B",), (), ("A",), ("C",), ("B", "C")]]
    assert until(lambda: len(handled.ended) == len(numbers))
    assert handled.overlaps == []
    assert [number for number in handled.began if number in numbers[:3]] == numbers[:3]
    assert handled.began.index(numbers[3]) == 3, (
        "a run of all portals waits for those before it, and those after it wait"
    )


def test_runs_of_different_portals_go_on_side_by_side(handled: Handled) -> None:
    handled.gate.clear()
    handled.queue("A")
    waits = handled.queue("A")
    handled.queue("B")
    assert until(lambda: len(handled.began) == 2)
    assert waits not in handled.began
    handled.gate.set()
    assert until(lambda: len(handled.ended) == 3)
    assert handled.most == 2


def test_writing_what_was_decided_does_not_wait_for_portals(handled: Handled) -> None:
    handled.gate.clear()
    handled.queue()
    apply = handled.queue(kind="apply")
    assert until(lambda: apply in handled.began)


def test_a_run_whose_process_died_comes_again(handled: Handled) -> None:
    world = handled.world
    with world.database.write() as session:
        run = runs.enqueue(session, NewRun(kind="sync", portals=["A"]), world.clock.now())
        assert run is not None
        runs.claim(session, "elsewhere|1|1|x", world.clock.now(), 60, run_id=run.id)
    after = handled.queue("A")
    world.clock.move(minutes=5)
    with world.database.write() as session:
        runs.interrupt_dead(session, world.clock.now())
    with world.database.write() as session:
        assert runs.claimable(session) == [], "what was interrupted keeps its place before those behind it"
        assert runs.requeue(session, run.id)
    assert until(lambda: len(handled.ended) == 2)
    assert handled.began == [run.id, after]
    with world.database.session() as session:
        assert runs.get(session, run.id).attempt == 2  # type: ignore[union-attr]


def test_a_queue_that_is_woken_as_it_is_stopped_ends(driver: tuple[World, Callable[[], Queue]]) -> None:
    """As at the end of a run: what wakes it and what ends it come in the same moment."""
    world, make = driver
    log = Handled(world)
    log.gate.set()
    queue, over = make(), threading.Event()

    def wake() -> None:
        while not over.wait(0.0005):
            queue.wake()

    waking = threading.Thread(target=wake, daemon=True)
    waking.start()
    for _ in range(3):
        first = log.queue("A")
        queue.start(log.handle)
        assert until(lambda: first in log.ended)  # noqa: B023
        assert queue.stop(60.0)
    over.set()
    waking.join()


def test_a_queue_that_was_stopped_brings_nothing_more(driver: tuple[World, Callable[[], Queue]]) -> None:
    world, make = driver
    log = Handled(world)
    queue = make()
    queue.start(log.handle)
    first = log.queue("A")
    assert until(lambda: log.began == [first])
    assert not queue.stop(0.1), "it says so when a run still goes on"
    second = log.queue("B")
    log.gate.set()
    assert queue.stop(60.0)
    assert log.began == [first]
    queue.start(log.handle)
    assert until(lambda: log.ended == [first, second])
    assert queue.stop(60.0)


# ---- of several machines alone


@pytest.fixture
def shared(data: SandboxData, make_world: Callable[..., World], postgres_database: str) -> World:
    return make_world(data, url=postgres_database)


@pytest.mark.postgres
def test_a_job_whose_worker_died_before_it_claimed_the_run_is_given_out_again(shared: World) -> None:
    """The library thinks that somebody has it; the table of runs knows that nobody does."""
    log = Handled(shared)
    log.gate.set()
    number = log.queue("A")
    with shared.database.write() as session:
        worker = f"SELECT worker_id FROM {queue_schema.SCHEMA}.procrastinate_register_worker_v1()"
        session.execute(text(f"SET LOCAL search_path TO {queue_schema.SCHEMA}"))
        session.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status, worker_id) VALUES"
                f" ('runs', 'carry_out', 'run {number}', '{{\"run_id\": {number}}}', 'doing', ({worker}))"
            )
        )
        session.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"))
    queue = SharedQueue(shared.ctx, look_every=0.05)
    queue.start(log.handle)
    try:
        assert until(lambda: log.ended == [number])
        assert until(lambda: _jobs(shared) == 0), "what the dead worker had is thrown away"
    finally:
        assert queue.stop(60.0)


@pytest.mark.postgres
def test_a_queue_goes_on_after_the_database_cut_all_connections(shared: World) -> None:
    log = Handled(shared)
    log.gate.set()
    queue = SharedQueue(shared.ctx, look_every=0.05)
    queue.start(log.handle)
    try:
        first = log.queue("A")
        assert until(lambda: _status(shared, first) == "done")
        with shared.database.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        second = log.queue("A")
        assert until(lambda: log.ended == [first, second])
    finally:
        assert queue.stop(60.0)


def _status(world: World, run_id: int) -> str:
    with world.database.session() as session:
        return runs.get(session, run_id).status  # type: ignore[union-attr]


def _jobs(world: World) -> int:
    with world.database.session() as session:
        query = text(f"SELECT count(*) FROM {queue_schema.SCHEMA}.procrastinate_jobs")
        return int(session.execute(query).scalar_one())


@pytest.mark.postgres
def test_where_no_schema_may_be_made_the_table_of_runs_is_looked_at_instead(shared: World, postgres_url: str) -> None:
    name = f"poor_{os.getpid()}"
    with shared.database.engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {queue_schema.SCHEMA} CASCADE"))
        connection.execute(text(f"DROP ROLE IF EXISTS {name}"))
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        connection.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}"))
        connection.execute(text(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {name}"))
    poor = Database(make_url(shared.database.url).set(username=name).render_as_string(hide_password=False))
    log = Handled(shared)
    log.gate.set()
    queue = SharedQueue(replace(shared.ctx, database=poor), look_every=0.05)
    queue.start(log.handle)
    try:
        number = log.queue("A")
        assert until(lambda: _status(shared, number) == "done")
    finally:
        assert queue.stop(60.0)
        poor.dispose()
        with shared.database.engine.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {name}"))
            connection.execute(text(f"DROP ROLE {name}"))
