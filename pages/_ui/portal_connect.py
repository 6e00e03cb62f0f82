"""Connecting a portal, step by step: which one, what it needs, a test, and from when it is read (S1-26, S1-84)."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.services import portals, runs, webhooks
from core.services.portals import ConnectorCard, PortalCard
from pages._ui import (
    auth,
    pickup_connection,
    portal_detail,
    rest_connect,
    rest_detail,
    schedule_form,
    settings_form,
    states,
    syncing,
    webhook_connect,
)
from pages._ui.formats import escape, tr


def show(cards: Sequence[PortalCard]) -> None:
    portal_detail.back()
    connectors = portals.list_connectors(auth.context(), auth.actor())
    slug = st.query_params.get("connector", "")
    connector = next((found for found in connectors if found.slug == slug), None)
    if connector is None:
        _choose(connectors)
    elif connector.slug == webhooks.CONNECTOR:
        webhook_connect.show(connector, {card.name for card in cards})
    elif connector.slug == rest_detail.CONNECTOR:
        rest_connect.connect(connector, {card.name for card in cards})
    else:
        _connect(connector, {card.name for card in cards})


def _choose(connectors: Sequence[ConnectorCard]) -> None:
    states.title(tr("Which portal do you want to connect?"))
    kinds = {
        True: tr("Portals with an interface of their own"),
        False: tr("Any other portal: files, a REST address, webhooks"),
    }
    for own, heading in kinds.items():
        st.markdown(f"**{heading}**")
        some = [connector for connector in connectors if (connector.kind == "api") is own]
        _wall(sorted(some, key=lambda connector: tr(connector.name).casefold()))


def _wall(connectors: Sequence[ConnectorCard]) -> None:
    with st.grid(3, gap="small", min_column_width=280) as wall:
        for connector in connectors:
            with wall.container(border=True, height="stretch", gap="xsmall"):
                st.markdown(f"**{escape(tr(connector.name))}**")
                st.caption(escape(tr(connector.counts)))
                st.space("stretch")
                if st.button(tr("Choose"), key=f"choose_{connector.slug}", icon=":material/arrow_forward:"):
                    step = "upload" if connector.takes_files else "connect"
                    portal_detail.go(step=step, connector=connector.slug)


def _connect(connector: ConnectorCard, taken: set[str]) -> None:
    states.title(tr("Connect {portal}", portal=tr(connector.name)), tr(connector.counts))
    form, guide = st.columns([3, 2], gap="large")
    with guide, st.container(border=True):
        st.markdown(f"**{tr('How to')}**")
        for index, step in enumerate(connector.guide, 1):
            st.markdown(f"{index}. {escape(tr(step))}")
    with form, states.explained():
        key = f"connect_{connector.slug}"
        name = st.text_input(
            tr("Name"), "" if tr(connector.name) in taken else tr(connector.name), key=f"{key}_name", max_chars=60
        )
        if connector.picks_up:
            settings, secrets = pickup_connection.draw(connector, {}, frozenset(), key)
            settings = pickup_connection.trust(connector, settings, secrets, (), key)
        else:
            secrets = {}
            settings = settings_form.draw_needed_first(
                connector.settings, {}, key,
                then=lambda: secrets.update(settings_form.draw_secrets(connector.secrets, frozenset(), key)),
            )  # fmt: skip
        schedule = schedule_form.draw({"every": "day", "at": "02:00"}, key) if connector.pulls else None
        lacking = settings_form.missing(connector.settings, settings) + settings_form.missing(
            connector.secrets, secrets
        )
        if connector.picks_up:
            lacking += pickup_connection.lacking(connector, settings)
        if not name.strip():
            lacking = [tr("Name"), *lacking]
        if lacking:
            st.caption(tr("Still needed: {fields}", fields=", ".join(lacking)))
        with st.container(horizontal=True, gap="small"):
            if st.button(tr("Test"), icon=":material/network_check:", disabled=bool(lacking), key=f"{key}_test"):
                with st.spinner(tr("Testing …")):
                    result = portals.test_settings(auth.context(), auth.actor(), connector.slug, settings, secrets)
                portal_detail.show_test(result)
            if st.button(tr("Connect"), type="primary", disabled=bool(lacking), key=f"{key}_save"):
                portals.create_portal(
                    auth.context(), auth.actor(), name.strip(), connector.slug, settings=settings, secrets=secrets,
                    schedule=schedule,
                )  # fmt: skip
                if connector.pulls:
                    # The first reading shows at once what is right and what still needs mapping (S1-28); nothing is written.
                    runs.request_sync(auth.context(), auth.actor(), [name.strip()], apply=False)
                    syncing.expect_run()
                states.done(tr("{portal} is connected.", portal=name.strip()))
                portal_detail.go(portal=name.strip())
