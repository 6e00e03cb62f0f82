"""Processes that charge and die on the way: `python -m tests.services.charges.child` reads orders, a line of JSON each.

`{"run": {"url": …, "base_url": …, "die": [step, nth, "before" or "after"]}}` forks a process that syncs, and answers its number; with
`die` it kills itself with SIGKILL around the nth time that the step is written down. `{"wait": number}` answers its exit code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connectors.autotask.sandbox import Credentials
from core.services.charge_journal import ChargeJournal
from core.store.db import Database
from tests.services.money.world import Pace, TestClock, World


def die_at(step: str, nth: int, when: str) -> None:
    """Kill this process around one step of the charges' journal."""
    inner: Callable[..., Any] = getattr(ChargeJournal, step)
    count = 0

    def around(*args: Any) -> Any:
        nonlocal count
        count += 1
        if count == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = inner(*args)
        if count == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(ChargeJournal, step, around)


def main(order: dict[str, Any]) -> None:
    server: Any = SimpleNamespace(base_url=order["base_url"], credentials=Credentials())
    world = World(Database(order["url"]), server, TestClock(), Path(), pace=Pace(lease=60.0, settle=0.0))
    if order.get("die"):
        die_at(*order["die"])
    world.sync()


def serve() -> None:
    for text in sys.stdin:
        order = json.loads(text)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                main(order["run"])
                os._exit(0)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
