"""Statements for many rows at once, the same on both engines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import psycopg
from sqlalchemy import Select, Table, and_, bindparam, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.schema import ScalarElementColumnDefault

Item = TypeVar("Item")
Values = Mapping[str, Any]

COPY_FROM = 500
"""From so many rows on PostgreSQL copies instead of inserting."""
CHUNK = 5_000
"""Values in one IN list: far below SQLite's 32,766 and PostgreSQL's 65,535 parameters, for keys of several columns too."""


def dialect(session: Session) -> str:
    """`sqlite` or `postgresql`."""
    return session.get_bind().dialect.name


def alone(session: Session, name: int) -> None:
    """From here to the end of this transaction nobody else is here, of those that ask by the same number.

    For work that rests on what many rows say together. SQLite has one writer at a time anyway.
    """
    if dialect(session) == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(name)))


def insert_rows(session: Session, target: Table, rows: Sequence[Values]) -> None:
    """Insert many rows; all must have the same columns."""
    if len(rows) >= COPY_FROM and dialect(session) == "postgresql":
        _copy_rows(session, target, rows)
    elif rows:
        session.execute(target.insert().inline(), rows)


def analyse(session: Session, *targets: Table) -> None:
    """After many new rows: let PostgreSQL count anew, as it would by itself only later; until then it plans for empty tables."""
    if dialect(session) == "postgresql":
        session.execute(text(f"ANALYZE {', '.join(target.name for target in targets)}"))


def _copy_rows(session: Session, target: Table, rows: Sequence[Values]) -> None:
    """PostgreSQL's COPY: several times faster than INSERT, with the same constraints and triggers."""
    connection = session.connection()
    engine = connection.dialect
    left_out = {
        column.name: column.default.arg
        for column in target.columns
        if column.name not in rows[0] and isinstance(column.default, ScalarElementColumnDefault)
    }
    columns = [target.c[name] for name in (*rows[0], *left_out)]
    converters = [(c.name, c.type.dialect_impl(engine).bind_processor(engine)) for c in columns]
    names = ", ".join(engine.identifier_preparer.quote(column.name) for column in columns)
    statement = f"COPY {target.name} ({names}) FROM STDIN"
    cursor: psycopg.Cursor[Any] = cast(Any, connection.connection.cursor())
    try:
        with cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                values = {**left_out, **row}
                copy.write_row([convert(values[name]) if convert else values[name] for name, convert in converters])
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=engine) from error


def inserting(session: Session, target: Table) -> PostgresInsert | SqliteInsert:
    """An INSERT that can be given an ON CONFLICT, in the words of the session's engine."""
    return postgres_insert(target) if dialect(session) == "postgresql" else sqlite_insert(target)


def insert_or_nothing(session: Session, target: Table, keys: Sequence[str]) -> PostgresInsert | SqliteInsert:
    """An INSERT that does nothing where `keys` are there already."""
    return inserting(session, target).on_conflict_do_nothing(index_elements=list(keys))


def upsert_rows(
    session: Session, target: Table, rows: Sequence[Values], keys: Sequence[str], *, update: bool = True
) -> None:
    """Insert rows; where `keys` are there already, update the other columns (or leave the row with `update=False`)."""
    if not rows:
        return
    statement = inserting(session, target)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    if update and changed:
        statement = statement.on_conflict_do_update(index_elements=list(keys), set_=changed)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(keys))
    session.execute(statement, rows)


def update_rows(session: Session, target: Table, rows: Sequence[Values], keys: Sequence[str]) -> None:
    """Update many rows by their keys; each row holds its keys and the new values."""
    if not rows:
        return
    names = [name for name in rows[0] if name not in keys]
    statement = (
        target.update()
        .where(and_(*(target.c[name] == bindparam(f"key_{name}") for name in keys)))
        .values({name: bindparam(f"new_{name}") for name in names})
    )
    parameters = [
        {f"key_{name}": row[name] for name in keys} | {f"new_{name}": row[name] for name in names} for row in rows
    ]
    session.connection().execute(statement, parameters)


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def in_keys(
    session: Session, query: Select[Any], columns: Sequence[ColumnElement[Any]], keys: Iterable[Any]
) -> Iterator[Any]:
    """The rows of `query` whose `columns` are one of `keys` (values, or tuples where there are several columns)."""
    for chunk in chunks(keys):
        yield from session.execute(query.where(_among(session, columns, chunk)))


def delete_rows(session: Session, target: Table, columns: Sequence[ColumnElement[Any]], keys: Iterable[Any]) -> None:
    """Delete the rows whose `columns` are one of `keys` (values, or tuples where there are several columns)."""
    for chunk in chunks(keys):
        session.execute(target.delete().where(_among(session, columns, chunk)))


def _among(session: Session, columns: Sequence[ColumnElement[Any]], keys: list[Any]) -> ColumnElement[bool]:
    if len(columns) == 1:
        return columns[0].in_(keys)
    if dialect(session) != "postgresql":
        return tuple_(*columns).in_(keys)
    # PostgreSQL compares a list of tuples one by one with every row; arrays it joins.
    arrays = [
        bindparam(None, list(part), type_=ARRAY(column.type))
        for column, part in zip(columns, zip(*keys, strict=True), strict=True)
    ]
    names = [f"key_{place}" for place in range(len(columns))]
    wanted = func.unnest(*arrays).table_valued(*names).render_derived()
    return tuple_(*columns).in_(select(*(wanted.c[name] for name in names)))


def merge_rows(session: Session, target: Table, rows: Sequence[Values], keys: Sequence[str]) -> int:
    """Make the rows named by `keys` equal to `rows`, writing only what differs; returns how many were written.

    Reads the whole table once: for tables that are small beside the work (the directory).
    """
    if not rows:
        return 0
    names = list(rows[0])
    have = {
        tuple(row[: len(keys)]): tuple(row)
        for row in session.execute(
            target.select().with_only_columns(*(target.c[name] for name in _keys_first(names, keys)))
        )
    }
    ordered = _keys_first(names, keys)
    changed = [
        row for row in rows if have.get(tuple(row[name] for name in keys)) != tuple(row[name] for name in ordered)
    ]
    upsert_rows(session, target, changed, keys)
    return len(changed)


def _keys_first(names: Sequence[str], keys: Sequence[str]) -> list[str]:
    return [*keys, *(name for name in names if name not in keys)]
