"""The company's own sign-in: the identity provider, and which of its groups give which role."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.services import people
from core.services.access import Role
from core.services.people import OpenIdView
from core.web.openid import DONE
from pages._ui import auth, confirming, dialogs, grid, states, words
from pages._ui.formats import escape, tr


def show() -> None:
    context, actor = auth.context(), auth.actor()
    now = people.openid_settings(context, actor)
    with st.expander(tr("Company account: provider, groups and roles"), icon=":material/badge:"):
        left, right = st.columns([3, 2], gap="large")
        with left:
            _provider(now)
        with right:
            _guide()
            if now.configured:
                _groups(people.oidc_groups(context, actor))


def _provider(now: OpenIdView) -> None:
    version = st.session_state.get("openid_version", 0)
    with st.form("openid", border=True):
        st.markdown(f"**{tr('Identity provider')}**")
        issuer = st.text_input(
            tr("Address (issuer)"), now.issuer, key="openid_issuer", autocomplete="off",
            placeholder="https://login.microsoftonline.com/…/v2.0",
        )  # fmt: skip
        client = st.text_input(tr("Client id"), now.client_id, key="openid_client", autocomplete="off")
        secret = st.text_input(
            tr("Client secret"), type="password", key=f"openid_secret_{version}", autocomplete="off",
            placeholder=tr("Stored; type to replace") if now.secret_set else "",
        )  # fmt: skip
        scopes = st.text_input(tr("Scopes beside openid"), now.scopes, key="openid_scopes", autocomplete="off")
        claim = st.text_input(
            tr("Further claim with groups"), now.groups_claim, key="openid_claim", autocomplete="off",
            help=tr("Only for providers that tell groups under another name than groups or roles."),
        )  # fmt: skip
        trusting = st.checkbox(
            tr("Take an answer without auth_time for a confirmation"), now.confirm_without_time, key="openid_trusting",
            help=tr(
                "Weaker: who finds a browser that is still signed in at the provider can leave out the question for the password."
                " Better let the ID token tell auth_time."
            ),
        )  # fmt: skip
        saved = st.form_submit_button(tr("Save"), type="primary", icon=":material/save:")
    if saved:
        confirming.first(
            lambda: _save(
                issuer=issuer,
                client_id=client,
                client_secret=secret or None,
                scopes=scopes,
                groups_claim=claim,
                confirm_without_time=trusting,
            )
        )
    if now.configured:
        with st.container(horizontal=True, gap="small"):
            st.link_button(tr("Try it in a new tab"), f"{auth.sub_path()}/auth/openid", icon=":material/open_in_new:")
            if st.button(tr("Remove"), icon=":material/delete:", key="openid_remove"):
                confirming.first(_ask_to_remove)


def _save(**values: str | bool | None) -> None:
    with states.explained():
        people.save_openid(auth.context(), auth.actor(), **values)  # type: ignore[arg-type]
        grid.new_editor("openid")
        auth.forget()
        states.done(tr("Saved."))
        st.rerun()


def _ask_to_remove() -> None:
    def act() -> str:
        people.remove_openid(auth.context(), auth.actor())
        auth.forget()
        return tr("Removed.")

    dialogs.confirm(
        tr("Remove the company account?"), tr("Who signed in with it is signed out, and only passwords count."),
        tr("Remove"), act, icon=":material/delete:",
    )  # fmt: skip


def _guide() -> None:
    with st.container(border=True):
        st.markdown(f"**{tr('Where do I find this?')}**")
        steps = (
            tr("Register an application for the web at the provider, with a secret, and with this redirect address:"),
            tr("Let it tell groups (or application roles) and the claim auth_time in the ID token."),
            tr("Entra ID: the address names your own tenant:"),
        )
        shown = {1: _redirect_address(), 3: "https://login.microsoftonline.com/<tenant id>/v2.0"}
        for index, step in enumerate(steps, 1):
            st.markdown(f"{index}. {escape(step)}")
            if index in shown:
                st.code(shown[index], language=None, wrap_lines=True)


def _redirect_address() -> str:
    """As the browser calls us: the same that is told to the provider."""
    origin = "/".join(str(st.context.url or "").split("/")[:3])
    return f"{origin}{auth.sub_path()}{DONE}"


def _groups(known: dict[str, Role]) -> None:
    roles = words.roles()
    st.markdown(f"**{tr('Groups and their roles')}**")
    st.caption(tr("A group by its id or name; * is everybody who can sign in there."))
    frame = pd.DataFrame(
        {
            "group": pd.Series(list(known), dtype="string"),
            "role": pd.Series([role.value for role in known.values()], dtype="string"),
        }
    )
    config = st.column_config
    edited = st.data_editor(
        frame, num_rows="dynamic", hide_index=True, key="oidc_groups", alt=tr("Groups and their roles"),
        column_config={
            "group": config.TextColumn(tr("Group"), required=True),
            "role": config.SelectboxColumn(
                tr("Role"), options=list(roles), format_func=lambda role: roles[role], required=True
            ),
        },
    )  # fmt: skip
    st.caption(
        tr("Who is signed in with the company account signs in anew after a change: roles are told at signing in.")
    )
    if st.button(tr("Save groups"), key="save_groups"):
        wanted = {str(row.group): Role(str(row.role)) for row in edited.dropna().itertuples()}
        confirming.first(lambda: _save_groups(wanted))


def _save_groups(wanted: dict[str, Role]) -> None:
    with states.explained():
        people.save_oidc_groups(auth.context(), auth.actor(), wanted)
        auth.forget()
        states.done(tr("Saved."))
        st.rerun()
