"""The connection to Autotask and the workspace's own settings (time zone, language)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.services.access import Actor
from core.services.portals import TestResult

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class AutotaskView:
    """The stored connection without its secrets."""

    configured: bool
    user_name: str = ""
    base_url: str = ""
    secret_set: bool = False
    integration_code_set: bool = False


def autotask_settings(ctx: Context, actor: Actor) -> AutotaskView: ...
def save_autotask(
    ctx: Context, actor: Actor, *, user_name: str, secret: str | None, integration_code: str | None, base_url: str = ""
) -> None: ...
def test_autotask(ctx: Context, actor: Actor) -> TestResult: ...
