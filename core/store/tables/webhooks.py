"""Webhooks: what stands at each address, and the deliveries that came in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Index, Text, UniqueConstraint
from sqlmodel import Field

from core.store.tables.base import Row, document, instant, key, reference


class WebhookHookRow(Row, table=True):
    """The address of a portal. `unsynced_since` and `last_event_at` are of events that no sync has followed yet;
    `previous_until` is when the secret before the present one ends.
    """

    __tablename__ = "webhook_hook"
    portal_id: int = reference("portal.id", primary_key=True, index=False)
    made_at: datetime = instant()
    made_by: str = ""
    previous_until: datetime | None = instant(optional=True)
    unsynced_since: datetime | None = instant(optional=True, index=True)
    last_event_at: datetime | None = instant(optional=True)


class WebhookDeliveryRow(Row, table=True):
    """One request, with its raw body encrypted for as long as it is kept.

    `dedupe` is the idempotency key while it counts. `state`: waiting, applied, partly, failed, superseded, ignored, unreadable,
    refused. `answer` is the HTTP status that the sender got.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("portal_id", "dedupe"),
        Index(None, "state", "id"),
        Index(None, "portal_id", "id"),
        Index(None, "received_at"),
    )
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    dedupe: str | None = None
    named: str = ""
    sha256: str = ""
    size: int = 0
    content_type: str = ""
    body: str | None = Field(default=None, sa_type=cast(Any, Text), nullable=True)
    received_at: datetime = instant()
    address: str = ""
    state: str = "waiting"
    answer: int = 202
    event_type: str = ""
    event_at: datetime = instant()
    snapshot: bool = False
    replay_of: int | None = None
    replayed_by: str = ""
    lines: int = 0
    reading_id: int | None = None
    problems: list[Any] = document()
    processed_at: datetime | None = instant(optional=True)
    seen_by: str = ""
