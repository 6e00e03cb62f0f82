"""All rules: each with its products, its formula and its service; one click opens it."""

from __future__ import annotations

import streamlit as st

from core.domain.quantities import SUM
from core.services import products
from core.services.access import Role
from core.services.products import RuleRow
from pages._ui import auth, grid, rule_editor, states
from pages._ui.formats import table, tr
from pages._ui.rule_editor import product_words


def show() -> None:
    query = grid.filters("rules", search=tr("Service or product"), sorts={"service": tr("service")})
    page = products.rules(auth.context(), auth.actor(), query)
    if not page.total:
        states.empty(
            tr("No rules yet"),
            tr("Linking a product to a service makes one; a formula can be added here."),
            ":material/function:",
        )
        return
    frame = table(
        (
            {
                "service": row.service,
                "products": " + ".join(product_words(source.product, row.names) for source in row.draft.sources),
                "formula": formula_words(row),
                "open": tr("Change"),
            }
            for row in page.rows
        ),
        ("open", "service", "products", "formula"),
    )
    config = st.column_config
    columns: dict[str, object] = {
        "service": config.TextColumn(tr("Autotask service"), width=220),
        "products": config.TextColumn(tr("Products"), width=400),
        "formula": config.TextColumn(tr("How it is counted"), width=260),
    }
    if auth.may(Role.OPERATOR):
        columns["open"] = config.ButtonColumn("", width=90, type="tertiary", key="rule_open")
    grid.show(frame, columns, name="rules_rows", alt=tr("Rules from products to services"))
    grid.pager("rules", query, page.total)
    click = st.session_state.get("rule_open")
    if click and 0 <= click["row"] < len(page.rows):
        rule_editor.open_rule(page.rows[click["row"]])


def formula_words(row: RuleRow) -> str:
    """The formula with its limits, in one line; the usual one, that counts what there is, in words."""
    draft = row.draft
    parts = [tr("the quantity as it is") if draft.formula == SUM else draft.formula]
    if draft.included:
        parts.append(tr("less {units} included", units=draft.included))
    if draft.minimum is not None:
        parts.append(tr("at least {units}", units=draft.minimum))
    if draft.maximum is not None:
        parts.append(tr("at most {units}", units=draft.maximum))
    return " · ".join(parts) + ("" if row.active else f" · {tr('not in use')}")
