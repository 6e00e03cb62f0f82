"""Subscriptions that stand on no contract line: each can be mapped in one flow."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.services import new_subscription_list
from core.services.access import Role
from core.services.new_subscription_list import NewRow
from pages._ui import auth, grid, new_subscription_flow, states, subscription_words, words
from pages._ui.formats import day, number, table, tr

COLUMNS = ("open", "customer", "product", "count", "term", "since", "state", "matter")


def show(portals: Sequence[str]) -> None:
    names = subscription_words.new_states()
    query = grid.filters(
        "new_subscriptions", statuses=names, portals=portals, search=tr("Customer, product or number"),
        sorts={"arrival": tr("arrival"), "customer": tr("customer"), "product": tr("product"), "portal": tr("portal")},
    )  # fmt: skip
    page = new_subscription_list.new_rows(auth.context(), auth.actor(), query)
    if not page.total:
        _nothing(filtered=bool(query.text or query.status or query.portal))
        return
    st.caption(
        tr(
            "They stand on no contract line yet. Choose customer, service and contract once; the line is then made by itself."
        )
    )
    frame = table((_row(row) for row in page.rows), COLUMNS)
    grid.show(frame, _columns(), name="new_subscriptions_rows", alt=tr("New subscriptions"))
    click = st.session_state.get("new_subscription_open")
    if click and 0 <= click["row"] < len(page.rows):
        one = page.rows[click["row"]].subscription
        new_subscription_flow.go(one.portal, one.customer_id, one.subscription_id)
    grid.pager("new_subscriptions", query, page.total)


def _nothing(*, filtered: bool) -> None:
    if filtered:
        states.empty(tr("No subscription passes this filter"), tr("Take away a part of the filter to see more."))
        return
    states.empty(
        tr("Every subscription has its place"), tr("A new order appears here with the next reading of its portal."),
        ":material/task_alt:",
    )  # fmt: skip


def _row(row: NewRow) -> dict[str, object]:
    one = row.subscription
    problem = one.refused or row.problem
    return {
        "open": tr("Map"),
        "customer": one.customer,
        "product": one.product,
        "count": number(one.quantity),
        "term": words.term(one.term, one.billing_frequency),
        "since": day(one.created),
        "state": [subscription_words.new_states()["confirmed" if row.confirmed_at else "open"]],
        "matter": tr(problem) if problem else tr("Not compared with the contracts yet."),
    }


def _columns() -> dict[str, object]:
    config = st.column_config
    columns: dict[str, object] = {
        "customer": config.TextColumn(tr("Portal customer"), width=160),
        "product": config.TextColumn(tr("Product"), width=175),
        "count": config.TextColumn(tr("Count"), alignment="right", width=52),
        "term": config.TextColumn(tr("Term, billing"), width=122),
        "since": config.TextColumn(tr("Since"), alignment="right", width=85),
        "state": words.status_column(
            tr("Status"), subscription_words.new_states(), subscription_words.NEW_COLORS, width=92
        ),
        "matter": config.TextColumn(tr("What is missing"), width=230),
    }
    if auth.may(Role.OPERATOR):
        columns["open"] = config.ButtonColumn("", width=65, type="tertiary", key="new_subscription_open", pinned=True)
    return columns
