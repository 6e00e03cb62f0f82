"""One subscription: what it is, whether the contract follows, what happened to it in order, and what was written."""

from __future__ import annotations

import streamlit as st

from core.domain.plan import Change
from core.services import subscriptions
from core.services.access import Role
from core.services.subscriptions import LedgerRow, SubscriptionDetail, SubscriptionRow
from pages._ui import (
    auth,
    change_detail,
    dialogs,
    grid,
    new_subscription_flow,
    states,
    subscription_events,
    subscription_words,
    words,
)
from pages._ui.formats import day, escape, moment, money, number, table, tr
from pages._ui.shell import link

ASKED = "_subscription_asked"


def ask(portal: str, customer_id: str, subscription_id: str) -> None:
    """Show this subscription when the page is drawn."""
    st.session_state[ASKED] = (portal, customer_id, subscription_id)


def show_asked() -> None:
    if asked := st.session_state.pop(ASKED, None):
        st.dialog(tr("One subscription"), width=800, position="right")(_body)(*asked)


def _body(portal: str, customer_id: str, subscription_id: str) -> None:
    dialogs.opened()
    with states.explained():
        detail = subscriptions.subscription_detail(auth.context(), auth.actor(), portal, customer_id, subscription_id)
        _head(detail.rows[0])
        for row in detail.rows:
            if len(detail.rows) > 1:
                st.markdown(f"**{escape(row.product)}**")
            _state(row)
        _changes(detail)
        subscription_events.show(detail.events)
        _written(detail.ledger)


def _head(row: SubscriptionRow) -> None:
    st.markdown(f"**{escape(row.product)}** · {escape(row.company or row.customer)}")
    parts = (row.name if row.name != row.product else "", row.portal, row.subscription_id)
    st.caption(escape(" · ".join(part for part in parts if part)))


def _state(row: SubscriptionRow) -> None:
    """Where it stands: on which contract, and what keeps it from being in sync."""
    with st.container(horizontal=True, gap="small"):
        st.badge(
            subscription_words.badges().get(row.badge, row.badge),
            color=subscription_words.BADGE_NAMES.get(row.badge, "gray"),
        )
        status = subscription_words.statuses().get(row.status, row.status)
        st.badge(status, color="green" if row.status == "active" else "orange" if row.status == "suspended" else "gray")
        if row.auto_renew is not None:
            st.badge(tr("Renews by itself") if row.auto_renew else tr("Does not renew by itself"), color="gray")
    with st.container(horizontal=True, gap="small"):
        st.metric(tr("Count"), number(row.quantity), border=True, width="content")
        if term := words.term(row.term, row.billing_frequency):
            st.metric(tr("Term, billing"), term, border=True, width="content")
        if row.renewal:
            st.metric(tr("Next term"), day(row.renewal), border=True, width="content")
        if row.unit_price is not None:
            st.metric(tr("Price a unit"), money(row.unit_price, row.currency or "EUR"), border=True, width="content")
    if row.contract:
        line = f" · #{row.line.id}" if row.line else ""
        st.caption(tr("On contract {contract}{line}", contract=escape(row.contract), line=line))
    if row.problem:
        st.warning(escape(tr(row.problem)), icon=":material/sync_problem:")
    on_no_line = row.present and not row.contract and row.badge in ("unmapped", "out_of_sync")
    key = f"map_{row.product}_{row.term}"
    if (
        on_no_line
        and auth.may(Role.OPERATOR)
        and st.button(tr("Put it on a contract"), icon=":material/add_link:", key=key)
    ):
        new_subscription_flow.go(row.portal, row.customer_id, row.subscription_id)


def _changes(detail: SubscriptionDetail) -> None:
    if not detail.changes:
        return
    st.markdown(f"**{tr('Still to be changed')}**")
    for change in detail.changes:
        st.markdown(f"- {_change(change)}")
    link("changes", tr("Open the changes"))


def _change(change: Change) -> str:
    states_of = words.change_states()
    units = (
        tr("{old} to {new}", old=number(change.from_units), new=number(change.to_units))
        if change.unit_change
        else tr("the price")
    )
    parts = (
        units,
        tr("from {day} on", day=day(change.effective_date)),
        states_of.get(change.status.value, change.status.value),
        tr(change.holds[0]) if change.holds else tr(change.reason),
    )
    return " · ".join(escape(part) for part in parts)


def _written(steps: tuple[LedgerRow, ...]) -> None:
    st.markdown(f"**{tr('What was written on its contract line')}**")
    if not steps:
        st.caption(tr("Nothing was sent to Autotask yet."))
        return
    names = change_detail.step_words()
    columns = ("at", "event", "date", "run")
    frame = table(
        (
            {
                "at": moment(step.at),
                "event": names.get(step.event, step.event),
                "date": day(step.effective_date),
                "run": str(step.run_id or ""),
            }
            for step in reversed(steps)
        ),
        columns,
    )
    config = st.column_config
    shown = {
        "at": config.TextColumn(tr("When"), width=130),
        "event": config.TextColumn(tr("What"), width=260),
        "date": config.TextColumn(tr("From date"), alignment="right", width=90),
        "run": config.TextColumn(tr("Run"), alignment="right", width=60),
    }
    grid.show(frame, shown, name="subscription_written", alt=tr("What was written on its contract line"))
