"""How long a request whose answer never came may still reach Autotask, and waiting for that (M4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from core.domain.text import T
from core.services.context import Pace
from core.services.running import Running

LOOKS = (1, 2, 3, 6)
"""How long it is to each further look at a write without an answer: most have landed at the first."""


def looks(pace: Pace, stop: Callable[[], bool]) -> Iterator[bool]:
    """Wait between looks at writes whose answers never came, until Autotask can no longer be working on them.

    Gives before each look whether it is the last one: what is not there then will never be. Ends without a last look when
    `stop` says so: nobody knows yet, and nothing may be sent again.
    """
    for number, share in enumerate(LOOKS, start=1):
        until = time.monotonic() + pace.in_flight * share / sum(LOOKS)
        while (left := until - time.monotonic()) > 0:
            if stop():
                return
            time.sleep(min(left, 0.2))
        yield number == len(LOOKS)


def let_land(running: Running, sent_at: datetime | None, landed: Callable[[], bool]) -> None:
    """Wait until what was noted as sent, the last of it at `sent_at` (None: nothing), has reached Autotask or never will.

    A process that is killed leaves its request behind: Autotask may be working on it for as long as its sender would have
    waited for the answer. Sent again before that, it would count twice. When `landed` says that all of it is there, nothing
    is waited for any longer. Raises RunStopped and RunLost.

    What Autotask's limits refused leaves again up to minutes after it was noted: so it counts, too, how long whoever had the turn
    before can have sent.
    """
    pace = running.ctx.pace
    if sent_at is not None and running.others_until is not None:
        sent_at = max(sent_at, running.others_until)
    if sent_at is None or _left(running, sent_at, pace.in_flight) <= 0:
        return
    _wait(running, _left(running, sent_at, pace.settle))
    left = _left(running, sent_at, pace.in_flight)
    if left <= 0 or landed():
        return
    running.log(
        T("A process ended while Autotask was writing for it: waiting {seconds} seconds for what may still arrive.",
          seconds=round(left)),
        event="run.waits",
    )  # fmt: skip
    _wait(running, left)


def _left(running: Running, since: datetime, seconds: float) -> float:
    age = max(0.0, (running.ctx.clock.now() - since).total_seconds())
    return seconds - age


def _wait(running: Running, seconds: float) -> None:
    if seconds > 0:
        running.stop.wait(seconds)
        running.go_on()
