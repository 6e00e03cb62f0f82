"""The meter of Autotask's hourly request limit (M16)."""

from __future__ import annotations

import streamlit as st

from core.services import views_settings
from pages._ui import auth, states
from pages._ui.formats import number, tr


def show() -> None:
    """Asked only when somebody opens it: asking costs a request."""
    meter = st.expander(tr("API budget"), icon=":material/speed:", on_change="rerun", key="api_budget")
    if not meter.open:
        return
    with meter, states.explained(), st.spinner(tr("Asking Autotask …")):
        budget = views_settings.api_budget(auth.context(), auth.actor())
        used, limit = number(budget.used), number(budget.limit)
        st.progress(
            min(1.0, budget.used / max(1, budget.limit)),
            text=tr(
                "{used} of {limit} requests in {minutes} minutes", used=used, limit=limit, minutes=budget.window_minutes
            ),
        )
        st.caption(
            tr("The limit is shared by everything that uses this Autotask. A sync asks for pages, never line by line.")
        )
