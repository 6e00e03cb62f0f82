"""Invoice checks, month-end sign-offs and what reports need."""

from __future__ import annotations

from datetime import date
from typing import Any

from core.store.tables.base import Row, document, remote_id


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
