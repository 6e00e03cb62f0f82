"""The workspaces of the money path, with portals that make contracts."""

from tests.services.money.conftest import data, make_world, world

__all__ = ["data", "make_world", "world"]
