"""Every test of the storage runs on SQLite and on PostgreSQL, each on a fresh database."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.store import portals
from core.store.db import Database

NOW = datetime(2026, 10, 1, 6, 0, tzinfo=UTC)
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
numbers = itertools.count(1)


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("empty_database"), path)
        yield f"sqlite:///{path}"
        return
    yield request.getfixturevalue("new_postgres")(request.getfixturevalue("postgres_template"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A fresh, migrated database."""
    database = Database(url)
    yield database
    database.dispose()


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Makes the address of a database without tables, on the named engine."""

    def make(engine: str) -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path / f'empty{next(numbers)}.db'}"
        return str(request.getfixturevalue("new_postgres")())

    return make


@pytest.fixture
def portal(database: Database) -> portals.Portal:
    """One stored portal."""
    with database.write() as session:
        return portals.save(session, portals.Portal(name="Duo", connector="duo"), NOW)
