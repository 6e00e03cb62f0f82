"""What can be asked for: months that history reaches, portals, products and customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from core.services.access import Actor, Role, require
from core.services.autotask_settings import zone
from core.store import lineage, reports

if TYPE_CHECKING:
    from core.services.context import Context

MOST_NAMES = 5_000
"""Names in one list; beyond that customers are found by searching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`first` is the day from which history can be asked, None before the first reading; `months` (first days) newest first.

    `products` are pairs of portal and product; `companies` maps Autotask companies with a portal customer to their numbers.
    """

    first: date | None
    today: date
    months: tuple[date, ...]
    portals: tuple[str, ...]
    products: tuple[tuple[str, str], ...]
    customers: tuple[str, ...]
    companies: dict[str, int]


def version(ctx: Context, actor: Actor) -> tuple[int, int, int]:
    """Differs after every reading, every run and everything that people did; as long as it is the same, so is every report of the
    same day.
    """
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        return lineage.version(session)


def choices(ctx: Context, actor: Actor) -> Choices:
    """All names there are, in the order of the alphabet."""
    require(actor, Role.VIEWER)
    today = ctx.clock.today()
    with ctx.database.session() as session:
        read = reports.first_readings(session)
        portals = reports.portal_names(session)
        products = reports.product_names(session)
        customers = reports.customers(session)
    first = min(read.values()).astimezone(zone(ctx)).date() if read else None
    names = {one.company or one.name for one in customers.values()}
    return Choices(
        first=first,
        today=today,
        months=tuple(_months(first, today)) if first else (),
        portals=tuple(sorted({portals[number] for number in read if number in portals}, key=str.casefold)),
        products=tuple(sorted({(portals.get(number, "?"), name) for (number, _), name in products.items()})),
        customers=tuple(sorted(names, key=str.casefold)[:MOST_NAMES]),
        companies={one.company: one.company_id for one in customers.values() if one.company_id is not None},
    )


def _months(first: date, today: date) -> list[date]:
    """The first day of each month that has ended, newest first, as far back as something is known."""
    found, month = [], today.replace(day=1)
    while month > first:
        year, number = divmod(month.year * 12 + month.month - 2, 12)
        month = date(year, number + 1, 1)
        found.append(month)
    return found
