"""What was raised: open, muted or over; each leads to where it is dealt with."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from core.services import alerts, portals
from core.services.alerts import AlertView
from pages._ui import alert_words, auth, dialogs, grid, states
from pages._ui.formats import ago, escape, moment, table, tr
from pages._ui.words import status_column

MUTES = (1, 7, 30, 365)


def show() -> None:
    context, actor = auth.context(), auth.actor()
    names = [card.name for card in portals.list_portals(context, actor)]
    query = grid.filters(
        "raised", statuses={"open": tr("Ongoing"), "resolved": tr("Over")}, portals=names, search=tr("Customer, product, portal"),
        sorts={"newest": tr("newest first")},
    )  # fmt: skip
    page = alerts.alerts(context, actor, query)
    if not page.total:
        filtered = query.text or query.status or query.portal
        states.empty(
            tr("Nothing was raised"),
            tr("No alert passes this filter.")
            if filtered
            else tr("Every run and every half hour the rules look again."),
            ":material/notifications_off:",
        )
        return
    kinds, severities, open_states = alert_words.kinds(), alert_words.severities(), alert_words.states()
    config = st.column_config
    columns = {
        "open": config.ButtonColumn("", width=70, type="tertiary", key="alert_open", pinned=True),
        "severity": status_column(tr("Severity"), severities, alert_words.SEVERITY_COLORS, width=110),
        "title": config.TextColumn(tr("What is the matter"), width=425),
        "state": status_column(tr("Status"), open_states, alert_words.STATE_COLORS, width=85),
        "since": config.TextColumn(tr("Since"), width=90, alignment="right"),
        "told": config.TextColumn(tr("Told"), width=110, alignment="right"),
        "kind": config.TextColumn(tr("Rule"), width=180),
    }
    frame = table(
        (
            {
                "open": tr("Details"), "severity": [severities[row.severity]], "title": tr(row.title),
                "kind": kinds.get(row.kind, row.kind), "state": [open_states[row.state]], "since": ago(row.opened_at),
                "told": _told(row),
            }
            for row in page.rows
        ),
        columns,
    )  # fmt: skip
    grid.show(
        frame, columns, name=grid.editor_key("raised", (row.id for row in page.rows)), alt=tr("Alerts"),
        column_order=("open", "severity", "title", "state", "since", "told"),
    )  # fmt: skip
    grid.pager("raised", query, page.total)
    click = st.session_state.get("alert_open")
    if click and 0 <= click["row"] < len(page.rows):
        _ask(page.rows[click["row"]])


def _ask(row: AlertView) -> None:
    def body() -> None:
        dialogs.opened()
        st.markdown(f"**{escape(tr(row.title))}**")
        for detail in row.details:
            st.markdown(escape(tr(detail)))
        st.caption(_story(row))
        if row.page and row.page != "alerts":
            st.page_link(
                f"pages/{row.page}.py", label=tr("Go there"), icon=":material/arrow_forward:", query_params=dict(row.filters)
            )  # fmt: skip
        if row.state == "muted":
            st.info(
                tr("Muted until {moment}: {reason}", moment=row.muted_until, reason=row.mute_reason),
                icon=":material/notifications_paused:",
            )
            if st.button(tr("Tell again"), icon=":material/notifications:", key="alert_unmute"):
                _mute(row.id, None, "")
        elif row.state == "open":
            _mute_form(row.id)

    st.dialog(alert_words.kinds().get(row.kind, row.kind), width="medium")(body)()


def _mute_form(alert_id: int) -> None:
    labels = {1: tr("a day"), 7: tr("a week"), 30: tr("a month"), 365: tr("a year")}
    with st.form("mute_alert", border=True):
        st.markdown(f"**{tr('Do not tell this again for a while')}**")
        left, right = st.columns([1, 2])
        days = left.selectbox(tr("For"), MUTES, index=1, format_func=lambda day: labels[day], key="mute_days")
        reason = right.text_input(tr("Reason"), key="mute_reason", max_chars=200)
        if st.form_submit_button(tr("Mute"), icon=":material/notifications_paused:"):
            _mute(alert_id, days, reason)


def _mute(alert_id: int, days: int | None, reason: str) -> None:
    context, actor = auth.context(), auth.actor()
    until = context.clock.now() + timedelta(days=days) if days else None
    with states.explained():
        alerts.mute_alert(context, actor, alert_id, until, reason)
        states.done(tr("Muted.") if until else tr("It is told again."))
        grid.new_editor("raised")
        st.rerun()


def _told(row: AlertView) -> str:
    if row.sent_at:
        return ago(row.sent_at)
    if row.due_at:
        return tr("on {moment}", moment=moment(row.due_at))
    return tr("nobody") if row.resolved_at else tr("not yet")


def _story(row: AlertView) -> str:
    parts = [tr("Raised {moment}", moment=moment(row.opened_at))]
    if row.sent_at:
        parts.append(tr("told {count}×, last {moment}", count=row.times, moment=moment(row.sent_at)))
    if row.due_at:
        parts.append(tr("goes out {moment}", moment=moment(row.due_at)))
    if row.resolved_at:
        parts.append(tr("over since {moment}", moment=moment(row.resolved_at)))
    return " · ".join(parts)
