"""A workspace for the engine, of the same kind as for the money path; databases on PostgreSQL, too."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from core.store import migrate, queue_schema
from core.store.db import Database
from tests import postgres_cluster
from tests.services.money.conftest import data, make_world, world

__all__ = ["data", "make_world", "world"]


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of an empty, migrated database to copy."""
    name = f"engine_{os.getpid()}"
    url = postgres_cluster.create(postgres_url, name)
    migrate.upgrade(url)
    database = Database(url, pool_size=1)
    queue_schema.prepare(database)
    database.dispose()
    return name


@pytest.fixture
def postgres_database(new_postgres: Callable[..., str], postgres_template: str) -> str:
    """The address of an empty, migrated database of its own."""
    return new_postgres(postgres_template)
