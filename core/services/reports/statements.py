"""Statements that go out by themselves: who gets one, on which day of the month, and which are due."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from core.domain.errors import InputError
from core.domain.text import T
from core.i18n import LANGUAGES
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.reports.asked import month_end
from core.store import directory, statements
from core.store.statements import StatementSchedule

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from core.services.context import Context

LAST_DAY = 0
"""As the day of a schedule: the last of each month."""
MOST_RECIPIENTS = 20
ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]{2,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A statement to send: `statement(ctx, SYSTEM, company_id, day, language=language)` to `recipients`.

    `month` is the first day of the month it is for, `before` the one that was done before it.
    """

    company_id: int
    company: str
    day: date
    month: date
    before: date | None
    recipients: tuple[str, ...]
    language: str


def schedules(ctx: Context, actor: Actor) -> list[StatementSchedule]:
    """Who gets a statement, by company."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return statements.schedules(session)


def save_schedule(
    ctx: Context,
    actor: Actor,
    company_id: int,
    *,
    day: int,
    recipients: list[str],
    language: str = "nl",
    enabled: bool = True,
) -> None:
    """Send a company its statement on `day` of each month (1 to 28; 0: the last), from the next such day on.

    Raises InputError (kinds `unknown_company`, `day`, `recipients`, `language`). For operators.
    """
    require(actor, Role.OPERATOR)
    addresses = tuple(dict.fromkeys(address.strip() for address in recipients if address.strip()))
    _check(day, addresses, language)
    today = ctx.clock.today()

    def work(session: Session) -> None:
        if company_id not in directory.company_names(session):
            raise InputError(T("There is no company {number}.", number=str(company_id)), kind="unknown_company")
        before = next(iter(statements.schedules(session, company_id)), None)
        month = today.replace(day=1)
        passed = month if _day_of(month, day) < today else None
        after = StatementSchedule(
            company_id=company_id,
            day=day,
            recipients=addresses,
            language=language,
            enabled=enabled,
            sent_for=max(filter(None, (passed, before.sent_for if before else None)), default=None),
        )
        statements.save(session, after)
        note(
            ctx, session, actor, "statement.scheduled", str(company_id),
            before=_told(before) if before else None, after=_told(after),
        )  # fmt: skip

    ctx.database.run(work)


def remove_schedule(ctx: Context, actor: Actor, company_id: int) -> None:
    """Send this company no statements any more. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        before = next(iter(statements.schedules(session, company_id)), None)
        if before is not None:
            statements.remove(session, company_id)
            note(ctx, session, actor, "statement.removed", str(company_id), before=_told(before))

    ctx.database.run(work)


def due(ctx: Context, actor: Actor) -> list[Due]:
    """Statements whose day of this month has come and that did not go out yet; missed months are not made up for."""
    require(actor, Role.OPERATOR)
    today = ctx.clock.today()
    month = today.replace(day=1)
    with ctx.database.session() as session:
        known = statements.schedules(session)
    return [
        Due(
            company_id=one.company_id,
            company=one.company,
            day=_day_of(month, one.day),
            month=month,
            before=one.sent_for,
            recipients=one.recipients,
            language=one.language,
        )
        for one in known
        if one.enabled and _day_of(month, one.day) <= today and (one.sent_for is None or one.sent_for < month)
    ]


def claim(ctx: Context, actor: Actor, one: Due) -> bool:
    """Take a statement before sending it; False when another process did. What is claimed is not due any more."""
    require(actor, Role.OPERATOR)
    return ctx.database.run(lambda session: statements.move_on(session, one.company_id, one.month))


def give_back(ctx: Context, actor: Actor, one: Due) -> None:
    """A claimed statement that could not be sent is due again."""
    require(actor, Role.OPERATOR)
    ctx.database.run(lambda session: statements.move_back(session, one.company_id, one.month, one.before))


def _day_of(month: date, day: int) -> date:
    return month_end(month) if day == LAST_DAY else month.replace(day=day)


def _check(day: int, addresses: tuple[str, ...], language: str) -> None:
    if not 0 <= day <= 28:
        raise InputError(T("Give a day from 1 to 28, or 0 for the last day of the month."), kind="day")
    wrong = tuple(address for address in addresses if not ADDRESS.fullmatch(address))
    if wrong:
        raise InputError(T("These are no e-mail addresses: {addresses}.", addresses=wrong), kind="recipients")
    if not 1 <= len(addresses) <= MOST_RECIPIENTS:
        raise InputError(T("Give 1 to {most} e-mail addresses.", most=MOST_RECIPIENTS), kind="recipients")
    if language not in LANGUAGES:
        raise InputError(T("There is no language {name}.", name=language), kind="language")


def _told(schedule: StatementSchedule) -> dict[str, object]:
    return {
        "day": schedule.day,
        "recipients": list(schedule.recipients),
        "language": schedule.language,
        "enabled": schedule.enabled,
    }
