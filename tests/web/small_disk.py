"""What readiness and the doctor say on a disk of one's own that is full, has room again, and is read-only.

`python -m tests.web.small_disk PLACE URL` prints it as JSON; nothing where a process may not have such a disk.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from core.services import readiness, storage
from core.services.examining import machine
from core.store.db import Database
from tests.chaos import disk


def told(place: str, url: str) -> list[object]:
    clock = SimpleNamespace(now=lambda: datetime.now(UTC))
    ctx: Any = SimpleNamespace(home=Path(place), database=Database(url), clock=clock)
    steps: list[Callable[[], object]] = [
        lambda: None, lambda: disk.fill(place), lambda: disk.make_room(place), lambda: disk.remount(place, read_only=True),
    ]  # fmt: skip
    found: list[object] = []
    for step in steps:
        step()
        storage._last.found.clear()
        codes = {check.code for check in machine.look(ctx) if check.name == "Data directory"}
        found.append([[reason.code for reason in readiness.reasons(ctx)], sorted(codes)])
    return found


if __name__ == "__main__":
    try:
        disk.own_disk(sys.argv[1], "2m")
    except disk.NotAllowed:
        sys.exit(0)
    print(json.dumps(told(sys.argv[1], sys.argv[2])))
