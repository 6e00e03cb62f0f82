"""Rules: for everything, for a portal, for a product of it; and when credentials end."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.domain.alerts.rules import AlertRule, RuleKind
from core.services import alerts
from pages._ui import alert_rule_form, alert_words, auth, grid, states
from pages._ui.formats import day, day_format, table, tr
from pages._ui.words import GRAY, GREEN, ORANGE, status_column


def show() -> None:
    context, actor = auth.context(), auth.actor()
    rules = sorted(
        alerts.rules(context, actor), key=lambda rule: (list(RuleKind).index(rule.kind), rule.reach, rule.id)
    )
    channels = {card.id: card.name for card in alerts.channels(context, actor)}
    st.caption(tr("A rule of a portal or product takes the place of the wider one; switched off, it is an exception."))
    if st.button(tr("Add a rule"), type="primary", icon=":material/add_alert:", key="add_rule"):
        alert_rule_form.ask(None, channels)
    _list(rules, channels)
    with st.expander(tr("When do credentials end?"), icon=":material/key:"):
        _credentials()


def _list(rules: Sequence[AlertRule], channels: dict[int, str]) -> None:
    context, actor = auth.context(), auth.actor()
    now = context.clock.now()
    kinds, severities, tellings = alert_words.kinds(), alert_words.severities(), alert_words.tellings()
    wanted = {rule.portal_id for rule in rules if rule.product and rule.portal_id}
    products = {portal: alerts.products_of(context, actor, portal) for portal in wanted}
    modes = {"on": tr("In use"), "muted": tr("Muted"), "off": tr("Off")}
    config = st.column_config
    columns = {
        "open": config.ButtonColumn("", width=70, type="tertiary", key="rule_edit", pinned=True),
        "mode": status_column(tr("Status"), modes, {"on": GREEN, "muted": ORANGE, "off": GRAY}, width=80),
        "kind": config.TextColumn(tr("Tell when …"), width=185),
        "limits": config.TextColumn(tr("From when on"), width=170),
        "place": config.TextColumn(tr("For"), width=90),
        "severity": status_column(tr("Severity"), severities, alert_words.SEVERITY_COLORS, width=110),
        "telling": config.TextColumn(tr("When"), width=95),
        "channels": config.TextColumn(tr("To"), width=96),
    }
    frame = table(
        (
            {
                "open": tr("Change"), "kind": kinds[rule.kind], "limits": alert_words.limits(rule),
                "place": alert_words.place(rule, products.get(rule.portal_id or 0, {})), "severity": [severities[rule.severity]],
                "telling": tellings[rule.telling],
                "channels": ", ".join(channels[one] for one in rule.channels if one in channels) or tr("All channels"),
                "mode": [modes["off" if not rule.enabled else "muted" if rule.is_muted(now) else "on"]],
            }
            for rule in rules
        ),
        columns,
    )  # fmt: skip
    grid.show(frame, columns, name=grid.editor_key("alert_rules", (rule.id for rule in rules)), alt=tr("Alert rules"))
    click = st.session_state.get("rule_edit")
    if click and 0 <= click["row"] < len(rules):
        alert_rule_form.ask(rules[click["row"]], channels)


def _credentials() -> None:
    context, actor = auth.context(), auth.actor()
    known = alerts.credential_ends(context, actor)
    if not known:
        st.caption(tr("No portal is connected yet."))
        return
    st.caption(tr("Vendors rarely tell. Enter the last day, and the rule for credentials warns ahead."))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        portal = st.selectbox(tr("Portal"), list(known), key="credential_portal", width=280)
        end = st.date_input(
            tr("Last day"), known[portal], key=f"credential_day_{portal}", format=day_format(), width=170,
            min_value=context.clock.today().replace(year=2020), max_value=context.clock.today().replace(year=2099, day=1),
        )  # fmt: skip
        if st.button(tr("Save"), key="credential_save"):
            with states.explained():
                alerts.set_credential_end(context, actor, portal, end)
                states.done(tr("Saved."))
                st.rerun()
    for name, last in known.items():
        if last is not None:
            st.markdown(tr("{portal}: {day}", portal=name, day=day(last)))
