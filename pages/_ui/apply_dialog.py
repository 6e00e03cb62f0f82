"""The last look before anything is written: how many lines, how much money, how much of it up and down."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from core.services import planning, runs
from core.services.paging import MOST_ROWS, PageQuery
from core.services.planning import ChangeRow, PlanHead
from pages._ui import auth, dialogs, grid, states, syncing
from pages._ui.formats import number, signed_money, tr

GOING = ("ready", "approved")


def show(head: PlanHead) -> None:
    st.dialog(tr("Apply to Autotask?"), width="medium")(_body)(head)


def _body(head: PlanHead) -> None:
    dialogs.opened()
    rows = [row for status in GOING for row in _rows(status)]
    count = sum(head.by_status.get(status, 0) for status in GOING)
    up = sum((row.money for row in rows if row.money and row.money > 0), Decimal(0))
    down = sum((row.money for row in rows if row.money and row.money < 0), Decimal(0))
    with st.container(horizontal=True, gap="small"):
        st.metric(tr("Changes"), number(count), border=True, width=130)
        st.metric(tr("More per period"), signed_money(up), border=True, width=170)
        st.metric(tr("Less per period"), signed_money(down), border=True, width=170)
    unknown = sum(row.money is None and row.unit_change != 0 for row in rows)
    if unknown:
        st.warning(
            tr("Of {count} changes the amount is not known yet: these sums do not hold them.", count=unknown),
            icon=":material/warning:",
        )
    if count > len(rows):
        st.caption(tr("The amounts count the first {count} changes.", count=len(rows)))
    st.caption(
        tr(
            "Each change is written once, read back, and kept in the ledger. A run can be reversed on the Activity page."
        )
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(tr("Cancel"), key="apply_no"):
            st.rerun()
        if st.button(tr("Apply {count} changes", count=count), type="primary", icon=":material/send:", key="apply_yes"):
            with states.explained():
                runs.request_apply(auth.context(), auth.actor())
                states.done(tr("The changes are being applied."))
                grid.new_editor("changes")
                syncing.await_run()


def _rows(status: str) -> tuple[ChangeRow, ...]:
    return planning.changes(auth.context(), auth.actor(), PageQuery(status=status, limit=MOST_ROWS)).rows
