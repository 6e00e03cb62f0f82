"""Runs: queued once, claimed by one worker under a lease, followed by everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy.orm import Session

from core.domain.paging import Page, PageQuery
from core.domain.run_order import Standing, in_each_others_way, may_begin
from core.domain.text import Text
from core.store.bulk import alone, insert_or_nothing
from core.store.codec import text_from_json, text_to_json
from core.store.tables import table
from core.store.tables.runs import RunRow

RUN = table(RunRow)

QUEUED, RUNNING, INTERRUPTED = "queued", "running", "interrupted"
UNFINISHED = (QUEUED, RUNNING, INTERRUPTED)
CLAIM_LOCK = 0x636F6E75
"""Runs begin one after the other: who may begin depends on all that have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution. `status`: queued, running, interrupted (its process died), or how it ended: done, partly, failed, held, …

    `attempt` counts how often it was begun; `text` says in words what goes on; `summary` is what it did, as JSON.
    """

    id: int
    kind: str
    dedupe: str | None
    portals: tuple[str, ...]
    options: Mapping[str, Any]
    status: str
    attempt: int
    lease_owner: str
    lease_until: datetime | None
    done: int
    total: int
    text: Text | None
    started_by: str
    summary: Mapping[str, Any]
    error: Text | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to queue. A second one with the same `dedupe` is not queued, whatever became of the first."""

    kind: str
    portals: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    dedupe: str | None = None
    started_by: str = ""


def enqueue(session: Session, run: NewRun, now: datetime) -> Run | None:
    """Queue a run; None when one with the same `dedupe` is there already (see `by_dedupe`)."""
    values = {
        "kind": run.kind,
        "portals": list(run.portals),
        "options": dict(run.options),
        "dedupe": run.dedupe,
        "started_by": run.started_by,
        "queued_at": now,
        "summary": {},
    }
    statement = insert_or_nothing(session, RUN, ["dedupe"]).values(values).returning(RUN.c.id)
    run_id = session.execute(statement).scalar()
    return None if run_id is None else get(session, run_id)


def claim(
    session: Session,
    owner: str,
    now: datetime,
    lease_seconds: float,
    *,
    kinds: Sequence[str] = (),
    run_id: int = 0,
    in_turn: bool = True,
) -> Run | None:
    """Take the longest waiting queued run (or the one named) for `owner`; None when there is none. Nobody else gets it.

    Runs of one portal are given out one at a time, in their order (`core.domain.run_order`); `in_turn=False` takes the named one
    at once: who does so waits himself (see `ahead`). Interrupted runs wait to be queued again: see `interrupt_dead`, `requeue`.
    """
    alone(session, CLAIM_LOCK)
    waiting = [run_id] if run_id and not in_turn else claimable(session, kinds=kinds)
    found = next((number for number in waiting if run_id in (0, number)), None)
    if found is None:
        return None
    update = RUN.update().where(RUN.c.id == found, RUN.c.status == QUEUED).returning(RUN.c.id)
    values = {
        "status": RUNNING,
        "attempt": RUN.c.attempt + 1,
        "lease_owner": owner,
        "lease_until": now + timedelta(seconds=lease_seconds),
        "started_at": func.coalesce(RUN.c.started_at, now),
    }
    return get(session, found) if session.execute(update.values(values)).first() else None


def claimable(session: Session, *, kinds: Sequence[str] = ()) -> list[int]:
    """Numbers of the queued runs that may begin now, the longest waiting first."""
    standing = _standing(session)
    free = may_begin(standing)
    wanted = {run.id for run in standing if run.kind in kinds} if kinds else set(free)
    return [number for number in free if number in wanted]


def ahead(session: Session, run: Run) -> list[Run]:
    """Runs that were queued before this one, go on, and read portals of it: it waits until they have ended."""
    mine = Standing(run.id, run.kind, run.portals, run.queued_at, waits=False)
    others = {one.id for one in _standing(session) if one.id < run.id and in_each_others_way(mine, one)}
    query = select(RUN).where(RUN.c.id.in_(others), RUN.c.status == RUNNING).order_by(RUN.c.id)
    return [_run(row) for row in session.execute(query)] if others else []


def _standing(session: Session) -> list[Standing]:
    query = select(RUN.c.id, RUN.c.kind, RUN.c.portals, RUN.c.queued_at, RUN.c.status).where(
        RUN.c.status.in_(UNFINISHED)
    )
    return [
        Standing(row.id, row.kind, tuple(row.portals), row.queued_at, row.status == QUEUED)
        for row in session.execute(query)
    ]


def heartbeat(session: Session, run_id: int, owner: str, now: datetime, lease_seconds: float) -> bool:
    """Keep a run; False when `owner` lost it (and must stop)."""
    return _mine(session, run_id, owner, {"lease_until": now + timedelta(seconds=lease_seconds)})


def leave(session: Session, run_id: int, owner: str, now: datetime, seconds: float) -> bool:
    """Let a run be taken up again after so many seconds; False when `owner` lost it. This attempt does not count: it took no
    process with it.
    """
    values = {"lease_until": now + timedelta(seconds=seconds), "attempt": RUN.c.attempt - 1}
    return _mine(session, run_id, owner, values)


def is_mine(session: Session, run_id: int, owner: str) -> bool:
    """Whether `owner` carries this run out: an owner's name stands for one attempt of one process."""
    query = select(RUN.c.id).where(RUN.c.id == run_id, RUN.c.lease_owner == owner, RUN.c.status == RUNNING)
    return session.execute(query).first() is not None


def progress(session: Session, run_id: int, owner: str, done: int, total: int, text: Text | None = None) -> bool:
    """Say how far a run is; False when `owner` lost it."""
    values = {"done": done, "total": total, "text": text_to_json(text) if text else None}
    return _mine(session, run_id, owner, values)


def finish(
    session: Session,
    run_id: int,
    status: str,
    now: datetime,
    *,
    owner: str | None = None,
    summary: Mapping[str, Any] | None = None,
    error: Text | None = None,
) -> bool:
    """End a run. With `owner`, only when it is still his; False otherwise."""
    values: dict[str, Any] = {"status": status, "finished_at": now, "lease_owner": "", "lease_until": None}
    if summary is not None:
        values["summary"] = dict(summary)
    if error is not None:
        values["error"] = text_to_json(error)
    return _mine(session, run_id, owner, values)


def interrupt_dead(session: Session, now: datetime) -> list[Run]:
    """Mark runs whose process stopped breathing as interrupted; gives all interrupted runs, oldest first."""
    session.execute(
        RUN.update()
        .where(RUN.c.status == RUNNING, or_(RUN.c.lease_until.is_(None), RUN.c.lease_until < now))
        .values(status=INTERRUPTED, lease_owner="", lease_until=None)
    )
    query = select(RUN).where(RUN.c.status == INTERRUPTED).order_by(RUN.c.id)
    return [_run(row) for row in session.execute(query)]


def give_up(session: Session, run_id: int, now: datetime, error: Text) -> bool:
    """End an interrupted run as failed; False when somebody let it be claimed again."""
    values = {"status": "failed", "finished_at": now, "error": text_to_json(error)}
    update = RUN.update().where(RUN.c.id == run_id, RUN.c.status == INTERRUPTED).values(values).returning(RUN.c.id)
    return session.execute(update).first() is not None


def requeue(session: Session, run_id: int) -> bool:
    """Let an interrupted run be claimed again."""
    changed = session.execute(
        RUN.update().where(RUN.c.id == run_id, RUN.c.status == INTERRUPTED).values(status=QUEUED).returning(RUN.c.id)
    )
    return changed.first() is not None


def get(session: Session, run_id: int) -> Run | None:
    """One run."""
    row = session.execute(select(RUN).where(RUN.c.id == run_id)).first()
    return _run(row) if row else None


def by_dedupe(session: Session, dedupe: str) -> Run | None:
    """The run that was queued with this `dedupe`."""
    row = session.execute(select(RUN).where(RUN.c.dedupe == dedupe)).first()
    return _run(row) if row else None


def unfinished(session: Session, *, kinds: Sequence[str] = ()) -> list[Run]:
    """Runs that are queued, running or interrupted, oldest first."""
    query = select(RUN).where(RUN.c.status.in_(UNFINISHED)).order_by(RUN.c.id)
    if kinds:
        query = query.where(RUN.c.kind.in_(list(kinds)))
    return [_run(row) for row in session.execute(query)]


def waiting_like(session: Session, new: NewRun) -> Run | None:
    """A queued run, not begun yet, that does the same: what is asked for now is done by it."""
    for run in unfinished(session, kinds=[new.kind]):
        same = set(run.portals) == set(new.portals) and dict(run.options) == dict(new.options)
        if run.status == QUEUED and same:
            return run
    return None


def last_finished(session: Session, *, kinds: Sequence[str] = ()) -> Run | None:
    """The run that finished last."""
    query = select(RUN).where(RUN.c.finished_at.is_not(None)).order_by(RUN.c.finished_at.desc(), RUN.c.id.desc())
    if kinds:
        query = query.where(RUN.c.kind.in_(list(kinds)))
    row = session.execute(query.limit(1)).first()
    return _run(row) if row else None


def page(session: Session, query: PageQuery) -> Page[Run]:
    """Runs, newest first; `status` filters, `text` is searched in kind and who started it."""
    rows: Select[Any] = select(RUN)
    if query.status:
        rows = rows.where(RUN.c.status == query.status)
    for word in query.text.split():
        rows = rows.where(
            or_(RUN.c.kind.icontains(word, autoescape=True), RUN.c.started_by.icontains(word, autoescape=True))
        )
    total = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    rows = rows.order_by(RUN.c.id.desc()).limit(query.size).offset(query.offset)
    return Page(tuple(_run(row) for row in session.execute(rows)), total)


def _mine(session: Session, run_id: int, owner: str | None, values: dict[str, Any]) -> bool:
    update = RUN.update().where(RUN.c.id == run_id).values(values).returning(RUN.c.id)
    if owner is not None:
        update = update.where(RUN.c.lease_owner == owner, RUN.c.status == RUNNING)
    return session.execute(update).first() is not None


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        kind=row.kind,
        dedupe=row.dedupe,
        portals=tuple(row.portals),
        options=row.options,
        status=row.status,
        attempt=row.attempt,
        lease_owner=row.lease_owner,
        lease_until=row.lease_until,
        done=row.done,
        total=row.total,
        text=text_from_json(row.text),
        started_by=row.started_by,
        summary=row.summary,
        error=text_from_json(row.error),
        queued_at=row.queued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
