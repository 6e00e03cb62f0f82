"""Append-only records, chained by hash, and what is derived from them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Index, Text
from sqlmodel import Field

from core.store.tables.base import Row, document, exact, instant, key, remote_id


class ChainHeadRow(Row, table=True):
    """The end of a chain. Writers lock this row, so that a chain never forks."""

    __tablename__ = "chain_head"
    name: str = key()
    position: int = remote_id()
    hash: str = ""


class LedgerRow(Row, table=True):
    """What was intended, sent, answered and verified. `id` is the position in the chain; `payload` is canonical JSON."""

    __tablename__ = "ledger"
    __table_args__ = (Index(None, "run_id", "change_id"), Index(None, "line_kind", "line_id", "id"))
    id: int = remote_id(primary_key=True)
    at: datetime = instant()
    run_id: int | None = None
    change_id: str = ""
    line_kind: str | None = None
    line_id: int | None = remote_id(optional=True)
    effective_date: date | None = None
    event: str
    payload: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    prev_hash: str
    hash: str


class AuditRow(Row, table=True):
    """Who did what. `before` and `after` are canonical JSON; empty where there is none."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "at"), Index(None, "event", "id"), Index(None, "actor", "id"))
    id: int = remote_id(primary_key=True)
    at: datetime = instant()
    actor: str
    event: str
    subject: str = ""
    before: str = Field(default="", sa_column=Column(Text, nullable=False))
    after: str = Field(default="", sa_column=Column(Text, nullable=False))
    prev_hash: str
    hash: str


class OpenIntentRow(Row, table=True):
    """A write whose end the ledger does not know yet. Derived from the ledger."""

    __tablename__ = "open_intent"
    run_id: int = remote_id(primary_key=True)
    change_id: str = key()
    intent_id: int = remote_id()
    last_event: str = "intended"


class LineMemoryRow(Row, table=True):
    """What the ledger remembers of a contract line. Derived from the ledger.

    `unit_price` and `unit_cost` are what we wrote last, in force from `price_from` on.
    """

    __tablename__ = "line_memory"
    kind: str = key()
    id: int = remote_id(primary_key=True)
    verified_units: int | None = None
    verified_on: date | None = None
    our_dates: list[Any] = document()
    refused: dict[str, Any] = document()
    unit_price: Decimal | None = exact(optional=True)
    unit_cost: Decimal | None = exact(optional=True)
    price_from: date | None = None
