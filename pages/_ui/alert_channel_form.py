"""One channel: who gets it, in which language, and how it is sent."""

from __future__ import annotations

from datetime import time

import streamlit as st

from core.i18n import LANGUAGES
from core.services import alerts
from core.services.alerts import ChannelCard
from pages._ui import alert_words, auth, dialogs, settings_form, states
from pages._ui.formats import language, tr
from pages._ui.schedule_form import weekdays


def ask(card: ChannelCard | None) -> None:
    def body() -> None:
        dialogs.opened()
        with states.explained():
            _form(card)

    st.dialog(tr("Change the channel") if card else tr("Add a channel"), width="large")(body)()


def _form(card: ChannelCard | None) -> None:
    kinds = alert_words.channel_kinds()
    if card is None:
        kind = st.segmented_control(
            tr("Kind"),
            list(kinds),
            default="smtp",
            format_func=lambda one: kinds[one],
            key="channel_kind",
            required=True,
        )
        kind = str(kind or "smtp")
        for step in _guide(kind):
            st.caption(step)
    else:
        kind = card.kind
    key = f"channel_{kind}"
    left, right = st.columns(2, gap="large")
    with left:
        name = st.text_input(tr("Name"), card.name if card else kinds[kind], key=f"{key}_name", max_chars=80)
        recipients: list[str] = []
        if kind != "teams":
            have = list(card.recipients) if card else []
            recipients = st.multiselect(
                tr("Recipients"), have, have, accept_new_options=True, key=f"{key}_recipients",
                placeholder=tr("Type an address and press Enter"),
            )  # fmt: skip
        tongue = st.selectbox(
            tr("Language"), list(LANGUAGES), index=list(LANGUAGES).index(card.language if card else language()),
            format_func=lambda code: LANGUAGES[code], key=f"{key}_language",
        )  # fmt: skip
        at = st.time_input(
            tr("Digest at"), time.fromisoformat(card.digest_at if card else "08:00"), key=f"{key}_at", step=900
        )
        days = weekdays()
        weekday = st.selectbox(
            tr("Weekly digest on"), list(days), format_func=lambda one: days[one], key=f"{key}_weekday",
            index=list(days).index(card.digest_weekday if card else "monday"),
        )  # fmt: skip
    fields, secret_fields = alerts.channel_form(kind)
    with right:
        stored = card.settings if card else {}
        entered = settings_form.draw([field for field in fields if field.required], stored, key)
        secrets = settings_form.draw_secrets(secret_fields, card.secrets_set if card else frozenset(), f"{key}_secret")
        further = [field for field in fields if not field.required]
        with st.expander(tr("Further settings ({count})", count=len(further)), icon=":material/tune:"):
            entered |= settings_form.draw(further, stored, key)
    if st.button(tr("Save"), type="primary", icon=":material/save:", key="channel_save"):
        values = {
            "name": name, "settings": entered, "recipients": recipients, "language": tongue, "digest_at": f"{at:%H:%M}",
            "digest_weekday": weekday,
        }  # fmt: skip
        alerts.save_channel(auth.context(), auth.actor(), card.id if card else 0, kind, values, secrets)
        states.done(tr("Saved. Send a test to see whether it arrives."))
        st.rerun()


def _guide(kind: str) -> tuple[str, ...]:
    if kind == "teams":
        return (
            tr("In Teams: the channel, Workflows, “Send webhook alerts to a channel”. Copy the address that it shows."),
            tr("Add a second owner to the flow: it ends when its only owner leaves."),
        )
    if kind == "graph":
        return (
            tr("For mailboxes of Microsoft 365: an app registration with the application permission Mail.Send."),
            tr("Restrict that permission to this one mailbox in Exchange."),
        )
    return (tr("Any mail server. Microsoft 365 switches passwords off for it: use the other kind there."),)
