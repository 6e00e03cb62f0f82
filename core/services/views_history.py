"""The History page: what was used at any past moment, and how the products of a portal developed (S1-73, S1-76, S1-77)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.autotask_settings import zone
from core.services.paging import Page, PageQuery
from core.store.history import slices
from core.store.history.slices import ProductTotal, UsedLine

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = ["ProductTotal", "Step", "UsedLine", "first_day", "line_steps", "product_totals", "used_on"]


@dataclass(frozen=True, slots=True)
class Step:
    """From `since` on (a UTC instant) the line had this quantity; 0 where it had ended. `origin` is where that was read."""

    since: datetime
    quantity: Decimal
    origin: str
    words: Text


def first_day(ctx: Context, actor: Actor) -> date | None:
    """From which day on history can be asked; None before the first reading."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        moment = slices.first_moment(session)
    return moment.astimezone(zone(ctx)).date() if moment else None


def used_on(ctx: Context, actor: Actor, day: date, query: PageQuery) -> Page[UsedLine]:
    """What was used at the end of a day of the workspace's time zone."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        rows, total = slices.used_at(
            session, _end_of(ctx, day), text=query.text, portal=query.portal, sort=query.sort, offset=query.offset,
            limit=query.size,
        )  # fmt: skip
    return Page(tuple(rows), total)


def product_totals(
    ctx: Context, actor: Actor, days: Sequence[date], *, text: str = "", portal: str = ""
) -> list[ProductTotal]:
    """Totals over all customers at the end of each day, per portal and product."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return slices.product_totals(session, [_end_of(ctx, day) for day in days], text=text, portal=portal)


def line_steps(ctx: Context, actor: Actor, line_id: int) -> list[Step]:
    """How one line came to its quantity, oldest first; intervals that differ only in price are told as one."""
    from core.store.history import timeline

    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        intervals = timeline(session, line_id)
    steps: list[Step] = []
    for interval in intervals:
        quantity = interval.quantity if interval.present else Decimal(0)
        if steps and steps[-1].quantity == quantity:
            continue
        words = T("{quantity} from here on", quantity=quantity) if interval.present else T("gone")
        steps.append(Step(interval.valid_from, quantity, interval.origin, words))
    return steps


def _end_of(ctx: Context, day: date) -> datetime:
    """The last instant of a day, as the workspace's clock on the wall has it; now for today."""
    end = datetime.combine(day + timedelta(days=1), time(), zone(ctx)) - timedelta(microseconds=1)
    return min(end, ctx.clock.now())
