"""Bringing a database to the tables of this version."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from core.domain.errors import SettingsError
from core.domain.text import T
from core.store.db import Database
from core.store.trouble import Kind, trouble_of

SCRIPTS = Path(__file__).parent / "migrations"
POSTGRES_LOCK = 0x636F6E74
"""Names the advisory lock under which PostgreSQL databases are migrated."""


def upgrade(url: str) -> None:
    """Bring the database to the newest version. Started twice at a time, the second one waits.

    Raises SettingsError for a database that a newer version of the product has changed.
    """
    _with_connection(url, _upgrade)


def downgrade(url: str, revision: str = "base") -> None:
    """Take the database back to an older version; `base` removes every table with all that is in it."""
    _with_connection(url, lambda settings, _: command.downgrade(settings, revision))


def check(url: str) -> None:
    """Raise an Alembic error when tables and migrations differ."""
    _with_connection(url, lambda settings, _: command.check(settings))


def config() -> Config:
    """Alembic's settings; `alembic` needs no file of its own."""
    settings = Config()
    settings.set_main_option("script_location", str(SCRIPTS))
    settings.set_main_option("path_separator", "os")
    return settings


@cache
def head() -> str:
    """The newest version; it does not change while a process runs, and finding it reads every migration."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def current(connection: Connection) -> str:
    """The version of a database; empty for one without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _upgrade(settings: Config, connection: Connection) -> None:
    version = current(connection)
    if version == head():
        return
    known = {script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()}
    if version and version not in known:
        raise SettingsError(
            T("The database was made by a newer version of ContractBridge ({version}).", version=version),
            remedy=T("Install that version or a newer one, or restore a back-up."),
            kind="database",
        )
    command.upgrade(settings, "head")


def _with_connection(url: str, work: Callable[[Config, Connection], object]) -> None:
    database = Database(url, pool_size=1)
    try:
        _check(database)
        with database.engine.connect() as connection:
            if database.is_sqlite:
                # Batch mode makes tables anew; their rows must not cascade away meanwhile. Only possible before BEGIN.
                connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            with connection.begin():
                if not database.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": POSTGRES_LOCK})
                settings = config()
                settings.attributes["connection"] = connection
                work(settings, connection)
    finally:
        database.dispose()


def _check(database: Database) -> None:
    try:
        database.check()
    except SettingsError as error:
        trouble = trouble_of(error.__cause__, database) if error.__cause__ else None
        if trouble is None or trouble.kind == Kind.AWAY:
            raise
        # SQLite cannot open its file on a disk that cannot be written: the address is right.
        raise trouble from error.__cause__
