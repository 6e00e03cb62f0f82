"""Portal customers with what they use, and whether they are mapped (S1-02)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import streamlit as st

from core.services.overview import OverviewRow
from pages._ui import grid, words
from pages._ui.formats import number, table, tr

NOTHING = "–"
"""For a customer that has no quantities now: it may have amounts, which are no zero."""


def counted(value: Decimal | int, lines: int) -> str:
    """A number of a customer with so many lines now."""
    return number(value) if lines else NOTHING


def show(rows: Sequence[OverviewRow], name: str) -> None:
    """Draw the rows; `name` is the table's own among those of the page."""
    names = words.mapping_states()
    frame = table(
        (
            {
                "portal": row.portal, "customer": row.customer, "company": row.company, "lines": counted(row.lines, row.lines),
                "count": counted(row.count, row.lines), "status": [names.get(row.status, row.status)],
            }
            for row in rows
        ),
        ("portal", "customer", "company", "lines", "count", "status"),
    )  # fmt: skip
    columns = {
        "portal": st.column_config.TextColumn(tr("Portal"), width=120),
        "customer": st.column_config.TextColumn(tr("Customer"), width=230),
        "company": st.column_config.TextColumn(tr("Autotask company"), width=230),
        "lines": st.column_config.TextColumn(tr("Products"), alignment="right", width=85),
        "count": st.column_config.TextColumn(tr("Count"), alignment="right", width=85),
        "status": words.status_column(tr("Status"), names, words.MAPPING_COLORS, width=110),
    }
    grid.show(frame, columns, name=name, alt=tr("Customers of all portals with their count and status"))
