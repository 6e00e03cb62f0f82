"""A workspace for the engine, of the same kind as for the money path; databases on PostgreSQL, too."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from core.store import migrate, queue_schema
from core.store.db import Database
from tests.services.money.conftest import data, empty_database, make_world, world

__all__ = ["data", "empty_database", "make_world", "world"]

_numbers = itertools.count(1)


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it became true in time; on a loaded machine everything takes long."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of an empty, migrated database to copy."""
    name = f"engine_{os.getpid()}"
    _admin(postgres_url, f"CREATE DATABASE {name}")
    migrate.upgrade(named(postgres_url, name))
    database = Database(named(postgres_url, name), pool_size=1)
    queue_schema.prepare(database)
    database.dispose()
    yield name
    _admin(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_database(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """The address of an empty, migrated database of its own."""
    name = f"{postgres_template}_{next(_numbers)}"
    _admin(postgres_url, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield named(postgres_url, name)
    _admin(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _admin(server: str, statement: str) -> None:
    address = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
