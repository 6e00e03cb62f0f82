"""A workspace for the engine, of the same kind as for the money path."""

from __future__ import annotations

from tests.services.money.conftest import data, empty_database, make_world, world

__all__ = ["data", "empty_database", "make_world", "world"]
