"""What each customer is charged in a month, with the total."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import streamlit as st

from core.services import charge_views
from core.services.charge_views import CompanySum
from core.services.paging import PageQuery
from pages._ui import auth, charge_words, grid, states
from pages._ui.formats import money, number, signed_money, table, tr

NAME = "consumption_companies"


def show(period: date | None) -> None:
    query = grid.filters(
        NAME, sorts={"company": tr("customer"), "-price": tr("amount")}, search=tr("Customer, charge or resource")
    )
    page = charge_views.companies(auth.context(), auth.actor(), period, query)
    if not page.total:
        states.empty(tr("No charges here"), tr("Choose another month, or take away a part of the filter."))
        return
    config = st.column_config
    columns = {
        "open": config.ButtonColumn("", width=80, type="tertiary", key="company_open", pinned=True),
        "company": config.TextColumn(tr("Customer")),
        "charges": config.TextColumn(tr("Charges"), alignment="right", width=70),
        "cost": config.TextColumn(tr("Cost"), alignment="right", width=100),
        "price": config.TextColumn(tr("Amount"), alignment="right", width=100),
        "margin": config.TextColumn(tr("Margin"), alignment="right", width=100),
        "there": config.TextColumn(tr("In Autotask"), alignment="right", width=100),
        "left": config.TextColumn(tr("Still to write"), alignment="right", width=100),
    }
    frame = table((_row(one) for one in page.rows), columns)
    grid.show(frame, columns, name=grid.editor_key(NAME, (one.company_id for one in page.rows)),
              alt=tr("Charges per customer"))  # fmt: skip
    _total(period, query)
    grid.pager(NAME, query, page.total)
    _open(page.rows)


def _row(one: CompanySum) -> dict[str, object]:
    return {
        "open": tr("Charges"),
        "company": one.company,
        "charges": number(one.charges),
        "cost": money(one.cost, one.currency),
        "price": money(one.price, one.currency),
        "margin": signed_money(one.price - one.cost, one.currency),
        "there": money(one.in_autotask, one.currency),
        "left": signed_money(one.price - one.in_autotask, one.currency),
    }


def _total(period: date | None, query: PageQuery) -> None:
    sums = charge_views.board(auth.context(), auth.actor(), period, query).sums
    amount = charge_words.amounts(sums, lambda one: one.price)
    st.markdown(f"**{tr('Total: {amount}', amount=amount)}**")


def _open(rows: Sequence[CompanySum]) -> None:
    """One customer's charges: the other view, filtered."""
    click = st.session_state.get("company_open")
    if click and 0 <= click["row"] < len(rows):
        st.session_state["consumption_text"] = rows[click["row"]].company
        st.query_params["consumption_view"] = "charges"
        st.rerun()
