"""Invoice checks, month-end sign-offs and what reports need."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from core.store.tables.base import Row, document, exact, instant, key, reference, remote_id


class StatementScheduleRow(Row, table=True):
    """A company that gets its licence statement each month: on which day (0: the last), to which addresses, in which language.

    `sent_for` is the first day of the last month it was sent for.
    """

    __tablename__ = "statement_schedule"
    company_id: int = remote_id(primary_key=True)
    day: int
    recipients: list[Any] = document()
    language: str = "nl"
    enabled: bool = True
    sent_for: date | None = None


class InvoiceSettingsRow(Row, table=True):
    """How the invoices of a portal's vendor are read (`columns`, of the universal importer) and checked (`settings`)."""

    __tablename__ = "invoice_settings"
    portal_id: int = reference("portal.id", primary_key=True, index=False)
    columns: dict[str, Any] = document()
    settings: dict[str, Any] = document()
    updated_at: datetime = instant()


class InvoiceCheckRow(Row, table=True):
    """One check of an invoice: evidence, never changed but for `open_rows`, which follows mutes. `result` holds all numbers.

    Amounts are None where a part of them is not known. `digest` is that of `result`; `file_digest`, `stored_path`: of the file.
    """

    __tablename__ = "invoice_check"
    __table_args__ = (Index(None, "portal_id", "period_first"), Index(None, "made_at"))
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    period_first: date
    period_last: date
    made_at: datetime = instant()
    person: str
    file_name: str
    file_digest: str
    stored_path: str
    rows: int = 0
    open_rows: int = 0
    invoice_amount: Decimal | None = exact(optional=True)
    own_amount: Decimal | None = exact(optional=True)
    digest: str
    result: dict[str, Any] = document()


class InvoiceMuteRow(Row, table=True):
    """A difference that somebody called right, as long as it stays `difference`."""

    __tablename__ = "invoice_mute"
    portal_id: int = reference("portal.id", primary_key=True, index=False)
    customer_id: str = Field(primary_key=True)
    product_key: str = Field(primary_key=True)
    difference: str
    reason: str
    person: str
    at: datetime = instant()


class MonthSignOffRow(Row, table=True):
    """Somebody signed for a month. The heads of both chains are those just before; `numbers` is what was signed for."""

    __tablename__ = "month_sign_off"
    __table_args__ = (Index(None, "month", "id"),)
    id: int | None = key()
    month: date
    person: str
    at: datetime = instant()
    remark: str = ""
    gates_open: int = 0
    to_bill: Decimal = exact()
    digest: str
    ledger_position: int = remote_id()
    ledger_hash: str = ""
    audit_position: int = remote_id()
    audit_hash: str = ""
    numbers: dict[str, Any] = document()
