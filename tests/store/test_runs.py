"""Runs are queued once, claimed once, and noticed when their process dies."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from core.domain.paging import PageQuery
from core.domain.text import T
from core.store import leases, runlog, runs
from core.store.db import Database
from core.store.runlog import LogLine
from core.store.runs import NewRun, Run
from tests.store.conftest import NOW, numbers

ROOT = Path(__file__).resolve().parents[2]
CLAIM = """
import json, sys
from datetime import UTC, datetime
from core.store import runs
from core.store.db import Database
database, mine = Database(sys.argv[1]), []
while run := database.run(lambda session: runs.claim(session, sys.argv[2], datetime.now(UTC), 60)):
    mine.append(run.id)
print(json.dumps(mine))
"""


def queue(database: Database, **values: object) -> Run:
    """A run of a portal of its own, unless told otherwise: those of one portal take turns."""
    with database.write() as session:
        own = {"kind": "sync", "portals": (f"portal {next(numbers)}",)}
        run = runs.enqueue(session, NewRun(**(own | values)), NOW)  # type: ignore[arg-type]
    assert run is not None
    return run


def claim(database: Database, owner: str = "me") -> Run | None:
    with database.write() as session:
        return runs.claim(session, owner, NOW, 60)


def test_a_due_moment_is_queued_once_by_any_number_of_metronomes(database: Database) -> None:
    def queue_one(_: int) -> Run | None:
        return database.run(lambda session: runs.enqueue(session, NewRun(kind="sync", dedupe="duo@02:00"), NOW))

    with ThreadPoolExecutor(6) as pool:
        queued = [run for run in pool.map(queue_one, range(12)) if run]
    assert len(queued) == 1
    with database.session() as session:
        assert runs.by_dedupe(session, "duo@02:00") == queued[0]
    queue(database)
    queue(database)


def test_every_run_is_claimed_by_exactly_one_process(database: Database, url: str) -> None:
    queued = [queue(database).id for _ in range(30)]
    claimers = [
        subprocess.Popen([sys.executable, "-c", CLAIM, url, name], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    claimed = [number for process in claimers for number in json.loads(process.communicate(timeout=60)[0])]
    assert sorted(claimed) == queued


def test_the_longest_waiting_run_comes_first(database: Database) -> None:
    first, second = queue(database), queue(database)
    assert [run.id for run in (claim(database), claim(database)) if run] == [first.id, second.id]
    assert claim(database) is None


def test_a_named_run_or_kind_can_be_claimed(database: Database) -> None:
    queue(database)
    named, of_kind = queue(database), queue(database, kind="import")
    with database.write() as session:
        assert runs.claim(session, "me", NOW, 60, run_id=named.id) is not None
        found = runs.claim(session, "me", NOW, 60, kinds=["import"])
        assert found is not None
        assert (found.id, found.attempt, found.started_at) == (of_kind.id, 1, NOW)


def test_who_lost_a_run_can_neither_keep_nor_end_it(database: Database) -> None:
    run = queue(database)
    claim(database, "dead")
    with database.write() as session:
        assert runs.heartbeat(session, run.id, "dead", NOW, 60)
        assert runs.interrupt_dead(session, NOW + timedelta(seconds=30)) == []
        (interrupted,) = runs.interrupt_dead(session, NOW + timedelta(seconds=61))
        assert (interrupted.id, interrupted.status) == (run.id, "interrupted")
        assert not runs.heartbeat(session, run.id, "dead", NOW, 60)
        assert not runs.progress(session, run.id, "dead", 1, 2)
        assert not runs.finish(session, run.id, "done", NOW, owner="dead")
        assert runs.requeue(session, run.id)
        assert not runs.requeue(session, run.id)
    again = claim(database, "alive")
    assert again is not None
    assert (again.id, again.attempt, again.started_at) == (run.id, 2, NOW)


def test_progress_and_end_are_told(database: Database) -> None:
    run = queue(database, portals=["Duo", "Pax8"], options={"apply": False}, started_by="jan")
    claim(database)
    with database.write() as session:
        assert runs.progress(session, run.id, "me", 1, 2, T("Reading {portal}.", portal="Pax8"))
        kept = runs.get(session, run.id)
        assert kept is not None
        assert (kept.done, kept.total, kept.text) == (1, 2, T("Reading {portal}.", portal="Pax8"))
        assert (kept.portals, kept.options, kept.started_by) == (("Duo", "Pax8"), {"apply": False}, "jan")
        assert [found.id for found in runs.unfinished(session, kinds=["sync"])] == [run.id]
        assert runs.finish(session, run.id, "failed", NOW, owner="me", summary={"applied": 3}, error=T("No."))
        assert runs.unfinished(session) == []
        ended = runs.last_finished(session, kinds=["sync"])
        assert ended is not None
        assert (ended.status, ended.summary, ended.error, ended.finished_at) == (
            "failed",
            {"applied": 3},
            T("No."),
            NOW,
        )


def test_runs_are_paged_newest_first(database: Database) -> None:
    for number in range(25):
        queue(database, started_by=f"Jan {number}")
    with database.session() as session:
        page = runs.page(session, PageQuery(limit=10, offset=20))
        assert (page.total, [run.started_by for run in page.rows]) == (25, [f"Jan {n}" for n in (4, 3, 2, 1, 0)])
        assert runs.page(session, PageQuery(text="jan 24", status="queued")).total == 1


def test_the_log_is_read_on_from_where_one_was(database: Database) -> None:
    run, other = queue(database), queue(database)
    lines = [LogLine(run_id=run.id, at=NOW, text=T("Line {n}.", n=n), level="warning", portal="Duo") for n in range(5)]
    with database.write() as session:
        runlog.append(session, lines[:3])
        runlog.append(session, [LogLine(run_id=other.id, at=NOW, text=T("Other."))])
        runlog.append(session, lines[3:])
    with database.session() as session:
        first = runlog.tail(session, run.id, limit=2)
        rest = runlog.tail(session, run.id, after=first[-1].id)
        assert [line.text for line in (*first, *rest)] == [line.text for line in lines]
        assert len(runlog.tail(session)) == 6


def test_one_owner_has_a_lease_at_a_time(database: Database) -> None:
    def acquire(name: str) -> bool:
        return database.run(lambda session: leases.acquire(session, "engine", name, NOW, 30))

    with ThreadPoolExecutor(6) as pool:
        got = [name for name, ok in zip("abcdef", pool.map(acquire, "abcdef"), strict=True) if ok]
    assert len(got) == 1
    owner = got[0]
    with database.write() as session:
        assert leases.holder(session, "engine", NOW) == owner
        assert leases.acquire(session, "engine", owner, NOW + timedelta(seconds=20), 30)
        assert not leases.acquire(session, "engine", "z", NOW + timedelta(seconds=40), 30)
        leases.release(session, "engine", "z")
        assert leases.acquire(session, "engine", "z", NOW + timedelta(seconds=51), 30)
        leases.release(session, "engine", "z")
        assert leases.holder(session, "engine", NOW) == ""
