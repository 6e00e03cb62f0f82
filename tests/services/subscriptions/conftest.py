"""The workspaces of the money path, and fresh databases of both kinds, with subscriptions."""

from tests.services.money.conftest import data, empty_database, make_world, world
from tests.store.conftest import database, postgres_template, sqlite_template, url

__all__ = [
    "data",
    "database",
    "empty_database",
    "make_world",
    "postgres_template",
    "sqlite_template",
    "url",
    "world",
]
