"""Processes that sync a shop of two subscriptions and die on the way; orders as in `tests.services.money.child`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connectors.autotask.sandbox import Credentials
from core.store.db import Database
from tests.services.money.child import die_at
from tests.services.money.world import Pace, TestClock, World
from tests.services.provisioning.shop import Shop, subscription


def main(order: dict[str, Any]) -> None:
    server: Any = SimpleNamespace(base_url=order["base_url"], credentials=Credentials())
    world = World(Database(order["url"]), server, TestClock(), Path(), pace=Pace(lease=60.0, settle=0.0))
    Shop(world).sells(subscription("sub-1"), subscription("sub-2", quantity=3))
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
