"""Totals per portal and product, now, a month and a year before, with the difference (S1-73, S1-74, S1-86)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal

import streamlit as st

from core.services import views_history
from core.services.views_history import ProductTotal
from pages._ui import auth, charts, grid, states
from pages._ui.choices import labelled
from pages._ui.formats import number, signed, table, tr

MONTHS_SHOWN = 12


def show(chosen: date, first: date, portals: Sequence[str], day: Callable[[date], str]) -> None:
    portal = st.selectbox(
        tr("Portal"), ["", *portals], key="totals_portal", format_func=labelled({"": tr("All portals")}), width=220,
        label_visibility="collapsed",
    )  # fmt: skip
    month, year = months_before(chosen, 1), months_before(chosen, 12)
    totals = views_history.product_totals(auth.context(), auth.actor(), (chosen, month, year), portal=portal)
    if not totals:
        states.empty(tr("Nothing was used"), tr("Choose another day or portal."))
        return
    _development(chosen, first, portal)
    config = st.column_config
    columns = {
        "portal": config.TextColumn(tr("Portal"), width=150),
        "product": config.TextColumn(tr("Product")),
        "customers": config.TextColumn(tr("Customers"), alignment="right", width=90),
        "now": config.TextColumn(day(chosen), alignment="right", width=100),
        "month": config.TextColumn(day(month), alignment="right", width=100),
        "difference": config.TextColumn("+/−", alignment="right", width=80),
        "year": config.TextColumn(day(year), alignment="right", width=100),
    }
    frame = table([*(_row(total) for total in totals), _sum(totals)], columns)
    grid.show(frame, columns, name=f"totals_{chosen}_{portal}", alt=tr("Totals per portal and product"))


def _row(total: ProductTotal) -> dict[str, object]:
    now, month, year = total.totals
    return {
        "portal": total.portal, "product": total.product, "customers": number(total.customers), "now": number(now),
        "month": number(month), "difference": signed(now - month), "year": number(year),
    }  # fmt: skip


def _sum(totals: Sequence[ProductTotal]) -> dict[str, object]:
    now, month, year = (sum((total.totals[index] for total in totals), Decimal(0)) for index in range(3))
    return {
        "portal": tr("Total"), "product": "", "customers": "", "now": number(now), "month": number(month),
        "difference": signed(now - month), "year": number(year),
    }  # fmt: skip


def _development(chosen: date, first: date, portal: str) -> None:
    """The last twelve months as a line for each portal, as far as history goes back."""
    days = [day for back in range(MONTHS_SHOWN, -1, -1) if (day := months_before(chosen, back)) >= first]
    if len(days) < 2:
        return
    totals = views_history.product_totals(auth.context(), auth.actor(), days, portal=portal)
    by_portal: dict[str, list[Decimal]] = {}
    for total in totals:
        sums = by_portal.setdefault(total.portal, [Decimal(0)] * len(days))
        for index, quantity in enumerate(total.totals):
            sums[index] += quantity
    charts.lines(days, by_portal, alt=tr("Units per portal over the last twelve months"))


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier; the last day of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))
