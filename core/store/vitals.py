"""How the product is, in a handful of grouped counts: for readiness, metrics and the doctor. Never a row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, or_, select
from sqlalchemy.orm import Session

from core.store.tables import table
from core.store.tables.alerts import AlertChannelRow, AlertMessageRow
from core.store.tables.ledger import AuditRow, LedgerRow, OpenIntentRow
from core.store.tables.runs import LeaseRow, RunRow
from core.store.tables.webhooks import WebhookDeliveryRow
from core.store.tables.workers import ApiMeterRow, ApiMinuteRow

RUN, LEASE, INTENT, LEDGER = table(RunRow), table(LeaseRow), table(OpenIntentRow), table(LedgerRow)
MESSAGE, CHANNEL = table(AlertMessageRow), table(AlertChannelRow)
DELIVERY, AUDIT = table(WebhookDeliveryRow), table(AuditRow)
METER, MINUTE = table(ApiMeterRow), table(ApiMinuteRow)

LEADER, WORKER = "engine", "worker:"
"""The lease of the engine that leads, and how the leases begin of those that carry out runs (`core.engine`)."""
FAILED_DAYS = 1
BACKUP_MADE, BACKUP_FAILED = "backup.made", "backup.failed"
"""Events of the audit."""


@dataclass(frozen=True, slots=True)
class Pile:
    """Things that wait: how many, and since when the oldest does."""

    count: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """`engines`: who works, and until when that is certain. `runs` are counts of all runs by status, `failed` those that ended so
    within the last day. `running` tells since when, `intents` since when their outcome is open.
    """

    engines: Mapping[str, datetime]
    runs: Mapping[str, int]
    failed: int
    queued: Pile
    running: Pile
    intents: Pile
    messages: Pile
    messages_failed: int
    webhooks: Pile


def vitals(session: Session, now: datetime) -> Vitals:
    """Everything, with one query each."""
    by_status: dict[str, int] = dict(session.execute(select(RUN.c.status, func.count()).group_by(RUN.c.status)).all())
    return Vitals(
        engines=engines(session, now),
        runs=by_status,
        failed=_count(
            session, RUN.c.id, RUN.c.status == "failed", RUN.c.finished_at >= now - timedelta(days=FAILED_DAYS)
        ),
        queued=_pile(session, RUN.c.queued_at, RUN.c.status.in_(("queued", "interrupted"))),
        running=_pile(session, RUN.c.started_at, RUN.c.status == "running"),
        intents=_open_intents(session),
        messages=_messages(session, now),
        messages_failed=_count(
            session, MESSAGE.c.id, MESSAGE.c.state == "failed", MESSAGE.c.ended_at >= now - timedelta(days=FAILED_DAYS)
        ),
        webhooks=_pile(session, DELIVERY.c.received_at, DELIVERY.c.state == "waiting"),
    )


def engines(session: Session, now: datetime) -> dict[str, datetime]:
    """Engines that gave a sign of life not long ago, with the moment until which it counts."""
    named = or_(LEASE.c.name == LEADER, LEASE.c.name.startswith(WORKER, autoescape=True))
    query = select(LEASE.c.owner, func.max(LEASE.c.until)).where(named, LEASE.c.until >= now).group_by(LEASE.c.owner)
    return dict(session.execute(query).all())


def api_use(session: Session, now: datetime) -> tuple[int, int]:
    """Requests to Autotask within its time frame, and how many it allows (0: it never told). Of several tenants the fullest."""
    uses = [_use(row, now) for row in session.execute(select(METER))]
    if any(limit for _, limit in uses):
        return max((use for use in uses if use[1]), key=lambda use: use[0] / use[1])
    hour_ago = int(now.timestamp()) // 60 - 60
    query = select(func.coalesce(func.sum(MINUTE.c.requests), 0)).where(MINUTE.c.minute > hour_ago)
    return int(session.execute(query).scalar_one()), 0


def _use(row: Row[Any], now: datetime) -> tuple[int, int]:
    is_fresh = row.told_at is not None and row.told_at > now - timedelta(minutes=row.window_minutes)
    return (row.used + row.since_told if is_fresh else 0, row.limit)


def last_audited(session: Session, event: str) -> datetime | None:
    """When this last happened, as the audit tells."""
    return session.execute(select(func.max(AUDIT.c.at)).where(AUDIT.c.event == event)).scalar()


def _pile(session: Session, since: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Pile:
    count, oldest = session.execute(select(func.count(), func.min(since)).where(*conditions)).one()
    return Pile(int(count), oldest)


def _count(session: Session, column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> int:
    return int(session.execute(select(func.count(column)).where(*conditions)).scalar_one())


def _open_intents(session: Session) -> Pile:
    query = select(func.count(), func.min(LEDGER.c.at)).select_from(
        INTENT.join(LEDGER, LEDGER.c.id == INTENT.c.intent_id)
    )
    count, oldest = session.execute(query).one()
    return Pile(int(count), oldest)


def _messages(session: Session, now: datetime) -> Pile:
    """Messages to channels that are on, and that should have been told by now: not a digest before its hour."""
    tried = MESSAGE.c.attempts > 0
    query = (
        select(func.count(), func.min(case((tried, MESSAGE.c.created_at), else_=MESSAGE.c.next_at)))
        .select_from(MESSAGE.join(CHANNEL, CHANNEL.c.id == MESSAGE.c.channel_id))
        .where(MESSAGE.c.state.in_(("waiting", "sending")), CHANNEL.c.enabled, or_(tried, MESSAGE.c.next_at <= now))
    )
    count, oldest = session.execute(query).one()
    return Pile(int(count), oldest)
