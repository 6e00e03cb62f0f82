"""The address that a portal sends to: shown once, rotated, switched off; its secret, replaced without a gap."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from core.services import webhooks
from core.services.webhooks import HookCard
from pages._ui import auth, dialogs, states
from pages._ui.formats import escape, moment, tr


def remember(portal: str, path: str) -> None:
    """Keep a new address for this person until the next one is made or the browser is closed: nowhere else is it known."""
    st.session_state[f"_hook_{portal}"] = path


def show(hook: HookCard, *, editable: bool) -> None:
    path = st.session_state.get(f"_hook_{hook.portal}")
    if path and hook.has_address:
        st.success(tr("Copy this address now: it is shown this once."), icon=":material/content_copy:")
        st.code(_whole(path), language=None, wrap_lines=True)
    elif hook.has_address:
        st.markdown(
            escape(
                tr(
                    "Made {when} by {person}. It was shown then, and is not kept.",
                    when=moment(hook.made_at),
                    person=hook.made_by,
                )
            )
        )
    else:
        st.info(tr("There is no address yet. Make one and give it to the sender."), icon=":material/link:")
    if hook.settings.switched_off:
        st.warning(tr("The address is switched off: senders are told that it is gone."), icon=":material/link_off:")
    if hook.previous_until:
        st.info(
            tr("The secret before this one counts until {moment}.", moment=moment(hook.previous_until)),
            icon=":material/key:",
        )
    for warning in hook.warnings:
        st.warning(tr(warning), icon=":material/warning:")
    if editable:
        _buttons(hook)


def _buttons(hook: HookCard) -> None:
    context, actor = auth.context(), auth.actor()
    with st.container(horizontal=True, gap="small"):
        if not hook.has_address and st.button(
            tr("Make an address"), type="primary", icon=":material/add_link:", key="hook_make"
        ):
            with states.explained():
                remember(hook.portal, webhooks.make_address(context, actor, hook.portal))
                st.rerun()
        if hook.has_address and st.button(tr("New address"), icon=":material/autorenew:", key="hook_rotate"):
            dialogs.confirm(
                tr("Make a new address?"),
                tr("The present address ends at once: senders need the new one."),
                tr("New address"),
                lambda: _rotate(hook.portal),
                icon=":material/autorenew:",
            )
        if hook.settings.verification.needs_secret and st.button(
            tr("New secret"), icon=":material/key:", key="hook_secret"
        ):
            _rotate_secret(hook)
        off = hook.settings.switched_off
        if hook.has_address and st.button(
            tr("Switch on") if off else tr("Switch off"),
            icon=f":material/{'link' if off else 'link_off'}:",
            key="hook_switch",
        ):
            with states.explained():
                webhooks.switch(context, actor, hook.portal, on=off)
                st.rerun()


def _rotate(portal: str) -> str:
    remember(portal, webhooks.make_address(auth.context(), auth.actor(), portal, rotate=True))
    return tr("The new address is shown on the page.")


def _rotate_secret(hook: HookCard) -> None:
    def body() -> None:
        dialogs.opened()
        st.markdown(tr("For a while both secrets count, so that nothing is lost while the sender changes over."))
        if "hook_fresh" not in st.session_state:
            st.session_state["hook_fresh"] = webhooks.new_secret()
        secret = st.text_input(
            tr("New secret"), key="hook_fresh", help=tr("Copy it to the sender. It is not shown again.")
        )
        days = st.number_input(
            tr("Days the old one still counts"), 0, webhooks.LONGEST_ROTATION_DAYS, 2, key="hook_days"
        )
        if st.button(tr("Use the new secret"), type="primary", key="hook_secret_save"):
            with states.explained():
                webhooks.rotate_secret(auth.context(), auth.actor(), hook.portal, secret.strip(), keep_days=days)
                states.done(tr("The new secret counts from now on."))
                st.rerun()

    st.dialog(tr("New secret for {portal}", portal=hook.portal))(body)()


def _whole(path: str) -> str:
    """The address as the sender needs it: where this very page is served."""
    path = auth.sub_path() + path
    try:
        here = urlsplit(st.context.url or "")
    except RuntimeError:
        return path
    return f"{here.scheme}://{here.netloc}{path}" if here.netloc else path
