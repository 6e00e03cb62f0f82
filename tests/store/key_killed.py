"""Changing the key, killed at every step: `python -m tests.store.key_killed URL HOME`.

In a process of its own with one thread, so that it can be forked: each child changes the key and kills itself at a step. Prints what
went wrong; nothing when all is well.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from core.secrets import KEY_FILE, load_box
from core.services import keys
from core.services.access import SYSTEM
from core.store import secrets
from core.store.db import Database
from tests.store.test_key_change import sealed_with, store, workspace

STEPS = {
    "before the new key": ("with_new_key", False),
    "after the new key": ("with_new_key", True),
    "while sealing": ("webhooks.reseal", True),
    "before the old key goes": ("retire_old_keys", False),
    "after the old key is gone": ("retire_old_keys", True),
}
KEPT = ["secret 0", "secret 1", "secret 2"]


def killed_at(step: str, url: str, home: Path) -> bool:
    """Change the key in a child that kills itself there; whether it was killed."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    try:
        name, afterwards = STEPS[step]
        place, _, attribute = name.rpartition(".")
        owner = getattr(keys, place) if place else keys
        real: Callable[..., object] = getattr(owner, attribute)

        def dying(*given: object) -> None:
            if afterwards:
                real(*given)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, attribute, dying)
        keys.rotate(workspace(Database(url), home), SYSTEM)
    finally:
        os._exit(1)


def main(url: str, home: Path) -> None:
    def found() -> list[str]:
        database, box = Database(url), load_box(home)
        with database.session() as session:
            values = [secrets.get(session, box, f"portal:{number}")["key"] for number in range(3)]
        database.dispose()
        return values

    for step in STEPS:
        if not killed_at(step, url, home):
            print(f"{step}: not killed")
        if found() != KEPT:
            print(f"{step}: lost right after")
        database = Database(url)
        keys.rotate(workspace(database, home), SYSTEM)
        if sealed_with(database) != {load_box(home).key_id} or len((home / KEY_FILE).read_text().split()) != 1:
            print(f"{step}: not ended")
        database.dispose()
        if found() != KEPT:
            print(f"{step}: lost in the end")


def fill(database: Database, home: Path) -> None:
    ctx = workspace(database, home)
    for number, value in enumerate(KEPT):
        store(ctx, f"portal:{number}", value)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
