"""What all tables share: metadata with names for every constraint, and short ways to write columns."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from sqlalchemy import BigInteger, MetaData, Table
from sqlmodel import Field, SQLModel

from core.store.types import ExactDecimal, JsonDocument, UTCDateTime

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """Base of all tables. Table models do not validate: values come from the domain or from pydantic models."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)


def table(model: type[SQLModel]) -> Table:
    """The SQLAlchemy table of a model, for set-based statements."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def key() -> Any:
    """A number given by the database."""
    return Field(default=None, primary_key=True)


def remote_id(*, primary_key: bool = False, optional: bool = False) -> Any:
    """A number that Autotask gave, or a position we count ourselves: 64 bits, never given by the database."""
    default: Any = None if optional else ...
    return Field(
        default,
        sa_type=cast(Any, BigInteger),
        primary_key=primary_key,
        nullable=optional,
        sa_column_kwargs={"autoincrement": False} if primary_key else {},
    )


def reference(target: str, *, primary_key: bool = False, index: bool = True, on_delete: str = "CASCADE") -> Any:
    """A foreign key; rows go with what they belong to unless `on_delete` says otherwise."""
    default: Any = None if on_delete == "SET NULL" else ...
    return Field(default, foreign_key=target, ondelete=cast(Any, on_delete), primary_key=primary_key, index=index)


def instant(*, optional: bool = False, index: bool = False) -> Any:
    """A UTC instant."""
    default: Any = None if optional else ...
    return Field(default, sa_type=UTCDateTime, nullable=optional, index=index)


def exact(*, optional: bool = False) -> Any:
    """An exact Decimal, up to six decimals."""
    default: Any = None if optional else ...
    return Field(default, sa_type=cast(Any, ExactDecimal), nullable=optional)


def document(*, optional: bool = False) -> Any:
    """A JSON document."""
    if optional:
        return Field(default=None, sa_type=cast(Any, JsonDocument), nullable=True)
    return Field(default_factory=dict, sa_type=cast(Any, JsonDocument), nullable=False)
