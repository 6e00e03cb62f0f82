"""Where history was looked up before it became a view of Reports: links that people kept still lead there."""

from __future__ import annotations

import streamlit as st

st.switch_page("pages/reports.py", query_params={"report": "as-of"})
