"""A field for a secret that keeps what was typed however the field is left.

Streamlit's password field has a button inside; left with the Tab key it shows what was typed and reports nothing, unless it
stands in a form. This is an ordinary field whose letters the browser shows as dots.
"""

from __future__ import annotations

import streamlit as st

MASK = "<style>[class*='st-key-masked_'] input { -webkit-text-security: disc; }</style>"


def mask_secrets() -> None:
    """Once a page: what makes the dots."""
    st.html(MASK)


def secret_input(label: str, *, key: str, placeholder: str = "", help: str | None = None) -> str:
    """What was typed; never what is stored."""
    with st.container(key=f"masked_{key}"):
        return st.text_input(label, key=key, placeholder=placeholder, help=help, autocomplete="off")
