"""Deliveries: each message with what became of it."""

from __future__ import annotations

import streamlit as st

from core.services import alerts
from pages._ui import alert_words, auth, grid, states
from pages._ui.formats import moment, table, tr
from pages._ui.words import status_column


def show() -> None:
    context, actor = auth.context(), auth.actor()
    names, kinds = alert_words.message_states(), alert_words.message_kinds()
    query = grid.filters(
        "messages", statuses=names, search=tr("Channel"), sorts={"newest": tr("newest first")},
    )  # fmt: skip
    page = alerts.messages(context, actor, query)
    if not page.total:
        states.empty(
            tr("Nothing was sent"),
            tr("Messages stand here from the moment they wait to be sent."),
            ":material/outgoing_mail:",
        )
        return
    config = st.column_config
    columns = {
        "at": config.TextColumn(tr("At"), width=130),
        "channel": config.TextColumn(tr("Channel"), width=140),
        "what": config.TextColumn(tr("What")),
        "kind": config.TextColumn(tr("Kind"), width=120),
        "state": status_column(tr("Status"), names, alert_words.MESSAGE_COLORS, width=110),
        "attempts": config.TextColumn(tr("Attempts"), width=80, alignment="right"),
        "note": config.TextColumn(tr("Note")),
        "again": config.ButtonColumn("", width=105, type="tertiary", key="message_again"),
    }
    frame = table(
        (
            {
                "at": moment(row.ended_at or row.created_at), "channel": row.channel,
                "what": tr(row.subject) if row.subject else tr("{count} alerts", count=row.alerts), "kind": kinds[row.kind],
                "state": [names[row.state]], "attempts": str(row.attempts), "note": _note(row),
                "again": tr("Send again") if row.state == "failed" else None,
            }
            for row in page.rows
        ),
        columns,
    )  # fmt: skip
    grid.show(frame, columns, name=grid.editor_key("messages", (row.id for row in page.rows)), alt=tr("Messages"))
    grid.pager("messages", query, page.total)
    click = st.session_state.get("message_again")
    if click and 0 <= click["row"] < len(page.rows) and page.rows[click["row"]].state == "failed":
        with states.explained():
            alerts.send_again(context, actor, page.rows[click["row"]].id)
            states.done(tr("It is sent once more."))
            grid.new_editor("messages")
            st.rerun()


def _note(row: alerts.MessageView) -> str:
    if row.error is not None:
        return tr(row.error)
    if row.state == "waiting":
        return tr("goes out {moment}", moment=moment(row.next_at))
    return row.reference
