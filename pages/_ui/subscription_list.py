"""All subscriptions that are there: filtered, sorted and cut in the database; one click opens one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.services import subscriptions
from core.services.subscriptions import SubscriptionRow
from pages._ui import auth, grid, states, subscription_detail, subscription_words, words
from pages._ui.formats import day, number, table, tr

COLUMNS = ("open", "customer", "product", "count", "badge", "term", "renewal", "status", "contract")


def show(portals: Sequence[str], counts: Mapping[str, int]) -> None:
    names = subscription_words.badges()
    query = grid.filters(
        "subscriptions", statuses=grid.counted(names, counts, "subscriptions"), portals=portals,
        search=tr("Customer, product or number"),
        sorts={"customer": tr("customer"), "product": tr("product"), "-quantity": tr("count"), "term": tr("term"),
               "badge": tr("state")},
    )  # fmt: skip
    page = subscriptions.subscriptions(auth.context(), auth.actor(), query)
    if not page.total:
        states.empty(tr("No subscription passes this filter"), tr("Take away a part of the filter to see more."))
        return
    frame = table((_row(row, names) for row in page.rows), COLUMNS)
    grid.show(frame, _columns(names), name="subscriptions_rows", alt=tr("Subscriptions"))
    click = st.session_state.get("subscription_open")
    if click and 0 <= click["row"] < len(page.rows):
        row = page.rows[click["row"]]
        subscription_detail.ask(row.portal, row.customer_id, row.subscription_id)
    grid.pager("subscriptions", query, page.total)


def _row(row: SubscriptionRow, names: Mapping[str, str]) -> dict[str, object]:
    statuses = subscription_words.statuses()
    return {
        "open": tr("Show"),
        "customer": row.company or row.customer,
        "product": f"{row.product} · {row.name}" if row.name and row.name != row.product else row.product,
        "count": number(row.quantity),
        "term": words.term(row.term, row.billing_frequency),
        "renewal": day(row.renewal),
        "status": [statuses.get(row.status, row.status)],
        "badge": [names.get(row.badge, row.badge)],
        "contract": row.contract or (tr(row.problem) if row.problem else ""),
    }


def _columns(names: Mapping[str, str]) -> dict[str, object]:
    config = st.column_config
    return {
        "open": config.ButtonColumn("", width=56, type="tertiary", key="subscription_open", pinned=True),
        "customer": config.TextColumn(tr("Customer"), width=145),
        "product": config.TextColumn(tr("Product"), width=170),
        "count": config.TextColumn(tr("Count"), alignment="right", width=50),
        "badge": words.status_column(tr("Contract line"), names, subscription_words.BADGE_COLORS, width=108),
        "term": config.TextColumn(tr("Term, billing"), width=120),
        "renewal": config.TextColumn(tr("Next term"), alignment="right", width=82),
        "status": words.status_column(
            tr("Status"), subscription_words.statuses(), subscription_words.STATUS_COLORS, width=92
        ),
        "contract": config.TextColumn(tr("Contract, or what is the matter"), width=160),
    }
