"""All rows of one database in another one, of the same or the other kind, and the proof that nothing differs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Table, func, select, text

from core.store.db import Database
from core.store.tables import METADATA

ROWS = 2_000
"""At a time, in memory."""
SEEDED = frozenset({"chain_head"})
"""Tables that a migrated database has rows in before anything happened."""


def is_empty(database: Database) -> bool:
    """Whether nothing was ever kept in this (migrated) database."""
    with database.session() as session:
        tables = [table for table in METADATA.sorted_tables if table.name not in SEEDED]
        return not any(session.execute(select(1).select_from(table).limit(1)).first() for table in tables)


def copy_all(source: Database, target: Database) -> dict[str, int]:
    """Copy every row into an empty, migrated target; gives the rows by table. All of it arrives, or nothing.

    The source is read as it is at one moment and may be written to meanwhile. Raises ValueError naming the first table that is not
    the same afterwards, row by row; then nothing was kept.
    """
    copied: dict[str, int] = {}
    with source.session() as reading, target.write() as writing:
        origin, copy = reading.connection(), writing.connection()
        for table in METADATA.sorted_tables:
            if table.name in SEEDED:
                copy.execute(table.delete())
            copied[table.name] = _copy_table(origin, copy, table)
        if copy.dialect.name == "postgresql":
            _go_on_counting(copy)
        for table in METADATA.sorted_tables:
            if not _same(origin, copy, table):
                raise ValueError(f"the copy of the table {table.name} differs")
    return copied


def _copy_table(origin: Connection, copy: Connection, table: Table) -> int:
    count = 0
    for rows in _rows(origin, table).partitions(ROWS):
        copy.execute(table.insert(), [dict(row._mapping) for row in rows])
        count += len(rows)
    return count


def _rows(connection: Connection, table: Table) -> Any:
    query = select(table).order_by(*table.primary_key.columns)
    return connection.execution_options(stream_results=True, yield_per=ROWS).execute(query)


def _same(origin: Connection, copy: Connection, table: Table) -> bool:
    one, other = _values(origin, table), _values(copy, table)
    return all(left == right for left, right in zip_longest(one, other))


def _values(connection: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    for rows in _rows(connection, table).partitions(ROWS):
        yield from (tuple(row) for row in rows)


def _go_on_counting(connection: Connection) -> None:
    """The numbers that PostgreSQL gives next come after those that were copied."""
    for table in METADATA.sorted_tables:
        keys = list(table.primary_key.columns)
        sequence = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": keys[0].name}
        ).scalar()
        if sequence and len(keys) == 1:
            highest = connection.execute(select(func.max(keys[0]))).scalar()
            if highest is not None:
                connection.execute(text("SELECT setval(:sequence, :value)"), {"sequence": sequence, "value": highest})
