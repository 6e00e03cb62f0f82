"""Quantities as tables for scripts: as of a day, per vendor, per customer (S1-72, S1-73, S1-76)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.errors import InputError
from core.domain.text import T
from core.services.access import Actor, Role, require
from core.services.autotask_settings import zone
from core.services.portals import find
from core.store import directory, history
from core.store.history import Used

if TYPE_CHECKING:
    from core.services.context import Context

REPORTS = ("as-of", "vendor", "customer")


@dataclass(frozen=True, slots=True)
class QuantityReport:
    """A table: `columns` name the cells of each row; the same names in CSV and JSON."""

    day: date
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def report(
    ctx: Context, actor: Actor, which: str, *, day: date | None = None, customer: str = "", portal: str = ""
) -> QuantityReport:
    """One of `REPORTS` at the end of a day (default today). Raises InputError (kind `unknown_report`)."""
    require(actor, Role.VIEWER)
    if which not in REPORTS:
        raise InputError(
            T("There is no report {name}. There are: {known}.", name=which, known=REPORTS), kind="unknown_report"
        )
    wanted = day or ctx.clock.today()
    moments = [_end_of(ctx, one) for one in (wanted, _month_before(wanted, 1), _month_before(wanted, 12))]
    with ctx.database.session() as session:
        portal_ids = [find(session, portal).id] if portal else None
        used = [
            history.as_of(session, moment, portal_ids=portal_ids)
            for moment in (moments if which != "as-of" else moments[:1])
        ]
        companies = directory.company_names(session)
    used = [[one for one in lines if _is_of(one, customer, companies.get(one.company_id or 0, ""))] for lines in used]
    match which:
        case "as-of":
            return _as_of(wanted, used[0], companies)
        case "vendor":
            return _compared(wanted, used, lambda one: (one.portal, one.product), ("portal", "product"))
        case _:
            return _compared(
                wanted,
                used,
                lambda one: (companies.get(one.company_id or 0, ""), one.portal, one.customer, one.product),
                ("company", "portal", "customer", "product"),
            )


def _as_of(day: date, used: Sequence[Used], companies: dict[int, str]) -> QuantityReport:
    columns = (
        "portal", "customer_id", "customer", "company_id", "company", "product_key", "product", "term",
        "billing_frequency", "subscription_id", "quantity", "since_utc",
    )  # fmt: skip
    rows = tuple(
        (
            one.portal, one.customer_id, one.customer, one.company_id, companies.get(one.company_id or 0, ""),
            one.product_key, one.product, one.term, one.billing_frequency, one.subscription_id, one.quantity, one.valid_from,
        )
        for one in used
    )  # fmt: skip
    return QuantityReport(day, columns, rows)


def _compared(
    day: date, used: list[list[Used]], key: Callable[[Used], tuple[str, ...]], names: tuple[str, ...]
) -> QuantityReport:
    """Sums now, a month and a year before, and the difference to last month; the total is the last row."""
    sums: list[dict[tuple[str, ...], Decimal]] = []
    for lines in used:
        summed: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for one in lines:
            summed[key(one)] += one.quantity
        sums.append(summed)
    now, month, year = sums
    keys = sorted(now.keys() | month.keys() | year.keys(), key=lambda cells: [cell.casefold() for cell in cells])
    rows: list[tuple[object, ...]] = [
        (*cells, now.get(cells, 0), month.get(cells, 0), year.get(cells, 0), now.get(cells, 0) - month.get(cells, 0))
        for cells in keys
    ]
    totals = [sum(summed.values(), Decimal(0)) for summed in sums]
    rows.append(("total", *("" for _ in names[1:]), *totals, totals[0] - totals[1]))
    return QuantityReport(day, (*names, "now", "month_before", "year_before", "difference"), tuple(rows))


def _is_of(one: Used, customer: str, company: str) -> bool:
    return not customer or customer.casefold() in (
        one.customer.casefold(),
        one.customer_id.casefold(),
        company.casefold(),
    )


def _end_of(ctx: Context, day: date) -> datetime:
    """The last instant of a day in the workspace's time zone, as a UTC instant."""
    after = datetime.combine(day + timedelta(days=1), time(), zone(ctx))
    return after.astimezone(UTC) - timedelta(microseconds=1)


def _month_before(day: date, months: int) -> date:
    """The same day so many months before; the last day of the month where it is shorter."""
    total = day.year * 12 + day.month - 1 - months
    first = date(total // 12, total % 12 + 1, 1)
    following = date((total + 1) // 12, (total + 1) % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), following - timedelta(days=1))
