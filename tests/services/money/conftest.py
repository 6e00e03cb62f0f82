"""A workspace for each test, on a fresh database and a fresh sandbox Autotask."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.autotask.sandbox import SandboxData, SandboxServer, SandboxSwitches
from core.store.db import Database
from tests.services.money.world import NOW, TODAY, TestClock, World

_REUSED: dict[Path, Database] = {}
"""Databases by their file: each is filled anew for a test, and compiles its statements once for all of them."""


@pytest.fixture
def data() -> SandboxData:
    """What Autotask holds; fill it before `world` is first used."""
    return SandboxData(TODAY)


@pytest.fixture
def make_world(empty_database: Path, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes workspaces, each with an empty database; everything is closed afterwards."""
    opened: list[World] = []

    def make(data: SandboxData, switches: SandboxSwitches | None = None, url: str = "") -> World:
        database = Database(url) if url else _emptied(empty_database, f"world{len(opened)}.db")
        clock = TestClock(NOW)
        server = SandboxServer(data, switches=switches, clock=clock.now)
        server.start()
        opened.append(World(database, server, clock, tmp_path))
        return opened[-1]

    yield make
    for one in opened:
        one.server.stop()
        one.database.dispose()


def _emptied(empty_database: Path, name: str) -> Database:
    path = empty_database.parent / name
    if path not in _REUSED:
        _REUSED[path] = Database(f"sqlite:///{path}")
    _REUSED[path].dispose()
    for left in (*path.parent.glob(f"{path.name}*"), *path.parent.glob(f"{path.stem}-before-*")):
        left.unlink()
    shutil.copy(empty_database, path)
    return _REUSED[path]


@pytest.fixture
def world(make_world: Callable[..., World], data: SandboxData) -> World:
    return make_world(data)
