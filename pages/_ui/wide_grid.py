"""A read-only slice with a filter under every heading: AG Grid, community features only, no script of ours inside it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st
from st_aggrid import AgGrid, GridOptionsBuilder
from st_aggrid.shared import StAggridTheme

from core.services.paging import MOST_ROWS

PIXELS = 560
NUMBERS = {"textAlign": "right"}
FONT = "'Source Sans 3', 'Source Sans Pro', 'Segoe UI', system-ui, sans-serif"


def show(
    frame: pd.DataFrame,
    headings: Mapping[str, str],
    *,
    name: str,
    right: tuple[str, ...] = (),
    wide: tuple[str, ...] = (),
) -> None:
    """At most `MOST_ROWS` rows; `headings` name the columns shown, `right` are aligned as numbers, `wide` get more room."""
    builder = GridOptionsBuilder.from_dataframe(frame.head(MOST_ROWS)[list(headings)])
    builder.configure_default_column(
        filter="agTextColumnFilter", floatingFilter=True, resizable=True, editable=False, sortable=True
    )
    for column, heading in headings.items():
        style = NUMBERS if column in right else None
        builder.configure_column(
            column,
            headerName=heading,
            cellStyle=style,
            flex=2 if column in wide else 1,
            minWidth=90 if column in right else 120,
        )
    builder.configure_grid_options(
        rowHeight=32,
        headerHeight=34,
        floatingFiltersHeight=34,
        suppressCellFocus=True,
        autoSizeStrategy=None,
        enableBrowserTooltips=True,
    )
    AgGrid(
        frame.head(MOST_ROWS), gridOptions=builder.build(), height=PIXELS, key=name, enable_enterprise_modules=False,
        allow_unsafe_jscode=False, theme=_theme(), update_on=[], show_toolbar=False,
    )  # fmt: skip


def _theme() -> StAggridTheme:
    """The colours of the page: the grid is a frame of its own and knows nothing of them."""
    dark = st.context.theme.type == "dark"
    colors = (
        {
            "backgroundColor": "#10191E",
            "foregroundColor": "#E4ECEF",
            "headerBackgroundColor": "#1A262C",
            "borderColor": "#2A3A42",
        }
        if dark
        else {
            "backgroundColor": "#FFFFFF",
            "foregroundColor": "#17252B",
            "headerBackgroundColor": "#F3F6F8",
            "borderColor": "#DDE5E9",
        }
    )
    params = {
        **colors,
        "fontFamily": FONT,
        "fontSize": 13,
        "spacing": 6,
        "wrapperBorderRadius": 6,
        "browserColorScheme": "dark" if dark else "light",
    }
    return StAggridTheme(base="quartz").withParams(**params)
