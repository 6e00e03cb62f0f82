"""The product on a small disk that becomes full while a run writes, and later read-only: `python -m tests.chaos.disk_story`.

A process of its own, because the disk is its own (see `disk`). Tells what it saw as JSON; exit code 3 where no such disk can be had.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from core.store.db import Database
from core.store.tables import table
from core.store.tables.people import LoginSessionRow
from tests.chaos import disk, verdict
from tests.chaos.house import House, until
from tests.chaos.people import Sender
from tests.chaos.story import Options, Story, made
from tests.chaos.trouble import ADJUST
from tests.chaos.world import CLOUD

SIZE = "16m"
EVENT = b'{"customers":[{"id":"C02","products":[{"sku":"seats","quantity":7}]}]}'


def live() -> dict[str, Any]:
    """What was seen, and the verdict under `report`. Raises NotAllowed."""
    seen: dict[str, Any] = {}
    with made(Options(), disk=SIZE) as story:
        story.house.act("sign_in", told=str(story.house.home / "token"))
        full(story, seen)
        read_only(story, seen)
        end(story, seen)
    tidy(story, seen)
    return seen


def end(story: Story, seen: dict[str, Any]) -> None:
    """Quiet, and the verdict."""
    story.settle()
    report = verdict.judge(story, lived=0, settled=0)
    report.kept = "" if report.ok else str(story.house.home)
    seen["report"] = asdict(report) | {"ok": report.ok}


def tidy(story: Story, seen: dict[str, Any]) -> None:
    """Keep nothing of what went well."""
    if seen["report"]["ok"]:
        shutil.rmtree(story.house.home, ignore_errors=True)


def told(live: Callable[[], dict[str, Any]]) -> int:
    """Live through it and tell it; the exit code."""
    began = time.monotonic()
    try:
        seen = live()
    except disk.NotAllowed as error:
        print(error)
        return disk.NOT_ALLOWED
    print(json.dumps(seen, default=str))
    print(f"{time.monotonic() - began:.1f} seconds", file=sys.stderr)
    return 0 if seen["report"]["ok"] else 1


def full(story: Story, seen: dict[str, Any]) -> None:
    """The disk is filled while Autotask holds a write that it has committed."""
    house = story.house
    for number, customer in enumerate(story.truth.customers[1:]):
        story.truth.set((CLOUD, customer, "seats"), 31 + number)
    story.autotask.fault(action="delay", when="after", seconds=3, **ADJUST)
    house.act("ask_sync", portals=[CLOUD])
    until(lambda: bool(story.autotask.fired()), "a write")
    _no_slack(house)
    disk.fill(str(house.data))
    until(lambda: ready(house.port)[0] == 503, "readiness to tell")
    seen["full"] = looked(story)
    seen["page when full"] = page(story)
    disk.make_room(str(house.data))
    until(house.is_ready, "being ready by itself")
    take_event(story, "f1")
    until(lambda: went_on(log(story)), "the run to be taken up again")


def _no_slack(house: House) -> None:
    """From here on nothing fits: the log of SQLite has no room left that it could use again. And whoever is signed in was seen long
    enough ago for it to be noted with the next page.
    """
    database = Database(house.url, pool_size=1)
    seen = table(LoginSessionRow).update().values(last_seen_at=datetime.now(UTC) - timedelta(minutes=5))
    database.run(lambda session: session.execute(seen))
    database.dispose()
    with closing(sqlite3.connect(house.data / "contractbridge.db", timeout=60)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def read_only(story: Story, seen: dict[str, Any]) -> None:
    """The machine loses power, and comes back with its disk read-only, as after an error of the drive; then it is mended. What SQLite
    opened for reading alone is opened anew by the process itself.
    """
    house = story.house
    os.kill(house.web.process, signal.SIGKILL)
    until(lambda: house.nursery.ended(house.web.process) is not None, "the end of the web process")
    disk.remount(str(house.data), read_only=True)
    house.web.start()
    until(lambda: ready(house.port)[0] == 503, "readiness to tell")
    seen["read-only"] = looked(story)
    disk.remount(str(house.data), read_only=False)
    until(house.is_ready, "being ready by itself")
    take_event(story, "f2")


def looked(story: Story, event: str = "f0") -> dict[str, Any]:
    """What the outside sees while nothing can be stored."""
    house = story.house
    status, answer = ready(house.port)
    alive = httpx.get(f"http://127.0.0.1:{house.port}/healthz", timeout=30, trust_env=False).status_code
    name = f"sync of {len(list(house.logs.iterdir()))}"
    code = house.command(["sync"], name)
    with httpx.Client(timeout=60, trust_env=False) as client:
        answered = Sender(story).post(client, event, EVENT)
    return {
        "ready": status, "reason": answer, "alive": alive, "sync": code, "event": answered,
        "sync said": (house.logs / f"{name.replace(' ', '-')}.log").read_text(encoding="utf-8"),
    }  # fmt: skip


def page(story: Story) -> list[str]:
    """The errors that the page shows, drawn in a process that sees the disk."""
    story.house.act("draw_page", told=str(story.house.home / "token"))
    return (story.house.logs / "draw_page.log").read_text(encoding="utf-8").splitlines()


def take_event(story: Story, name: str) -> None:
    """An event that is sent until it is taken, as senders do."""
    with httpx.Client(timeout=60, trust_env=False) as client:
        until(lambda: Sender(story).post(client, name, EVENT) in (200, 202), f"event {name}")
    story.truth.set(("Hook", "C02", "seats"), 7)
    story.truth.accepted.append(name)


def went_on(log: str) -> bool:
    """Whether the run that met the full disk was taken up again; what was left of the disk may have been enough for its end."""
    return "run.resumed" in log or ("run.ended" in log and "run.put_off" not in log)


def log(story: Story) -> str:
    return (story.house.logs / "web.log").read_text(encoding="utf-8")


def ready(port: int) -> tuple[int, str]:
    """Status and body; 0 while it is not up."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60, trust_env=False)
    except httpx.HTTPError:
        return 0, ""
    return answer.status_code, answer.text


if __name__ == "__main__":
    sys.exit(told(live))
