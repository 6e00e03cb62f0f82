"""The audit: who did what, before and after; its chain can be checked at any time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import streamlit as st

from core.services import activity
from core.services.activity import AuditRow
from pages._ui import audit_values, auth, choices, dialogs, grid, states
from pages._ui.audit_words import what, who
from pages._ui.formats import day_format, escape, moment, table, tr

CHECKED, ASKED = "_audit_checked", "_audit_entry"


def show() -> None:
    context, actor, asker = auth.context(), auth.actor(), auth.asker()
    query = grid.filters("audit", search=tr("Who, what or which"), sorts={"-id": tr("time")})
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        people = {"": tr("Everybody"), **{name: who(name) for name in activity.audit_people(context, actor)}}
        by = choices.select("audit_by", people, tr("Who"), 150)
        since, until = _days(context.clock.today())
        if st.button(tr("Check the chain"), icon=":material/link:", key="verify_chain"):
            with states.explained():
                st.session_state[CHECKED] = (context.clock.now(), activity.verify_chains(context, actor))
        st.download_button(
            tr("Audit as CSV"), data=lambda: "".join(activity.export_audit(context, asker())).encode("utf-8-sig"),
            file_name="contractbridge-audit.csv", mime="text/csv", icon=":material/download:", key="export_audit",
            on_click="ignore",
        )  # fmt: skip
    _verdict()
    page = activity.audit(context, actor, query, by=by, since=since, until=until, said=what)
    if not page.total:
        states.empty(tr("Nothing here"), tr("No entry of the audit passes this filter."), ":material/fact_check:")
        return
    st.caption(tr("Click an entry to see all of it."))
    _grid(page.rows)
    grid.pager("audit", query, page.total)


def _grid(entries: Sequence[AuditRow]) -> None:
    config = st.column_config
    columns = {
        "id": config.TextColumn(tr("No."), alignment="right", width=50),
        "at": config.TextColumn(tr("When"), width=125),
        "actor": config.TextColumn(tr("Who"), width=85),
        "action": config.TextColumn(tr("What"), width=185),
        "subject": config.TextColumn(tr("Which"), width=225),
        "change": config.TextColumn(tr("What changed"), width=225),
    }
    rows = (
        {
            "id": str(row.id), "at": moment(row.at), "actor": who(row.actor), "action": what(row.action), "subject": row.subject,
            "change": audit_values.in_short(row.before, row.after),
        }
        for row in entries
    )  # fmt: skip
    key = grid.editor_key("audit_rows", (row.id for row in entries))

    def clicked() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        if cells and cells[0][0] < len(entries):
            grid.new_editor("audit_rows")
            st.session_state[ASKED] = entries[cells[0][0]]

    grid.show(
        table(rows, columns), columns, name=key, alt=tr("Audit entries, the latest first"), on_select=clicked,
        selection_mode="single-cell",
    )  # fmt: skip
    asked = st.session_state.pop(ASKED, None)
    if asked is not None:
        st.dialog(what(asked.action), width="large")(_entry)(asked)


def _entry(row: AuditRow) -> None:
    """All of one entry: who, when, which, and each value before and after."""
    dialogs.opened()
    st.markdown(f"**{escape(row.subject)}**")
    st.caption(f"{moment(row.at)} · {escape(who(row.actor))} · {tr('entry {number}', number=str(row.id))}")
    found = audit_values.rows(row.before, row.after)
    if not found:
        st.caption(tr("Nothing more was written down."))
        return
    config = st.column_config
    columns = {
        "name": config.TextColumn(tr("What"), width=160),
        "before": config.TextColumn(tr("Before"), width=240),
        "after": config.TextColumn(tr("After"), width=240),
    }
    frame = table(({"name": name, "before": was, "after": now} for name, was, now in found), columns)
    grid.show(frame, columns, name=f"audit_values_{row.id}", alt=tr("Values before and after"))


def _days(today: date) -> tuple[date | None, date | None]:
    """From which day until which; empty for all."""
    chosen = st.date_input(
        tr("Days"), (), max_value=today, key="audit_days", format=day_format(), width=230, label_visibility="collapsed",
        help=tr("The first and the last day."),
    )  # fmt: skip
    days = list(chosen) if isinstance(chosen, tuple | list) else [chosen]
    return (days[0] if days else None), (days[1] if len(days) > 1 else None)


def _verdict() -> None:
    """What the last check of this visit found, of each chain for itself."""
    if CHECKED not in st.session_state:
        return
    at, checks = st.session_state[CHECKED]
    words = "\n\n".join(escape(tr(check.message)) for check in checks)
    whole = all(check.ok for check in checks)
    (st.success if whole else st.error)(
        f"**{escape(tr('Checked on {moment}', moment=at))}**\n\n{words}",
        icon=":material/link:" if whole else ":material/link_off:",
    )
