"""Is everything right, and what waits for a person?"""

from __future__ import annotations

import streamlit as st

from core.services import alerts, portals
from core.services import overview as service
from core.services.access import Role
from core.services.overview import Overview, OverviewRow
from core.services.paging import Page
from pages._ui import auth, customer_list, grid, states, steps, words
from pages._ui.formats import ago, number, tr

PAGE_FILES = {
    "overview",
    "portals",
    "customers",
    "products",
    "changes",
    "consumption",
    "history",
    "activity",
    "settings",
}


def headline(now: Overview) -> str:
    waiting = sum(action.count for action in now.actions)
    if not now.autotask_ready or not now.portals:
        return tr("Let us get the first sync going")
    if waiting:
        return (
            tr("{count} things wait for a person", count=waiting) if waiting > 1 else tr("One thing waits for a person")
        )
    return tr("Everything is right") if now.last_run else tr("Ready for the first sync")


def numbers(now: Overview) -> None:
    waiting = sum(action.count for action in now.actions)
    with st.grid(5, gap="small", min_column_width=150):
        st.metric(tr("Portals"), number(now.portals), border=True)
        st.metric(tr("Customers mapped"), f"{number(now.customers_mapped)} / {number(now.customers)}", border=True)
        st.metric(tr("Products mapped"), f"{number(now.products_mapped)} / {number(now.products)}", border=True)
        st.metric(
            tr("Contract lines updated"),
            number(now.lines_updated),
            border=True,
            help=tr("Written and read back in the last run."),
        )
        st.metric(tr("Manual actions"), number(waiting), border=True, help=tr("What only a person can decide."))


def actions(now: Overview) -> None:
    """What waits, each with the place where it is done."""
    if not now.actions:
        return
    with st.container(border=True, gap="xxsmall"):
        st.markdown(f"**{tr('Waiting for a person')}**")
        for action in now.actions:
            page = action.page.lower()
            prefixed = {f"{page}_{name}": value for name, value in action.filters.items()}
            st.page_link(
                f"pages/{page if page in PAGE_FILES else 'overview'}.py", label=tr(action.message), query_params=prefixed,
                icon=":material/arrow_forward:",
            )  # fmt: skip


def ongoing() -> None:
    """Alerts are told apart from what waits: many of them are about the same matter."""
    count = sum(alerts.counts(auth.context(), auth.actor()).values())
    if count and auth.may(Role.OPERATOR):
        st.page_link(
            "pages/alerts.py", label=tr("Ongoing alerts: {count}", count=count), icon=":material/notifications:"
        )


def listing() -> None:
    context, actor = auth.context(), auth.actor()
    query = grid.filters(
        "overview", statuses=words.mapping_states(), search=tr("Customer, company or portal"),
        portals=[card.name for card in portals.list_portals(context, actor)],
        sorts={"customer": tr("customer"), "portal": tr("portal"), "company": tr("company"), "-count": tr("count")},
    )  # fmt: skip
    page: Page[OverviewRow] = service.overview_rows(context, actor, query)
    if not page.total:
        states.empty(tr("No customers here"), tr("Nothing passes this filter, or nothing was read yet."))
        return
    customer_list.show(page.rows, "overview_rows")
    grid.pager("overview", query, page.total)


now = service.overview(auth.context(), auth.actor())
last = tr("Last sync: {when}", when=ago(now.last_run)) if now.last_run else tr("No sync yet")
states.title(headline(now), last)
steps.show(now, may_act=auth.may(Role.OPERATOR))
if now.portals:
    numbers(now)
    actions(now)
    ongoing()
    listing()
