"""Every test of the storage runs on SQLite and on PostgreSQL, each on a fresh database."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from core.store import migrate, portals
from core.store.db import Database

NOW = datetime(2026, 10, 1, 6, 0, tzinfo=UTC)
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
numbers = itertools.count(1)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of an empty, migrated database to copy; every worker has its own."""
    name = f"template_{os.getpid()}_{next(numbers)}"
    _admin(postgres_url, f"CREATE DATABASE {name}")
    migrate.upgrade(_named(postgres_url, name))
    return name


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        path.write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
        yield f"sqlite:///{path}"
        return
    template = request.getfixturevalue("postgres_template")
    server = request.getfixturevalue("postgres_url")
    name = f"test_{os.getpid()}_{next(numbers)}"
    _admin(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _named(server, name)
    _admin(server, f"DROP DATABASE {name} WITH (FORCE)")


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
        server = request.getfixturevalue("postgres_url")
        name = f"empty_{os.getpid()}_{next(numbers)}"
        _admin(server, f"CREATE DATABASE {name}")
        request.addfinalizer(lambda: _admin(server, f"DROP DATABASE {name} WITH (FORCE)"))
        return _named(server, name)

    return make


@pytest.fixture
def portal(database: Database) -> portals.Portal:
    """One stored portal."""
    with database.write() as session:
        return portals.save(session, portals.Portal(name="Duo", connector="duo"), NOW)


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _admin(server: str, statement: str) -> None:
    address = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)
