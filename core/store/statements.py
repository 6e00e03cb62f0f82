"""Who gets a licence statement each month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from core.store.bulk import upsert_rows
from core.store.tables import table
from core.store.tables.directory import CompanyRow
from core.store.tables.reporting import StatementScheduleRow

SCHEDULE, COMPANY = table(StatementScheduleRow), table(CompanyRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSchedule:
    """One company's statement: on `day` of each month (0: the last day), in `language`, to `recipients`.

    `sent_for` is the first day of the last month that is done with.
    """

    company_id: int
    company: str = ""
    day: int
    recipients: tuple[str, ...]
    language: str = "nl"
    enabled: bool = True
    sent_for: date | None = None


def schedules(session: Session, company_id: int | None = None) -> list[StatementSchedule]:
    """All of them by company, or that of one company."""
    query = select(SCHEDULE, COMPANY.c.name).outerjoin(COMPANY, COMPANY.c.id == SCHEDULE.c.company_id)
    if company_id is not None:
        query = query.where(SCHEDULE.c.company_id == company_id)
    return [
        StatementSchedule(
            company_id=row.company_id,
            company=row.name or "",
            day=row.day,
            recipients=tuple(row.recipients),
            language=row.language,
            enabled=row.enabled,
            sent_for=row.sent_for,
        )
        for row in session.execute(query.order_by(COMPANY.c.folded, SCHEDULE.c.company_id))
    ]


def save(session: Session, schedule: StatementSchedule) -> None:
    """Store one, new or not."""
    values = {
        "company_id": schedule.company_id,
        "day": schedule.day,
        "recipients": list(schedule.recipients),
        "language": schedule.language,
        "enabled": schedule.enabled,
        "sent_for": schedule.sent_for,
    }
    upsert_rows(session, SCHEDULE, [values], ["company_id"])


def remove(session: Session, company_id: int) -> None:
    """Send this company no statements any more."""
    session.execute(SCHEDULE.delete().where(SCHEDULE.c.company_id == company_id))


def move_on(session: Session, company_id: int, month: date) -> bool:
    """Note that `month` (its first day) is done with; False when it already was, or there is no such schedule."""
    changed = session.execute(
        SCHEDULE.update()
        .where(SCHEDULE.c.company_id == company_id, or_(SCHEDULE.c.sent_for.is_(None), SCHEDULE.c.sent_for < month))
        .values(sent_for=month)
    )
    assert isinstance(changed, CursorResult)
    return bool(changed.rowcount)


def move_back(session: Session, company_id: int, month: date, before: date | None) -> None:
    """Undo `move_on`: the statement could not be sent."""
    session.execute(
        SCHEDULE.update()
        .where(SCHEDULE.c.company_id == company_id, SCHEDULE.c.sent_for == month)
        .values(sent_for=before)
    )
