"""Columns of money in a file: asked for only when somebody says that the file tells amounts (S1-61)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from pages._ui.formats import tr

NAMES = ("amount", "unit_cost", "unit_price", "currency", "description", "period", "period_start", "period_end")
"""What is asked, in order; `amounts` itself is the switch."""
ANYWHERE = ("currency",)
"""What may also be a fixed text."""
Column = Callable[..., object]


def draw(
    headings: Sequence[str], start: Mapping[str, object], suggested: Mapping[str, str], key: str, column: Column
) -> dict[str, object]:
    """The switch, and the columns below it; empty while it is off. `column` draws the choice of one; `suggested` is chosen
    beforehand as long as nothing is stored.
    """
    told = bool(start.get("amounts") or start.get("amount"))
    chosen = st.toggle(
        tr("The file tells amounts of money"),
        told,
        key=f"{key}_on",
        help=tr("Amounts become charges on the contract, with the settings on the page Consumption."),
    )
    if not chosen:
        return {}
    words, start = _words(), start if told else {**suggested, **start}
    settings: dict[str, object] = {"amounts": True}
    left, right = st.columns(2)
    for place, name in enumerate(NAMES):
        label, hint = words[name]
        with left if place % 2 == 0 else right:
            settings[name] = column(
                label, headings, start.get(name), f"{key}_{name}", hint, fixed=name in ANYWHERE, optional=True
            )
    st.caption(
        tr(
            "Without an amount the quantity × cost counts, or else × price; without all three the quantities are the amounts."
        )
    )
    return settings


def _words() -> dict[str, tuple[str, str]]:
    return {
        "amount": (tr("Amount"), tr("What a row costs in all; below zero is a credit.")),
        "unit_cost": (tr("Unit cost"), tr("What one unit costs you.")),
        "unit_price": (tr("Unit price"), tr("What one unit sells for.")),
        "currency": (tr("Currency"), tr("A column, or a fixed code such as EUR.")),
        "description": (tr("Description"), tr("What was used, in words for the invoice: a server, a disk.")),
        "period": (tr("Month"), tr("A column such as 2026-09. Without one the month of the upload counts.")),
        "period_start": (tr("Start of the period"), tr("The first day that a row is for. Months are kept apart.")),
        "period_end": (tr("End of the period"), tr("The last day that a row is for.")),
    }
