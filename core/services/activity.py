"""What happened: runs, their log, the audit; all of it to be exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core.domain.text import Text
from core.services.access import Actor
from core.services.paging import Page, PageQuery

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    id: int
    kind: str
    status: str
    started: datetime
    finished: datetime | None
    by: str
    portals: int
    applied: int
    held: int
    failed: int
    message: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a run's log; `id` grows, for reading on from where one was."""

    id: int
    at: datetime
    level: str
    message: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry of the audit: who did what to what, with the value before and after."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """`broken_at` is the first entry that does not fit; None when all is well."""

    ok: bool
    entries: int
    broken_at: int | None
    message: Text


def runs(ctx: Context, actor: Actor, query: PageQuery) -> Page[RunRow]: ...
def run_log(ctx: Context, actor: Actor, run_id: int, after: int = 0, limit: int = 200) -> list[LogLine]: ...
def audit(ctx: Context, actor: Actor, query: PageQuery) -> Page[AuditRow]: ...
def export_audit(ctx: Context, actor: Actor) -> Iterator[str]: ...
def export_runs(ctx: Context, actor: Actor) -> Iterator[str]: ...
def export_lines(ctx: Context, actor: Actor) -> Iterator[str]: ...
def verify(ctx: Context, actor: Actor) -> ChainCheck: ...
