"""What several people look at and is costly to work out: worked out once, kept while nothing changed, and shared by all of them."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast

Result = TypeVar("Result")


IDLE_SECONDS = 300.0
"""What nobody asked for in so long is let go: answers may be large."""


@dataclass(slots=True)
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    as_of: object = None
    since: float = 0.0
    """When the oldest of what the answer rests on was worked out."""
    until: float = math.inf
    """When it is too old for anybody."""
    used: float = 0.0
    value: object = None
    filled: bool = False


class Looks:
    """Kept answers of this process, the last ones asked for. What is kept must not be changed by who gets it."""

    def __init__(self, most: int = 24, idle_seconds: float = IDLE_SECONDS) -> None:
        self._most, self._idle = most, idle_seconds
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.local()

    def get(self, what: Hashable, as_of: object, make: Callable[[], Result], *, seconds: float | None = None) -> Result:
        """The answer for `what` while `as_of` is the same, and for so many seconds at most; else what `make` gives. Where `make`
        asks for other kept answers that may be some seconds old, their age counts.

        Who asks while somebody else's `make` goes on waits for that answer. An error of `make` is raised and not kept.
        """
        place = self._place(what)
        with place.lock:
            young = seconds is None or time.monotonic() - place.since < seconds
            if not (place.filled and young and place.as_of == as_of):
                (made, since), before = self._made(make), place.as_of
                place.value, place.as_of, place.since, place.filled = made, as_of, since, True
                place.until = math.inf if seconds is None else since + seconds
                if before not in (None, as_of):
                    self._let_go(before)
            if seconds is not None:
                self._making.oldest = min(place.since, getattr(self._making, "oldest", place.since))
            return cast(Result, place.value)

    def _made(self, make: Callable[[], Result]) -> tuple[Result, float]:
        """What `make` gives, and since when that is so."""
        around = getattr(self._making, "oldest", math.inf)
        self._making.oldest = time.monotonic()
        try:
            made = make()
            return made, self._making.oldest
        finally:
            self._making.oldest = around

    def forget(self, what: Hashable) -> None:
        """Work it out once more, the next time."""
        with self._lock:
            self._places.pop(what, None)

    def _let_go(self, as_of: object) -> None:
        """Everything of a state that has passed."""
        with self._lock:
            for what in [what for what, place in self._places.items() if place.filled and place.as_of == as_of]:
                del self._places[what]

    def _place(self, what: Hashable) -> _Place:
        with self._lock:
            place = self._places.setdefault(what, _Place())
            place.used = time.monotonic()
            self._places.move_to_end(what)
            for other in [
                key for key, one in self._places.items() if one is not place and self._is_over(one, place.used)
            ]:
                del self._places[other]
            while len(self._places) > self._most:
                self._places.popitem(last=False)
            return place

    def _is_over(self, place: _Place, now: float) -> bool:
        return place.until < now or place.used < now - self._idle
