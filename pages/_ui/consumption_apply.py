"""The last look before charges are written: how many, for how much."""

from __future__ import annotations

import streamlit as st

from core.services import charge_views, runs
from core.services.access import Role
from core.services.charge_views import Going
from pages._ui import auth, charge_words, dialogs, grid, states, syncing
from pages._ui.formats import number, tr


def toolbar() -> None:
    """Apply what is approved, and plan again."""
    if not auth.may(Role.OPERATOR):
        return
    context, actor = auth.context(), auth.actor()
    going = charge_views.going(context, actor)
    count = len(going.change_ids)
    with st.container(horizontal=True, gap="small", width="content"):
        if st.button(
            tr("Apply {count} charges", count=count) if count else tr("Apply"), type="primary", icon=":material/send:",
            disabled=not count, key="charges_apply",
            help=tr("Writes the charges that are ready or approved to Autotask, and reads them back."),
        ):  # fmt: skip
            st.dialog(tr("Write charges to Autotask?"), width="medium")(_body)(going)
        if st.button(
            tr("Plan again"), icon=":material/refresh:", key="charges_plan",
            help=tr("Compares what was read last with Autotask as it is now; writes nothing."),
        ):  # fmt: skip
            with states.explained():
                runs.request_plan(context, actor)
                syncing.await_run()


def _body(going: Going) -> None:
    dialogs.opened()
    with st.container(horizontal=True, gap="small"):
        st.metric(tr("Charges"), number(len(going.change_ids)), border=True, width=130)
        st.metric(tr("Come to"), charge_words.amounts(going.sums, lambda one: one.price), border=True, width="content")
        st.metric(
            tr("Difference with Autotask"),
            charge_words.amounts(going.sums, lambda one: one.price - one.in_autotask),
            border=True,
            width="content",
        )
    st.caption(tr("Each charge is written once, found by its key, read back, and kept in the ledger."))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(tr("Cancel"), key="charges_no"):
            st.rerun()
        if st.button(
            tr("Apply {count} charges", count=len(going.change_ids)), type="primary", icon=":material/send:", key="charges_yes"
        ):  # fmt: skip
            with states.explained():
                runs.request_apply(auth.context(), auth.actor(), going.change_ids)
                states.done(tr("The charges are being written."))
                grid.new_editor("consumption")
                syncing.await_run()
