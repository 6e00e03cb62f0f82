"""Waiting for what has to come true, and never for a time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds: far more than anything takes, for machines that are busy with other things."""


def until(true: Callable[[], bool], seconds: float = PATIENCE, every: float = 0.05) -> bool:
    """Whether the condition comes true in this time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True
