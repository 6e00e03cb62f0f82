"""Autotask's two limits: requests at the same time per entity, and requests per hour (Autotask reference §5).

Both are counted per integration code, whatever number of clients this process has: they share one `Shared`. Where several processes
work on one database, its gate and meter are those of `connectors.autotask.limits_shared`, which count over all of them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from core.domain.errors import RateLimited
from core.domain.ports import ApiBudget
from core.domain.text import T

Pass = Callable[[], bool]
"""Whether a place is still held: a process that stood still for long may have lost it."""


class Gatekeeper(Protocol):
    """Lets at most so many requests at the same time through to each entity."""

    def enter(self, entities: tuple[str, ...], at_most: int, linger: float = 0.0) -> AbstractContextManager[Pass]: ...


class Gate:
    """Lets at most so many requests at the same time through to each entity.

    Autotask frees a slot a little after its answer has arrived. So a place just left still counts for a moment, against the one
    slot more that Autotask has than we use: a single answer is followed at once, two at the same time are not.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[str] = Counter()
        self._left: defaultdict[str, deque[float]] = defaultdict(deque)

    @contextmanager
    def enter(self, entities: tuple[str, ...], at_most: int, linger: float = 0.0) -> Iterator[Pass]:
        """Wait until all of `entities` have room, then hold a place in each. `linger`: seconds a left place still counts."""
        with self._changed:
            while not self._room(entities, at_most, linger):
                self._changed.wait(linger or None)
            self._inside.update(entities)
        try:
            yield lambda: True
        finally:
            now = time.monotonic()
            with self._changed:
                self._inside.subtract(entities)
                for entity in entities:
                    self._left[entity].append(now)
                self._changed.notify_all()

    def _room(self, entities: tuple[str, ...], at_most: int, linger: float) -> bool:
        horizon = time.monotonic() - linger
        for entity in entities:
            left = self._left[entity]
            while left and left[0] <= horizon:
                left.popleft()
            if self._inside[entity] >= at_most or self._inside[entity] + len(left) > at_most:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Told:
    """What Autotask said about the hourly limit, and when (monotonic seconds)."""

    limit: int
    used: int
    window_minutes: int
    at: float


@dataclass(frozen=True, slots=True)
class Meter:
    """A look at the meter. `used` is the best estimate: what Autotask told plus what we sent since."""

    limit: int
    used: int
    own: int
    window_minutes: int

    @property
    def share(self) -> float:
        return self.used / self.limit


class RequestMeter(Protocol):
    """Counts requests against the hourly limit."""

    def count(self) -> None: ...

    def told(self, budget: ApiBudget) -> None: ...

    def claim_question(self, ask_every: int) -> bool: ...

    def look(self, default_limit: int) -> Meter: ...


class HourlyMeter:
    """Counts own requests of the last window and keeps what Autotask told about everybody's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: deque[float] = deque()
        self._told: Told | None = None
        self._since_told = 0

    def count(self) -> None:
        """One request goes out."""
        with self._lock:
            self._sent.append(time.monotonic())
            self._since_told += 1

    def told(self, budget: ApiBudget) -> None:
        """Autotask's own figure."""
        with self._lock:
            self._told = Told(budget.limit, budget.used, budget.window_minutes, time.monotonic())
            self._since_told = 0

    def claim_question(self, ask_every: int) -> bool:
        """Whether it is time to ask Autotask; True for one caller only."""
        with self._lock:
            due = self._since_told >= ask_every
            if due:
                self._since_told = 0
            return due

    def look(self, default_limit: int) -> Meter:
        """How much of the limit is used now."""
        now = time.monotonic()
        with self._lock:
            told = self._told
            window = told.window_minutes * 60 if told else 3600
            while self._sent and self._sent[0] < now - window:
                self._sent.popleft()
            own = len(self._sent)
            used = own
            if told and told.at > now - window:
                used = max(own, told.used + sum(1 for moment in self._sent if moment > told.at))
        return Meter(told.limit if told else default_limit, used, own, window // 60)


class Memory:
    """Things that hardly change, for as long as the reader of them finds good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, object]] = {}

    def get(self, name: str, seconds: float) -> object:
        """What was put under a name no longer than `seconds` ago, or None."""
        with self._lock:
            at, value = self._kept.get(name, (float("-inf"), None))
        return value if time.monotonic() - at <= seconds else None

    def put(self, name: str, value: object) -> None:
        with self._lock:
            self._kept[name] = (time.monotonic(), value)


@dataclass(slots=True)
class Shared:
    """What all clients of one integration code have in common in this process. Guarded by `lock` where it says so."""

    gate: Gatekeeper = field(default_factory=Gate)
    meter: RequestMeter = field(default_factory=HourlyMeter)
    lock: threading.RLock = field(default_factory=threading.RLock)
    zone: str = ""
    """The zone's REST root as discovered."""
    lacking: set[tuple[str, str]] = field(default_factory=set)
    """(entity, field) pairs that this tenant's version does not know."""
    memory: Memory = field(default_factory=Memory)
    """Picklists."""


def guard_budget(meter: Meter, *, slow_share: float, refuse_share: float, slow_pause: float) -> None:
    """Slow bulk reads down, or refuse them, while the hourly limit runs out. Raises RateLimited."""
    if meter.share >= refuse_share:
        raise RateLimited(
            T(
                "Autotask's hourly limit is nearly used up ({used} of {limit} requests); what is left is kept for changes.",
                used=meter.used,
                limit=meter.limit,
            ),
            retry_after=600.0,
        )
    if meter.share >= slow_share:
        time.sleep(slow_pause)
