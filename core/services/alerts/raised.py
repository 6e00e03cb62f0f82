"""What was raised, and what became of telling it, as people look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.paging import Page, PageQuery
from core.store import alert_outbox as outbox
from core.store import alerts as store

if TYPE_CHECKING:
    from core.services.context import Context


KEPT = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One matter. `state`: open, muted, resolved; `times` is how often it was told, `page` and `filters` lead to it.

    `told_at` is when it was put into the outbox, `sent_at` when a message last got through, `due_at` when the next one goes out.
    """

    id: int
    kind: str
    severity: str
    state: str
    title: Text
    details: tuple[Text, ...]
    portals: tuple[str, ...]
    page: str
    filters: Mapping[str, str]
    opened_at: datetime
    resolved_at: datetime | None
    told_at: datetime | None
    sent_at: datetime | None
    due_at: datetime | None
    times: int
    muted_until: datetime | None
    mute_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message. `state`: waiting, sending, delivered, accepted, failed, dropped; `kind`: alerts, test, statement."""

    id: int
    channel: str
    kind: str
    state: str
    alerts: int
    subject: Text | None
    attempts: int
    next_at: datetime
    created_at: datetime
    ended_at: datetime | None
    error: Text | None
    reference: str


def alerts(ctx: Context, actor: Actor, query: PageQuery) -> Page[AlertView]:
    """What was raised: what is open first, then newest first; `status`: open or resolved. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        page = store.page(session, query)
        told = outbox.sent_or_due(session, [one.id for one in page.rows])
    now = ctx.clock.now()
    return Page(tuple(_view(one, now, *told.get(one.id, (None, None))) for one in page.rows), page.total)


def counts(ctx: Context, actor: Actor) -> Mapping[str, int]:
    """How many are open, by severity. For viewers."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return store.count_open(session)


def mute_alert(ctx: Context, actor: Actor, alert_id: int, until: datetime | None, reason: str = "") -> None:
    """Do not tell this one again until then; None: as before. For operators. Raises InputError without a reason."""
    require(actor, Role.OPERATOR)
    if until is not None and not reason.strip():
        raise InputError(T("Say why it is muted: somebody will want to know."), kind="reason")

    def work(session: Session) -> None:
        if not store.mute(session, alert_id, until, reason.strip()):
            raise InputError(T("This alert is over already."), kind="alert")
        after = {"until": until.isoformat(), "reason": reason.strip()} if until else None
        note(ctx, session, actor, "alert.muted", str(alert_id), after=after)

    ctx.database.run(work)


def messages(ctx: Context, actor: Actor, query: PageQuery) -> Page[MessageView]:
    """What was sent or waits to be, newest first; `status` is the state, `text` the channel. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        page = outbox.page(session, query)
        count = outbox.item_counts(session, [one.id for one in page.rows])
    rows = (
        MessageView(
            id=one.id, channel=one.channel, kind=one.kind, state=one.state, alerts=count.get(one.id, 0),
            subject=one.notice["title"] if one.notice else None, attempts=one.attempts, next_at=one.next_at,
            created_at=one.created_at, ended_at=one.ended_at, error=one.error, reference=one.reference,
        )
        for one in page.rows
    )  # fmt: skip
    return Page(tuple(rows), page.total)


def send_again(ctx: Context, actor: Actor, message_id: int) -> None:
    """Send a message that failed once more. For operators. Raises InputError for one that did not fail."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        if not outbox.restart(session, message_id, ctx.clock.now()):
            raise InputError(T("Only a message that failed can be sent again."), kind="message")
        note(ctx, session, actor, "message.sent_again", str(message_id))

    ctx.database.run(work)


def tidy(ctx: Context, actor: Actor) -> None:
    """Forget alerts that were over, and messages that came to their end, a year ago. For the engine."""
    require(actor, Role.ADMIN)
    before = ctx.clock.now() - KEPT

    def work(session: Session) -> None:
        store.prune(session, before)
        outbox.prune(session, before)

    ctx.database.run(work)


def _view(one: store.Alert, now: datetime, sent_at: datetime | None, due_at: datetime | None) -> AlertView:
    muted = one.muted_until is not None and now < one.muted_until
    state = "resolved" if one.resolved_at else "muted" if muted else "open"
    return AlertView(
        id=one.id, kind=one.kind.value, severity=one.severity.value, state=state, title=one.title, details=one.details,
        portals=one.portals, page=one.page, filters=one.filters, opened_at=one.opened_at, resolved_at=one.resolved_at,
        told_at=one.told_at, sent_at=sent_at, due_at=due_at,
        times=one.times, muted_until=one.muted_until, mute_reason=one.mute_reason,
    )  # fmt: skip
