"""What several workers share: places at Autotask, and its hourly meter."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from core.store.tables.base import Row, instant, remote_id


class ApiSlotRow(Row, table=True):
    """One place among the requests of an entity; in use, or still counted, until `until`. No owner: nobody uses it."""

    __tablename__ = "api_slot"
    integration: str = Field(primary_key=True)
    entity: str = Field(primary_key=True)
    number: int = remote_id(primary_key=True)
    owner: str = ""
    until: datetime = instant()


class ApiMinuteRow(Row, table=True):
    """Requests that went out in one minute (minutes since 1970, UTC)."""

    __tablename__ = "api_minute"
    integration: str = Field(primary_key=True)
    minute: int = remote_id(primary_key=True)
    requests: int = 0


class ApiMeterRow(Row, table=True):
    """What Autotask said about its limit, and how many requests went out since it was told, and since somebody asked."""

    __tablename__ = "api_meter"
    integration: str = Field(primary_key=True)
    limit: int = 0
    used: int = 0
    window_minutes: int = 60
    told_at: datetime | None = instant(optional=True)
    since_told: int = 0
    since_asked: int = 0
