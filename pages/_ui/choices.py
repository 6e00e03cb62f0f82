"""A choice between a few views that stands in the address under its own word, the same in every language.

Streamlit's own binding writes the translated label into the address; a link from a Dutch page would mean nothing on an English one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from pages._ui.formats import tr


def segmented(key: str, options: Mapping[str, str], label: str = "") -> str:
    """Draws the choice; returns the chosen word. The first option is the usual one and is left out of the address."""
    usual = next(iter(options))
    remembered = f"_{key}_address"
    wish = st.query_params.get(key)
    if wish in options and (key not in st.session_state or wish != st.session_state.get(remembered)):
        st.session_state[key] = wish
    elif st.session_state.get(key) not in options:
        st.session_state[key] = usual
    st.segmented_control(
        label or tr("View"), list(options), format_func=lambda word: options.get(word, word), key=key, required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    chosen = str(st.session_state[key])
    st.session_state[remembered] = chosen
    if chosen == usual:
        st.query_params.pop(key, None)
    elif wish != chosen:
        st.query_params[key] = chosen
    return chosen


def labelled(words: Mapping[object, str]) -> Callable[[object], str]:
    """How a select box names its options; one without words of its own is named by itself."""
    known = dict(words)
    return lambda option: known.get(option, str(option))
