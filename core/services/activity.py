"""What happened: runs, their log, the audit; all of it to be exported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.autotask_settings import zone
from core.services.csv_export import csv_chunks
from core.services.paging import Page, PageQuery
from core.store import audit as audit_store
from core.store import ledger, runlog
from core.store import runs as run_store
from core.store.codec import canonical

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run. `applied`, `held` and `failed` count changes; `message` says in words what goes on or came of it."""

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
    """`chain`: audit, ledger or both. `broken_at` is the first entry that does not fit; None when all is well."""

    chain: str
    ok: bool
    entries: int
    broken_at: int | None
    message: Text


def runs(ctx: Context, actor: Actor, query: PageQuery) -> Page[RunRow]:
    """Runs, newest first; `status` and `text` (kind, who) filter."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = run_store.page(session, query)
    return Page(tuple(_run_row(run) for run in page.rows), page.total)


def run_log(ctx: Context, actor: Actor, run_id: int, after: int = 0, limit: int = 200) -> list[LogLine]:
    """Lines of one run after the one already seen, oldest first."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        lines = runlog.tail(session, run_id, after=after, limit=limit)
    return [LogLine(id=line.id, at=line.at, level=line.level, message=_with_portal(line)) for line in lines]


def audit(
    ctx: Context,
    actor: Actor,
    query: PageQuery,
    *,
    by: str = "",
    since: date | None = None,
    until: date | None = None,
    said: Callable[[str], str] = str,
) -> Page[AuditRow]:
    """Entries of the audit, newest first; `text` is searched everywhere, `status` is the beginning of an action.

    `by` is who did it; `since` and `until` are days of the workspace's time zone, both inclusive. `said` is an action in the words
    that are shown for it: they are searched too.
    """
    require(actor, Role.VIEWER)
    where = zone(ctx)
    words = query.text.casefold().split()
    asked = audit_store.AuditFilter(
        text=query.text,
        meant=_meant(ctx, words, said) if words else {},
        event=query.status,
        actor=by,
        since=datetime.combine(since, time(), where).astimezone(UTC) if since else None,
        until=datetime.combine(until + timedelta(days=1), time(), where).astimezone(UTC) if until else None,
        descending=query.descending,
        offset=query.offset,
        limit=query.size,
    )
    with ctx.database.session() as session:
        page = audit_store.page(session, asked)
    rows = (
        AuditRow(id=e.id, at=e.at, actor=e.actor, action=e.event, subject=e.subject, before=e.before, after=e.after)
        for e in page.rows
    )
    return Page(tuple(rows), page.total)


def _meant(ctx: Context, words: Sequence[str], said: Callable[[str], str]) -> dict[str, list[str]]:
    """The actions that each word is found in, as they are shown."""
    with ctx.database.session() as session:
        shown = {event: said(event).casefold() for event in audit_store.events(session)}
    return {word: [event for event, text in shown.items() if word in text] for word in words}


def audit_people(ctx: Context, actor: Actor) -> tuple[str, ...]:
    """Everybody who stands in the audit."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return audit_store.people(session)


def export_audit(ctx: Context, actor: Actor) -> Iterator[str]:
    """The whole audit as CSV, oldest first, with the hash of each entry. The role is checked before the first row."""
    require(actor, Role.VIEWER)

    def rows() -> Iterator[tuple[object, ...]]:
        with ctx.database.session() as session:
            for e in audit_store.export(session):
                yield e.id, e.at, e.actor, e.event, e.subject, e.before, e.after, e.hash

    return csv_chunks(("number", "at_utc", "actor", "action", "subject", "before", "after", "hash"), rows())


def export_runs(ctx: Context, actor: Actor) -> Iterator[str]:
    """All runs as CSV, newest first."""
    require(actor, Role.VIEWER)

    def rows() -> Iterator[tuple[object, ...]]:
        offset, size = 0, 500
        while True:
            page = runs(ctx, actor, PageQuery(offset=offset, limit=size))
            for r in page.rows:
                yield (
                    r.id,
                    r.kind,
                    r.status,
                    r.started,
                    r.finished,
                    r.by,
                    r.portals,
                    r.applied,
                    r.held,
                    r.failed,
                    r.message,
                )
            offset += size
            if offset >= page.total:
                return

    columns = (
        "run",
        "kind",
        "status",
        "started_utc",
        "finished_utc",
        "by",
        "portals",
        "applied",
        "held",
        "failed",
        "message",
    )
    return csv_chunks(columns, rows())


def export_lines(ctx: Context, actor: Actor) -> Iterator[str]:
    """The ledger as CSV: every write to Autotask with what was intended, sent, answered and verified (S1-43, S1-44)."""
    require(actor, Role.VIEWER)

    def rows() -> Iterator[tuple[object, ...]]:
        with ctx.database.session() as session:
            for e in ledger.entries(session):
                line = (e.line.kind.value, e.line.id) if e.line else ("", "")
                payload = dict(e.payload)
                before, after = payload.pop("from", ""), payload.pop("to", payload.get("units", ""))
                rest = canonical(payload) if payload else ""
                yield (
                    e.id,
                    e.at,
                    e.run_id,
                    e.change_id,
                    e.event.value,
                    *line,
                    e.effective_date,
                    before,
                    after,
                    rest,
                    e.hash,
                )

    columns = (
        "number",
        "at_utc",
        "run",
        "change",
        "event",
        "line_kind",
        "line_id",
        "effective_date",
        "from",
        "to",
        "data",
        "hash",
    )
    return csv_chunks(columns, rows())


def verify(ctx: Context, actor: Actor) -> ChainCheck:
    """Whether audit and ledger are as they were written; the first break when not."""
    checks = verify_chains(ctx, actor)
    broken = next((check for check in checks if not check.ok), None)
    if broken:
        return broken
    return ChainCheck(
        "both",
        ok=True,
        entries=sum(check.entries for check in checks),
        broken_at=None,
        message=T(
            "Audit ({audit} entries) and ledger ({ledger} entries) are as they were written.",
            audit=checks[0].entries,
            ledger=checks[1].entries,
        ),
    )


def verify_chains(ctx: Context, actor: Actor) -> tuple[ChainCheck, ChainCheck]:
    """Audit and ledger, each for itself."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        found = (("audit", audit_store.verify(session)), ("ledger", ledger.verify(session)))
    first, second = (
        ChainCheck(
            name,
            check.ok,
            check.entries,
            check.broken_at,
            T("{chain}: {message}", chain=T(name), message=check.message),
        )
        for name, check in found
    )
    return first, second


def _run_row(run: run_store.Run) -> RunRow:
    counted = _counts(run.summary)
    return RunRow(
        id=run.id,
        kind=run.kind,
        status=run.status,
        started=run.started_at or run.queued_at,
        finished=run.finished_at,
        by=run.started_by,
        portals=len(run.portals) or run.total,
        applied=counted.get("applied", 0),
        held=counted.get("held", 0),
        failed=counted.get("failed", 0),
        message=_message(run, counted),
    )


def _counts(summary: Mapping[str, Any]) -> Mapping[str, int]:
    changes = summary.get("changes")
    return changes if isinstance(changes, dict) else {}


def _message(run: run_store.Run, counted: Mapping[str, int]) -> Text:
    if run.error is not None:
        return run.error
    if run.finished_at is None:
        return run.text or T("Waiting for its turn.")
    lines = T(
        "{applied} contract lines updated, {held} held, {failed} failed, {unchanged} unchanged.",
        **{name: counted.get(name, 0) for name in ("applied", "held", "failed", "unchanged")},
    )
    charged = run.summary.get("charges") or {}
    parts = {name: int(charged.get(name, 0)) for name in ("applied", "held", "failed", "waiting")}
    if not any(parts.values()):
        return lines
    charges = T("Charges: {applied} written, {held} held, {failed} failed, {waiting} to approve.", **parts)
    return T("{lines} {charges}", lines=lines, charges=charges)


def _with_portal(line: runlog.LogLine) -> Text:
    """The line with its portal before it, where it does not name it itself."""
    if not line.portal or line.portal in line.text.values.values():
        return line.text
    return T("{portal}: {text}", portal=line.portal, text=line.text)
