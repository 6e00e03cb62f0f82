"""Today for tests that live in real time: the day of the workspace's time zone, which for an hour or two of each day is not that of UTC."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.store.workspace import USUAL_ZONE


def today(zone: str = USUAL_ZONE) -> date:
    """The day on which a new workspace plans now, wherever this machine is."""
    return datetime.now(ZoneInfo(zone)).date()


def one_day(minutes: float, zone: str = USUAL_ZONE) -> date:
    """Today, for something that may take so many minutes and must not begin on one day and end on the next: waits for midnight then."""
    day = today(zone)
    while today(zone) == day and (datetime.now(ZoneInfo(zone)) + timedelta(minutes=minutes)).date() != day:
        time.sleep(1)
    return today(zone)
