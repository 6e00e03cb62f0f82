"""Workers in processes of their own, as on several machines. `python -m tests.engine.machines` reads orders, a line of JSON each:

`{"url": …, "home": …, "netns": name or null, "log": path}` forks a worker and answers its number; `{"wait": number}` waits for it and
answers its exit code. Forking spares the start of Python: on a busy machine that takes longer than the test.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from connectors.autotask.sandbox import SandboxServer
from core import logs
from core.bootstrap import App, build
from core.engine import Engine
from core.services import uploads
from core.services.access import SYSTEM
from core.services.context import Pace
from core.services.workspace import apply_workspace
from core.settings import PROJECT, Settings

PACE = Pace(settle=0.2, lock_wait=300.0)
EVERY = 0.2
BOLD = {
    "increase": "today", "decrease": "today", "max_change_percent": None, "hold_to_zero": False, "max_lines_down_percent": None,
}  # fmt: skip


def settings(home: Path, url: str) -> Settings:
    return Settings(home=home, database_url=url, secret_key="a key that all machines have")  # type: ignore[arg-type]


def of_files(_: str) -> dict[str, Any]:
    """A portal of exports that are brought."""
    return {"connector": "file", "settings": {"customer": "Customer", "product": "Product", "quantity": "Count"}}


def connect(
    app: App,
    server: SandboxServer,
    portals: Mapping[str, Sequence[tuple[int, int]]],
    kind: Callable[[str], dict[str, Any]] = of_files,
    hosts: Sequence[str] = (),
) -> None:
    """Automatic portals; each has lines of (company, service). Customers and products are named by their numbers."""
    known = server.credentials
    pairs = [(portal, *pair) for portal, several in portals.items() for pair in several]
    document = {
        "autotask": {
            "user_name": known.user_name, "secret": "${SECRET}", "integration_code": known.integration_code,
            "base_url": server.base_url,
        },
        "allowed_hosts": list(hosts),
        "portals": [{"name": name, "mode": "automatic", "policy": BOLD, **kind(name)} for name in portals],
        "customers": [
            {"portal": name, "customer": f"C{company}", "company_id": company}
            for name, company in sorted({(name, company) for name, company, _ in pairs})
        ],
        "products": [
            {"portal": name, "product": f"P{service}", "service_id": service}
            for name, service in sorted({(name, service) for name, _, service in pairs})
        ],
    }  # fmt: skip
    apply_workspace(app.context, SYSTEM, json.dumps(document), {"SECRET": known.secret})


def say(app: App, portal: str, usage: Mapping[tuple[int, int], int]) -> None:
    """The portal has these quantities from now on, by (company, service)."""
    rows = ["Customer,Product,Count", *(f"C{one},P{other},{units}" for (one, other), units in usage.items())]
    name = f"{sum(usage.values())}.csv"
    outcome = uploads.import_file(app.context, SYSTEM, portal, "\n".join(rows).encode(), name)
    assert outcome.stored, outcome.summary


@dataclass
class Machines:
    """Starts workers, each on what could be another machine."""

    process: subprocess.Popen[str]
    home: Path
    count: int = 0

    def start(self, url: str, netns: str | None = None) -> int:
        """The number of the new worker's process."""
        self.count += 1
        return self._ask(
            {"url": url, "home": str(self.home), "netns": netns, "log": str(self.home / f"{self.count}.log")}
        )

    def wait(self, number: int) -> int:
        """The exit code of a worker, when it has ended."""
        return self._ask({"wait": number})

    def _ask(self, order: dict[str, Any]) -> int:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def machines(home: Path) -> Iterator[Machines]:
    """Whatever still runs in the end is killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.engine.machines"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)},
    ) as process:  # fmt: skip
        try:
            yield Machines(process, home)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def main(orders: IO[str]) -> None:
    children: set[int] = set()
    for line in orders:
        order = json.loads(line)
        if "wait" in order:
            children.discard(order["wait"])
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                _live(order)
            children.add(answer)
        print(answer, flush=True)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _live(order: dict[str, Any]) -> None:
    """A worker, until SIGTERM."""
    code = 1
    try:
        output = os.open(order["log"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(0)
        if order["netns"]:
            _enter(order["netns"])
        logs.configure("text")
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        app = build(settings(Path(order["home"]), order["url"]), pace=PACE)
        engine = Engine(app.context, every=EVERY)
        engine.start()
        stop.wait()
        engine.stop()
        app.close()
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def _enter(name: str) -> None:
    """This process goes on in another network."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/run/netns/{name}").open() as there:
        if libc.setns(there.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


if __name__ == "__main__":
    main(sys.stdin)
