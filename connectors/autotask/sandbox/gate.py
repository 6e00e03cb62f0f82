"""Who may come in: credentials, threads per entity, requests per hour (Autotask reference §1, §5)."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from connectors.autotask.sandbox.data import Credentials
from connectors.autotask.sandbox.switches import SandboxSwitches

THREAD_TEXT = "API thread threshold of {limit} threads has been exceeded. (Itgenatr005)"
HOURLY_TEXT = "The API request threshold of {limit} requests per {minutes:g} minutes has been exceeded."


class Gate:
    """Counts what is going on; used by the event loop's thread alone."""

    def __init__(self, switches: SandboxSwitches, timer: Callable[[], float] = time.monotonic) -> None:
        self._switches = switches
        self._timer = timer
        self._in_flight: Counter[tuple[str, str]] = Counter()
        self._moments: deque[float] = deque()
        self.peak: Counter[str] = Counter()
        self.users: list[Credentials] = []

    def reset(self) -> None:
        """Forget the requests of the past hour and the peaks."""
        self._moments.clear()
        self.peak.clear()

    def knows(self, headers: Mapping[str, str]) -> bool:
        """Are these the headers of a known API user that is not locked?"""
        if self._switches.locked:
            return False
        given = (headers.get("username"), headers.get("secret"), headers.get("apiintegrationcode"))
        return any(given == (user.user_name, user.secret, user.integration_code) for user in self.users)

    def knows_user(self, name: str | None) -> bool:
        """Is this the name of an API user? For zoneInformation."""
        return any(unquote(name or "").lower() == user.user_name.lower() for user in self.users)

    def enter(self, code: str, entity: str) -> bool:
        """Take a slot; False when all are taken."""
        key = (code, entity)
        if self._in_flight[key] >= self._switches.thread_limit:
            return False
        self._in_flight[key] += 1
        self.peak[entity] = max(self.peak[entity], self._in_flight[key])
        return True

    def leave(self, code: str, entity: str) -> None:
        """Give the slot back."""
        self._in_flight[code, entity] -= 1

    def used(self) -> int:
        """Requests within the time frame."""
        horizon = self._timer() - self._switches.threshold_minutes * 60
        while self._moments and self._moments[0] <= horizon:
            self._moments.popleft()
        return len(self._moments)

    def admit(self) -> bool:
        """Count one request; False at the hourly limit (a refused request is not counted)."""
        if self.used() >= self._switches.hourly_limit:
            return False
        self._moments.append(self._timer())
        return True

    def usage_latency(self) -> float:
        """Seconds that Autotask adds at this usage."""
        share = len(self._moments) / self._switches.hourly_limit
        if share < 0.5:
            return 0.0
        return (0.5 if share < 0.75 else 1.0) * self._switches.usage_latency_scale
