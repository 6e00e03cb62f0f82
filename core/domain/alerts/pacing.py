"""When a message is sent, and sent again (alerts reference §A4, §B1). Seconds and UTC instants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from core.domain.alerts.rules import Telling
from core.domain.due import Every, Schedule, Weekday, next_due

ChannelKind = Literal["smtp", "graph", "teams"]
KINDS: tuple[ChannelKind, ...] = ("smtp", "graph", "teams")
MAIL: frozenset[str] = frozenset({"smtp", "graph"})
POSTS_APART = timedelta(seconds=2)
POSTS_MOST, POSTS_WITHIN = 20, timedelta(minutes=5)
FAILURES = 3
"""So many refusals for good in a row switch a channel off."""
WAITS: dict[str, tuple[int, ...]] = {
    "teams": (5, 20, 60, 300),
    "smtp": (60, 300, 1800, 7200, 7200, 7200, 7200, 7200, 7200, 7200, 7200),
    "graph": (60, 300, 1800, 7200, 7200, 7200, 7200, 7200, 7200, 7200, 7200),
}


def wait_after(kind: str, attempts: int, retry_after: float | None = None) -> timedelta | None:
    """How long to wait after so many attempts; None: give up. What the other side asks for is never undercut."""
    waits = WAITS[kind]
    if attempts > len(waits):
        return None
    return timedelta(seconds=max(waits[attempts - 1], min(retry_after or 0, 86_400)))


def next_post(posts: Sequence[datetime], now: datetime) -> datetime:
    """When the next post to one Teams address may go out, `now` at the earliest; `posts` are those before, in order of time."""
    recent = [post for post in posts if now - post < POSTS_WITHIN]
    earliest = now
    if recent:
        earliest = max(earliest, recent[-1] + POSTS_APART)
    if len(recent) >= POSTS_MOST:
        earliest = max(earliest, recent[-POSTS_MOST] + POSTS_WITHIN)
    return earliest


def due_at(telling: Telling, at: str, weekday: str, now: datetime, zone: ZoneInfo) -> datetime:
    """When something that is to be told is sent: at once, or with the next digest."""
    if telling is Telling.NOW:
        return now
    every = Every.DAY if telling is Telling.DAILY else Every.WEEK
    return next_due(Schedule(every=every, at=at, weekday=Weekday(weekday)), now, zone)


def is_time(text: str) -> bool:
    """Whether this is a time of the day, such as 08:00."""
    try:
        return time.fromisoformat(text).strftime("%H:%M") == text
    except ValueError:
        return False
