"""One rule: what it looks at, where, how bad it is, when it is told and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import streamlit as st

from core.domain.alerts.rules import WITH_PORTAL, WITH_PRODUCT, AlertRule, RuleKind
from core.services import alerts, portals
from pages._ui import alert_words, auth, dialogs, grid, states
from pages._ui.formats import tr


def ask(rule: AlertRule | None, channels: Mapping[int, str]) -> None:
    def body() -> None:
        dialogs.opened()
        _form(rule, channels)

    st.dialog(tr("Change the rule") if rule else tr("Add a rule"), width="large")(body)()


def _form(rule: AlertRule | None, channels: Mapping[int, str]) -> None:
    kinds = alert_words.kinds()
    now = rule or AlertRule(kind=RuleKind.USAGE, units=Decimal(10), percent=Decimal(50))
    if rule is None:
        kind = RuleKind(_choice(tr("Tell when …"), kinds, now.kind.value, "rule_kind"))
    else:
        kind = rule.kind
        st.markdown(f"**{kinds[kind]}**")
    values: dict[str, Any] = {"id": now.id, "kind": kind.value, "enabled": now.enabled}
    values |= {"muted_until": now.muted_until, "mute_reason": now.mute_reason}
    left, right = st.columns(2, gap="large")
    with left:
        if kind in WITH_PORTAL:
            values |= _where(kind, now)
        values |= _limits(kind, now)
    with right:
        values["severity"] = _choice(tr("Severity"), alert_words.severities(), now.severity.value, "rule_severity")
        values["telling"] = _choice(tr("When"), alert_words.tellings(), now.telling.value, "rule_telling")
        chosen = [one for one in now.channels if one in channels]
        values["channels"] = st.multiselect(
            tr("To"), list(channels), chosen, format_func=lambda one: channels.get(one, ""), key="rule_channels",
            placeholder=tr("All channels"),
        )  # fmt: skip
        if rule is not None:
            values["enabled"] = st.toggle(tr("In use"), rule.enabled, key="rule_enabled")
    with st.container(horizontal=True):
        if st.button(tr("Save"), type="primary", icon=":material/save:", key="rule_save"):
            _done(lambda: alerts.save_rule(auth.context(), auth.actor(), values), tr("Saved."))
        if rule is not None and st.button(tr("Remove"), icon=":material/delete:", key="rule_remove"):
            _done(lambda: alerts.remove_rule(auth.context(), auth.actor(), rule.id), tr("The rule is removed."))
    if rule is not None:
        _mute(rule)


def _where(kind: RuleKind, now: AlertRule) -> dict[str, Any]:
    context, actor = auth.context(), auth.actor()
    cards = {card.id: card.name for card in portals.list_portals(context, actor)}
    names = {"": tr("All portals"), **{str(number): name for number, name in cards.items()}}
    portal = _choice(tr("Portal"), names, str(now.portal_id or ""), "rule_portal")
    found: dict[str, Any] = {"portal_id": int(portal) if portal else None}
    if portal and kind in WITH_PRODUCT:
        products = {"": tr("All products"), **alerts.products_of(context, actor, int(portal))}
        found["product"] = _choice(tr("Product"), products, now.product, "rule_product")
    return found


def _limits(kind: RuleKind, now: AlertRule) -> dict[str, Any]:
    if kind is RuleKind.USAGE:
        return _jump(now)
    if kind is RuleKind.LEAKAGE:
        help_words = tr("In the currency of the contracts, per customer.")
        return {
            "amount": st.number_input(
                tr("More than"), 0, 10_000_000, int(now.amount), key="rule_amount", help=help_words
            )
        }
    if kind in (RuleKind.CONTRACT_END, RuleKind.CREDENTIAL):
        return {"days": st.number_input(tr("Days ahead"), 0, 730, now.days, key="rule_days")}
    return {}


def _jump(now: AlertRule) -> dict[str, Any]:
    found: dict[str, Any] = {
        "per": _choice(tr("Count"), alert_words.pers(), now.per.value, "rule_per"),
        "baseline": _choice(tr("Compare with"), alert_words.baselines(), now.baseline.value, "rule_baseline"),
        "direction": _choice(tr("Direction"), alert_words.directions(), now.direction.value, "rule_direction"),
    }
    units, percent = st.columns(2)
    found["units"] = (
        units.number_input(tr("At least, units"), 0, 1_000_000, int(now.units or 0), key="rule_units") or None
    )
    found["percent"] = (
        percent.number_input(tr("At least, percent"), 0, 100_000, int(now.percent or 0), key="rule_percent") or None
    )
    if found["baseline"] == "usual":
        found["band"] = st.number_input(
            tr("Times the usual spread"), 1, 50, int(now.band), key="rule_band",
            help=tr("How far from the median of the last weeks, in median absolute deviations."),
        )  # fmt: skip
    return found


def _mute(rule: AlertRule) -> None:
    context, actor = auth.context(), auth.actor()
    st.divider()
    if rule.is_muted(context.clock.now()):
        st.info(
            tr("Muted until {moment}: {reason}", moment=rule.muted_until, reason=rule.mute_reason),
            icon=":material/notifications_paused:",
        )
        if st.button(tr("Tell again"), icon=":material/notifications:", key="rule_unmute"):
            _done(lambda: alerts.mute_rule(context, actor, rule.id, None), tr("It is told again."))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.number_input(tr("Mute for days"), 1, 365, 7, key="rule_mute_days", width=150)
        reason = st.text_input(tr("Reason"), key="rule_mute_reason", max_chars=200)
        if st.button(tr("Mute"), icon=":material/notifications_paused:", key="rule_mute"):
            until = context.clock.now() + timedelta(days=days)
            _done(lambda: alerts.mute_rule(context, actor, rule.id, until, reason), tr("Muted."))


def _choice(label: str, options: Mapping[str, str], value: str, key: str) -> str:
    names = list(options)
    index = names.index(value) if value in names else 0
    return str(st.selectbox(label, names, index=index, format_func=lambda one: options.get(one, one), key=key))


def _done(act: Any, sentence: str) -> None:
    with states.explained():
        act()
        states.done(sentence)
        grid.new_editor("alert_rules")
        st.rerun()
