"""The workspaces of the money path, with subscriptions."""

from tests.services.money.conftest import data, empty_database, make_world, world

__all__ = ["data", "empty_database", "make_world", "world"]
