"""Where somebody is signed in, and ending that: one's own sessions, and for administrators everybody's."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.services import people
from core.services.people import SessionRow
from pages._ui import auth, dialogs, grid, states
from pages._ui.formats import ago, moment, table, tr


def show() -> None:
    """One's own."""
    rows = people.list_sessions(auth.context(), auth.actor())
    st.subheader(tr("Signed in now ({count})", count=len(rows)), anchor=False)
    listing(rows, name="own_sessions", with_person=False)


def listing(rows: Sequence[SessionRow], *, name: str, with_person: bool) -> None:
    """The sessions as a table; the one that is chosen can be ended, or all of that person's."""
    frame = table(
        (
            {
                "person": row.person, "device": row.device or "–", "address": row.address or "–", "way": _way(row),
                "started": moment(row.started), "seen": ago(row.last_seen), "expires": moment(row.expires),
                "current": tr("this one") if row.current else "",
            }
            for row in rows
        ),
        ("person", "device", "address", "way", "started", "seen", "expires", "current"),
    )  # fmt: skip
    config = st.column_config
    columns = ({"person": config.TextColumn(tr("Name"))} if with_person else {}) | {
        "device": config.TextColumn(tr("Browser"), width="medium"),
        "address": config.TextColumn(tr("Address")),
        "way": config.TextColumn(tr("Signs in with")),
        "started": config.TextColumn(tr("Since")),
        "seen": config.TextColumn(tr("Last seen")),
        "expires": config.TextColumn(tr("Until")),
        "current": config.TextColumn("", width="small"),
    }
    version = st.session_state.get(f"{name}_version", 0)
    event = grid.show(
        frame, columns, name=f"{name}_{version}", alt=tr("Sessions"), on_select="rerun", selection_mode="single-row"
    )
    chosen = next((rows[index] for index in event.selection.rows if index < len(rows)), None)  # type: ignore[attr-defined]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button(tr("End this session"), icon=":material/logout:", disabled=chosen is None, key=f"{name}_end"):
            _end(chosen, name)
        if not with_person and st.button(tr("Sign out everywhere"), key=f"{name}_all"):
            _everywhere()
        if chosen is None and rows:
            st.caption(tr("Choose a session on the left to end it."))


def _way(row: SessionRow) -> str:
    return tr("Company account") if row.openid else tr("Password")


def _end(chosen: SessionRow | None, name: str) -> None:
    if chosen is None:
        return
    with states.explained():
        people.end_session(auth.context(), auth.actor(), chosen.id)
        auth.forget()
        grid.new_editor(name)
        states.done(tr("The session has ended."))
        st.rerun()


def _everywhere() -> None:
    def act() -> str:
        people.sign_out_everywhere(auth.context(), auth.actor())
        auth.forget()
        return tr("Signed out everywhere.")

    dialogs.confirm(
        tr("Sign out everywhere?"), tr("All your sessions end, this one too."), tr("Sign out everywhere"), act,
        icon=":material/logout:",
    )  # fmt: skip
