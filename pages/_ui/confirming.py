"""Showing once more who one is, before secrets, people or the connection to Autotask change.

The use cases refuse without it (`core.services.access.require_confirmed`); this is the question that is asked then. What was typed
on the page stays where it is: the question stands before it, and afterwards the page goes on.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.domain.errors import ConfirmationNeeded, ContractBridgeError
from core.services import people
from pages._ui import auth
from pages._ui.formats import tr

_OPEN, _THEN, _DONE = "_confirm_open", "_confirm_then", "_confirm_done"


def first(act: Callable[[], None]) -> None:
    """Do `act` now, or after the person has shown who they are. What it draws is drawn on top of the page."""
    try:
        if auth.has_confirmed():
            act()
            return
    except ConfirmationNeeded:
        auth.forget()
    ask(act)


def ask(act: Callable[[], None] | None = None) -> None:
    """Draw the page again with the question before it; afterwards do `act`, or say that the button is to be pressed once more.

    Returns where the question stands there already: a page that needs the answer just to be drawn would be drawn for ever.
    """
    auth.forget()
    if not st.session_state.get(_OPEN):
        st.session_state[_OPEN] = True
        st.session_state[_THEN] = act
        st.rerun()


def go_on() -> None:
    """Before each page: the question, where it is to be asked; and what was to be done, once it is answered."""
    if st.session_state.get(_OPEN):
        st.dialog(tr("Is it still you?"), icon=":material/verified_user:", on_dismiss=_forget)(_question)()
        return
    if not st.session_state.pop(_DONE, False):
        return
    act = st.session_state.pop(_THEN, None)
    if act is None:
        st.toast(tr("Thank you. Please press the button once more."), icon=":material/check_circle:")
    else:
        act()


def _question() -> None:
    st.session_state["_dialog_open"] = True
    st.caption(
        tr("Secrets, people and the connection to Autotask change only for who showed a moment ago who they are.")
    )
    context, actor = auth.context(), auth.actor()
    if people.has_password(context, actor):
        _by_password()
    else:
        _by_company_account()


def _by_password() -> None:
    with st.form("confirm_form", border=False):
        password = st.text_input(
            tr("Your password"), type="password", key="confirm_password", autocomplete="current-password"
        )
        if st.form_submit_button(tr("Confirm"), type="primary", icon=":material/check:"):
            try:
                people.confirm_password(auth.context(), auth.actor(), password)
            except ContractBridgeError as error:
                st.error(tr(error.message), icon=":material/error:")
                return
            _answered()


def _by_company_account() -> None:
    st.link_button(
        tr("Confirm with the company account"), f"{auth.sub_path()}/auth/openid/confirm", icon=":material/open_in_new:"
    )
    st.caption(tr("It opens in a tab of its own; come back here afterwards."))
    if st.button(tr("Go on"), type="primary", icon=":material/check:", key="confirm_go_on"):
        auth.forget()
        if auth.has_confirmed():
            _answered()
        st.error(tr("The company account has not confirmed it yet."), icon=":material/error:")


def _answered() -> None:
    auth.forget()
    st.session_state[_OPEN] = False
    st.session_state[_DONE] = True
    st.rerun()


def _forget() -> None:
    """The question was closed without an answer."""
    st.session_state[_OPEN] = False
    st.session_state.pop(_THEN, None)
