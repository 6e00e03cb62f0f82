"""Starts the product's processes by forking one that has everything imported: a restart costs a tenth of a second, not three.

What runs in the fork is the real command (`core.cli`), with its own data directory from the environment. Orders come as lines of
JSON on standard input, answers go back the same way: `{"start": […words…] | {"call": "module:function", "with": {…}},
"env": {…}, "log": FILE}` answers the process number, `{"ended": number}` its exit code, or null while it lives. When the
one who gave the orders is gone, everything that was started is killed.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PRELOAD = (
    "core.bootstrap", "core.cli.app", "core.engine", "core.web.routes", "core.services.sync", "core.services.uploads",
    "core.services.workspace", "core.services.alerts", "streamlit.web.cli", "streamlit.web.bootstrap", "streamlit.web.server",
)  # fmt: skip


class Nursery:
    """The other end of the line: gives orders to a nursery of its own. Safe for several threads."""

    def __init__(self, *, web: bool = True, pace: dict[str, float] | None = None) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTBRIDGE_")}
        environment |= {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        words = [json.dumps({"web": web, "pace": pace or {}})]
        self._mother = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery", *words], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._lock = threading.Lock()

    def start(self, what: list[str] | dict[str, Any], environment: dict[str, str], log: Path) -> int:
        """The number of a new process that does `what`; what it says goes to `log`."""
        return int(self._ask(start=what, env=environment, log=str(log)))

    def ended(self, process: int) -> int | None:
        """The exit code, None while it lives. Ask again and again: that also clears its remains away."""
        code = self._ask(ended=process)
        return None if code is None else int(code)

    def close(self) -> None:
        """Kill everything that was started."""
        if self._mother.stdin is not None:
            self._mother.stdin.close()
        self._mother.wait(30)

    def _ask(self, **order: Any) -> Any:
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        with self._lock:
            self._mother.stdin.write(json.dumps(order) + "\n")
            self._mother.stdin.flush()
            answer = self._mother.stdout.readline()
            return json.loads(answer) if answer else None


def main(options: dict[str, Any]) -> None:
    """Take orders until there are none any more."""
    for name in PRELOAD:
        if options["web"] or not name.startswith("streamlit"):
            importlib.import_module(name)
    if options["pace"]:
        _set_pace(options["pace"])
    started: dict[int, int | None] = {}
    try:
        for text in sys.stdin:
            order = json.loads(text)
            sys.stdout.write(json.dumps(_answer(order, started)) + "\n")
            sys.stdout.flush()
    finally:
        for process, code in started.items():
            if code is None:
                os.kill(process, signal.SIGKILL)


def _set_pace(values: dict[str, float]) -> None:
    """For runs of a minute: leases and waits in proportion to it."""
    from core import bootstrap
    from core.services.context import Pace

    bootstrap.Pace = lambda: Pace(**values)  # type: ignore[misc,assignment]


def _answer(order: dict[str, Any], started: dict[int, int | None]) -> int | None:
    return _start(order, started) if "start" in order else _ended(order["ended"], started)


def _start(order: dict[str, Any], started: dict[int, int | None]) -> int:
    process = os.fork()
    if process == 0:
        _be(order)
    started[process] = None
    return process


def _ended(process: int, started: dict[int, int | None]) -> int | None:
    if started.get(process) is None:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            started[process] = os.waitstatus_to_exitcode(status)
    return started[process]


def _be(order: dict[str, Any]) -> None:
    """Become what was asked for; never returns."""
    code = 1
    try:
        # An engine of its own process would not have the pace that is set here.
        os.environ.update({"CONTRACTBRIDGE_ENGINE": "inside"} | order["env"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        what = order["start"]
        if isinstance(what, list):
            from core.cli.app import run

            code = run(what)
        else:
            module, function = what["call"].split(":")
            code = getattr(importlib.import_module(module), function)(**what["with"]) or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
