"""Which runs may begin: runs that read the same portal take turns, in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

READS_PORTALS = frozenset({"sync"})
"""Kinds of runs that read portals. The others work on what was read, and wait for their turn to write alone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A run that has not ended. `waits`: it has not begun; one that has, or that its process left behind, keeps its portals."""

    id: int
    kind: str
    portals: tuple[str, ...]
    queued_at: datetime
    waits: bool


def in_each_others_way(one: Standing, other: Standing) -> bool:
    """Whether both read some portal. Without names a run reads all of them."""
    if one.kind not in READS_PORTALS or other.kind not in READS_PORTALS:
        return False
    return not one.portals or not other.portals or not set(one.portals).isdisjoint(other.portals)


def may_begin(runs: Iterable[Standing]) -> list[int]:
    """Numbers of the waiting runs that may begin now, the longest waiting first.

    A run begins when none that has begun is in its way, and none that waits longer: so runs of a portal keep their order,
    and one that needs many portals is not passed for ever by those that need few.
    """
    known = list(runs)
    before = [run for run in known if not run.waits]
    free: list[int] = []
    for run in sorted((run for run in known if run.waits), key=lambda run: (run.queued_at, run.id)):
        if not any(in_each_others_way(run, other) for other in before):
            free.append(run.id)
        before.append(run)
    return free
