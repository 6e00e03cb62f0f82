"""Ends what takes too long: a bound on the processor time of one input."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 5.0
"""Of processor time, for one small input: a thousand times what it takes."""


class TooSlow(AssertionError):
    """One input took longer than any may."""


def _stop(_signal: int, _frame: object) -> None:
    raise TooSlow(f"more than {SECONDS} s of processor time")


@contextmanager
def within(seconds: float = SECONDS) -> Iterator[None]:
    """Raises TooSlow in the block once it has used this much processor time. Only the main thread can be bounded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
