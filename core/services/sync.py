"""One sync: read the portals, refresh Autotask's directory, plan, apply what policy allows, verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.domain.text import Text
from core.services.access import Actor

if TYPE_CHECKING:
    from core.services.context import Context

Progress = Callable[[int, int, Text], None]
"""Told how far a run is: portals done, portals in all, and a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalOutcome:
    name: str
    status: str
    lines: int
    error: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSummary:
    """What a run did, as `sync --json` prints it (DESIGN §6). `status`: done, partly, failed."""

    run_id: int
    status: str
    portals: tuple[PortalOutcome, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)
    autotask_requests: int = 0
    duration_s: float = 0.0

    def as_json(self) -> dict[str, object]: ...


def run_sync(
    ctx: Context,
    actor: Actor,
    portals: Sequence[str] | None = None,
    *,
    apply: bool = True,
    progress: Progress | None = None,
) -> SyncSummary: ...
def apply_now(
    ctx: Context, actor: Actor, change_ids: Sequence[str] | None = None, *, progress: Progress | None = None
) -> SyncSummary: ...
