"""Measures reading all portals at the same time, beside what the slowest of them allows at best, and memory beside their pages.

A portal's floor is its requests × latency ÷ requests that it allows in flight. The portals are the fakes of tests/connectors in a
process of their own (`portal_fakes`); reading them is a real sync that writes nothing. Memory is measured in fresh processes: the
same lines once from few pages and once from ten times as many.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.bootstrap import App, build
from core.domain.text import Text
from core.services import portals, sync
from core.services.access import SYSTEM
from core.services.summary import SyncSummary
from core.settings import Settings

MEMORY_CUSTOMERS = 12


class Fakes:
    """The process with the portals, and how to connect to each."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.known: dict[str, Any] = self._answer()

    def requests(self) -> dict[str, int]:
        """Of each portal since this was last asked."""
        assert self._child.stdin is not None
        print(file=self._child.stdin, flush=True)
        found: dict[str, int] = self._answer()
        return found

    def _answer(self) -> Any:
        assert self._child.stdout is not None
        return json.loads(self._child.stdout.readline())


@contextmanager
def fakes_process(latency: float, customers: int, pages: int = 0) -> Iterator[Fakes]:
    command = [sys.executable, "-m", "tests.bench.portal_fakes", str(latency), str(customers), str(pages)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Fakes(child)
    finally:
        child.terminate()
        child.wait()


def measure_portals(customers: int, latency: float) -> dict[str, Any]:
    """Figures of one sync over all portals, with `latency` in seconds per request, and of the memory that pages take."""
    from tests.bench.sync import sandbox_process

    with fakes_process(latency, customers) as fakes, sandbox_process() as sandbox, _app() as app:
        sandbox.call("POST", "reset", {"data": "demo"})
        _connect_autotask(app, sandbox.url)
        _connect(app, fakes.known)
        fakes.requests()
        read_at: dict[str, float] = {}
        started = time.monotonic()

        def told(done: int, total: int, text: Text) -> None:
            if done:
                read_at.setdefault(str(text.values.get("portal", "")), time.monotonic() - started)

        summary = sync.run_sync(app.context, SYSTEM, apply=False, progress=told)
        asked = fakes.requests()
    _must_be_whole(summary)
    return _figures(summary, asked, fakes.known, read_at, latency) | {"memory": measure_memory()}


def measure_memory() -> dict[str, Any]:
    """Peak memory of a process that reads the same lines from few pages and from ten times as many."""
    few, many = _peak(1), _peak(10)
    return {
        "requests": few["requests"],
        "requests with 10 × pages": many["requests"],
        "lines": few["lines"],
        "lines with 10 × pages": many["lines"],
        "peak MB": few["peak"],
        "peak MB with 10 × pages": many["peak"],
        "MB before reading": few["before"],
        "peak with 10 × pages / peak": round(many["peak"] / few["peak"], 3),
    }


def _peak(pages: int) -> dict[str, Any]:
    with fakes_process(0.0, MEMORY_CUSTOMERS, pages) as fakes:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.portals"],
            input=json.dumps(fakes.known), stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout)
        return {**found, "requests": sum(fakes.requests().values())}


def _read_and_weigh(known: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: read, and say how much memory that took at most. Autotask is not connected: only reading counts."""
    with _app() as app:
        _connect(app, known)
        before = _highest()
        summary = sync.run_sync(app.context, SYSTEM, apply=False)
        after = _highest()
    _must_be_whole(summary)
    lines = sum(one.lines for one in summary.portals)
    return {"before": round(before / 1024, 1), "peak": round(after / 1024, 1), "lines": lines}


def _highest() -> int:
    """The most memory this process has used, in KiB. What getrusage says is no use here: a child begins with its parent's peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def _app() -> Iterator[App]:
    with tempfile.TemporaryDirectory() as home:
        app = build(Settings(home=Path(home)))
        try:
            yield app
        finally:
            app.close()


def _connect(app: App, known: dict[str, Any]) -> None:
    for slug, how in known.items():
        portals.create_portal(app.context, SYSTEM, slug, slug, settings=how["settings"], secrets=how["secrets"])


def _connect_autotask(app: App, url: str) -> None:
    import yaml

    from core.services.workspace import apply_workspace
    from tests.bench.sync import CREDENTIALS, secret

    document = {"autotask": {**CREDENTIALS, "secret": "${SANDBOX_SECRET}", "base_url": f"{url}/ATServicesRest/"}}
    apply_workspace(app.context, SYSTEM, yaml.safe_dump(document), {"SANDBOX_SECRET": secret()})


def _must_be_whole(summary: SyncSummary) -> None:
    bad = [f"{one.name}: {one.status} {one.error or ''}" for one in summary.portals if one.status != "ok"]
    if bad:
        raise SystemExit("bench: not read as a whole: " + "; ".join(bad))


def _figures(
    summary: SyncSummary, asked: dict[str, int], known: dict[str, Any], read_at: dict[str, float], latency: float
) -> dict[str, Any]:
    floors = {slug: count * latency / known[slug]["at_once"] for slug, count in asked.items()}
    slowest = max(floors, key=lambda slug: floors[slug])
    each = {
        one.name: {
            "lines": one.lines,
            "requests": asked[one.name],
            "at once": known[one.name]["at_once"],
            "floor s": round(floors[one.name], 2),
            "read after s": round(read_at.get(one.name, 0.0), 2),
        }
        for one in summary.portals
    }
    return {
        "portals": len(each),
        "lines": sum(one.lines for one in summary.portals),
        "latency s": latency,
        "slowest portal": slowest,
        "its floor s": round(floors[slowest], 2),
        "all read after s": round(max(read_at.values()), 2),
        "reading / floor of the slowest (wanted: at most 1.3)": round(max(read_at.values()) / floors[slowest], 3),
        "sync with plan s": round(summary.duration_s, 2),
        "sync with plan / floor of the slowest": round(summary.duration_s / floors[slowest], 3),
        "each": each,
    }


if __name__ == "__main__":
    from core import logs

    logs.configure(level=logging.ERROR)
    print(json.dumps(_read_and_weigh(json.load(sys.stdin))))
