"""What the killed processes of `tests.services.nursery` do: a sync of a portal with three lines, or applying what was approved."""

from __future__ import annotations

from typing import Any

from core.services.access import SYSTEM
from core.services.journal import Journal
from core.services.sync import apply_now
from tests.services.money.world import World

JOURNAL = Journal


def play(world: World, order: dict[str, Any]) -> None:
    world.says({(f"C{number}", "users"): units for number, units in enumerate(order["says"])})
    if order.get("apply"):
        apply_now(world.ctx, SYSTEM)
    else:
        world.sync()
