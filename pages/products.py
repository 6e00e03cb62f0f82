"""Which service is each portal product, and how is it counted?"""

from __future__ import annotations

import streamlit as st

from core.services import overview, portals, products
from core.services.access import Role
from core.services.paging import Page
from core.services.products import ProductRow
from pages._ui import (
    auth,
    choices,
    grid,
    line_questions,
    product_edits,
    product_grid,
    renames,
    rule_editor,
    rule_list,
    states,
    words,
)
from pages._ui.formats import tr
from pages._ui.shell import link

context, actor = auth.context(), auth.actor()


def headline() -> int:
    """The title line; returns how many products there are."""
    now = overview.overview(context, actor)
    pending, total = now.products - now.products_mapped, now.products
    if pending:
        states.title(
            tr("{pending} of {total} products still need a service", pending=pending, total=total),
            tr("Several products may feed one service, one product may feed several, and a formula may count them."),
        )
    elif total:
        states.title(
            tr("All {total} products have their service", total=total), tr("New products appear here by themselves.")
        )
    else:
        states.title(tr("Which service is each portal product?"))
    return total


def toolbar(portal: str, edits: product_edits.ProductEdits, selected: list[ProductRow]) -> None:
    count = len(edits)
    with st.container(horizontal=True, gap="small"):
        if st.button(
            tr("Save {count} changes", count=count) if count else tr("Save"), type="primary", icon=":material/save:",
            disabled=not count, key="save_products",
        ):  # fmt: skip
            with states.explained():
                product_edits.save(edits)
        if st.button(
            tr("Rule for {count} products", count=len(selected)) if len(selected) > 1 else tr("Rule with a formula"),
            icon=":material/function:", disabled=not selected, key="rule_for_selected",
            help=tr("Tick one product, or several that together make one service."),
        ):  # fmt: skip
            rule_editor.open_for(selected)
        if st.button(tr("Link exact matches"), icon=":material/done_all:", key="accept_exact_products"):
            with states.explained():
                states.done(
                    tr("{count} products linked.", count=products.accept_exact_products(context, actor, portal))
                )
                st.rerun()
        if portal and st.button(tr("Rename rules"), icon=":material/drive_file_rename_outline:", key="renames"):
            renames.dialog(portal)


def editor(page: Page[ProductRow], portal: str) -> None:
    operator = auth.may(Role.OPERATOR)
    bar = st.container()
    options = product_edits.choices(page.rows)
    changed = grid.edit(
        product_grid.frame_of(page, options), product_grid.columns(page, options),
        name=grid.editor_key("products", (row.key for row in page.rows)),
        alt=tr("Portal products and their services"),
        editable=("select", "service", "use", "ignore") if operator else (),
    )  # fmt: skip
    selected = [page.rows[cell.row] for cell in changed if cell.column == "select" and cell.value]
    if operator:
        with bar:
            toolbar(portal, product_edits.collect(page.rows, changed, options), selected)


def list_of_products() -> None:
    names = [card.name for card in portals.list_portals(context, actor)]
    query = grid.filters(
        "products", statuses=words.mapping_states(), portals=names, search=tr("Product or service"),
        sorts={"-status": tr("what is open"), "product": tr("product"), "portal": tr("portal"), "-quantity": tr("count")},
    )  # fmt: skip
    found = products.products(context, actor, query)
    if found.total:
        editor(found, query.portal)
        grid.pager("products", query, found.total)
    else:
        states.empty(tr("Nothing passes this filter"), tr("Take away a part of the filter to see more."))


if headline():
    questions = products.line_questions(context, actor)
    open_questions = sum(question.chosen is None or question.why is not None for question in questions)
    tabs = {
        "products": tr("Products"),
        "rules": tr("Rules"),
        "lines": tr("Which line? ({count})", count=open_questions) if open_questions else tr("Chosen lines"),
    }
    view = choices.segmented("products_view", tabs)
    if view == "rules":
        rule_list.show()
    elif view == "lines":
        line_questions.show(questions)
    else:
        list_of_products()
else:
    with states.empty(
        tr("No products yet"), tr("They appear when a portal was read or a file was accepted."), ":material/category:"
    ):
        link("portals", tr("Open portals"))
