"""History: what was used, at any past moment (DESIGN §5, money rule M2)."""

from __future__ import annotations

from core.store.history.queries import Moved, Used, as_of, changes_between, timeline
from core.store.history.readings import ReadingInfo, latest_readings, page_readings, record_failure, with_fingerprint
from core.store.history.record import Recorded, record_reading
from core.store.history.usage import known_lines, portal_usage

__all__ = [
    "Moved",
    "ReadingInfo",
    "Recorded",
    "Used",
    "as_of",
    "changes_between",
    "known_lines",
    "latest_readings",
    "page_readings",
    "portal_usage",
    "record_failure",
    "record_reading",
    "timeline",
    "with_fingerprint",
]
