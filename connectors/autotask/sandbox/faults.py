"""Faults for tests: what goes wrong, with which request, and whether the write happens all the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal[
    "thread_limit", "hourly_limit", "status", "errors", "drop", "late", "delay", "hold", "truncate", "malformed", "html",
    "empty", "ignore_write", "wrong_page_verb",
]  # fmt: skip


class Fault(BaseModel):
    """One fault. It fires `times` times, from the `nth` request on that fits (counted from when it was added). Where two
    fit the same request, the one that was added first fires and the other waits for the next.

    `when`: before the request is handled (nothing is written) or after (a write is committed, only the answer fails).

    =================  ==============================================================================================
    action             what the client sees
    =================  ==============================================================================================
    thread_limit       429 with Itgenatr005 (nothing is written)
    hourly_limit       429 of the hourly limit (nothing is written)
    status             `status` with an HTML page as a proxy in front sends it (502, 503, 504 …)
    errors             `status` (500) with `{"errors": [text]}`
    drop               the connection is closed without an answer
    late               the same; and what was asked for is done `seconds` later, for whoever looks then
    delay              the answer comes after `seconds`
    hold               no answer until `release()`; `wait_held()` tells a test that it has come so far. A client that
                       goes away while it is held before is never served
    truncate           half of the body, then the connection is closed
    malformed          200 with JSON that ends in the middle
    html               200 with a web page
    empty              200 with an empty body
    ignore_write       200 as if it was done; nothing was
    wrong_page_verb    405 for the page that `nextPageUrl` names, as if the other verb was used
    =================  ==============================================================================================
    """

    model_config = ConfigDict(extra="forbid")

    action: Action
    when: Literal["before", "after"] = "before"
    entity: str | None = None
    """Name as in the URL of the root entity, e.g. ContractServiceAdjustments (its child path counts too)."""
    operation: Literal["query", "page", "count", "get", "create", "update", "delete", "read", "write"] | None = None
    """`read` and `write` stand for all of their sort."""
    contains: str | None = None
    """Only requests whose body has this text."""
    nth: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1)
    """How often; None: for ever."""
    probability: float = Field(default=1.0, ge=0, le=1)
    seconds: float = Field(default=0.0, ge=0)
    status: int = 503
    text: str = "An unexpected error occurred."
    retry_after: float | None = None


_WRITES = frozenset({"create", "update", "delete"})
RANDOM_ACTIONS: tuple[tuple[Action, str], ...] = (
    ("thread_limit", "before"),
    ("status", "before"),
    ("status", "after"),
    ("drop", "before"),
    ("drop", "after"),
    ("truncate", "after"),
    ("malformed", "after"),
    ("html", "after"),
)


@dataclass(slots=True)
class _Waiting:
    fault: Fault
    seen: int = 0
    fired: int = 0

    def due(self) -> bool:
        return self.seen >= self.fault.nth and (self.fault.times is None or self.fired < self.fault.times)


class Faults:
    """The faults that wait. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._faults: list[_Waiting] = []
        self._random: random.Random | None = None
        self._dice = random.Random(0)  # noqa: S311
        self._rate = 0.0
        self._actions: Sequence[tuple[Action, str]] = RANDOM_ACTIONS
        self._only: dict[str, Any] = {}
        self._held = 0
        self._releases = 0
        self.fired: list[dict[str, Any]] = []
        self.landed = 0
        """How many of the late ones are done."""

    def add(self, fault: Fault | None = None, /, **values: object) -> Fault:
        """`faults.add(action="drop", when="after", entity="ContractServiceAdjustments", nth=3)`."""
        fault = fault or Fault.model_validate(values)
        with self._lock:
            self._faults.append(_Waiting(fault))
        return fault

    def random(
        self, rate: float, seed: int, actions: Sequence[tuple[Action, str]] = RANDOM_ACTIONS, **only: object
    ) -> None:
        """Each request fails with this probability, the same way for the same seed and order of requests.

        `only` limits it: `entity=…`, `operation=…`, `status=…`, `seconds=…`.
        """
        with self._lock:
            self._random, self._rate, self._actions, self._only = random.Random(seed), rate, actions, only  # noqa: S311

    def clear(self) -> None:
        """No more faults; whatever is held goes on."""
        with self._lock:
            self._faults.clear()
            self._random = None
            self.fired.clear()
            self._releases += self._held
            self._lock.notify_all()

    def take(self, entity: str, operation: str, body: bytes) -> Fault | None:
        """The fault of this request, if any; counts the request."""
        with self._lock:
            chosen: Fault | None = None
            for waiting in self._faults:
                if not _fits(waiting.fault, entity, operation, body):
                    continue
                waiting.seen += 1
                if chosen is None and waiting.due() and self._lucky(waiting.fault):
                    waiting.fired += 1
                    chosen = waiting.fault
            chosen = chosen or self._at_random(entity, operation, body)
            if chosen:
                what = {"action": chosen.action, "when": chosen.when, "entity": entity, "operation": operation}
                self.fired.append(what)
            return chosen

    def _lucky(self, fault: Fault) -> bool:
        return fault.probability >= 1 or self._dice.random() < fault.probability

    def _at_random(self, entity: str, operation: str, body: bytes) -> Fault | None:
        if self._random is None or self._random.random() >= self._rate:
            return None
        action, when = self._random.choice(list(self._actions))
        fault = Fault.model_validate({"action": action, "when": when, **self._only})
        return fault if _fits(fault, entity, operation, body) else None

    # ---- holding requests

    def held(self) -> int:
        """How many requests are being held."""
        with self._lock:
            return self._held

    def wait_held(self, timeout: float = 60.0) -> bool:
        """Wait until a request is held; False when none came in time."""
        with self._lock:
            return self._lock.wait_for(lambda: self._held > 0, timeout)

    def release(self) -> None:
        """Let every held request go on."""
        with self._lock:
            self._releases += self._held
            self._lock.notify_all()

    def begin_hold(self) -> None:
        with self._lock:
            self._held += 1
            self._lock.notify_all()

    def end_hold(self) -> bool:
        """Called again and again by the held request; True when it may go on."""
        with self._lock:
            if not self._releases:
                return False
            self._releases -= 1
            self._held -= 1
            return True

    def drop_hold(self) -> None:
        """The client has gone away."""
        with self._lock:
            self._held -= 1
            self._releases = min(self._releases, self._held)


def _fits(fault: Fault, entity: str, operation: str, body: bytes) -> bool:
    if fault.entity is not None and fault.entity.lower() != entity.lower():
        return False
    wanted = fault.operation
    if wanted in ("read", "write"):
        if (operation in _WRITES) is not (wanted == "write"):
            return False
    elif wanted is not None and wanted != operation:
        return False
    return fault.contains is None or fault.contains.encode() in body
