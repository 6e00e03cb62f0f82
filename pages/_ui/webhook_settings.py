"""How the sender of a webhook signs, and how much of it is taken."""

from __future__ import annotations

import streamlit as st

from core.services import portals, webhooks
from core.services.portals import PortalDetail
from pages._ui import auth, states, webhook_form
from pages._ui.formats import tr


def show(detail: PortalDetail, name: str, *, editable: bool) -> None:
    hook = webhooks.hook_card(auth.context(), auth.actor(), detail.card.name)
    verification, secret = webhook_form.draw(
        hook.settings.verification.model_dump(mode="json"), f"hook_{hook.portal}", secret_set=hook.secret_set
    )
    with st.expander(tr("Limits"), icon=":material/tune:"):
        networks = st.multiselect(
            tr("Allowed addresses"), hook.settings.allowed_networks, hook.settings.allowed_networks,
            accept_new_options=True, key="hook_networks",
            help=tr("Networks the sender may come from, such as 203.0.113.0/24. Empty: any."),
        )  # fmt: skip
        left, right = st.columns(2, gap="medium")
        rate = left.number_input(
            tr("Requests per minute"), 1, 100_000, hook.settings.requests_per_minute, key="hook_rate"
        )
        largest = right.number_input(
            tr("Largest body (KB)"), 1, 51_200, max(1, hook.settings.most_bytes // 1024), key="hook_largest"
        )
        quiet = left.number_input(
            tr("Seconds of quiet before a sync"), 0.0, 600.0, hook.settings.settle_seconds, key="hook_quiet"
        )
        longest = right.number_input(
            tr("Longest wait for a sync (seconds)"), 0.0, 3600.0, hook.settings.settle_at_most, key="hook_longest"
        )
    if editable and st.button(tr("Save"), type="primary", key="hook_save"):
        fresh: dict[str, object] = dict(detail.settings) | {
            "verification": verification, "allowed_networks": networks, "requests_per_minute": rate,
            "most_bytes": int(largest) * 1024, "settle_seconds": quiet, "settle_at_most": longest,
        }  # fmt: skip
        webhooks.save_settings(auth.context(), auth.actor(), hook.portal, fresh, secret=secret)
        if name.strip() != hook.portal:
            portals.update_portal(auth.context(), auth.actor(), hook.portal, name=name)
        states.done(tr("The connection is saved."))
        st.query_params.from_dict({"portal": " ".join(name.split())})
        st.rerun()
