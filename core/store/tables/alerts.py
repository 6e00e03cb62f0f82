"""Alert rules, what they raised, the channels it is told over, and what became of telling it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text

from core.store.tables.base import Row, document, exact, instant, key, reference


class AlertRuleRow(Row, table=True):
    """One rule. `preset` names one that is there from the start; `settings` are the fields without columns of their own."""

    __tablename__ = "alert_rule"
    __table_args__ = (UniqueConstraint("preset"),)
    id: int | None = key()
    preset: str | None = None
    kind: str
    portal_id: int | None = reference("portal.id", on_delete="CASCADE")
    product: str = ""
    severity: str
    enabled: bool = True
    settings: dict[str, Any] = document()
    muted_until: datetime | None = instant(optional=True)
    mute_reason: str = ""


class AlertRow(Row, table=True):
    """A matter under a rule, from when it was raised until it was resolved; at most one open row a cause.

    `told_at` and `told_size` are of the last time it was told, `times` how often that was. Sentences are JSON.
    """

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "uq_alert_open",
            "cause",
            unique=True,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index(None, "cause"),
        Index(None, "resolved_at", "id"),
    )
    id: int | None = key()
    rule_id: int | None = reference("alert_rule.id", on_delete="SET NULL")
    cause: str
    kind: str
    severity: str
    title: Any = document()
    details: list[Any] = document()
    portals: str = ""
    page: str = ""
    filters: dict[str, Any] = document()
    size: Decimal | None = exact(optional=True)
    run_id: int | None = reference("run.id", on_delete="SET NULL")
    opened_at: datetime = instant()
    resolved_at: datetime | None = instant(optional=True)
    told_at: datetime | None = instant(optional=True)
    told_size: Decimal | None = exact(optional=True)
    times: int = 0
    muted_until: datetime | None = instant(optional=True)
    mute_reason: str = ""
    search: str = ""


class AlertChannelRow(Row, table=True):
    """A way to tell people. `failures` are refusals for good in a row; `off_reason` is set when these switched it off.

    `appeared` is what a person answered to "did the test appear?"; `address` stands for a Teams address, of which it is a digest.
    """

    __tablename__ = "alert_channel"
    __table_args__ = (UniqueConstraint("name"),)
    id: int | None = key()
    name: str
    kind: str
    settings: dict[str, Any] = document()
    recipients: list[Any] = document()
    language: str = "en"
    locale: str = ""
    enabled: bool = True
    digest_at: str = "08:00"
    digest_weekday: str = "monday"
    failures: int = 0
    off_reason: Any = document(optional=True)
    address: str = ""
    appeared: bool | None = None
    appeared_at: datetime | None = instant(optional=True)
    created_at: datetime = instant()


class AlertMessageRow(Row, table=True):
    """One message to one channel: the intent is here before anything is sent. `key` is the same for the same message.

    `state`: `waiting`, `sending`, `delivered`, `accepted` (nobody tells whether it arrived), `failed`,
    `dropped` (all that it would tell is over). `notice` is what was sent
    the first time and is sent again unchanged; `options` say what it is made of where it is no list of alerts.
    """

    __tablename__ = "alert_message"
    __table_args__ = (UniqueConstraint("channel_id", "key"), Index(None, "state", "next_at"))
    id: int | None = key()
    channel_id: int = reference("alert_channel.id", index=False)
    key: str
    kind: str
    state: str = "waiting"
    next_at: datetime = instant()
    claimed_at: datetime | None = instant(optional=True)
    attempts: int = 0
    notice: Any = document(optional=True)
    options: dict[str, Any] = document()
    reference: str = ""
    error: Any = document(optional=True)
    created_at: datetime = instant()
    ended_at: datetime | None = instant(optional=True)


class AlertMessageItemRow(Row, table=True):
    """An alert that a message tells; `again` when it was told before and got worse."""

    __tablename__ = "alert_message_item"
    message_id: int = reference("alert_message.id", primary_key=True, index=False)
    alert_id: int = reference("alert.id", primary_key=True)
    again: bool = False


class AlertAttemptRow(Row, table=True):
    """One time a message went out. `address` is that of the channel, for the pace of posts to it."""

    __tablename__ = "alert_attempt"
    __table_args__ = (Index(None, "address", "at"),)
    id: int | None = key()
    message_id: int = reference("alert_message.id")
    at: datetime = instant()
    address: str = ""
    outcome: str
    detail: Any = document(optional=True)
