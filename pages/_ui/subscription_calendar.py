"""What is bound until when, what renews, what can still be given back, and what is paid and not used (NCE calendar)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.services import subscriptions
from core.services.subscriptions import CalendarRow, CalendarView
from pages._ui import auth, grid, states, subscription_detail, subscription_words, words
from pages._ui.formats import day, number, table, tr

COLUMNS = ("open", "day", "left", "kind", "customer", "product", "seats", "text")


def show(portals: Sequence[str]) -> None:
    context, names = auth.context(), subscription_words.entries()
    sums = st.container(horizontal=True, gap="small")
    bar = st.container()
    query = _query(bar, names, portals)
    view = subscriptions.calendar_view(context, auth.actor(), context.clock.today(), query)
    with sums:
        _sums(view)
    page = view.page
    if not page.total:
        states.empty(
            tr("Nothing in the calendar"),
            tr(
                "Terms that end within 30 days, seats that are bound or can be given back, and seats nobody uses stand here."
            ),
            ":material/event_available:",
        )
        return
    frame = table((_row(row, names) for row in page.rows), COLUMNS)
    grid.show(frame, _columns(names), name="calendar_rows", alt=tr("Calendar of subscriptions"), tall=True)
    click = st.session_state.get("calendar_open")
    if click and 0 <= click["row"] < len(page.rows) and page.rows[click["row"]].subscription_id:
        row = page.rows[click["row"]]
        subscription_detail.ask(row.portal, row.customer_id, row.subscription_id)
    grid.pager("calendar", query, page.total)


def _query(bar: st.delta_generator.DeltaGenerator, names: Mapping[str, str], portals: Sequence[str]):  # noqa: ANN202
    with bar:
        return grid.filters(
            "calendar", statuses=names, portals=portals, search=tr("Customer, product or number"),
            sorts={"day": tr("date")},
        )  # fmt: skip


def _sums(view: CalendarView) -> None:
    for days, count in view.renewals.items():
        st.metric(tr("Renew within {days} days", days=days), number(count), border=True, width="content")
    st.metric(tr("Can be given back"), number(view.kinds.get("window", 0)), border=True, width="content")
    st.metric(tr("Seats paid, not used"), number(view.unused_seats), border=True, width="content")


def _row(row: CalendarRow, names: Mapping[str, str]) -> dict[str, object]:
    return {
        "open": tr("Show") if row.subscription_id else "",
        "day": day(row.day),
        "left": "" if row.days is None else _left(row.days),
        "kind": [names.get(row.kind, row.kind)],
        "customer": row.company or row.customer,
        "product": row.product,
        "seats": number(row.seats),
        "text": tr(row.text),
    }


def _left(days: int) -> str:
    if days == 0:
        return tr("today")
    return tr("tomorrow") if days == 1 else tr("in {days} days", days=days)


def _columns(names: Mapping[str, str]) -> dict[str, object]:
    config = st.column_config
    return {
        "open": config.ButtonColumn("", width=56, type="tertiary", key="calendar_open", pinned=True),
        "day": config.TextColumn(tr("Date"), alignment="right", width=85),
        "left": config.TextColumn(tr("When"), width=98),
        "kind": words.status_column(tr("What"), names, subscription_words.ENTRY_COLORS, width=110),
        "customer": config.TextColumn(tr("Customer"), width=145),
        "product": config.TextColumn(tr("Product"), width=155),
        "seats": config.TextColumn(tr("Seats"), alignment="right", width=62),
        "text": config.TextColumn(tr("What it means"), width=285),
    }
