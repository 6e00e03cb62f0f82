"""The product on a PostgreSQL whose own small disk becomes full, while a run writes to Autotask and in the middle of an import:
`python -m tests.chaos.server_disk_story`.

A process of its own, because the disk is its own (see `disk`). Tells what it saw as JSON; exit code 3 where no such disk can be had.
"""

from __future__ import annotations

import sys
from typing import Any

import psycopg

from tests.chaos import disk
from tests.chaos.disk_story import end, looked, page, ready, take_event, tidy, told
from tests.chaos.house import Postgres, until
from tests.chaos.story import Options, Story, made
from tests.chaos.trouble import ADJUST
from tests.chaos.world import CLOUD, FILES, usage_file

SIZE = "128m"
"""A cluster and its log take 110 MB at most."""
LEFT = 64 * 1024
"""Bytes: enough to begin an import, not for all of it."""
ROWS = 600


def live() -> dict[str, Any]:
    """What was seen, and the verdict under `report`. Raises NotAllowed."""
    seen: dict[str, Any] = {}
    with made(Options(database="postgres"), disk=SIZE) as story:
        story.house.act("sign_in", told=str(story.house.home / "token"))
        assert story.house.postgres is not None
        importing(story, story.house.postgres, seen)
        writing(story, story.house.postgres, seen)
        no_log(story, story.house.postgres, seen)
        end(story, seen)
    tidy(story, seen)
    return seen


def importing(story: Story, postgres: Postgres, seen: dict[str, Any]) -> None:
    """The disk becomes full in the middle of an upload: nothing of it is kept, and the same file is taken when there is room."""
    house = story.house
    known = usage_file(story.truth, FILES).decode()
    rows = "".join(f"Unknown {number:05d} of the customers,seats,{number}\n" for number in range(ROWS))
    path = house.home / "large.csv"
    path.write_text(known + rows, encoding="utf-8")
    postgres.begin_log()
    disk.fill(str(postgres.home), LEFT)
    code = house.command(["import", FILES, str(path)], "import")
    seen["import"] = {"code": code, "said": _said(story, "import"), "kept": _kept(postgres)}
    disk.make_room(str(postgres.home))
    postgres.start()
    seen["import again"] = {"code": house.act("bring", portal=FILES, path=str(path)), "kept": _kept(postgres)}
    until(house.is_ready, "being ready by itself")


def writing(story: Story, postgres: Postgres, seen: dict[str, Any]) -> None:
    """The disk is filled while Autotask holds a write that it has committed."""
    house = story.house
    for number, customer in enumerate(story.truth.customers[1:]):
        story.truth.set((CLOUD, customer, "seats"), 31 + number)
    story.autotask.fault(action="delay", when="after", seconds=3, **ADJUST)
    house.act("ask_sync", portals=[CLOUD])
    until(lambda: bool(story.autotask.fired()), "a write")
    postgres.begin_log()
    disk.fill(str(postgres.home))
    until(lambda: ready(house.port)[0] == 503, "readiness to tell")
    seen["full"] = looked(story)
    seen["page when full"] = page(story)
    house.command(["doctor"], "doctor")
    seen["doctor"] = _said(story, "doctor")
    disk.make_room(str(postgres.home))
    postgres.start()
    until(house.is_ready, "being ready by itself")
    take_event(story, "f1")


def no_log(story: Story, postgres: Postgres, seen: dict[str, Any]) -> None:
    """Full again, and the server cannot even keep its log: it ends itself, and is started again when there is room, as systemd does."""
    house = story.house
    disk.fill(str(postgres.home))
    address = f"postgresql://postgres@/postgres?host={postgres.home}"
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            for _ in range(3):
                connection.execute("CREATE TEMP TABLE IF NOT EXISTS something (n int)")
                connection.execute("SELECT pg_switch_wal()")
    except psycopg.Error as error:
        seen["log"] = str(error)
    until(lambda: ready(house.port)[0] == 503, "readiness to tell")
    seen["no log"] = looked(story, "f3")
    disk.make_room(str(postgres.home))
    postgres.start()
    until(house.is_ready, "being ready by itself")
    take_event(story, "f2")


def _kept(postgres: Postgres) -> int:
    """Lines of the large file that are stored."""
    with psycopg.connect(f"postgresql://postgres@/postgres?host={postgres.home}") as connection:
        found = connection.execute("SELECT count(*) FROM usage_line WHERE customer_id ILIKE 'unknown%'").fetchone()
    return int(found[0]) if found else -1


def _said(story: Story, name: str) -> str:
    return (story.house.logs / f"{name}.log").read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(told(live))
