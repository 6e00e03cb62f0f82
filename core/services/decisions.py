"""What people decide about changes: approve, withdraw, hold, dismiss. Each decision goes into the audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from core.services.access import Actor
from core.services.paging import PageQuery

if TYPE_CHECKING:
    from core.services.context import Context


def approve(ctx: Context, actor: Actor, change_ids: Sequence[str]) -> int: ...
def approve_all(ctx: Context, actor: Actor, query: PageQuery | None = None) -> int: ...
def withdraw(ctx: Context, actor: Actor, change_ids: Sequence[str]) -> int: ...
def hold(ctx: Context, actor: Actor, change_ids: Sequence[str], reason: str = "") -> int: ...
def dismiss(
    ctx: Context, actor: Actor, change_ids: Sequence[str], reason: str, *, until: date | None = None
) -> int: ...
def restore(ctx: Context, actor: Actor, change_ids: Sequence[str]) -> int: ...
