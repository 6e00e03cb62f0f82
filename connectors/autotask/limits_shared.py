"""Autotask's limits where several processes use one integration code: the same gate and meter, counted where all can see it."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import structlog

from connectors.autotask.limits import Gate, Meter, Pass
from core.domain.errors import RemoteError
from core.domain.ports import ApiBudget, Metered, SharedLimits, Slot

log = structlog.get_logger(__name__)

FIRST_LOOK, LONGEST_LOOK = 0.02, 0.15
"""Seconds between two looks for a free place: growing, and never the same for two processes. Autotask answers in some tenths of a
second; looking more often costs more than it brings.
"""
FLUSH_EVERY = 1.0
FLUSH_AT = 25
"""Requests are counted here and told all processes together: each second, or after so many."""
LOOK_KEPT = 1.0
"""Seconds that a look at the common meter is good for."""


class SharedGate:
    """The gate of this process, and behind it that of all. Threads of one process wait here, not at the database."""

    def __init__(self, limits: SharedLimits, integration: str) -> None:
        self._limits = limits
        self._integration = integration
        self._own = Gate()
        self._lock = threading.Lock()
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._using: dict[Slot, float] = {}
        self._ended = threading.Condition(self._lock)
        self._keeper: threading.Thread | None = None

    @contextmanager
    def enter(self, entities: tuple[str, ...], at_most: int, linger: float = 0.0) -> Iterator[Pass]:
        """Wait until all of `entities` have room for one more, anywhere, and hold a place in each. Raises RemoteError."""
        with self._own.enter(entities, at_most, linger):
            with ExitStack() as asking:
                # One thread of this process looks for a place, and the next one after it.
                for entity in sorted(set(entities)):
                    asking.enter_context(self._lock_of(entity))
                slots = self._take(entities, at_most)
            try:
                yield lambda: self._still_holds(slots)
            finally:
                self._leave(slots, linger)

    def _lock_of(self, entity: str) -> threading.Lock:
        with self._lock:
            return self._asking[entity]

    def _take(self, entities: tuple[str, ...], at_most: int) -> list[Slot]:
        pause = FIRST_LOOK
        while True:
            began = time.time()
            slots = self._limits.take(self._integration, entities, at_most)
            if slots:
                break
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads competitors, guards nothing
            pause = min(pause * 1.6, LONGEST_LOOK)
        with self._lock:
            self._using.update(dict.fromkeys(slots, began))
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="autotask-slots", daemon=True)
                self._keeper.start()
        return slots

    def _still_holds(self, slots: Sequence[Slot]) -> bool:
        """By the wall clock, which goes on while the process or the whole machine stands still."""
        with self._lock:
            return all(time.time() - self._using[slot] < self._limits.held * 0.8 for slot in slots)

    def _leave(self, slots: Sequence[Slot], linger: float) -> None:
        with self._lock:
            for slot in slots:
                self._using.pop(slot, None)
            self._ended.notify_all()
        try:
            self._limits.give(self._integration, slots, linger)
        except RemoteError as error:
            # They come free by themselves; the answer that has arrived must not be lost for it.
            log.warning("slots.not_given_back", slots=len(slots), error=error.kind)

    def _keep(self) -> None:
        """Hold the places of requests that take long; ends when there is nothing to hold."""
        while True:
            with self._lock:
                self._ended.wait(self._limits.held / 3)
                now = time.time()
                if not self._using:
                    self._keeper = None
                    return
                long = [slot for slot, since in self._using.items() if now - since > self._limits.held / 4]
            if not long:
                continue
            try:
                self._limits.keep(self._integration, long)
            except RemoteError as error:
                log.warning("slots.not_kept", slots=len(long), error=error.kind)
                continue
            with self._lock:
                self._using.update({slot: now for slot in long if slot in self._using})


class SharedMeter:
    """Counts requests of all processes of the last window and keeps what Autotask told about everybody's."""

    def __init__(self, limits: SharedLimits, integration: str, timer: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._integration = integration
        self._timer = timer
        self._lock = threading.Lock()
        self._pending = 0
        self._flushed = timer()
        self._known: tuple[float, Metered] | None = None

    def count(self) -> None:
        """One request goes out."""
        with self._lock:
            self._pending += 1
            if self._pending < FLUSH_AT and self._timer() - self._flushed < FLUSH_EVERY:
                return
        self.flush()

    def flush(self) -> None:
        """Tell all processes what was counted here. While the database does not answer it waits for the next time."""
        with self._lock:
            requests, self._pending, self._flushed = self._pending, 0, self._timer()
        if not requests:
            return
        try:
            self._limits.count(self._integration, requests)
        except RemoteError:
            with self._lock:
                self._pending += requests

    def told(self, budget: ApiBudget) -> None:
        """Autotask's own figure: it knows of every request, also of those that were not told yet."""
        self.flush()
        self._limits.told(self._integration, budget)
        with self._lock:
            self._known = None

    def claim_question(self, ask_every: int) -> bool:
        """Whether it is time to ask Autotask; True for one caller of all processes."""
        known = self._look()
        if (known.since if known.told else known.own) + self._pending < ask_every:
            return False
        self.flush()
        return self._limits.claim_question(self._integration, ask_every)

    def look(self, default_limit: int) -> Meter:
        """How much of the limit is used now."""
        known = self._look()
        with self._lock:
            own = known.own + self._pending
            since = known.since + self._pending
        if known.told is None:
            return Meter(default_limit, own, own, 60)
        return Meter(known.told.limit, max(own, known.told.used + since), own, known.told.window_minutes)

    def _look(self) -> Metered:
        with self._lock:
            if self._known is not None and self._timer() - self._known[0] < LOOK_KEPT:
                return self._known[1]
        found = self._limits.look(self._integration)
        with self._lock:
            self._known = (self._timer(), found)
        return found
