"""`manage.py bench load [--small | --part 0.5] [--seconds N]` and, for hours, `--minutes N` or `--hours N`.

Twenty people click; then, while they go on, full syncs, uploads of a million rows and bursts of webhooks come on top of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.bootstrap import App, build
from tests.bench.load import cost, figures
from tests.bench.load.memory import Sample, Sampler, per_hour
from tests.bench.load.work import Tally, Work, hooking, syncing, uploading
from tests.bench.load.world import ROOT, Size, World, world

WARM_SECONDS = 20.0
CALM_SECONDS = 60.0
BUSY_SECONDS = 120.0
PAUSE = 6.0
"""Seconds that a person reads between two clicks, on average."""
STEADY = 0.25
"""Part of a soak after which memory is expected to have settled."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two clicks of a person, and between two turns of each work."""

    click: float = PAUSE
    sync: float = 1.0
    upload: float = 1.0
    hooks: float = 10.0


GENTLE = Pace(click=20.0, sync=120.0, upload=300.0, hooks=60.0)
"""For hours on a machine that has other things to do, too."""


def measure_load(size: Size, seconds: float = BUSY_SECONDS, pace: Pace = Pace()) -> dict[str, Any]:
    """Figures of people alone, and of people with everything else at once."""
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), size) as made, _opened(made) as app:
        costs = cost.of_pages(made)
        with _people(made, pace.click) as told:
            sampler = Sampler(made.processes["web"]).start()
            time.sleep(WARM_SECONDS)
            calm = time.time()
            time.sleep(min(CALM_SECONDS, seconds))
            busy = time.time()
            works = _begin(made, app, pace)
            while time.time() < busy + seconds or not all(work.has_done_one for work in works.values()):
                time.sleep(0.2)
            ended = time.time()
            tallies = {name: work.end() for name, work in works.items()}
        sampler.stop()
    return {
        "size": vars_of(size),
        "seconds between two clicks of a person": pace.click,
        "processor seconds of a page": costs,
        "people alone": figures.of_people(line for line in told if calm <= line["at"] < busy),
        "with everything at once": figures.of_people(line for line in told if busy <= line["at"] < ended),
        "beside them": {name: _tally(tally) for name, tally in tallies.items()},
        "memory": _memory(sampler.samples, calm, busy),
        "processors busy": {
            "people alone": _busy(sampler.samples, calm, busy),
            "with everything at once": _busy(sampler.samples, busy, ended),
        },
        "processes wanting a processor, for each": round(os.getloadavg()[1] / (os.cpu_count() or 1), 1),
    }


def soak(size: Size, minutes: float, pace: Pace = GENTLE) -> dict[str, Any]:
    """So many minutes of everything at a modest pace; what memory grows by an hour. Tells how it goes on standard error."""
    size = replace(size, hooks=max(1, size.hooks // 4))
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), size) as made, _opened(made) as app:
        with _people(made, pace.click) as told:
            sampler = Sampler(made.processes["web"], every=5.0).start()
            begun = time.time()
            works = _begin(made, app, pace)
            while time.time() < begun + 60 * minutes:
                time.sleep(min(60.0, max(1.0, begun + 60 * minutes - time.time())))
                _say(begun, sampler.samples, told, works)
            ended = time.time()
            tallies = {name: work.end() for name, work in works.items()}
        sampler.stop()
        stored = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1024 / 1024
    steady = sampler.since(begun + STEADY * 60 * minutes)
    web, everything = per_hour(steady)
    return {
        "size": vars_of(size),
        "minutes": minutes,
        "people": figures.of_people(line for line in told if begun <= line["at"] < ended),
        "beside them": {name: _tally(tally) for name, tally in tallies.items()},
        "memory": _memory(sampler.samples, begun, ended - 900),
        "web: MiB an hour after settling": round(web, 1),
        "all processes: MiB an hour after settling": round(everything, 1),
        "MiB on the disk at the end": round(stored),
        "processors busy": _busy(sampler.samples, begun, ended),
    }


def vars_of(size: Size) -> dict[str, int]:
    """The size by name."""
    return {name: getattr(size, name) for name in size.__slots__}


def _begin(made: World, app: App, pace: Pace) -> dict[str, Work]:
    return {
        "full syncs": Work(syncing(app), pace.sync).start(),
        "uploads": Work(uploading(made), pace.upload).start(),
        "bursts of webhooks": Work(hooking(made), pace.hooks).start(),
    }


@contextmanager
def _opened(made: World) -> Iterator[App]:
    app = build(made.settings)
    try:
        yield app
    finally:
        app.close()


@contextmanager
def _people(made: World, pause: float) -> Iterator[list[dict[str, Any]]]:
    """The people at work; the list grows with what they saw."""
    told: list[dict[str, Any]] = []
    plan = {"address": made.address, "pause": pause, "sessions": [token for _, token in made.sessions[:-1]]}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load.people"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None and child.stdout is not None
    print(json.dumps(plan), file=child.stdin)
    child.stdin.close()
    lines = child.stdout
    reader = threading.Thread(target=lambda: told.extend(json.loads(line) for line in lines), daemon=True)
    reader.start()
    try:
        yield told
        if child.poll() is not None:
            raise SystemExit("bench: the people went home")
    finally:
        child.terminate()
        child.wait()
        reader.join(10)


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "done": len(tally.seconds),
        "seconds": {"median": round(figures.percentile(tally.seconds, 50), 1), "longest": round(max(tally.seconds), 1)}
        if tally.seconds
        else {},
        "last": tally.done[-1] if tally.done else {},
        **({"broken": tally.broken[:5], "times broken": len(tally.broken)} if tally.broken else {}),
    }


def _memory(samples: Sequence[Sample], before: float, during: float) -> dict[str, Any]:
    early = [one for one in samples if one.at < during and one.at >= before] or list(samples)
    late = [one for one in samples if one.at >= during] or list(samples)
    return {
        "web MiB, before": round(min(one.web for one in early)),
        "web MiB, most": round(max(one.web for one in samples)),
        "web MiB, at the end": round(late[-1].web),
        "all MiB, most": round(max(one.all for one in samples)),
    }


def _busy(samples: Sequence[Sample], begin: float, end: float) -> float:
    found = [one for one in samples if begin <= one.at <= end]
    if len(found) < 2:
        return 0.0
    return round((found[-1].cpu - found[0].cpu) / (found[-1].at - found[0].at), 2)


def _say(begun: float, samples: Sequence[Sample], told: Sequence[dict[str, Any]], works: dict[str, Work]) -> None:
    recent = [line["seconds"] or figures.SLOW for line in list(told) if line["at"] > time.time() - 60]
    last = samples[-1]
    line = {
        "minute": round((time.time() - begun) / 60), "web MiB": round(last.web), "all MiB": round(last.all),
        "interactions": len(recent), "p95": round(figures.percentile(recent, 95), 2) if recent else None,
        "done": {name: len(work.tally.seconds) for name, work in works.items()},
        "broken": {name: work.tally.broken[-1] for name, work in works.items() if work.tally.broken},
    }  # fmt: skip
    print(json.dumps(line), file=sys.stderr, flush=True)
