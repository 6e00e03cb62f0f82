"""Plotly charts in the colours of the theme, with the person's own dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import plotly.graph_objects as go
import streamlit as st

from pages._ui.formats import number

PIXELS = 260


def lines(days: Sequence[date], series: Mapping[str, Sequence[Decimal]], *, alt: str) -> None:
    """One line for each name; values are units at the end of each day."""
    figure = go.Figure()
    for name, values in series.items():
        figure.add_scatter(
            x=list(days), y=[float(value) for value in values], name=name, mode="lines+markers", line_shape="hv",
            customdata=[number(value) for value in values], hovertemplate="%{x|%d-%m-%Y}: %{customdata}",
        )  # fmt: skip
    figure.update_layout(
        colorway=_colors(),
        height=PIXELS, margin={"l": 8, "r": 8, "t": 8, "b": 8}, hovermode="x unified", legend={"orientation": "h", "y": -0.18},
        yaxis={"rangemode": "tozero", "separatethousands": True}, xaxis={"tickformat": "%m-%Y"},
    )  # fmt: skip
    st.plotly_chart(figure, config={"displayModeBar": False}, alt=alt)


def _colors() -> list[str]:
    """The theme's colours for categories, of the appearance the person has chosen."""
    return list(st.get_option(f"theme.{st.context.theme.type or 'light'}.chartCategoricalColors") or [])
