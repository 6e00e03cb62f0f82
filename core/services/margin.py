"""Cost and margin per customer and product, per month, as billed today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.leakage import MarginRow
from core.domain.leaks import margins
from core.services.access import Actor, Role, require
from core.services.leakage import read_moment
from core.store import directory, reporting

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Rows by company and product. Sums are of the rows of which both price and cost are known; `unknown` counts the others.

    `unread` counts companies that were mapped after Autotask was last read: they have no rows yet.
    """

    day: date
    read_at: datetime | None
    rows: tuple[MarginRow, ...]
    revenue: Decimal
    cost: Decimal
    unknown: int
    unread: int = 0


def margin(ctx: Context, actor: Actor, *, company_id: int | None = None) -> Margin:
    """Of all companies, or of one. For viewers; of what was last read, nothing is asked for."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return margin_in(ctx, session, company_id)


def margin_in(ctx: Context, session: Session, company_id: int | None = None) -> Margin:
    """The same inside a session."""
    today = ctx.clock.today()
    rows = tuple(row for row in margins(directory.load_state(session), today) if company_id in (None, row.company_id))
    known = [row for row in rows if row.margin is not None]
    read_at = read_moment(session, today)
    return Margin(
        day=today,
        read_at=read_at,
        unread=len(reporting.companies_mapped_after(session, read_at)) if read_at else 0,
        rows=rows,
        revenue=sum((row.revenue or Decimal(0) for row in known), Decimal(0)),
        cost=sum((row.cost or Decimal(0) for row in known), Decimal(0)),
        unknown=len(rows) - len(known),
    )
