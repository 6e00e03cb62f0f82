"""A choice between a few views that stands in the address under its own word, the same in every language.

Streamlit's own binding writes the translated label into the address; a link from a Dutch page would mean nothing on an English one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import streamlit as st

from pages._ui.formats import language, tr

Option = TypeVar("Option")


def segmented(key: str, options: Mapping[str, str], label: str = "") -> str:
    """Draws the choice; returns the chosen word. The first option is the usual one and is left out of the address."""
    _take_from_address(key, options)
    st.segmented_control(
        label or tr("View"), list(options), format_func=lambda word: options.get(word, word), key=key, required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    return _put_into_address(key, options)


def select(key: str, options: Mapping[str, str], label: str, width: int = 200) -> str:
    """The same for a longer list. What the address asks for and is not among the options is offered too: it may be found yet."""
    asked = (st.query_params.get(key), st.session_state.get(key))
    known = {**options, **{wish: wish for wish in asked if wish and wish not in options}}
    _take_from_address(key, known)
    _box(key, known, label, width)
    return _put_into_address(key, known)


def kept(key: str, options: Mapping[Option, str], label: str, width: int | str = 200) -> Option:
    """The same for what is no part of the address: an order, so many rows a page. The first option is the usual one."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = next(iter(options))
    _box(key, options, label, width)
    chosen: Option = st.session_state[key]
    return chosen


def _box(key: str, options: Mapping[Any, str], label: str, width: int | str) -> None:
    """Streamlit tells a choice by its label: in another language it is another widget with the same choice."""
    widget = f"{key}_{language()}"
    st.session_state[widget] = st.session_state[key]

    def changed() -> None:
        st.session_state[key] = st.session_state[widget]

    st.selectbox(
        label, list(options), format_func=labelled(options), key=widget, width=width, label_visibility="collapsed",
        on_change=changed,
    )  # fmt: skip


def _take_from_address(key: str, options: Mapping[str, str]) -> None:
    wish = st.query_params.get(key)
    if wish in options and (key not in st.session_state or wish != st.session_state.get(f"_{key}_address")):
        st.session_state[key] = wish
    elif st.session_state.get(key) not in options:
        st.session_state[key] = next(iter(options))


def _put_into_address(key: str, options: Mapping[str, str]) -> str:
    chosen = str(st.session_state[key])
    st.session_state[f"_{key}_address"] = chosen
    if chosen == next(iter(options)):
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != chosen:
        st.query_params[key] = chosen
    return chosen


def labelled(words: Mapping[object, str]) -> Callable[[object], str]:
    """How a select box names its options; one without words of its own is named by itself."""
    known = dict(words)
    return lambda option: known.get(option, str(option))
