"""The world of the money path, with what charges need."""

from __future__ import annotations

from tests.services.money.conftest import data, make_world, world

__all__ = ["data", "make_world", "world"]
