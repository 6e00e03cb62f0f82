"""A workspace for each test, on a fresh database and a fresh sandbox Autotask."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.autotask.sandbox import SandboxData, SandboxServer, SandboxSwitches
from core.store import migrate
from core.store.db import Database
from tests.services.money.world import NOW, TODAY, TestClock, World


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("money") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def data() -> SandboxData:
    """What Autotask holds; fill it before `world` is first used."""
    return SandboxData(TODAY)


@pytest.fixture
def make_world(empty_database: Path, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes workspaces; everything is closed afterwards."""
    opened: list[World] = []

    def make(data: SandboxData, switches: SandboxSwitches | None = None, url: str = "") -> World:
        if not url:
            path = tmp_path / f"world{len(opened)}.db"
            shutil.copy(empty_database, path)
            url = f"sqlite:///{path}"
        clock = TestClock(NOW)
        server = SandboxServer(data, switches=switches, clock=clock.now)
        server.start()
        opened.append(World(Database(url), server, clock, tmp_path))
        return opened[-1]

    yield make
    for one in opened:
        one.server.stop()
        one.database.dispose()


@pytest.fixture
def world(make_world: Callable[..., World], data: SandboxData) -> World:
    return make_world(data)
