"""Counts who is at work in a database, and closes it for a moment, so that it can be opened anew with nobody inside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 5.0
"""Seconds that those inside have to come out, and those outside wait for it: nobody waits for ever for a long report."""


class Gate:
    """Safe for threads. Who is inside may go in again."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._changed = threading.Condition()
        self._closed = False
        self._inside = 0
        self._own = threading.local()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Go in, when it is open, and come out."""
        depth = self.depth
        with self._changed:
            if depth == 0:
                self._changed.wait_for(lambda: not self._closed, 2 * self._patience)
            self._inside += 1
        self._own.depth = depth + 1
        try:
            yield
        finally:
            # A generator may be ended by another thread than began it.
            self._own.depth = max(0, self.depth - 1)
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @property
    def depth(self) -> int:
        """How often this thread is inside."""
        return int(getattr(self._own, "depth", 0))

    def alone(self, work: Callable[[], object]) -> bool:
        """Do `work` with nobody inside. False, and not done, when somebody does not come out in time, or does the same."""
        with self._changed:
            if self._closed:
                return False
            self._closed = True
            try:
                if not self._changed.wait_for(lambda: self._inside == 0, self._patience):
                    return False
                # Who wants to go in waits for this very lock.
                work()
                return True
            finally:
                self._closed = False
                self._changed.notify_all()
