"""Which Autotask company is each portal customer? Linked once, remembered from then on."""

from __future__ import annotations

import streamlit as st

from core.services import mapping, overview, portals
from core.services.access import Role
from core.services.mapping import CustomerEdit, CustomerRow
from core.services.paging import Page
from pages._ui import auth, customer_edits, customer_list, grid, states, words
from pages._ui.formats import table, tr
from pages._ui.shell import link

context, actor = auth.context(), auth.actor()


def counts() -> tuple[int, int]:
    """How many customers are still to be linked, and of how many; the ignored ones do not count."""
    now = overview.overview(context, actor)
    return now.customers - now.customers_mapped, now.customers


def toolbar(portal: str, edits: list[CustomerEdit], rows: tuple[CustomerRow, ...]) -> None:
    with st.container(horizontal=True, gap="small"):
        if st.button(
            tr("Save {count} changes", count=len(edits)) if edits else tr("Save"), type="primary", icon=":material/save:",
            disabled=not edits, key="save_customers",
        ):  # fmt: skip
            with states.explained():
                customer_edits.save(edits, rows)
        if edits and st.button(tr("Discard"), key="discard_customers"):
            grid.new_editor("customers")
            st.rerun()
        if st.button(tr("Link exact matches"), icon=":material/done_all:", key="accept_exact"):
            with states.explained():
                saved = mapping.accept_exact_suggestions(context, actor, portal).saved
                states.done(tr("{count} customers linked.", count=saved))
                st.rerun()
        if st.button(tr("Paste from Excel"), icon=":material/content_paste:", key="paste"):
            customer_edits.paste_dialog(portal)
        if st.button(
            tr("Undo"), icon=":material/undo:", key="undo", help=tr("Takes back the last change on this page.")
        ):
            with states.explained():
                undone = mapping.undo_last(context, actor)
                states.done(tr(undone) if undone else tr("There is nothing to undo."))
                st.rerun()


def frame_of(page: Page[CustomerRow], options: dict[int, str]):  # noqa: ANN201
    states_in_words = words.mapping_states()
    return table(
        (
            {
                "portal": row.portal,
                "customer": row.customer,
                "count": customer_list.counted(row.quantity, row.lines),
                "status": [states_in_words.get(row.status, row.status)],
                "company": options.get(row.company_id or 0),
                "suggestion": customer_edits.suggestion_words(row),
                "use": False,
                "ignore": row.ignored,
            }
            for row in page.rows
        ),
        ("portal", "customer", "count", "status", "company", "use", "suggestion", "ignore"),
    )


def columns(options: dict[int, str]) -> dict[str, object]:
    config = st.column_config
    return {
        "portal": config.TextColumn(tr("Portal"), width=98),
        "customer": config.TextColumn(tr("Portal customer"), width=172),
        "count": config.TextColumn(tr("Count"), alignment="right", width=55),
        "status": words.status_column(tr("Status"), words.mapping_states(), words.MAPPING_COLORS, width=90),
        "company": config.SelectboxColumn(tr("Autotask company"), options=list(options.values()), width=175),
        "suggestion": config.TextColumn(tr("Suggestion"), width=208),
        "use": config.CheckboxColumn(tr("Use it"), width=66, help=tr("Link to the suggested company.")),
        "ignore": config.TextColumn(
            tr("Ignore because"), width=112, help=tr("A reason here takes the customer out of every sync.")
        ),
    }


def editor(page: Page[CustomerRow], portal: str) -> None:
    operator = auth.may(Role.OPERATOR)
    bar = st.container()
    options = customer_edits.company_choices(page.rows)
    changed = grid.edit(
        frame_of(page, options), columns(options), alt=tr("Portal customers and their companies"),
        name=grid.editor_key("customers", ((row.portal, row.customer_id) for row in page.rows)),
        editable=("company", "use", "ignore") if operator else (),
    )  # fmt: skip
    if operator:
        with bar:
            toolbar(portal, customer_edits.collect(page.rows, changed, options), page.rows)


pending, total = counts()
if pending:
    states.title(
        tr("{pending} of {total} customers still need a company", pending=pending, total=total),
        tr("Each is linked once; spelling variants are learned from what you confirm."),
    )
elif total:
    states.title(
        tr("All {total} customers are linked", total=total), tr("New names appear here when a portal brings them.")
    )
else:
    states.title(tr("Which company is each portal customer?"))
if not total:
    with states.empty(
        tr("No customers yet"), tr("They appear when a portal was read or a file was accepted."), ":material/groups:"
    ):
        link("portals", tr("Open portals"))
else:
    names = [card.name for card in portals.list_portals(context, actor)]
    query = grid.filters(
        "customers", statuses=words.mapping_states(), portals=names, search=tr("Customer or company"),
        sorts={"-status": tr("what is open"), "customer": tr("customer"), "portal": tr("portal"), "-quantity": tr("count")},
    )  # fmt: skip
    found = mapping.customers(context, actor, query)
    if found.total:
        editor(found, query.portal)
        grid.pager("customers", query, found.total)
    else:
        states.empty(tr("Nothing passes this filter"), tr("Take away a part of the filter to see more."))
