"""Runs migrations on the connection that `core.store.migrate` (or `alembic` itself, by CONTRACTBRIDGE_DATABASE_URL) gives."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel.sql.sqltypes import AutoString

from core.store.tables import METADATA


def render_item(kind: str, value: Any, autogen: AutogenContext) -> str | Literal[False]:
    """How types are written in migrations: our own by name, text as plain text."""
    if kind == "type" and isinstance(value, AutoString):
        return "sa.String()"
    if kind == "type" and type(value).__module__ == "core.store.types":
        autogen.imports.add("from core.store import types")
        return f"types.{type(value).__name__}()"
    return False


def run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
