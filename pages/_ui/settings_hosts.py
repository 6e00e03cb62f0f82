"""Hosts of one's own network that addresses of one's own may lead to: opened by an administrator, one by one."""

from __future__ import annotations

import streamlit as st

from core.services import network
from pages._ui import auth, states
from pages._ui.formats import tr


def show() -> None:
    context, actor = auth.context(), auth.actor()
    with st.form("allowed_hosts", border=True):
        st.markdown(f"**{tr('Hosts of your own network')}**")
        st.caption(
            tr(
                "Endpoints that people connect may call the public internet over https, and only these hosts of your own network."
            )
        )
        known = list(network.list_allowed_hosts(context, actor))
        text = st.text_area(
            tr("One on each line: server.example.com or 10.0.0.5:8443."), "\n".join(known), key="hosts", height=100
        )
        if st.form_submit_button(tr("Save"), type="primary"):
            with states.explained():
                network.set_allowed_hosts(context, actor, text.splitlines())
                states.done(tr("Saved."))
                st.rerun()
