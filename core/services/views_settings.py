"""What the Settings page asks of Autotask itself: the meter of its hourly request limit (M16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.ports import ApiBudget
from core.services.access import Actor, Role, require

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = ["ApiBudget", "api_budget"]


def api_budget(ctx: Context, actor: Actor) -> ApiBudget:
    """Requests of all integrations in the present window, and the limit. Raises SettingsError or RemoteError. For admins."""
    require(actor, Role.ADMIN)
    target = ctx.autotask()
    try:
        return target.budget()
    finally:
        target.close()
