"""What was used by the month, how it is charged, and the charges as they were last read back."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from core.store.tables.base import Row, document, exact, instant, key, reference, remote_id


class ConsumptionReadingRow(Row, table=True):
    """One reading of one portal and period. Amounts are text: a source has more decimals than a number column keeps.

    `files` are the paths, in the data directory, of the files it was read from.
    """

    __tablename__ = "consumption_reading"
    __table_args__ = (Index(None, "portal_id", "period_start", "fingerprint"), Index(None, "taken_at"))
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    run_id: int | None = reference("run.id", on_delete="SET NULL")
    taken_at: datetime = instant()
    period_start: date
    period_end: date
    complete: bool = True
    provisional: bool = False
    total: str | None = None
    fingerprint: str = ""
    lines: int = 0
    notes: list[Any] = document()
    files: list[Any] = document()


class ConsumptionLineRow(Row, table=True):
    """One line of a reading, exact. `data` holds what is only shown: dimensions, unit, origin."""

    __tablename__ = "consumption_line"
    __table_args__ = (Index(None, "reading_id", "customer_id"),)
    reading_id: int = reference("consumption_reading.id", primary_key=True, index=False)
    position: int = key()
    customer_id: str
    customer: str = ""
    kind: str = "usage"
    amount: str
    currency: str = ""
    price: str | None = None
    quantity: str | None = None
    data: dict[str, Any] = document()


class ConsumptionCurrentRow(Row, table=True):
    """Which reading counts for a customer and period: the latest complete one that told about the customer."""

    __tablename__ = "consumption_current"
    portal_id: int = reference("portal.id", primary_key=True, index=False)
    period_start: date = Field(primary_key=True)
    customer_id: str = key()
    reading_id: int = reference("consumption_reading.id")


class ChargeSettingsRow(Row, table=True):
    """How a portal is charged. `identity` is its name when that was first said, and stays: keys are made of it."""

    __tablename__ = "charge_settings"
    portal_id: int = reference("portal.id", primary_key=True, index=False)
    identity: str
    settings: dict[str, Any] = document()
    updated_at: datetime = instant()


class ChargeRow(Row, table=True):
    """A charge that is in Autotask, as it was last read back: key → Autotask's id. `key` is whole, with its number."""

    __tablename__ = "charge"
    __table_args__ = (Index(None, "portal_id", "period_start"), Index(None, "charge_id"), Index(None, "base"))
    key: str = Field(primary_key=True)
    base: str
    portal_id: int = reference("portal.id", index=False)
    customer_id: str
    contract_id: int = remote_id()
    period_start: date
    charge_id: int = remote_id()
    price: Decimal = exact()
    change_id: str = ""
    run_id: int | None = None
    verified_at: datetime = instant()


class ChargeChangeRow(Row, table=True):
    """One change of the current charge plan; `data` is the whole change."""

    __tablename__ = "charge_change"
    __table_args__ = (Index(None, "change_id"), Index(None, "lane"))
    position: int = key()
    change_id: str
    lane: str
    dismissal_key: str
    status: str
    kind: str
    portal: str
    period_start: date
    data: dict[str, Any] = document()


class ChargeShownRow(Row, table=True):
    """One charge as it should be, by the current charge plan, to filter, sort and page on."""

    __tablename__ = "charge_shown"
    __table_args__ = (Index(None, "period_start", "company"),)
    key: str = Field(primary_key=True)
    portal: str
    customer_id: str
    company_id: int = remote_id()
    company: str = ""
    contract_id: int = remote_id()
    contract: str = ""
    period_start: date
    period_end: date
    status: str = ""
    price: Decimal = exact()
    search: str = ""
    data: dict[str, Any] = document()


class ChargeFindingRow(Row, table=True):
    """One finding of the current charge plan."""

    __tablename__ = "charge_finding"
    key: str = Field(primary_key=True)
    kind: str
    portal: str = ""
    company_id: int | None = remote_id(optional=True)
    data: dict[str, Any] = document()


class ChargeRefusedRow(Row, table=True):
    """A change that Autotask said no to, with its words: it is held until a person approves it all the same."""

    __tablename__ = "charge_refused"
    change_id: str = key()
    at: datetime = instant()
    message: dict[str, Any] = document()


class ChargeReversalRow(Row, table=True):
    """A person asked for the charges of a key to come to `back` again, as long as the source says `source`."""

    __tablename__ = "charge_reversal"
    base: str = key()
    run_id: int
    source: Decimal = exact()
    back: Decimal = exact()
    person: str
    at: datetime = instant()


class BookingRow(Row, table=True):
    """What charges can be booked on: an active material billing code, or an active product of Autotask."""

    __tablename__ = "at_booking"
    kind: str = Field(primary_key=True)
    id: int = remote_id(primary_key=True)
    name: str = ""
    number: str = ""
