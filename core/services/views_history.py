"""What was used at any past moment, and how one line came to its quantity (S1-76, S1-77)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.text import T, Text
from core.services.access import Actor, Role, require
from core.services.autotask_settings import zone
from core.services.paging import Page, PageQuery
from core.store.history import slices
from core.store.history.slices import UsedLine

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = ["Step", "UsedLine", "instant_of", "line_steps", "used_on"]


@dataclass(frozen=True, slots=True)
class Step:
    """From `since` on (a UTC instant) the line had this quantity; 0 where it had ended. `origin` is where that was read."""

    since: datetime
    quantity: Decimal
    origin: str
    words: Text


def used_on(ctx: Context, actor: Actor, moment: date | datetime, query: PageQuery) -> Page[UsedLine]:
    """What was used at a moment; a day means its end in the workspace's time zone."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        rows, total = slices.used_at(
            session, instant_of(ctx, moment), text=query.text, portal=query.portal, sort=query.sort, offset=query.offset,
            limit=query.size,
        )  # fmt: skip
    return Page(tuple(rows), total)


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


def instant_of(ctx: Context, moment: date | datetime) -> datetime:
    """The instant of a moment as the workspace's clock on the wall has it: a day's last one; never later than now."""
    if isinstance(moment, datetime):
        return min(moment if moment.tzinfo else moment.replace(tzinfo=zone(ctx)), ctx.clock.now())
    end = datetime.combine(moment + timedelta(days=1), time(), zone(ctx)) - timedelta(microseconds=1)
    return min(end, ctx.clock.now())
