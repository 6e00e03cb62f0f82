"""*Sync now*, and how far a run is: asks again every second while one goes on, and not at all when none does."""

from __future__ import annotations

import streamlit as st

from core.services import overview, runs
from core.services.access import Role
from core.services.overview import LiveRun
from pages._ui import auth, states
from pages._ui.formats import tr


def sync_button() -> None:
    """Starts a run of all portals; where one goes on already, that one is followed."""
    if not auth.may(Role.OPERATOR):
        return
    busy = live_run() is not None
    if st.button(
        tr("Syncing …") if busy else tr("Sync now"), icon=":material/sync:", type="primary", width="stretch",
        disabled=busy, key="sync_now", help=tr("Reads all portals, compares with Autotask, and applies what their policy allows."),
    ):  # fmt: skip
        with states.explained():
            runs.request_sync(auth.context(), auth.actor())
            st.rerun()


def progress() -> None:
    """The running sync in the sidebar: "syncing n of m portals" (S1-03)."""
    live = live_run()
    st.session_state["_followed_run"] = live.run_id if live else None
    if live:
        st.fragment(_follow, run_every="1s")()


def live_run() -> LiveRun | None:
    return overview.live_run(auth.context(), auth.actor())


def _follow() -> None:
    with states.explained():
        live = live_run()
        if live is None:
            _finish()
            return
        if live.total:
            words = tr("syncing {done} of {total} portals", done=live.done, total=live.total)
            st.progress(min(1.0, live.done / live.total), text=words)
        st.caption(f":material/sync: {tr(live.message)}")


def _finish() -> None:
    """Draw the whole page anew, once, unless a person is in the middle of a dialog, which that would close."""
    if st.session_state.pop("_followed_run", None) is not None:
        states.done(tr("The sync has finished."))
    if not st.session_state.get("_dialog_open"):
        st.rerun()
    st.caption(tr("The sync has finished."))
