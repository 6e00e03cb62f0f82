"""Runs with their log; the log of a run that goes on is read along."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.services import activity, reversing
from core.services.access import Role
from core.services.activity import LogLine, RunRow
from pages._ui import audit_words, auth, dialogs, grid, states, words
from pages._ui.formats import escape, local_time, moment, number, table, tr
from pages._ui.shell import link

LOG_LINES, FEW_LINES = 500, 12
GOING = ("queued", "running")
COLORS = {"error": "red", "warning": "orange"}


def show() -> None:
    context, actor = auth.context(), auth.actor()
    query = grid.filters("runs", statuses=_states(), search=tr("Who or what"), sorts={"-id": tr("time")})
    page = activity.runs(context, actor, query)
    if not page.total and (query.text or query.status):
        states.empty(tr("Nothing here"), tr("No run passes this filter."), ":material/filter_alt_off:")
        return
    if not page.total:
        with states.empty(
            tr("No runs yet"), tr("A run is written down here from its first second on."), ":material/receipt_long:"
        ):
            link("overview", tr("Open the overview"))
        return
    chosen = _grid(page.rows)
    grid.pager("runs", query, page.total)
    with st.container(horizontal=True, gap="small"):
        _download(tr("Runs as CSV"), "contractbridge-runs.csv", "export_runs")
        _download(tr("Line changes as CSV"), "contractbridge-lines.csv", "export_lines")
    run = chosen or page.rows[0]
    _run(run)


def _states() -> dict[str, str]:
    """What people look for; the rest is seen in the list."""
    names = words.run_states()
    return {name: names[name] for name in ("running", "done", "partly", "failed")}


def _grid(rows: Sequence[RunRow]) -> RunRow | None:
    kinds, names = words.run_kinds(), words.run_states()
    frame = table(
        (
            {
                "run": str(row.id),
                "started": moment(row.started),
                "kind": kinds.get(row.kind, row.kind),
                "status": [names.get(row.status, row.status)],
                "by": audit_words.who(row.by),
                "portals": number(row.portals),
                "applied": number(row.applied),
                "held": number(row.held),
                "failed": number(row.failed),
                "message": tr(row.message),
            }
            for row in rows
        ),
        ("run", "started", "kind", "status", "by", "portals", "applied", "held", "failed", "message"),
    )
    config = st.column_config
    columns = {
        "run": config.TextColumn(tr("Run"), alignment="right", width=45),
        "started": config.TextColumn(tr("Started"), width=125),
        "kind": config.TextColumn(tr("Kind"), width=85),
        "status": words.status_column(tr("Status"), names, words.RUN_COLORS, width=100),
        "by": config.TextColumn(tr("By"), width=80),
        "portals": config.TextColumn(tr("Portals"), alignment="right", width=70),
        "applied": config.TextColumn(tr("Applied"), alignment="right", width=70),
        "held": config.TextColumn(tr("Held"), alignment="right", width=60),
        "failed": config.TextColumn(tr("Failed"), alignment="right", width=60),
        "message": config.TextColumn(tr("What came of it"), width=420),
    }
    event = grid.show(
        frame,
        columns,
        name="runs_rows",
        alt=tr("Runs, the latest first"),
        on_select="rerun",
        selection_mode="single-row",
        column_order=("run", "started", "kind", "status", "by", "message"),
    )
    picked = event.selection.rows
    return rows[picked[0]] if picked and picked[0] < len(rows) else None


def _run(run: RunRow) -> None:
    """The log of one run, and what can be done with it."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(tr("Log of run {run}", run=str(run.id)), anchor=False)
        may_reverse = run.applied and run.status not in GOING and auth.may(Role.OPERATOR)
        if may_reverse and st.button(tr("Reverse this run"), icon=":material/undo:", key="reverse"):
            dialogs.confirm(
                tr("Propose the opposite of run {run}?", run=str(run.id)),
                tr("The opposite changes become a plan that is looked at, approved and applied like any other."),
                tr("Propose"),
                lambda: _reverse(run.id),
            )
    st.fragment(_log, run_every="1s" if run.status in GOING else None)(run.id)


def _reverse(run_id: int) -> str:
    count = reversing.reverse_run(auth.context(), auth.actor(), run_id)
    return tr("{count} opposite changes are on the Changes page.", count=count)


def _log(run_id: int) -> None:
    with states.explained():
        lines = activity.run_log(auth.context(), auth.actor(), run_id, limit=LOG_LINES)
        if not lines:
            st.caption(tr("Nothing was logged."))
            return
        # No higher than its lines, as long as there are few of them.
        with st.container(border=True, height=420 if len(lines) > FEW_LINES else "content", gap=None):
            st.markdown("  \n".join(_line(line) for line in lines))


def _line(line: LogLine) -> str:
    at = local_time(line.at)
    words_of = escape(tr(line.message))
    color = COLORS.get(line.level)
    return f"`{at:%H:%M:%S}` " + (f":{color}[{words_of}]" if color else words_of)


def _download(label: str, file_name: str, export: str) -> None:
    """The export is made when the button is pressed, not when the page is drawn."""
    context, asker = auth.context(), auth.asker()
    st.download_button(
        label, data=lambda: "".join(getattr(activity, export)(context, asker())).encode("utf-8-sig"), file_name=file_name,
        mime="text/csv", icon=":material/download:", key=export, on_click="ignore",
    )  # fmt: skip
