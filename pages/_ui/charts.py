"""Plotly charts in the colours of the theme, with the person's own dates; a click on a point leads on."""

from __future__ import annotations

import html
import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal

import streamlit as st

from pages._ui.formats import day, locale, number

PIXELS = 280
BAR_PIXELS = 30
LOADED = (
    "pandas.io.formats.style",
    "streamlit.elements.lib.streamlit_plotly_theme",
    "pages._ui.report_views",
    "pages._ui.report_money",
    "pages._ui.invoice_list",
)
DASHES = ("solid", "dash", "dot", "dashdot")


def warm_up() -> None:
    """Load what tables and charts need beside the start of the server: the first visitor would otherwise wait seconds for it."""

    def load() -> None:
        for name in LOADED:
            importlib.import_module(name)
        import plotly.graph_objects as go

        go.Figure(go.Scatter(x=[date(2026, 1, 1)], y=[0])).update_layout(xaxis={"tickangle": 0}).to_json()

    threading.Thread(target=load, name="charts", daemon=True).start()


def lines(
    days: Sequence[date], series: Mapping[str, Sequence[Decimal | None]], *, alt: str, name: str = "",
    on_point: Callable[[str], None] | None = None,
) -> None:  # fmt: skip
    """One line for each name; values are units at the end of each day, None where nothing is known.

    `on_point` is called with the name of the line that was clicked; `name` is the chart's own.
    """
    import plotly.graph_objects as go

    names = list(series)
    figure = go.Figure()
    for place, (line, values) in enumerate(series.items()):
        # Two markers for one day: a line through None is broken, and a lone point must be seen.
        figure.add_scatter(
            x=list(days), y=[None if value is None else float(value) for value in values], name=_plain(_short(line)),
            mode="lines+markers", marker={"size": 7}, line={"width": 2, "dash": DASHES[place // len(_colors() or [0]) % 4]},
            customdata=[[line, day(at), number(value), _plain(line)] for at, value in zip(days, values, strict=True)],
            hovertemplate="%{customdata[3]}: <b>%{customdata[2]}</b><extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        colorway=_colors(), height=PIXELS, margin={"l": 8, "r": 8, "t": 8, "b": 8}, hovermode="closest",
        separators=",." if locale().startswith("nl") else ".,", showlegend=len(names) > 1,
        legend={"orientation": "v", "x": 1.01, "y": 1, "font": {"size": 12}},
        yaxis={"rangemode": "tozero", "tickformat": ",~r", "nticks": 6, "automargin": True},
        xaxis={"tickvals": _ticks(days), "ticktext": [day(one) for one in _ticks(days)], "automargin": True, "tickangle": 0},
    )  # fmt: skip
    _draw(figure, name, alt, on_point, names)


def bars(values: Mapping[str, tuple[Decimal, str]], *, alt: str, name: str, on_point: Callable[[str], None]) -> None:
    """One bar for each name, the first on top; each with its amount and the words for it."""
    import plotly.graph_objects as go

    names = list(values)
    colors = _colors() or ["#0B6375", "#C0362C"]
    figure = go.Figure(
        go.Bar(
            y=[_plain(_short(one)) for one in names], x=[float(amount) for amount, _ in values.values()], orientation="h",
            text=[words for _, words in values.values()], textposition="auto", customdata=[[one, _plain(one)] for one in names],
            marker_color=[colors[0] if amount >= 0 else colors[4 % len(colors)] for amount, _ in values.values()],
            hovertemplate="%{customdata[1]}: %{text}<extra></extra>", insidetextfont={"color": _on_bar()},
        )
    )  # fmt: skip
    figure.update_layout(
        height=40 + BAR_PIXELS * len(names), margin={"l": 8, "r": 8, "t": 8, "b": 8}, bargap=0.3,
        separators=",." if locale().startswith("nl") else ".,",
        yaxis={"autorange": "reversed", "automargin": True, "type": "category"}, xaxis={"tickformat": ",~r", "nticks": 6},
    )  # fmt: skip
    _draw(figure, name, alt, on_point, names)


def _draw(figure: object, name: str, alt: str, on_point: Callable[[str], None] | None, names: list[str]) -> None:
    options: dict[str, object] = {}
    if on_point is not None:

        def clicked() -> None:
            points = st.session_state[name]["selection"]["points"]
            chosen = points[0].get("customdata") if points else None
            if chosen and chosen[0] in names:
                on_point(chosen[0])

        options = {"on_select": clicked, "selection_mode": "points"}
    st.plotly_chart(figure, config={"displayModeBar": False}, alt=alt, key=name or None, **options)


def _ticks(days: Sequence[date]) -> list[date]:
    """At most seven of the days, the last one among them."""
    step = -(-len(days) // 7) or 1
    return list(days)[::-1][::step][::-1]


def _short(name: str, most: int = 28) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _plain(name: str) -> str:
    """A name as Plotly shows it literally: it draws links, line breaks and weights that it finds in a label."""
    return html.escape(name, quote=False)


def _on_bar() -> str:
    """Words on a bar: the bars are light in the dark, and dark in the light."""
    return "#10191E" if st.context.theme.type == "dark" else "#FFFFFF"


def _colors() -> list[str]:
    """The theme's colours for categories, of the appearance the person has chosen."""
    return list(st.get_option(f"theme.{st.context.theme.type or 'light'}.chartCategoricalColors") or [])
