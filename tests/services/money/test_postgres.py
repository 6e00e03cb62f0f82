"""The same promises on PostgreSQL."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from core.store import ledger, migrate
from tests.services.money.test_properties import killed_at
from tests.services.money.world import SandboxData, World

pytestmark = pytest.mark.postgres
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def template(postgres_url: str) -> Iterator[tuple[str, str]]:
    """The server, and an empty, migrated database to copy."""
    name = f"money_{os.getpid()}"
    _admin(postgres_url, f"CREATE DATABASE {name}")
    migrate.upgrade(_named(postgres_url, name))
    yield postgres_url, name
    _admin(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def three(template: tuple[str, str], make_world: Callable[..., World], data: SandboxData) -> World:
    """Three companies with a line of 10 units each; the portal says 12, 3 and 25."""
    server, source = template
    name = f"{source}_{next(numbers)}"
    _admin(server, f"CREATE DATABASE {name} TEMPLATE {source}")
    service = data.service("MFA per user")
    names = {f"C{number}": data.company(f"C{number} BV") for number in range(3)}
    for company in names.values():
        data.line(data.contract(company), service, 10)
    world = make_world(data, url=_named(server, name))
    world.portal()
    world.map(names, {"users": service})
    world.says({("C0", "users"): 12, ("C1", "users"): 3, ("C2", "users"): 25})
    return world


def assert_right(world: World) -> None:
    assert [world.units(8001 + number) for number in range(3)] == [12, 3, 25]
    assert len(world.adjustments()) == 3
    with world.database.session() as session:
        assert ledger.open_intents(session) == []
        assert ledger.verify(session).ok


def test_m1_running_twice_changes_nothing_the_second_time(three: World) -> None:
    assert three.sync().changes["applied"] == 3
    assert three.sync().changes["planned"] == 0
    assert_right(three)


@pytest.mark.parametrize(
    "point", [("intended", 1, True), ("exchange", 1, True), ("exchange", 2, False), ("ended", 1, False)]
)
def test_m4_interrupted_and_started_again(three: World, point: tuple[str, int, bool]) -> None:
    with killed_at(point):
        three.sync()
    three.sync()
    assert_right(three)


def test_several_runs_at_once_write_every_line_once(three: World) -> None:
    threads = [threading.Thread(target=three.sync) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert_right(three)


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _admin(server: str, statement: str) -> None:
    address = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
