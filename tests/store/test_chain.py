"""Ledger and audit: a chain that never forks and that shows every tampering."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from core.domain.text import T
from core.store import audit, ledger
from core.store.audit import Audited, AuditFilter
from core.store.codec import canonical
from core.store.db import Database
from core.store.ledger import Event, Fact
from tests.store.conftest import NOW

ROOT = Path(__file__).resolve().parents[2]
APPEND = """
import sys
from datetime import UTC, datetime
from core.store import audit
from core.store.audit import Audited
from core.store.db import Database
database = Database(sys.argv[1])
for number in range(int(sys.argv[3])):
    entries = [Audited(actor=sys.argv[2], event="test.done", subject=f"{number}.{part}") for part in range(3)]
    database.run(lambda session: audit.append(session, datetime.now(UTC), entries))
"""


def fill(database: Database, entries: int = 6) -> None:
    with database.write() as session:
        for number in range(entries):
            audit.append(
                session, NOW, [Audited(actor="jan", event="portal.saved", subject=str(number), after={"n": number})]
            )


def tamper(database: Database, *statements: str) -> None:
    """What somebody with full rights on the database can do."""
    with database.write() as session:
        if database.is_sqlite:
            session.execute(text("DROP TRIGGER audit_no_update"))
            session.execute(text("DROP TRIGGER audit_no_delete"))
        else:
            session.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        for statement in statements:
            session.execute(text(statement))


def test_a_whole_chain_verifies(database: Database) -> None:
    fill(database)
    with database.session() as session:
        found = audit.verify(session)
        assert (found.ok, found.entries, found.broken_at) == (True, 6, None)
        assert ledger.verify(session).ok


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET actor = 'piet' WHERE id = 3", 3),
        ("UPDATE audit SET after = '{}' WHERE id = 4", 4),
        ("UPDATE audit SET at = '2026-10-01 06:00:01' WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 6", 6),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET hash = prev_hash WHERE id = 5", 5),
        ("UPDATE audit SET prev_hash = 'x' WHERE id = 5", 5),
        ("UPDATE audit SET id = 7 WHERE id = 6", 6),
    ],
)
def test_every_tampering_is_found_where_it_was_done(database: Database, statement: str, broken_at: int) -> None:
    fill(database)
    tamper(database, statement)
    with database.session() as session:
        found = audit.verify(session)
    assert (found.ok, found.broken_at) == (False, broken_at)
    assert str(broken_at if "after number" not in found.message.template else broken_at - 1) in str(found.message)


def test_an_inserted_entry_is_found(database: Database) -> None:
    fill(database)
    tamper(
        database,
        "INSERT INTO audit (id, at, actor, event, subject, before, after, prev_hash, hash) "
        "SELECT 7, at, actor, event, subject, before, after, hash, hash FROM audit WHERE id = 6",
    )
    with database.session() as session:
        assert audit.verify(session).broken_at == 7


def test_several_processes_never_fork_the_chain(database: Database, url: str) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", APPEND, url, name, "15"], cwd=ROOT) for name in ("one", "two")]
    assert [process.wait(60) for process in processes] == [0, 0]
    with database.session() as session:
        found = audit.verify(session)
        assert (found.ok, found.entries) == (True, 2 * 15 * 3)
        actors = [entry.actor for entry in audit.export(session)]
    assert all(actors.count(name) == 45 for name in ("one", "two"))


def test_threads_never_fork_the_ledger(database: Database) -> None:
    def append(number: int) -> None:
        facts = [Fact(event=Event.INTENDED, run_id=number, change_id=str(part)) for part in range(5)]
        database.run(lambda session: ledger.append(session, NOW, facts))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(append, range(24)))
    with database.session() as session:
        assert (ledger.verify(session).ok, ledger.verify(session).entries) == (True, 120)


def test_an_append_that_is_rolled_back_leaves_the_chain_whole(database: Database) -> None:
    fill(database, 2)
    with pytest.raises(RuntimeError), database.write() as session:
        audit.append(session, NOW, [Audited(actor="jan", event="test.done")])
        raise RuntimeError
    fill(database, 1)
    with database.session() as session:
        assert (audit.verify(session).ok, audit.verify(session).entries) == (True, 3)


def test_the_audit_is_searched_and_cut(database: Database) -> None:
    with database.write() as session:
        audit.append(
            session,
            NOW,
            [
                Audited(
                    actor="jan", event="portal.saved", subject="Duo", before={"mode": "review"}, after={"mode": "auto"}
                )
            ],
        )
        audit.append(
            session,
            NOW + timedelta(days=1),
            [Audited(actor="Piet", event="mapping.customer", subject=f"Duo / Café {n}", after=n) for n in range(30)],
        )
    with database.session() as session:
        assert audit.page(session, AuditFilter(text="AUTO")).rows[0].after == '{"mode":"auto"}'
        assert audit.page(session, AuditFilter(text="CAFÉ 29 piet")).total == 1
        assert audit.page(session, AuditFilter(event="mapping.")).total == 30
        assert audit.page(session, AuditFilter(actor="jan")).total == 1
        assert audit.page(session, AuditFilter(since=NOW + timedelta(hours=1))).total == 30
        assert audit.page(session, AuditFilter(until=NOW + timedelta(hours=1))).total == 1
        newest = audit.page(session, AuditFilter(limit=2, offset=1))
        assert ([entry.id for entry in newest.rows], newest.total) == ([30, 29], 31)
        assert [entry.id for entry in audit.export(session, after=29)] == [30, 31]


def test_canonical_json_has_one_spelling() -> None:
    value = {"b": Decimal("1.50"), "a": [NOW, NOW.date()], "é": T("x {n}", n=1)}
    assert canonical(value) == canonical(dict(reversed(value.items())))
    assert canonical(value).startswith('{"a":["2026-10-01T06:00:00+00:00","2026-10-01"],"b":"1.50"')
    with pytest.raises(TypeError):
        canonical(object())
