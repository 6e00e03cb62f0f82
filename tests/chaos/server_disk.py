"""PostgreSQL on a small disk of its own that becomes full: what the store makes of it. `python -m tests.chaos.server_disk`.

Tells what it saw as JSON; exit code 3 where no such disk can be had (see `disk`).
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from core.services.context import Context
from core.services.examining import database as examining
from core.store.db import Database
from core.store.trouble import StorageTrouble, look_at_server, trouble_of
from tests.chaos import disk
from tests.chaos.house import Postgres

SIZE = "64m"
LEFT = 2 * 1024 * 1024
"""Bytes: for the beginning of what is written, not for all of it."""
LARGE = "INSERT INTO item SELECT repeat('x', 1000) FROM generate_series(1, 4000)"


def main() -> int:
    with ExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="contractbridge-disk-", ignore_cleanup_errors=True))
        )
        place = str(home / "pg")
        Path(place).mkdir()
        try:
            disk.own_disk(place, SIZE)
        except disk.NotAllowed as error:
            print(error)
            return disk.NOT_ALLOWED
        stack.callback(disk.let_go, place)
        postgres = Postgres(home)
        stack.callback(postgres.close)
        postgres.start()
        print(json.dumps(_story(postgres, place)))
    return 0


def _story(postgres: Postgres, place: str) -> dict[str, object]:
    told: dict[str, object] = {}
    database = Database(postgres.url, pool_size=2)
    # Unlogged: what is written needs no room in the log of the server, which ends itself where there is none.
    _do(database, "CREATE UNLOGGED TABLE item (name text)")
    postgres.begin_log()
    told["before"] = _words(look_at_server(database))
    disk.fill(place, LEFT)
    # In the middle of a statement; the connection that is there goes on to be used.
    told["write"] = _error(database, LARGE)
    told["kept"] = _count(database)
    disk.fill(place)
    told["looked"] = _words(look_at_server(database))
    # It looks at the database alone.
    told["doctor"] = [check.code for check in examining.look(cast(Context, SimpleNamespace(database=database)))]
    # Nobody who is new comes in where PostgreSQL has to write down what it knows of the tables.
    for file in Path(place, "data").rglob("pg_internal.init"):
        file.unlink()
        disk.fill(place)
    other = Database(postgres.url, pool_size=2)
    told["coming in"] = _error(other, "SELECT 1")
    disk.make_room(place)
    told["after"] = _words(look_at_server(database))
    for one in (database, other):
        _do(one, "DELETE FROM item")
        _do(one, "INSERT INTO item VALUES ('one')")
    told["written"] = _count(other)
    for one in (database, other):
        one.dispose()
    return told


def _do(database: Database, words: str) -> None:
    with database.write() as session:
        session.execute(text(words))


def _error(database: Database, words: str) -> list[str] | None:
    try:
        _do(database, words)
    except SQLAlchemyError as error:
        return _words(trouble_of(error, database)) or [type(error).__name__, str(error)]
    return None


def _words(trouble: StorageTrouble | None) -> list[str] | None:
    return None if trouble is None else [str(trouble.kind), trouble.place]


def _count(database: Database) -> int:
    with database.session() as session:
        return int(session.execute(text("SELECT count(*) FROM item")).scalar_one())


if __name__ == "__main__":
    sys.exit(main())
