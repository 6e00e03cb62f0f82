"""What the killed processes of `tests.services.nursery` do: a sync that charges."""

from __future__ import annotations

from typing import Any

from core.services.charge_journal import ChargeJournal
from tests.services.money.world import World

JOURNAL = ChargeJournal


def play(world: World, order: dict[str, Any]) -> None:
    world.sync()
