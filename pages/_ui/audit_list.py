"""The audit: who did what, before and after; its chain can be checked at any time."""

from __future__ import annotations

import orjson
import streamlit as st

from core.services import activity
from pages._ui import auth, grid, states
from pages._ui.formats import escape, moment, table, tr


def show() -> None:
    context, actor = auth.context(), auth.actor()
    query = grid.filters("audit", search=tr("Who, what or which"), sorts={"-id": tr("time")})
    verdict = st.container()
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button(tr("Check the chain"), icon=":material/link:", key="verify_chain"):
            with verdict, states.explained():
                check = activity.verify(context, actor)
                (st.success if check.ok else st.error)(escape(tr(check.message)), icon=":material/link:")
        st.download_button(
            tr("Audit as CSV"), data=lambda: "".join(activity.export_audit(context, actor)).encode("utf-8-sig"),
            file_name="contractbridge-audit.csv", mime="text/csv", icon=":material/download:", key="export_audit",
            on_click="ignore",
        )  # fmt: skip
    page = activity.audit(context, actor, query)
    if not page.total:
        states.empty(tr("Nothing here"), tr("No entry of the audit passes this filter."), ":material/fact_check:")
        return
    config = st.column_config
    columns = {
        "id": config.TextColumn(tr("No."), alignment="right", width=60),
        "at": config.TextColumn(tr("When"), width=130),
        "actor": config.TextColumn(tr("Who"), width=130),
        "action": config.TextColumn(tr("What"), width=180),
        "subject": config.TextColumn(tr("Which"), width=240),
        "before": config.TextColumn(tr("Before"), width=200),
        "after": config.TextColumn(tr("After")),
    }
    rows = (
        {
            "id": str(row.id), "at": moment(row.at), "actor": row.actor, "action": row.action, "subject": row.subject,
            "before": readable(row.before), "after": readable(row.after),
        }
        for row in page.rows
    )  # fmt: skip
    grid.show(table(rows, columns), columns, name="audit_rows", alt=tr("Audit entries, the latest first"))
    grid.pager("audit", query, page.total)


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
