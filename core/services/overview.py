"""The Overview page: is everything right, and what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.text import Text
from core.services.access import Actor
from core.services.paging import Page, PageQuery

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that waits for a person, with where to do it: a page of DESIGN §7 and what to filter there."""

    message: Text
    count: int
    page: str
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """A run that goes on now: "syncing `done` of `total` portals"."""

    run_id: int
    done: int
    total: int
    message: Text
    started: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Counts of the whole workspace. `lines_updated` are contract lines the last finished run wrote and verified."""

    autotask_ready: bool
    portals: int
    customers: int
    customers_mapped: int
    products: int
    products_mapped: int
    lines_updated: int
    last_run: datetime | None
    actions: tuple[Action, ...]
    live: LiveRun | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """One customer of one portal (S1-02). `status`: mapped, pending, ignored."""

    portal: str
    customer_id: str
    customer: str
    company: str
    lines: int
    count: Decimal
    status: str


def overview(ctx: Context, actor: Actor) -> Overview: ...
def overview_rows(ctx: Context, actor: Actor, query: PageQuery) -> Page[OverviewRow]: ...
def waiting(ctx: Context, actor: Actor) -> int: ...
