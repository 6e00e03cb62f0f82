"""The opposite of a run that was applied: proposed through the same plan, guard and apply (M14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.services.access import Actor

if TYPE_CHECKING:
    from core.services.context import Context


def reverse_run(ctx: Context, actor: Actor, run_id: int) -> int: ...
