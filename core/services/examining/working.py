"""Whether somebody works, what waits too long, who else writes to Autotask, and when the last back-up was made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.alerts import signals
from core.domain.finding import FindingKind
from core.domain.paging import PageQuery
from core.domain.text import T, Text
from core.services.examining.check import OK, TODO, WRONG, Check
from core.services.owners import is_dead
from core.store import plans
from core.store import portals as portal_store
from core.store.vitals import BACKUP_FAILED, BACKUP_MADE, Pile, Vitals, last_audited, vitals

if TYPE_CHECKING:
    from core.services.context import Context

OVERDUE = timedelta(minutes=10)
LONG_RUN = timedelta(hours=6)
OPEN_WRITE = timedelta(hours=1)
UNTOLD = timedelta(hours=1)
NAMED = 3
"""So many lines are named that somebody else changed."""


def look(ctx: Context) -> Iterator[Check]:
    """The engine, and everything that waits for it."""
    now = ctx.clock.now()
    with ctx.database.session() as session:
        found = vitals(session, now)
        due = len(portal_store.due(session, now - OVERDUE))
    yield from _engines(found, due, now)
    yield from _runs(found, now)
    yield from _waiting(found, now)


def _engines(found: Vitals, due: int, now: datetime) -> Iterator[Check]:
    alive = [owner for owner in found.engines if not is_dead(owner)]
    if alive:
        hosts = tuple(sorted({owner.split("|")[0] for owner in alive}))
        text = T("{count} engines work ({hosts}).", count=len(alive), hosts=hosts)
        yield Check("Background work", OK, text, code="engine.works")
    else:
        late = due or _is_old(found.queued, now, OVERDUE)
        yield Check(
            "Background work",
            WRONG if late else TODO,
            T("No engine works: nothing is read or written."),
            T("Start `run` or `worker`, and see in its log why it ended."),
            "engine.none",
        )
    if due:
        yield Check(
            "Background work",
            WRONG,
            T("{count} portals should have been read long ago.", count=due),
            T("Look whether a run hangs, and whether `run` or `worker` is running."),
            "portals.overdue",
        )


def _runs(found: Vitals, now: datetime) -> Iterator[Check]:
    if _is_old(found.queued, now, OVERDUE):
        yield _late(
            "Background work", T("{count} runs wait, the oldest since {moment}.", **_told(found.queued)), "runs.waiting"
        )
    if _is_old(found.running, now, LONG_RUN):
        yield _late("Background work", T("A run goes on since {moment}.", **_told(found.running)), "runs.stuck")
    if found.failed:
        yield Check(
            "Background work",
            TODO,
            T("{count} runs failed within a day.", count=found.failed),
            T("The Activity page says why."),
            "runs.failed",
        )


def _waiting(found: Vitals, now: datetime) -> Iterator[Check]:
    if _is_old(found.intents, now, OPEN_WRITE):
        text = T("Of {count} writes to Autotask it is not known whether they happened, of the oldest since {moment}.",
                 **_told(found.intents))  # fmt: skip
        yield Check("Autotask", WRONG, text, T("Start a sync: it reads them back before anything else."), "writes.open")
    if _is_old(found.webhooks, now, OVERDUE):
        text = T("{count} webhook deliveries are not worked on, the oldest since {moment}.", **_told(found.webhooks))
        yield _late("Webhooks", text, "webhooks.waiting")
    if _is_old(found.messages, now, UNTOLD):
        text = T("{count} alerts could not be told, the oldest since {moment}.", **_told(found.messages))
        yield Check(
            "Alerts", WRONG, text, T("Settings → Notifications says what the channel answers."), "alerts.undelivered"
        )
    if found.messages_failed:
        text = T("{count} alerts were given up within a day.", count=found.messages_failed)
        yield Check(
            "Alerts", WRONG, text, T("Settings → Notifications says what the channel answers."), "alerts.given_up"
        )


def _late(name: str, message: Text, code: str) -> Check:
    return Check(name, WRONG, message, T("Look at the log of `run` or `worker`; start it again if it hangs."), code)


def _is_old(pile: Pile, now: datetime, limit: timedelta) -> bool:
    return pile.oldest is not None and now - pile.oldest > limit


def _told(pile: Pile) -> dict[str, object]:
    return {"count": pile.count, "moment": pile.oldest}


def look_for_second_writers(ctx: Context) -> Iterator[Check]:
    """Lines whose units are not those that the ledger last verified: somebody else changed them (M10)."""
    with ctx.database.session() as session:
        count, lines = _changed_by_others(session)
    if count:
        yield Check(
            "Autotask",
            TODO,
            T("{count} contract lines were changed by somebody else: {lines}.", count=count, lines=lines),
            T(
                "Ask who else writes to these contracts, a person or another integration: two writers undo each other's work."
            ),
            "autotask.second_writer",
        )


def _changed_by_others(session: Session) -> tuple[int, tuple[str, ...]]:
    if plans.current_id(session) is None:
        return 0, ()
    found = [
        plans.page_findings(session, PageQuery(status=kind.value, limit=NAMED))
        for kind in (FindingKind.DRIFT, FindingKind.DUPLICATE)
    ]
    names = [f"{row.company} / {row.finding.subject}".strip(" /") for page in found for row in page.rows]
    return sum(page.total for page in found), tuple(names[:NAMED])


def look_for_backups(ctx: Context) -> Iterator[Check]:
    """When the last back-up was made with our own command, and whether the last try failed; others we know nothing of."""
    with ctx.database.session() as session:
        made, failed = last_audited(session, BACKUP_MADE), last_audited(session, BACKUP_FAILED)
    if failed is not None and (made is None or failed > made):
        yield Check(
            "Back-up",
            WRONG,
            T("The back-up of {moment} failed.", moment=failed),
            signals.BACKUP_FAILED,
            "backup.failed",
        )
    if made is None:
        yield Check("Back-up", TODO, T("No back-up was made yet."), signals.BACKUP_OLD, "backup.none")
        return
    told = T("The last back-up is of {moment}.", moment=made)
    if ctx.clock.now() - made >= signals.BACKUP_AGE:
        yield Check("Back-up", TODO, told, signals.BACKUP_OLD, "backup.old")
    else:
        yield Check("Back-up", OK, told, code="backup.made")
