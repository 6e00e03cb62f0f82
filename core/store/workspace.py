"""Settings of the workspace: names with JSON values (time zone, Autotask's address, …). Never secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.store.bulk import upsert_rows
from core.store.tables import table
from core.store.tables.workspace import SettingRow

SETTING = table(SettingRow)

ZONE = "time_zone"
USUAL_ZONE = "Europe/Amsterdam"


def all_settings(session: Session) -> dict[str, Any]:
    """Every setting that was ever stored."""
    return {row[0]: row[1] for row in session.execute(select(SETTING.c.name, SETTING.c.value))}


def get(session: Session, name: str, default: Any = None) -> Any:
    """One setting, or `default`."""
    row = session.execute(select(SETTING.c.value).where(SETTING.c.name == name)).first()
    return default if row is None else row[0]


def beginning(session: Session, start: str) -> dict[str, Any]:
    """The settings whose names begin so: those that are kept apart for each portal."""
    query = select(SETTING.c.name, SETTING.c.value).where(SETTING.c.name.startswith(start, autoescape=True))
    return {row[0]: row[1] for row in session.execute(query)}


def time_zone(session: Session) -> ZoneInfo:
    """The workspace's time zone: plain dates are meant in it."""
    return ZoneInfo(str(get(session, ZONE, USUAL_ZONE)))


def put(session: Session, values: Mapping[str, Any]) -> None:
    """Store settings."""
    upsert_rows(session, SETTING, [{"name": name, "value": value} for name, value in values.items()], ["name"])


def remove(session: Session, name: str) -> None:
    """Forget a setting."""
    session.execute(SETTING.delete().where(SETTING.c.name == name))
