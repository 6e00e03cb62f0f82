"""From every released version to this one, on filled databases of both kinds: nothing is lost, and the product opens and goes on."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from core import bootstrap
from core.services import activity, overview, people, planning, portals, reports
from core.services.access import SYSTEM, Role
from core.services.paging import PageQuery
from core.settings import Settings
from core.store import copying, migrate, types
from core.store.db import Database
from core.store.tables import METADATA
from tests.store import released

pytestmark = pytest.mark.xdist_group("upgrades")
Filled = dict[str, sa.TableClause]
"""Tables that were filled, with the columns they had then."""
MAY_GO = {"login_session"}
"""Sessions may end with an upgrade: people sign in again."""


def revisions() -> list[str]:
    """All versions, the oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(migrate.config()).walk_revisions()][::-1]


def to(url: str, revision: str) -> None:
    migrate._with_connection(url, lambda settings, _: command.upgrade(settings, revision))


COLUMNS = {
    "sqlite": "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
    "postgresql": "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'",
}


def columns(connection: Connection) -> dict[str, set[str]]:
    """The columns of each table as they are in this database now."""
    found: dict[str, set[str]] = defaultdict(set)
    for table, column in connection.exec_driver_sql(COLUMNS[connection.dialect.name]):
        found[table].add(column)
    return found


def put(connection: Connection, name: str, names: set[str], rows: list[dict[str, Any]]) -> sa.TableClause:
    """The rows, as far as this version has their columns; what a version after the release asks for besides is made up."""
    present = METADATA.tables[name].columns
    kinds = {
        key: present[key].type if key in present else _kind(value) for key, value in rows[0].items() if key in names
    }
    more = {key: released.value_of(present[key], {}) for key in names - set(rows[0]) if not present[key].nullable}
    wider = sa.table(
        name, *(sa.column(key, kind) for key, kind in (kinds | {key: present[key].type for key in more}).items())
    )
    table = sa.table(name, *(sa.column(key, kind) for key, kind in kinds.items()))
    if name in copying.SEEDED:
        connection.execute(table.delete())
    connection.execute(wider.insert(), [{**more, **{key: row[key] for key in kinds}} for row in rows])
    return table


def _kind(value: Any) -> Any:
    """The type of a column that is gone by now."""
    return {datetime: types.UTCDateTime(), Decimal: types.ExactDecimal(), dict: types.JsonDocument()}.get(type(value))


def lost(connection: Connection, filled: Filled, rows: released.Rows) -> list[str]:
    """Tables in which something is not as it was put in, as far as its columns are still there."""
    now, found = columns(connection), []
    for name, table in filled.items():
        if name in MAY_GO:
            continue
        kept = [column for column in table.columns if column.name in now.get(name, set())]
        has = [list(row) for row in connection.execute(sa.select(*kept))]
        had = [[row.get(column.name) for column in kept] for row in rows[name]]
        if sorted(map(_spelled, has)) != sorted(map(_spelled, had)):
            found.append(name)
    return found


def _spelled(row: list[Any]) -> str:
    """The same values have the same spelling, whatever the order of keys in a document."""
    return json.dumps(row, default=str, sort_keys=True)


def climb(url: str, rows: released.Rows, keep: Callable[[str, Filled], object]) -> None:
    """Version by version to this one; each version's new tables are filled as soon as they are there, so that every migration
    meets rows in every table before it. `keep` is told each version when it is filled.
    """
    filled: Filled = {}
    for revision in revisions():
        to(url, revision)
        database = Database(url, pool_size=1)
        with database.engine.begin() as connection:
            assert lost(connection, filled, rows) == [], revision
            there = columns(connection)
            for table in METADATA.sorted_tables:
                if table.name in there and table.name in rows and table.name not in filled:
                    filled[table.name] = put(connection, table.name, there[table.name], rows[table.name])
            if not database.is_sqlite and revision == revisions()[-1]:
                copying._go_on_counting(connection)
        database.dispose()
        keep(revision, dict(filled))
    assert set(filled) == set(rows), "every table of the release was filled"


@pytest.fixture(scope="module")
def rows() -> released.Rows:
    return released.load(released.files()[0])


@pytest.fixture(scope="module")
def versions(rows: released.Rows, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Filled]]:
    """A filled SQLite file of each version."""
    folder, found = tmp_path_factory.mktemp("versions"), {}

    def keep(revision: str, filled: Filled) -> None:
        found[revision] = (shutil.copy(folder / "climbing.db", folder / f"{revision}.db"), filled)

    climb(f"sqlite:///{folder / 'climbing.db'}", rows, keep)
    return found


def test_there_is_a_workspace_of_each_release(rows: released.Rows) -> None:
    assert [file.name for file in released.files()] == ["released-0010.json.gz"]
    assert all(rows.values()), "no table is empty"
    assert len(rows["ledger"]) > 100 < sum(map(len, rows.values()))


@pytest.mark.parametrize("revision", revisions())
def test_a_filled_database_of_any_version_is_brought_to_this_one_at_once(
    revision: str, rows: released.Rows, versions: dict[str, tuple[Path, Filled]], tmp_path: Path
) -> None:
    kept, filled = versions[revision]
    url = f"sqlite:///{shutil.copy(kept, tmp_path / 'old.db')}"
    migrate.upgrade(url)
    database = Database(url, pool_size=1)
    with database.engine.connect() as connection:
        assert migrate.current(connection) == migrate.head()
        assert lost(connection, filled, rows) == []
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    database.dispose()
    if len(filled) == len(rows):
        goes_on(url, tmp_path)


@pytest.mark.postgres
def test_postgresql_filled_version_by_version_ends_with_this_one_and_goes_on(
    rows: released.Rows, empty_url: Callable[[str], str], tmp_path: Path
) -> None:
    url = empty_url("postgres")
    climb(url, rows, lambda *_: None)
    migrate.check(url)
    goes_on(url, tmp_path)


def goes_on(url: str, home: Path) -> None:
    """The product opens, shows what was there, its chains are whole, and it can be worked with."""
    app = bootstrap.build(Settings(home=home, database_url=url, secret_key=None))
    ctx = app.context
    assert {card.name for card in portals.list_portals(ctx, SYSTEM)} >= {"Duo"}
    assert overview.overview(ctx, SYSTEM).customers > 10
    assert all(chain.ok and chain.entries > 50 for chain in activity.verify_chains(ctx, SYSTEM))
    assert planning.changes(ctx, SYSTEM, PageQuery()).total > 0
    assert activity.runs(ctx, SYSTEM, PageQuery()).total == 3
    assert reports.build(ctx, SYSTEM, "vendor").sections[0].table.rows
    people.add_person(ctx, SYSTEM, "Nora", "a good long pass phrase", Role.VIEWER)
    assert all(chain.ok for chain in activity.verify_chains(ctx, SYSTEM))
    app.close()
