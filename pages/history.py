"""What was used at any moment, and how did it develop?"""

from __future__ import annotations

from datetime import date

import streamlit as st

from core.services import portals, views_history
from pages._ui import auth, choices, grid, history_totals, states, wide_grid, words
from pages._ui.formats import day, moment, number, table, tr
from pages._ui.shell import link

context, actor = auth.context(), auth.actor()


def used_on(chosen: date, names: list[str]) -> None:
    """All lines at the end of that day; the grid filters under its headings within what is shown."""
    query = grid.filters(
        "history", portals=names, search=tr("Customer, company or product"),
        sorts={"customer": tr("customer"), "company": tr("company"), "product": tr("product"), "portal": tr("portal"),
               "quantity": tr("count"), "since": tr("last change")},
    )  # fmt: skip
    page = views_history.used_on(context, actor, chosen, query)
    if not page.total:
        states.empty(tr("Nothing was used that day"), tr("Choose another day, or take away a part of the filter."))
        return
    headings = {
        "company": tr("Autotask company"),
        "customer": tr("Portal customer"),
        "portal": tr("Portal"),
        "product": tr("Product"),
        "term": tr("Term, billing"),
        "count": tr("Count"),
        "since": tr("Since"),
        "origin": tr("Read from"),
    }
    rows = (
        {
            "company": row.company, "customer": row.customer, "portal": row.portal, "product": row.product,
            "term": words.term(row.term, row.billing_frequency), "count": number(row.quantity), "since": moment(row.since),
            "origin": row.origin,
        }
        for row in page.rows
    )  # fmt: skip
    wide_grid.show(
        table(rows, headings),
        headings,
        name=f"history_{chosen}_{query.offset}",
        right=("count",),
        wide=("customer", "product"),
    )
    grid.pager("history", query, page.total)


first = views_history.first_day(context, actor)
today = context.clock.today()
if first is None:
    states.title(tr("What was used, and when?"))
    with states.empty(
        tr("No history yet"),
        tr("Every reading is kept from the first one on; any later day can be asked."),
        ":material/history:",
    ):
        link("portals", tr("Open portals"))
else:
    states.title(tr("What was used, and when?"), tr("History goes back to {day}.", day=first))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        views = {"lines": tr("Lines"), "totals": tr("Totals")}
        view = choices.segmented("history_view", views)
        chosen = st.date_input(
            tr("At the end of"),
            today,
            min_value=first,
            max_value=today,
            key="history_day",
            format="DD-MM-YYYY",
            width=170,
        )
    names = [card.name for card in portals.list_portals(context, actor)]
    if view == "totals":
        history_totals.show(chosen, first, names, day)
    else:
        used_on(chosen, names)
