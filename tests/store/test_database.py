"""Sessions: one consistent state to read, one transaction to write, competitors wait or try again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.store import workspace
from core.store.db import Database, normalised


def test_a_reading_session_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"), database.session() as session:
        workspace.put(session, {"a": 1})


def test_a_reading_session_sees_one_state(database: Database) -> None:
    with database.write() as session:
        workspace.put(session, {"a": 1})
    with database.session() as reader:
        assert workspace.get(reader, "a") == 1
        with database.write() as session:
            workspace.put(session, {"a": 2})
        assert workspace.get(reader, "a") == 1
    with database.session() as reader:
        assert workspace.get(reader, "a") == 2


def test_all_or_nothing_is_kept(database: Database) -> None:
    with pytest.raises(RuntimeError, match="stop"), database.write() as session:
        workspace.put(session, {"a": 1})
        raise RuntimeError("stop")
    with database.session() as session:
        assert workspace.all_settings(session) == {}


def test_a_writing_session_inside_another_is_told_at_once(database: Database) -> None:
    with database.write(), pytest.raises(RuntimeError, match="wait for itself"), database.write():
        pass
    with database.write() as session:
        workspace.put(session, {"a": 1})


def test_many_threads_that_read_and_write_the_same_lose_nothing(database: Database) -> None:
    with database.write() as session:
        workspace.put(session, {"count": 0})
    lock = threading.Lock()

    def add_one(_: int) -> None:
        with lock, database.write() as session:
            workspace.put(session, {"count": workspace.get(session, "count") + 1})

    def add_own(number: int) -> None:
        with database.write() as session:
            workspace.put(session, {f"own{number}": number})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(30)))
        list(pool.map(add_own, range(60)))
    with database.session() as session:
        kept = workspace.all_settings(session)
    assert kept.pop("count") == 30
    assert len(kept) == 60


def test_work_that_collides_is_done_again_from_the_start(database: Database) -> None:
    """Two transactions take two rows crosswise: PostgreSQL ends one of them, and it is done again; SQLite lets them queue."""
    with database.write() as session:
        workspace.put(session, {"a": 0, "b": 0})
    barrier = threading.Barrier(2, timeout=60)
    attempts: list[str] = []

    def cross(first: str, second: str) -> None:
        def work(session: Session) -> None:
            attempts.append(first)
            workspace.put(session, {first: first})
            if not database.is_sqlite and attempts.count(first) == 1:
                barrier.wait()
            workspace.put(session, {second: first})

        database.run(work)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(cross, "a", "b"), pool.submit(cross, "b", "a")]:
            future.result()
    with database.session() as session:
        kept = workspace.all_settings(session)
    assert kept["a"] == kept["b"]
    assert len(attempts) == (2 if database.is_sqlite else 3)


def test_an_error_that_does_not_pass_is_not_tried_again(database: Database) -> None:
    attempts: list[int] = []

    def work(_: Session) -> None:
        attempts.append(1)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        database.run(work)
    assert len(attempts) == 1


def test_addresses_of_postgresql_mean_the_driver_we_ship() -> None:
    assert normalised("postgres://a:b@c/d") == normalised("postgresql://a:b@c/d") == "postgresql+psycopg://a:b@c/d"
    assert normalised("sqlite:////tmp/x.db") == "sqlite:////tmp/x.db"
