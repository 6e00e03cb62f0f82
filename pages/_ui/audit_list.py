"""The audit: who did what, before and after; its chain can be checked at any time."""

from __future__ import annotations

from datetime import date

import orjson
import streamlit as st

from core.services import activity
from pages._ui import auth, choices, grid, states
from pages._ui.audit_words import what
from pages._ui.formats import escape, moment, table, tr

CHECKED = "_audit_checked"


def show() -> None:
    context, actor, asker = auth.context(), auth.actor(), auth.asker()
    query = grid.filters("audit", search=tr("Who, what or which"), sorts={"-id": tr("time")})
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        people = {"": tr("Everybody"), **{name: name for name in activity.audit_people(context, actor)}}
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
    page = activity.audit(context, actor, query, by=by, since=since, until=until)
    if not page.total:
        states.empty(tr("Nothing here"), tr("No entry of the audit passes this filter."), ":material/fact_check:")
        return
    config = st.column_config
    columns = {
        "id": config.TextColumn(tr("No."), alignment="right", width=60),
        "at": config.TextColumn(tr("When"), width=130),
        "actor": config.TextColumn(tr("Who"), width=100),
        "action": config.TextColumn(tr("What"), width=180),
        "subject": config.TextColumn(tr("Which"), width=190),
        "before": config.TextColumn(tr("Before"), width=110),
        "after": config.TextColumn(tr("After")),
    }
    rows = (
        {
            "id": str(row.id), "at": moment(row.at), "actor": row.actor, "action": what(row.action), "subject": row.subject,
            "before": readable(row.before), "after": readable(row.after),
        }
        for row in page.rows
    )  # fmt: skip
    grid.show(table(rows, columns), columns, name="audit_rows", alt=tr("Audit entries, the latest first"))
    grid.pager("audit", query, page.total)


def _days(today: date) -> tuple[date | None, date | None]:
    """From which day until which; empty for all."""
    chosen = st.date_input(
        tr("Days"), (), max_value=today, key="audit_days", format="DD-MM-YYYY", width=230, label_visibility="collapsed",
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


def readable(document: str) -> str:
    """`{"company_id": 1003, "ignored": null}` as `company_id: 1003`; what is no document stays as it is."""
    try:
        values = orjson.loads(document)
    except orjson.JSONDecodeError:
        return document
    if not isinstance(values, dict):
        return document
    shown = ((name, value) for name, value in values.items() if value not in (None, "", [], {}))
    return ", ".join(
        f"{name}: {value if isinstance(value, str) else orjson.dumps(value).decode()}" for name, value in shown
    )
