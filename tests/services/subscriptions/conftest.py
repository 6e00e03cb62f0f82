"""The workspaces of the money path, and fresh databases of both kinds, with subscriptions."""

import os

import psycopg
import pytest
from sqlalchemy import make_url

from core.store import migrate
from tests.services.money.conftest import data, empty_database, make_world, world
from tests.store.conftest import database, sqlite_template, url

__all__ = ["data", "database", "empty_database", "make_world", "sqlite_template", "url", "world"]


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of an empty, migrated database to copy; not that of the tests of the storage, which may run beside these."""
    name = f"subscriptions_{os.getpid()}"
    server = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    migrate.upgrade(make_url(postgres_url).set(database=name).render_as_string(hide_password=False))
    return name
