"""Migrations: the tables of the code, on both engines, forth and back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from core.domain.errors import SettingsError
from core.store import audit, migrate
from core.store.audit import Audited
from core.store.db import Database
from core.store.tables import METADATA
from tests.store.conftest import ENGINES, NOW


def tables(url: str) -> set[str]:
    database = Database(url)
    try:
        return set(inspect(database.engine).get_table_names())
    finally:
        database.dispose()


@pytest.mark.parametrize("engine", ENGINES)
def test_upgrade_downgrade_upgrade_ends_with_all_tables(engine: str, empty_url: Callable[[str], str]) -> None:
    url = empty_url(engine)
    migrate.upgrade(url)
    first = tables(url)
    assert first >= set(METADATA.tables)
    migrate.downgrade(url)
    assert tables(url) == {"alembic_version"}
    migrate.upgrade(url)
    assert tables(url) == first


def test_migrations_make_exactly_the_tables_of_the_code(url: str) -> None:
    migrate.check(url)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_processes_that_start_together_migrate_once(engine: str, empty_url: Callable[[str], str]) -> None:
    url = empty_url(engine)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate.upgrade, [url] * 3))
    assert tables(url) >= set(METADATA.tables)


def test_a_database_of_a_newer_version_is_refused_in_words(url: str) -> None:
    database = Database(url)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    database.dispose()
    with pytest.raises(SettingsError) as caught:
        migrate.upgrade(url)
    assert "newer version" in str(caught.value)


def test_a_server_that_does_not_answer_is_told_without_the_password() -> None:
    with pytest.raises(SettingsError) as caught:
        migrate.upgrade("postgresql://somebody:hidden@127.0.0.1:1/nothing")
    assert "hidden" not in str(caught.value)
    assert "does not answer" in str(caught.value)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DELETE FROM ledger WHERE id > 0"]
)
def test_ledger_and_audit_refuse_changes_in_the_database_itself(database: Database, statement: str) -> None:
    with database.write() as session:
        audit.append(session, NOW, [Audited(actor="jan", event="test.done")])
        session.execute(text("INSERT INTO ledger (id, at, change_id, event, payload, prev_hash, hash)"
                             " VALUES (1, '2026-10-01 00:00:00', '', 'seen', '{}', '', '')"))  # fmt: skip
    with pytest.raises(DBAPIError, match="append-only"), database.write() as session:
        session.execute(text(statement))
    with database.session() as session:
        assert session.execute(text("SELECT actor FROM audit")).scalars().all() == ["jan"]
