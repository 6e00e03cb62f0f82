"""What is set up, what is wrong, what to do: for who has just installed the product, and for who wonders why nothing happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.domain.errors import ContractBridgeError
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.activity import verify
from core.services.overview import overview
from core.services.people import needs_first_admin
from core.services.portals import PortalState, list_portals
from core.store import migrate, runs
from core.store import portals as portal_store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context

LEAST_SPACE = 500_000_000
OVERDUE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `state`: ok, todo (not set up yet), wrong."""

    name: str
    state: str
    message: Text
    remedy: Text | None = None


def examine(ctx: Context, actor: Actor) -> list[Check]:
    """Everything there is to look at, in the order in which it matters. For admins. A check that breaks is itself a finding."""
    require(actor, Role.ADMIN)
    found: list[Check] = []
    for name, look in _CHECKS.items():
        try:
            found += look(ctx, actor)
        except ContractBridgeError as error:
            found.append(Check(name, "wrong", error.message, error.remedy))
    return found


def _database(ctx: Context, _actor: Actor) -> Iterator[Check]:
    ctx.database.check()
    kind = "SQLite" if ctx.database.is_sqlite else "PostgreSQL"
    yield Check("Database", "ok", T("{kind}, tables of version {version}.", kind=kind, version=migrate.head()))


def _directory(ctx: Context, _actor: Actor) -> Iterator[Check]:
    free = shutil.disk_usage(ctx.home).free
    if not os.access(ctx.home, os.W_OK):
        yield Check("Data directory", "wrong", T("{path} cannot be written to.", path=str(ctx.home)))
    elif free < LEAST_SPACE:
        yield Check(
            "Data directory",
            "wrong",
            T("Less than {count} MB are free in {path}.", count=LEAST_SPACE // 1_000_000, path=str(ctx.home)),
        )
    else:
        yield Check("Data directory", "ok", T("{path}, {count} MB free.", path=str(ctx.home), count=free // 1_000_000))


def _secrets(ctx: Context, _actor: Actor) -> Iterator[Check]:
    """Whether the present key opens everything that is stored."""
    with ctx.database.session() as session:
        owners = ["autotask", *(f"portal:{portal.id}" for portal in portal_store.all_portals(session))]
        count = sum(len(secret_store.get(session, ctx.secrets, owner)) for owner in owners)
    yield Check("Secrets", "ok", T("The key opens all {count} stored secrets.", count=count))


def _people(ctx: Context, _actor: Actor) -> Iterator[Check]:
    if needs_first_admin(ctx):
        yield Check(
            "People",
            "todo",
            T("There is no administrator yet."),
            T("Start `run` and open the page, or use `user add NAME --role admin`."),
        )
    else:
        yield Check("People", "ok", T("There is an administrator."))


def _autotask(ctx: Context, _actor: Actor) -> Iterator[Check]:
    try:
        target = ctx.autotask()
    except ContractBridgeError as error:
        yield Check("Autotask", "todo" if error.kind == "autotask_missing" else "wrong", error.message, error.remedy)
        return
    with closing(target):
        target.check()
        budget = target.budget()
    yield Check(
        "Autotask",
        "ok",
        T("Answers; {used} of {limit} requests of this hour are used.", used=budget.used, limit=budget.limit),
    )


def _portals(ctx: Context, actor: Actor) -> Iterator[Check]:
    cards = list_portals(ctx, actor)
    if not cards:
        yield Check("Portals", "todo", T("No portal is connected yet."), T("Connect one on the Portals page."))
    for card in cards:
        state = "wrong" if card.state in (PortalState.FAILING, PortalState.STALE) else "ok"
        yield Check(
            "Portals",
            "todo" if card.state is PortalState.NEVER_READ else state,
            T("{name}: {message}", name=card.name, message=card.message),
        )


def _engine(ctx: Context, _actor: Actor) -> Iterator[Check]:
    """Whether somebody works: nothing is overdue, nothing waits for ever."""
    now = ctx.clock.now()
    with ctx.database.session() as session:
        due = portal_store.due(session, now - OVERDUE)
        waiting = [
            run for run in runs.unfinished(session) if run.status == runs.QUEUED and now - run.queued_at > OVERDUE
        ]
    if due or waiting:
        yield Check(
            "Background work",
            "wrong",
            T("{due} portals are overdue and {waiting} runs wait.", due=len(due), waiting=len(waiting)),
            T("Is `run` or `worker` running?"),
        )
    else:
        yield Check("Background work", "ok", T("Nothing is overdue."))


def _mappings(ctx: Context, actor: Actor) -> Iterator[Check]:
    for action in overview(ctx, actor).actions:
        if action.page in ("Customers", "Products", "Changes"):
            yield Check("Work for a person", "todo", action.message)


def _records(ctx: Context, actor: Actor) -> Iterator[Check]:
    check = verify(ctx, actor)
    yield Check("Audit", "ok" if check.ok else "wrong", check.message)


_CHECKS: dict[str, Callable[[Context, Actor], Iterator[Check]]] = {
    "Database": _database,
    "Data directory": _directory,
    "Secrets": _secrets,
    "People": _people,
    "Autotask": _autotask,
    "Portals": _portals,
    "Background work": _engine,
    "Work for a person": _mappings,
    "Audit": _records,
}
