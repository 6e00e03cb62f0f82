"""Channels: where alerts go, whether they arrive, and how to set one up."""

from __future__ import annotations

import streamlit as st

from core.services import alerts
from core.services.access import Role
from core.services.alerts import ChannelCard
from pages._ui import alert_channel_form, alert_words, auth, dialogs, portal_detail, states
from pages._ui.formats import ago, day, escape, tr


def show() -> None:
    context, actor = auth.context(), auth.actor()
    cards = alerts.channels(context, actor)
    admin = auth.may(Role.ADMIN)
    if not cards:
        with states.empty(
            tr("Nobody is told yet"),
            tr(
                "Add a channel: alerts go out by e-mail or to a Teams channel. Until then they stand on this page alone."
            ),
            ":material/forward_to_inbox:",
        ):
            _add(admin)
    else:
        _add(admin)
        columns = st.columns(2, gap="medium")
        for place, card in enumerate(cards):
            with columns[place % 2]:
                _card(card, admin=admin)
    if admin:
        _public_url()


def _add(admin: bool) -> None:
    if not admin:
        st.caption(tr("An administrator sets up channels."))
    elif st.button(tr("Add a channel"), type="primary", icon=":material/add:", key="add_channel"):
        alert_channel_form.ask(None)


def _card(card: ChannelCard, *, admin: bool) -> None:
    context, actor = auth.context(), auth.actor()
    with st.container(border=True, key=f"channel_{card.id}"):
        icon = ":material/groups:" if card.kind == "teams" else ":material/mail:"
        st.markdown(f"{icon} **{escape(card.name)}** · {alert_words.channel_kinds()[card.kind]}")
        st.text(card.address or ", ".join(card.recipients))
        st.caption(escape(_state(card)))
        if card.off_reason is not None:
            st.error(
                tr("Switched off because it kept failing: {reason}", reason=card.off_reason), icon=":material/link_off:"
            )
        elif not card.enabled:
            st.info(tr("Switched off."), icon=":material/pause:")
        with st.container(horizontal=True, gap="small"):
            if st.button(tr("Send a test"), icon=":material/send:", key=f"channel_test_{card.id}"):
                with states.explained(), st.spinner(tr("Testing …")):
                    st.session_state[f"channel_result_{card.id}"] = alerts.test_channel(context, actor, card.id)
            if admin:
                _manage(card)
        result = st.session_state.get(f"channel_result_{card.id}")
        if result is not None:
            portal_detail.show_test(result)
            if result.ok and card.kind == "teams":
                _appeared(card)


def _manage(card: ChannelCard) -> None:
    context, actor = auth.context(), auth.actor()
    if st.button(tr("Change"), icon=":material/edit:", key=f"channel_edit_{card.id}"):
        alert_channel_form.ask(card)
    label = tr("Switch off") if card.enabled else tr("Switch on")
    icon = ":material/pause:" if card.enabled else ":material/play_arrow:"
    if st.button(label, icon=icon, key=f"channel_switch_{card.id}"):
        with states.explained():
            alerts.switch_channel(context, actor, card.id, on=not card.enabled)
            st.rerun()
    if st.button(":material/delete:", key=f"channel_remove_{card.id}", help=tr("Remove")):
        dialogs.confirm(
            tr("Remove this channel?"),
            tr("What it was told is forgotten, and so is its secret."),
            tr("Remove"),
            lambda: _remove(card),
            icon=":material/delete:",
        )


def _remove(card: ChannelCard) -> str:
    alerts.remove_channel(auth.context(), auth.actor(), card.id)
    return tr("The channel is removed.")


def _appeared(card: ChannelCard) -> None:
    """Teams tells nobody whether a card arrived: only who looks at the channel knows."""
    with st.container(horizontal=True, gap="small"):
        for appeared, label, icon in (
            (True, tr("Yes, it appeared"), ":material/thumb_up:"),
            (False, tr("No"), ":material/thumb_down:"),
        ):
            if st.button(label, icon=icon, key=f"channel_{'yes' if appeared else 'no'}_{card.id}"):
                with states.explained():
                    alerts.tell_appeared(auth.context(), auth.actor(), card.id, appeared=appeared)
                    st.session_state.pop(f"channel_result_{card.id}", None)
                    st.rerun()


def _state(card: ChannelCard) -> str:
    parts = []
    if card.last_at is not None:
        parts.append(
            tr(
                "Last message {when}: {state}",
                when=ago(card.last_at),
                state=alert_words.message_states()[card.last_state],
            )
        )
    else:
        parts.append(tr("Nothing was sent yet"))
    if card.appeared is not None and card.appeared_at is not None:
        seen = day(card.appeared_at.date())
        parts.append(
            tr("a test was seen on {day}", day=seen)
            if card.appeared
            else tr("a test of {day} did not appear", day=seen)
        )
    parts.append(tr("digest at {time}", time=card.digest_at))
    return " · ".join(parts)


def _public_url() -> None:
    context, actor = auth.context(), auth.actor()
    with st.form("public_url", border=True):
        now = alerts.public_url(context, actor)
        url = st.text_input(
            tr("Address of these pages"), now, key="public_url", placeholder="https://contracts.example.com",
            help=tr("As your people open them. Messages link to it; without it they have no links."),
        )  # fmt: skip
        if st.form_submit_button(tr("Save")):
            with states.explained():
                alerts.save_public_url(context, actor, url)
                states.done(tr("Saved."))
                st.rerun()
