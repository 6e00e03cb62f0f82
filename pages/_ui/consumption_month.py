"""Which month is looked at; it stands in the address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import streamlit as st

from pages._ui import charge_words, choices
from pages._ui.formats import tr

KEY = "consumption_month"


def choose(known: Sequence[date]) -> date | None:
    """Draws the choice, the latest month first; None for all months."""
    if not known:
        return None
    names = {f"{first:%Y-%m}": charge_words.month(first) for first in known}
    options = [*names, charge_words.EVERY]
    wish = st.query_params.get(KEY)
    if wish in options and wish != st.session_state.get(f"_{KEY}_address"):
        st.session_state[KEY] = wish
    elif st.session_state.get(KEY) not in options:
        st.session_state[KEY] = options[0]
    choices.kept(KEY, {**names, charge_words.EVERY: tr("All months")}, tr("Month"), "stretch")
    chosen = str(st.session_state[KEY])
    st.session_state[f"_{KEY}_address"] = chosen
    if chosen == options[0]:
        st.query_params.pop(KEY, None)
    else:
        st.query_params[KEY] = chosen
    return None if chosen == charge_words.EVERY else date.fromisoformat(f"{chosen}-01")
