"""The workspaces of the money path, and fresh databases of both kinds, with subscriptions."""

from tests.services.money.conftest import data, make_world, world
from tests.store.conftest import database, url

__all__ = ["data", "database", "make_world", "url", "world"]
