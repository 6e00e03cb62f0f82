"""Questions on top of a page. A finished sync does not redraw the page while one is open: that would close it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages._ui import states
from pages._ui.formats import tr


def opened() -> None:
    """Called by every dialog when it draws itself."""
    st.session_state["_dialog_open"] = True


def confirm(title: str, words: str, button: str, act: Callable[[], str], *, icon: str = ":material/check:") -> None:
    """Ask once more before something that cannot be taken back with one click. `act` returns what to say when it is done."""

    def body() -> None:
        opened()
        st.markdown(words)
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button(tr("Cancel"), key="confirm_no"):
                st.rerun()
            if st.button(button, type="primary", icon=icon, key="confirm_yes"):
                with states.explained():
                    states.done(act())
                    st.rerun()

    st.dialog(title)(body)()


def ask_reason(title: str, words: str, button: str, act: Callable[[str], str]) -> None:
    """Ask for the reason of a decision; it goes into the audit."""

    def body() -> None:
        opened()
        with st.form("reason_form", border=False):
            st.caption(words)
            reason = st.text_input(tr("Reason"), key="reason_text", max_chars=200)
            if st.form_submit_button(button, type="primary"):
                if not reason.strip():
                    st.error(tr("A reason is needed; somebody will want to know later."))
                    return
                with states.explained():
                    states.done(act(reason.strip()))
                    st.rerun()

    st.dialog(title)(body)()
