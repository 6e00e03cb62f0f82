"""The same promises on PostgreSQL."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest

from core.store import ledger
from tests.services.money.test_properties import killed_at
from tests.services.money.world import SandboxData, World

pytestmark = pytest.mark.postgres
numbers = itertools.count(1)


@pytest.fixture
def three(
    new_postgres: Callable[..., str], postgres_template: str, make_world: Callable[..., World], data: SandboxData
) -> World:
    """Three companies with a line of 10 units each; the portal says 12, 3 and 25."""
    service = data.service("MFA per user")
    names = {f"C{number}": data.company(f"C{number} BV") for number in range(3)}
    for company in names.values():
        data.line(data.contract(company), service, 10)
    world = make_world(data, url=new_postgres(postgres_template))
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
