"""What the killed processes of `tests.services.nursery` do: a sync of a shop of two subscriptions."""

from __future__ import annotations

from typing import Any

from core.services.journal import Journal
from tests.services.money.world import World
from tests.services.provisioning.shop import Shop, subscription

JOURNAL = Journal


def play(world: World, order: dict[str, Any]) -> None:
    Shop(world).sells(subscription("sub-1"), subscription("sub-2", quantity=3))
    world.sync()
