"""The products grid: its rows and columns."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.services.paging import Page
from core.services.products import ProductRow
from pages._ui import product_edits, words
from pages._ui.formats import number, table, tr


def frame_of(page: Page[ProductRow], options: product_edits.Choices) -> pd.DataFrame:
    names = words.mapping_states()
    return table(
        (
            {
                "select": False,
                "portal": row.key.portal,
                "product": row.product,
                "term": words.term(row.key.term, row.key.billing_frequency),
                "customers": number(row.customers),
                "count": number(row.quantity),
                "status": [names.get(row.status, row.status)],
                "service": options.label_of(row),
                "suggestion": product_edits.suggestion_words(row),
                "use": False,
                "ignore": row.ignored,
            }
            for row in page.rows
        ),
        (
            "select",
            "portal",
            "product",
            "term",
            "customers",
            "count",
            "status",
            "service",
            "use",
            "suggestion",
            "ignore",
        ),
    )


def columns(page: Page[ProductRow], options: product_edits.Choices) -> dict[str, object]:
    """What is drawn of them; no column of terms where no product has one."""
    config = st.column_config
    term = {"term": config.TextColumn(tr("Term, billing"), width=116)}
    return (term if any(row.key.term or row.key.billing_frequency for row in page.rows) else {}) | {
        "select": config.CheckboxColumn("", width=36, pinned=True, help=tr("Choose products for one rule.")),
        "portal": config.TextColumn(tr("Portal"), width=88),
        "product": config.TextColumn(tr("Portal product"), width=150),
        "customers": config.TextColumn(tr("Customers"), alignment="right", width=68),
        "count": config.TextColumn(tr("Count"), alignment="right", width=52),
        "status": words.status_column(tr("Status"), words.mapping_states(), words.MAPPING_COLORS, width=85),
        "service": config.SelectboxColumn(tr("Autotask service"), options=options.labels, width=132),
        "suggestion": config.TextColumn(tr("Suggestion"), width=108),
        "use": config.CheckboxColumn(tr("Use it"), width=66, help=tr("Link to the suggested service.")),
        "ignore": config.TextColumn(tr("Ignore because"), width=96),
    }
