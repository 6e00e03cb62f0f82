"""Runs: asked for by a person, the command line or the schedule, carried out by the engine, followed by everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.services.access import Actor

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True)
class RunState:
    """`status`: queued, running, done, partly (something failed or is held), failed, stopped. `summary` as `sync --json` prints it."""

    id: int
    kind: str
    status: str
    done: int
    total: int
    summary: Mapping[str, object]


def request_sync(
    ctx: Context, actor: Actor, portals: Sequence[str] | None = None, *, apply: bool = True
) -> int: ...
def request_apply(ctx: Context, actor: Actor, change_ids: Sequence[str] | None = None) -> int: ...
def run_state(ctx: Context, actor: Actor, run_id: int) -> RunState: ...
