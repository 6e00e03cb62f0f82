"""Portals: the configured sources, their settings, secrets, schedule, mode and policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from core.domain.policy import Mode, Policy, PolicyOverride
from core.domain.text import Text
from core.services.access import Actor
from core.services.forms import FormField

if TYPE_CHECKING:
    from core.domain.usage import Reading
    from core.services.context import Context


class PortalState(StrEnum):
    """The one word on a portal's card."""

    NEVER_READ = "never_read"
    OK = "ok"
    STALE = "stale"
    FAILING = "failing"
    READING = "reading"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalCard:
    """A portal as the Portals page shows it. `schedule` is in words, `next_due` the UTC instant of its next reading."""

    id: int
    name: str
    connector: str
    connector_name: str
    kind: str
    pulls: bool
    counts: Text
    state: PortalState
    message: Text
    mode: Mode
    schedule: Text
    next_due: datetime | None
    last_read: datetime | None
    lines: int
    customers: int
    unmapped_customers: int
    unmapped_products: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalDetail:
    """All settings of one portal. Secrets are never here: `secrets_set` names those that are stored."""

    card: PortalCard
    settings: Mapping[str, object]
    secrets_set: frozenset[str]
    policy: Policy
    overrides: tuple[PolicyOverride, ...]
    schedule: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorCard:
    slug: str
    name: str
    kind: str
    pulls: bool
    counts: Text
    guide: tuple[Text, ...]
    settings: tuple[FormField, ...]
    secrets: tuple[FormField, ...]


@dataclass(frozen=True, slots=True)
class TestResult:
    ok: bool
    message: Text
    remedy: Text | None = None


def list_connectors(ctx: Context, actor: Actor) -> list[ConnectorCard]: ...
def list_portals(ctx: Context, actor: Actor) -> list[PortalCard]: ...
def portal_detail(ctx: Context, actor: Actor, portal: str) -> PortalDetail: ...
def create_portal(
    ctx: Context,
    actor: Actor,
    name: str,
    connector: str,
    *,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
    mode: Mode = Mode.REVIEW,
    schedule: Mapping[str, object] | None = None,
    policy: Policy | None = None,
) -> None: ...
def update_portal(
    ctx: Context,
    actor: Actor,
    portal: str,
    *,
    name: str | None = None,
    settings: Mapping[str, object] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> None: ...
def set_mode(ctx: Context, actor: Actor, portal: str, mode: Mode) -> None: ...
def set_schedule(ctx: Context, actor: Actor, portal: str, schedule: Mapping[str, object] | None) -> None: ...
def set_policy(
    ctx: Context, actor: Actor, portal: str, policy: Policy, overrides: Sequence[PolicyOverride] = ()
) -> None: ...
def pause_portal(ctx: Context, actor: Actor, portal: str, paused: bool) -> None: ...
def archive_portal(ctx: Context, actor: Actor, portal: str) -> None: ...
def test_portal(ctx: Context, actor: Actor, portal: str) -> TestResult: ...
def test_settings(
    ctx: Context,
    actor: Actor,
    connector: str,
    settings: Mapping[str, object],
    secrets: Mapping[str, str],
    *,
    portal: str = "",
) -> TestResult: ...
def pull(ctx: Context, actor: Actor, portal: str) -> Reading: ...
