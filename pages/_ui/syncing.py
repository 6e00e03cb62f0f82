"""*Sync now*, and how far a run is: asks again every two seconds while one goes on, and not at all when none does."""

from __future__ import annotations

import streamlit as st

from core.services import overview, runs
from core.services.access import Role
from core.services.overview import LiveRun
from pages._ui import auth, states
from pages._ui.formats import tr

SHARED_SECONDS = 0.5


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
            await_run()


def await_run() -> None:
    """Called after asking for a run: the page draws itself anew when it is done, as long as the person stays on it."""
    expect_run()
    st.rerun()


def expect_run() -> None:
    """The same for a page that draws itself anew at once anyway."""
    st.session_state["_awaited_on"] = st.session_state.get("_page")


def progress() -> None:
    """The running sync in the sidebar: "syncing n of m portals" (S1-03)."""
    st.session_state.pop("_over", None)
    if live_run():
        # A page that is drawn as a whole knows best.
        auth.context().looks.forget("live run")
        st.fragment(_follow, run_every="2s")()


def live_run() -> LiveRun | None:
    return overview.live_run(auth.context(), auth.actor())


def _followed() -> LiveRun | None:
    """The same, asked once in half a second for all windows that follow it."""
    auth.actor()  # what is shared is not for whose session has ended: this page may be open for hours
    return auth.context().looks.get("live run", None, live_run, seconds=SHARED_SECONDS)


def _follow() -> None:
    if over := st.session_state.get("_over"):
        _offer(over)
        return
    with states.explained():
        live = _followed()
        if live is None:
            _finished()
            return
        if live.total:
            words = tr("syncing {done} of {total} portals", done=live.done, total=live.total)
            st.progress(min(1.0, live.done / live.total), text=words)
        st.caption(f":material/sync: {tr(live.message)}")


def _finished() -> None:
    """Draw the page anew where somebody waits for that. Elsewhere it is offered only: a page that redraws itself swallows
    the click of who is just going to another one, and closes the dialog of who is in one.
    """
    waited = st.session_state.pop("_awaited_on", None)
    if waited == st.session_state.get("_page") and not st.session_state.get("_dialog_open"):
        states.done(tr("The run has finished."))
        st.rerun()
    st.session_state["_over"] = tr("Finished. Show what is new")
    _offer(st.session_state["_over"])


def _offer(label: str) -> None:
    """Asks the database nothing: a page left open would otherwise keep its session alive for ever."""
    if st.button(label, icon=":material/task_alt:", key="show_new", width="stretch"):
        st.rerun()
