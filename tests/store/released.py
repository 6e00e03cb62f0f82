"""A workspace as a released version filled it, kept as a file: what the tests upgrade.

`released-0010.json.gz` was made with the code of that version by

    python -m tests.store.released tests/store/released-0010.json.gz

which does the demo's main job (portals, readings, mappings, plans, changes and charges written to the sandbox Autotask, ledger and
audit), writes out every table, and puts one made-up row into tables that the demo leaves empty. Files that are there are never made
again: they are what is really out there. A later release gets a file of its own.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Table, TypeDecorator, select

from core.store import types
from core.store.tables import METADATA

Rows = dict[str, list[dict[str, Any]]]
MOMENT = datetime(2026, 10, 1, 6, 0, tzinfo=UTC)
FOLDER = Path(__file__).parent


def files() -> list[Path]:
    """All released workspaces that are kept."""
    return sorted(FOLDER.glob("released-*.json.gz"))


def load(file: Path) -> Rows:
    """The rows of each table, in an order in which they can be put in."""
    kept = json.loads(gzip.decompress(file.read_bytes()))
    return {name: [{key: _decoded(value) for key, value in row.items()} for row in rows] for name, rows in kept.items()}


def save(rows: Rows, file: Path) -> None:
    text = json.dumps({n: [{k: _encoded(v) for k, v in row.items()} for row in found] for n, found in rows.items()})
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


def dump(connection: Connection) -> Rows:
    """Every row of every table; of an empty one a made-up row."""
    found: Rows = {}
    for table in METADATA.sorted_tables:
        rows = [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
        found[table.name] = rows or [made_up(table, found)]
    return found


def made_up(table: Table, found: Rows) -> dict[str, Any]:
    """A row that keeps to the table's rules and points to rows that are there."""
    return {column.name: value_of(column, found) for column in table.columns}


def value_of(column: Column[Any], found: Rows) -> Any:
    """What may stand in a column."""
    for key in column.foreign_keys:
        pointed = found.get(key.column.table.name)
        return pointed[0][key.column.name] if pointed else None
    default = column.default.arg if column.default is not None and column.default.is_scalar else None
    if default is not None:
        return default
    kind = column.type
    if isinstance(kind, types.ExactDecimal):
        return Decimal("1.5")
    while isinstance(kind, TypeDecorator):
        kind = kind.impl if not isinstance(kind.impl, type) else kind.impl()
    values = {
        sa.String: "x", sa.Integer: 1, sa.Boolean: True, sa.DateTime: MOMENT, sa.Date: MOMENT.date(), sa.JSON: {},
    }  # fmt: skip
    return next(value for known, value in values.items() if isinstance(kind, known))


def _encoded(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$instant": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    return {"$decimal": str(value)} if isinstance(value, Decimal) else value


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, text),) = value.items()
    kinds: dict[str, Any] = {"$instant": datetime.fromisoformat, "$date": date.fromisoformat, "$decimal": Decimal}
    return kinds[kind](text) if kind in kinds else value


def _demo() -> Iterator[Rows]:
    from core.cli import demo

    with demo._workspace() as (ctx, actor, sandbox):
        demo._main_job(ctx, actor, sandbox, demo._Show(quiet=True))
        with ctx.database.session() as session:
            yield dump(session.connection())


if __name__ == "__main__":
    for made in _demo():
        save(made, Path(sys.argv[1]))
