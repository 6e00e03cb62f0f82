"""Runs: asked for by a person, the command line or the schedule, carried out by the engine, followed by everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.sync import checked_names
from core.store import runs as store
from core.store.runs import NewRun

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True)
class RunState:
    """`status`: queued, running, interrupted, or how it ended: done, partly, failed. `summary` as `sync --json` prints it."""

    id: int
    kind: str
    status: str
    done: int
    total: int
    summary: Mapping[str, Any]
    text: Text | None = None
    error: Text | None = None

    @property
    def ended(self) -> bool:
        return self.status not in store.UNFINISHED


def request_sync(ctx: Context, actor: Actor, portals: Sequence[str] | None = None, *, apply: bool = True) -> int:
    """Ask the engine for a sync of all portals or those named; gives its number. For operators.

    Where the same is queued already, that one is followed. Raises InputError for a portal that does not exist.
    """
    require(actor, Role.OPERATOR)
    names = checked_names(ctx, portals)
    return _request(ctx, actor, NewRun(kind="sync", portals=names, options={"apply": apply}, started_by=actor.name))


def request_apply(ctx: Context, actor: Actor, change_ids: Sequence[str] | None = None) -> int:
    """Ask the engine to write what is decided of the current plan: all of it, or these changes. For operators."""
    require(actor, Role.OPERATOR)
    options = {"changes": list(change_ids) if change_ids is not None else None}
    return _request(ctx, actor, NewRun(kind="apply", options=options, started_by=actor.name))


def request_plan(ctx: Context, actor: Actor) -> int:
    """Ask the engine for a new plan of what is known, without reading portals. For operators."""
    require(actor, Role.OPERATOR)
    return _request(ctx, actor, NewRun(kind="plan", started_by=actor.name))


def run_state(ctx: Context, actor: Actor, run_id: int) -> RunState:
    """How a run stands. Raises InputError for one that does not exist."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        run = store.get(session, run_id)
    if run is None:
        raise InputError(T("There is no run {run}.", run=str(run_id)), place=str(run_id), kind="unknown_run")
    return RunState(run.id, run.kind, run.status, run.done, run.total, run.summary, run.text, run.error)


def _request(ctx: Context, actor: Actor, new: NewRun) -> int:
    def work(session: Session) -> int:
        waiting = store.waiting_like(session, new)
        if waiting is not None:
            return waiting.id
        queued = store.enqueue(session, new, ctx.clock.now())
        assert queued is not None
        note(
            ctx, session, actor, "run.requested", str(queued.id), after={"kind": new.kind, "portals": list(new.portals)}
        )
        return queued.id

    return ctx.database.run(work)
