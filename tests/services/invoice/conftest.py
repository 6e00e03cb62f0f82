"""The world of the money path: a real sandbox Autotask, a real database, portals that say what they are told."""

from __future__ import annotations

from tests.services.money.conftest import data, make_world, world

__all__ = ["data", "make_world", "world"]
