"""Invoice checks: those that are kept, and the way to a new one (S1-78)."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.domain.errors import InputError
from core.domain.text import T
from core.services import invoice_check
from core.services.access import Role
from core.services.invoice_check import CheckHead
from core.services.reports.choices import Choices
from pages._ui import auth, grid, invoice_detail, invoice_new, states, words
from pages._ui.formats import day, moment, money, number, table, tr

CHECK = "check"
NEW = "new"


def show(known: Choices) -> None:
    """The list, one check, or a new one: the address tells which."""
    wanted = st.query_params.get(CHECK, "")
    if wanted == NEW and auth.may(Role.OPERATOR):
        invoice_new.show(known, _go)
    elif wanted:
        if not wanted.isdigit():
            raise InputError(T("There is no such invoice check."), place=wanted, kind="unknown_check")
        invoice_detail.show(int(wanted), _go)
    else:
        _list(known)


def _go(check: str = "") -> None:
    if check:
        st.query_params[CHECK] = check
    else:
        st.query_params.pop(CHECK, None)


def _list(known: Choices) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        query = grid.filters(
            "invoices", statuses=states_of(), portals=known.portals, search=tr("File or person"), sorts={"-id": tr("time")}
        )  # fmt: skip
        if auth.may(Role.OPERATOR):
            st.button(
                tr("Check an invoice"), type="primary", icon=":material/receipt_long:", key="invoice_new",
                on_click=_go, args=(NEW,),
            )  # fmt: skip
    page = invoice_check.list_checks(auth.context(), auth.actor(), query)
    if not page.total:
        states.empty(
            tr("No invoice was checked yet"),
            tr("Bring a vendor's invoice as CSV or Excel: it is laid beside own records and Autotask, to the day."),
            ":material/receipt_long:",
        )
        return
    st.caption(tr("Click a check to open it."))
    _grid(page.rows)
    grid.pager("invoices", query, page.total)


def states_of() -> dict[str, str]:
    return {"open": tr("To look at"), "settled": tr("Settled")}


def _grid(rows: Sequence[CheckHead]) -> None:
    config = st.column_config
    columns = {
        "portal": config.TextColumn(tr("Vendor"), width=140),
        "period": config.TextColumn(tr("Period"), width=180),
        "state": words.status_column(
            tr("Status"), states_of(), {"open": words.ORANGE, "settled": words.GREEN}, width=100
        ),
        "open": config.TextColumn(tr("To look at"), alignment="right", width=80),
        "rows": config.TextColumn(tr("Rows"), alignment="right", width=60),
        "invoice": config.TextColumn(tr("Invoice"), alignment="right", width=110),
        "own": config.TextColumn(tr("Own records"), alignment="right", width=110),
        "by": config.TextColumn(tr("Who"), width=100),
        "at": config.TextColumn(tr("When"), alignment="right", width=130),
        "file": config.TextColumn(tr("File")),
    }
    frame = table(
        (
            {
                "portal": row.portal, "period": f"{day(row.period.first)} – {day(row.period.last)}",
                "state": [states_of().get(row.state, row.state)], "open": number(row.open), "rows": number(row.rows),
                "invoice": money(row.invoice_amount), "own": money(row.own_amount), "by": row.by, "at": moment(row.made_at),
                "file": row.file_name,
            }
            for row in rows
        ),
        columns,
    )  # fmt: skip
    key = grid.editor_key("invoices", (row.id for row in rows))

    def clicked() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        if cells and cells[0][0] < len(rows):
            _go(str(rows[cells[0][0]].id))

    grid.show(frame, columns, name=key, alt=tr("Kept invoice checks"), on_select=clicked, selection_mode="single-cell")
