"""Connecting a portal that sends by itself: a name, how it signs, and the address it gets (S1-58, S1-84)."""

from __future__ import annotations

import streamlit as st

from core.services import portals, webhooks
from core.services.portals import ConnectorCard
from pages._ui import auth, portal_detail, states, webhook_address, webhook_form
from pages._ui.formats import escape, tr


def show(connector: ConnectorCard, taken: set[str]) -> None:
    states.title(tr("Connect {portal}", portal=tr(connector.name)), tr(connector.counts))
    form, guide = st.columns([3, 2], gap="large")
    with guide, st.container(border=True):
        st.markdown(f"**{tr('How to')}**")
        for index, step in enumerate(connector.guide, 1):
            st.markdown(f"{index}. {escape(tr(step))}")
    with form, states.explained():
        key = "connect_webhook"
        name = st.text_input(
            tr("Name"), "" if tr(connector.name) in taken else tr(connector.name), key=f"{key}_name", max_chars=60
        ).strip()
        verification, secret = webhook_form.draw({}, key, secret_set=False)
        needs_secret = verification["scheme"] != "url_only"
        lacking = ([] if name else [tr("Name")]) + ([tr("Secret")] if needs_secret and not secret else [])
        if lacking:
            st.caption(tr("Still needed: {fields}", fields=", ".join(lacking)))
        if st.button(tr("Connect"), type="primary", disabled=bool(lacking), key=f"{key}_save"):
            _connect(name, verification, secret)


def _connect(name: str, verification: dict[str, object], secret: str) -> None:
    context, actor = auth.context(), auth.actor()
    settings = {"verification": verification}
    webhooks.must_fit(settings, secret, name)
    portals.create_portal(
        context, actor, name, webhooks.CONNECTOR, settings=settings, secrets={"secret": secret} if secret else {}
    )
    webhook_address.remember(name, webhooks.make_address(context, actor, name))
    states.done(tr("{portal} is connected.", portal=name))
    portal_detail.go(portal=name)
