"""The connection to Autotask: credentials that are replaced, never shown, a test, and the meter of the API budget."""

from __future__ import annotations

import streamlit as st

from core.services import autotask_settings
from pages._ui import api_budget, auth, portal_detail, states
from pages._ui.formats import tr


def show() -> None:
    context, actor = auth.context(), auth.actor()
    now = autotask_settings.autotask_settings(context, actor)
    form, side = st.columns([3, 2], gap="large")
    with form, st.form("autotask", border=True):
        st.markdown(f"**{tr('API user')}**")
        user_name = st.text_input(tr("User name"), now.user_name, key="autotask_user", autocomplete="off")
        stored = tr("Stored; type to replace")
        secret = st.text_input(
            tr("Secret"),
            type="password",
            key="autotask_secret",
            autocomplete="off",
            placeholder=stored if now.secret_set else "",
        )
        code = st.text_input(
            tr("Integration code"), type="password", key="autotask_code", autocomplete="off",
            placeholder=stored if now.integration_code_set else "",
        )  # fmt: skip
        base_url = st.text_input(
            tr("Address"), now.base_url, key="autotask_url", placeholder="https://webservices19.autotask.net/ATServicesRest/",
            help=tr("Leave empty: the zone of the user is found by itself. A sandbox or proxy has its own address."),
        )  # fmt: skip
        saved = st.form_submit_button(tr("Save and test"), type="primary", icon=":material/network_check:")
    if saved:
        with form, states.explained(), st.spinner(tr("Testing …")):
            autotask_settings.save_autotask(
                context, actor, user_name=user_name.strip(), secret=secret or None, integration_code=code or None,
                base_url=base_url.strip(),
            )  # fmt: skip
            portal_detail.show_test(autotask_settings.test_autotask(context, actor))
    with side:
        _guide()
        if now.configured:
            api_budget.show()


def _guide() -> None:
    with st.container(border=True):
        st.markdown(f"**{tr('Where do I find this?')}**")
        steps = (
            tr("In Autotask: Admin, Resources (Users), New API user, with the security level API User (system)."),
            tr(
                "Generate the key (user name) and the secret; choose the integration vendor, or Custom for an own tracking code."
            ),
            tr(
                "Give the user read access to companies, contracts and services, and write access to contract services."
            ),
        )
        for index, step in enumerate(steps, 1):
            st.markdown(f"{index}. {step}")
