"""What belongs to the whole workspace: its time zone, its file, and how it is kept safe."""

from __future__ import annotations

import os
from zoneinfo import available_timezones

import streamlit as st

from core.services import autotask_settings, workspace
from pages._ui import auth, settings_hosts, states
from pages._ui.formats import escape, tr


def show() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        _time_zone()
        _backup()
    with right:
        _workspace_file()
        settings_hosts.show()


def _time_zone() -> None:
    context, actor = auth.context(), auth.actor()
    with st.form("time_zone", border=True):
        st.markdown(f"**{tr('Time zone')}**")
        zones = sorted(
            name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
        )
        now = autotask_settings.time_zone(context, actor)
        zone = st.selectbox(
            tr("Time zone"),
            zones,
            index=zones.index(now) if now in zones else 0,
            key="zone",
            label_visibility="collapsed",
        )
        st.caption(tr("Effective dates and schedules are meant in it."))
        if st.form_submit_button(tr("Save"), type="primary"):
            with states.explained():
                autotask_settings.save_time_zone(context, actor, zone)
                st.session_state.pop("_zone", None)
                states.done(tr("Saved."))
                st.rerun()


def _backup() -> None:
    home = auth.context().home
    with st.container(border=True):
        st.markdown(f"**{tr('Back-up')}**")
        st.markdown(
            tr(
                "Everything is in the data directory and the database. Keep the key of the stored secrets (secret.key) apart."
            )
        )
        st.code(str(home), language=None)
        st.caption(tr("How to back up, and how to put it back, is told in docs/backup.md."))


def _workspace_file() -> None:
    """Set-up as one file: to keep beside the back-up, to copy to another workspace, to review in version control."""
    context, actor, asker = auth.context(), auth.actor(), auth.asker()
    with st.container(border=True):
        st.markdown(f"**{tr('Workspace file')}**")
        st.caption(tr("Portals, mappings, policies and schedules as YAML. Secrets are named, never written."))
        st.download_button(
            tr("Export"), data=lambda: workspace.export_workspace(context, asker()).encode(), file_name="workspace.yaml",
            mime="application/yaml", icon=":material/download:", key="export_workspace", on_click="ignore",
        )  # fmt: skip
        file = st.file_uploader(tr("Make the workspace equal to a file"), type=["yaml", "yml"], key="workspace_file")
        if file:
            st.caption(
                tr(
                    "Of the parts that the file has, what stands in it is made or changed, and what does not is removed. "
                    "A file with a mistake changes nothing."
                )
            )
        if file and st.button(tr("Apply the file"), icon=":material/upload:", key="apply_workspace"):
            with states.explained(), st.spinner(tr("Checking the file …")):
                done = workspace.apply_workspace(
                    context, actor, file.getvalue().decode("utf-8-sig"), _environment(), place=file.name
                )
                st.success(escape(tr(done.summary)))
                for step in (*done.steps, *done.notes):
                    st.caption(escape(tr(step)))


def _environment() -> dict[str, str]:
    """What `${VARIABLE}` in the file may name: everything but what the product itself is set up with."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTBRIDGE_")}
