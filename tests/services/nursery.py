"""Processes that work on one database and one Autotask and die on the way: really killed, with all of their threads.

`python -m tests.services.nursery` is their mother: forking spares the start of Python. It reads orders, a line of JSON each:
`{"run": {"scene": module, "url": …, "base_url": …, "die": [step, nth, "before" or "after"]}}` forks a process that opens the world,
does what `play(world, order)` of that module says, and answers its number. With `die` it kills itself with SIGKILL right before or
after the nth time that the step is written down; without, it runs to its end unless somebody else kills it. `{"wait": number}`
answers its exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connectors.autotask.sandbox import Credentials
from core.services.context import Pace
from core.store.db import Database
from tests.services.money.world import TestClock, World

ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """The test's end of the line."""

    def __init__(self) -> None:
        self._mother = subprocess.Popen(
            [sys.executable, "-m", "tests.services.nursery"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self, scene: str, world: World, **order: Any) -> int:
        """A process in which the scene is played on the same database and the same Autotask; its number."""
        return self._ask(run={"scene": scene, "url": world.database.url, "base_url": world.server.base_url, **order})

    def wait(self, process: int) -> int:
        """Its exit code, once it has ended; minus the signal when it was killed."""
        return self._ask(wait=process)

    def kill(self, process: int) -> None:
        os.kill(process, signal.SIGKILL)
        assert self.wait(process) == -signal.SIGKILL

    def close(self) -> None:
        assert self._mother.stdin is not None
        self._mother.stdin.close()
        self._mother.wait(60)

    def _ask(self, **order: Any) -> int:
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write(json.dumps(order) + "\n")
        self._mother.stdin.flush()
        return int(self._mother.stdout.readline())


def _run(order: dict[str, Any]) -> None:
    server: Any = SimpleNamespace(base_url=order["base_url"], credentials=Credentials())
    world = World(Database(order["url"]), server, TestClock(), Path(), pace=Pace(lease=60.0, settle=0.0))
    scene = importlib.import_module(order["scene"])
    if order.get("die"):
        _die_at(scene.JOURNAL, *order["die"])
    scene.play(world, order)


def _die_at(journal: type, step: str, nth: int, when: str) -> None:
    """Kill this process around one step of the journal."""
    inner: Callable[..., Any] = getattr(journal, step)
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

    setattr(journal, step, around)


def _serve() -> None:
    for text in sys.stdin:
        order = json.loads(text)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                _run(order["run"])
                os._exit(0)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    for name in ("money", "charges", "provisioning"):
        importlib.import_module(f"tests.services.{name}.scene")
    _serve()
