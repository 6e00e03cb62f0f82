"""Autotask as it was last read. Nothing here is ours: it can be thrown away and read again."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Index

from core.store.tables.base import Row, exact, instant, key, remote_id


class CompanyRow(Row, table=True):
    """A company (Autotask reference §8)."""

    __tablename__ = "at_company"
    __table_args__ = (Index(None, "folded"),)
    id: int = remote_id(primary_key=True)
    name: str = ""
    folded: str = ""
    active: bool = True
    number: str = ""
    company_type: int | None = None


class ItemRow(Row, table=True):
    """A service or a service bundle of the catalogue."""

    __tablename__ = "at_item"
    kind: str = key()
    id: int = remote_id(primary_key=True)
    name: str = ""
    active: bool = True
    period_type: str = ""
    unit_price: Decimal | None = exact(optional=True)
    unit_cost: Decimal | None = exact(optional=True)
    sku: str = ""


class ContractRow(Row, table=True):
    """A recurring service contract."""

    __tablename__ = "at_contract"
    __table_args__ = (Index(None, "company_id"),)
    id: int = remote_id(primary_key=True)
    company_id: int = remote_id()
    name: str = ""
    start: date
    end: date
    period_type: str = ""
    active: bool = True
    number: str = ""


class ContractLineRow(Row, table=True):
    """A service or bundle on a contract. `units_read_at` is empty as long as its units were not read."""

    __tablename__ = "at_line"
    __table_args__ = (Index(None, "contract_id"), Index(None, "item_kind", "item_id"))
    kind: str = key()
    id: int = remote_id(primary_key=True)
    contract_id: int = remote_id()
    item_kind: str
    item_id: int = remote_id()
    unit_price: Decimal | None = exact(optional=True)
    unit_cost: Decimal | None = exact(optional=True)
    description: str = ""
    units_read_at: datetime | None = instant(optional=True)


class UnitRowRow(Row, table=True):
    """Units of a contract line from `start` on; `position` keeps rows of one start apart."""

    __tablename__ = "at_unit_row"
    line_kind: str = key()
    line_id: int = remote_id(primary_key=True)
    position: int = key()
    start: date
    end: date
    units: int
    posted: bool = False


class DirectoryStateRow(Row, table=True):
    """How far an entity was read: `watermark` for the next delta, `full_read_at` for the last whole reading.

    For units, `window_first` and `window_last` are the days that were asked for.
    """

    __tablename__ = "directory_state"
    entity: str = key()
    watermark: datetime | None = instant(optional=True)
    full_read_at: datetime | None = instant(optional=True)
    window_first: date | None = None
    window_last: date | None = None
