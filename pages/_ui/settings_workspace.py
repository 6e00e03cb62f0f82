"""What belongs to the whole workspace: its file, and how it is kept safe."""

from __future__ import annotations

import streamlit as st

from pages._ui.formats import tr


def show() -> None:
    st.caption(tr("later"))
