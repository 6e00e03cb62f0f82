"""Keeping to a portal's own limits: so many at once, so many a minute, and a pause when it says so."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Throttle"]


class Throttle:
    """At most `at_once` requests in flight and `requests` begun in any `seconds`; safe for several threads.

    `clock` and `sleep` are there for tests.
    """

    def __init__(
        self,
        *,
        at_once: int = 4,
        requests: int = 0,
        seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.at_once = at_once
        self.pauses = 0
        self._slots = threading.BoundedSemaphore(at_once)
        self._requests = requests
        self._seconds = seconds
        self._begun: deque[float] = deque()
        self._paused_until = 0.0
        self._lock = threading.Lock()
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until a request may begin; it counts as in flight until the block ends."""
        with self._slots:
            while wait := self._wait():
                self._sleep(wait)
            yield

    def pause(self, seconds: float) -> None:
        """Nobody begins before this many seconds have passed (the portal said so)."""
        with self._lock:
            self.pauses += 1
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _wait(self) -> float:
        """Seconds until a request may begin; 0.0 takes the turn."""
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return self._paused_until - now
            if self._requests:
                while self._begun and self._begun[0] <= now - self._seconds:
                    self._begun.popleft()
                if len(self._begun) >= self._requests:
                    return max(0.001, self._begun[0] + self._seconds - now)
                self._begun.append(now)
            return 0.0
