"""Who is signed in now, and when sessions end: for administrators."""

from __future__ import annotations

import streamlit as st

from core.services import people
from core.services.people import SessionLimits
from pages._ui import account_sessions, auth, confirming, states
from pages._ui.formats import tr


def show() -> None:
    rows = people.list_sessions(auth.context(), auth.actor(), everybody=True)
    with st.expander(tr("Signed in now ({count})", count=len(rows)), icon=":material/devices:"):
        account_sessions.listing(rows, name="sessions", with_person=True)
        _limits()


def _limits() -> None:
    now = people.session_limits(auth.context(), auth.actor())
    with st.form("session_limits", border=True):
        st.markdown(f"**{tr('When sessions end')}**")
        first, second, third = st.columns(3)
        lifetime = first.number_input(
            tr("At the latest after (hours)"), 1, 168, now.lifetime_hours, key="limits_lifetime"
        )
        idle = second.number_input(tr("Unused for (minutes)"), 5, 1440, now.idle_minutes, key="limits_idle")
        confirm = third.number_input(
            tr("A confirmation counts for (minutes)"), 1, 60, now.confirm_minutes, key="limits_confirm",
            help=tr("Before secrets, people or the connection to Autotask change, the password is asked for again."),
        )  # fmt: skip
        saved = st.form_submit_button(tr("Save"), type="primary")
    if saved:
        wanted = SessionLimits(int(lifetime), int(idle), int(confirm))
        confirming.first(lambda: _save(wanted))


def _save(wanted: SessionLimits) -> None:
    with states.explained():
        people.save_session_limits(auth.context(), auth.actor(), wanted)
        auth.forget()
        states.done(tr("Saved."))
        st.rerun()
