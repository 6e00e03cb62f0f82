"""`subscriptions`: the list with its badge, or the calendar."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.opened import opened
from core.cli.portals import AsJson
from core.cli.words import document, help_text, say, table
from core.domain.text import T
from core.services.paging import MOST_ROWS, PageQuery

if TYPE_CHECKING:
    from core.services.subscriptions import CalendarRow, SubscriptionRow

BADGES = {
    "in_sync": T("In sync"),
    "out_of_sync": T("Out of sync"),
    "unmapped": T("Not mapped"),
    "ignored": T("Ignored"),
}
STATES = {"active": T("active"), "suspended": T("suspended"), "cancelled": T("cancelled")}


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("subscriptions", help=help_text("Subscriptions, and whether Autotask agrees with them."))(subscriptions)


def subscriptions(
    portal: Annotated[str, typer.Option("--portal", help=help_text("Only this portal."))] = "",
    badge: Annotated[str, typer.Option("--badge", help=help_text("in_sync, out_of_sync, unmapped or ignored."))] = "",
    text: Annotated[str, typer.Option("--text", help=help_text("Words in customer, product or subscription."))] = "",
    calendar: Annotated[
        bool, typer.Option("--calendar", help=help_text("Renewals, bound seats and seats that are not used."))
    ] = False,
    as_json: AsJson = False,
) -> int:
    if badge and badge not in BADGES:
        raise typer.BadParameter(", ".join(BADGES), param_hint="--badge")
    query = PageQuery(portal=portal, text=text, status="" if calendar else badge, limit=MOST_ROWS)
    return _calendar(query, as_json=as_json) if calendar else _list(query, as_json=as_json)


def _list(query: PageQuery, *, as_json: bool) -> int:
    from core.services import subscriptions as service

    with opened() as (ctx, actor):
        page = service.subscriptions(ctx, actor, query)
        rows = list(page.rows)
        while len(rows) < page.total and page.rows:
            page = service.subscriptions(
                ctx, actor, PageQuery(portal=query.portal, text=query.text, status=query.status, offset=len(rows), limit=MOST_ROWS)
            )  # fmt: skip
            rows += page.rows
    if as_json:
        document({"subscriptions": [_plain(row) for row in rows], "total": len(rows)})
    elif not rows:
        say(T("No subscriptions. Portals that tell them apart show them here after a sync."))
    else:
        table(
            [T("Customer"), T("Product"), T("Quantity"), T("Term"), T("Status"), T("Renewal"), T("Autotask")],
            [
                (
                    r.company or r.customer,
                    r.product,
                    r.quantity,
                    r.term,
                    STATES[r.status],
                    r.renewal or "",
                    BADGES[r.badge],
                )
                for r in rows
            ],
        )
    return 0


def _calendar(query: PageQuery, *, as_json: bool) -> int:
    from core.services import subscriptions as service

    with opened() as (ctx, actor):
        page = service.calendar(ctx, actor, ctx.clock.today(), query)
    if as_json:
        document({"calendar": [_plain(row) for row in page.rows], "total": page.total})
    elif not page.rows:
        say(T("The calendar is empty: no portal tells terms that end soon, or seats that are not used."))
    else:
        table(
            [T("Day"), T("Customer"), T("Product"), T("Seats"), T("What")],
            [(r.day or "", r.company or r.customer, r.product, r.seats, r.text) for r in page.rows],
        )
        if page.total > len(page.rows):
            say(T("… and {count} more.", count=page.total - len(page.rows)))
    return 0


def _plain(row: SubscriptionRow | CalendarRow) -> dict[str, object]:
    return {field.name: getattr(row, field.name) for field in fields(row)}
