"""Products whose key matches a pattern count as one product: merging and transforming names (S1-35)."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.domain.mapping import Rename
from core.services import products
from pages._ui import auth, dialogs, states
from pages._ui.formats import tr


def dialog(portal: str) -> None:
    st.dialog(tr("Rename products of {portal}", portal=portal), width="large")(_body)(portal)


def _body(portal: str) -> None:
    dialogs.opened()
    st.caption(
        tr(
            "A product whose key fits the pattern counts as the product on the right. * stands for any text, ? for one sign."
        )
    )
    stored = products.renames(auth.context(), auth.actor(), portal)
    frame = pd.DataFrame(
        {
            "pattern": pd.Series([rename.pattern for rename in stored], dtype="string"),
            "product_key": pd.Series([rename.product_key for rename in stored], dtype="string"),
        }
    )
    edited = st.data_editor(
        frame, num_rows="dynamic", hide_index=True, key=f"renames_{portal}", alt=tr("Rename rules"),
        column_config={
            "pattern": st.column_config.TextColumn(tr("Pattern"), required=True),
            "product_key": st.column_config.TextColumn(tr("Counts as"), required=True),
        },
    )  # fmt: skip
    if st.button(tr("Save"), type="primary", key="renames_save"):
        rules = [
            Rename(portal, str(row.pattern).strip(), str(row.product_key).strip())
            for row in edited.itertuples()
            if pd.notna(row.pattern) and pd.notna(row.product_key)
        ]
        with states.explained():
            products.save_renames(auth.context(), auth.actor(), portal, rules)
            states.done(tr("The rename rules were saved."))
            st.rerun()
