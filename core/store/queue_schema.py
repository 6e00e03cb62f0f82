"""The tables of procrastinate, in a schema of their own of the same PostgreSQL database.

Nothing in them is worth keeping: they carry numbers of runs, and the table of runs is the truth. So there is nothing to migrate, to
back up or to move either: each version of the library gets a schema that bears its number, made when an engine first starts.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from core.store.db import Database, postgres_arguments

PREFIX = "contractbridge_queue_"
SCHEMA = PREFIX + metadata.version("procrastinate").replace(".", "_")
LOCK = 0x636F6E76
"""Names the advisory lock under which the schema is made."""
IDLE_HOURS = 24
"""A schema of another version goes when no worker of that version was seen for so long."""


REFUSED = "42501"
"""PostgreSQL's code for: this user may not do that."""


def prepare(database: Database) -> bool:
    """Make the schema where it is missing; False where this user may not. Raises SQLAlchemyError."""
    try:
        with database.engine.begin() as connection:
            _prepare(connection)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != REFUSED:
            raise
        return False
    return True


def _prepare(connection: Connection) -> None:
    if not _is_there(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": LOCK})
    if not _is_there(connection):
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))
        driver: Any = connection.connection.driver_connection
        driver.execute(SchemaManager.get_schema())
        connection.execute(text("SET LOCAL search_path TO DEFAULT"))
        _drop_older(connection)


def connect_info(database: Database) -> tuple[str, dict[str, Any]]:
    """The address for libpq, and what else to connect with so that names mean the tables of the queue."""
    address = make_url(database.url)
    arguments = postgres_arguments(address)
    options = arguments.pop("options", "") or address.query["options"]
    plain = address.set(drivername="postgresql").difference_update_query(["options"])
    return plain.render_as_string(hide_password=False), arguments | {"options": f"{options} -c search_path={SCHEMA}"}


def _is_there(connection: Connection) -> bool:
    return bool(connection.execute(text(f"SELECT to_regclass('{SCHEMA}.procrastinate_jobs') IS NOT NULL")).scalar())


def _drop_older(connection: Connection) -> None:
    names = connection.execute(
        text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :prefix) AND nspname <> :own"),
        {"prefix": PREFIX, "own": SCHEMA},
    )
    for name in names.scalars().all():
        quoted = connection.dialect.identifier_preparer.quote(name)
        seen = connection.execute(
            text(
                f"SELECT EXISTS (SELECT 1 FROM {quoted}.procrastinate_workers"  # noqa: S608 - a name from the catalogue, quoted
                " WHERE last_heartbeat > now() - make_interval(hours => :hours))"
            ),
            {"hours": IDLE_HOURS},
        ).scalar()
        if not seen:
            connection.execute(text(f"DROP SCHEMA {quoted} CASCADE"))
