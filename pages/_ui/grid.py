"""Long lists: filter, sort and page in the database, at most one slice on the screen, edits as small deltas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from core.services.paging import MOST_ROWS, PageQuery
from pages._ui import choices
from pages._ui.formats import number, tr

SIZES = (50, 100, 250, MOST_ROWS)
ROW_PIXELS = 32
TALL_PIXELS = 58
"""From 4rem on the grid breaks lines."""
MOST_PIXELS = 620
FROM_RIGHT, AS_IS, AS_IS_ENDS = "\u061c", "\u2066", "\u2069"
"""Unicode's signs for the direction of text."""


@dataclass(frozen=True, slots=True)
class CellEdit:
    """One cell a person changed: the row's position in the slice, the column, the new value (None: emptied)."""

    row: int
    column: str
    value: object


def filters(
    name: str, *, statuses: Mapping[str, str] | None = None, portals: Sequence[str] = (), sorts: Mapping[str, str],
    search: str,
) -> PageQuery:  # fmt: skip
    """The bar above a list: search, status, portal, order. Its state is in the address, so that a view can be sent to others.

    `statuses` and `sorts` map the service's words to the person's; the first sort is the usual one, and one that begins with `-`
    is meant downwards. `search` says what is searched.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        text = st.text_input(
            tr("Search"), key=f"{name}_text", placeholder=search, bind="query-params", width=220, type="search",
            icon=":material/search:", label_visibility="collapsed",
        )  # fmt: skip
        status = ""
        if statuses:
            status = choices.segmented(f"{name}_status", {"": tr("All"), **statuses}, tr("Status"))
        portal: str | None = None
        if len(portals) > 1:
            portal = st.selectbox(
                tr("Portal"), portals, index=None, placeholder=tr("All portals"), key=f"{name}_portal", bind="query-params",
                width=150, label_visibility="collapsed",
            )  # fmt: skip
        sort = next(iter(sorts))
        if len(sorts) > 1:
            orders = {key: tr("By {column}", column=words) for key, words in sorts.items()}
            sort = choices.kept(f"{name}_sort", orders, tr("Order"), 150)
    query = PageQuery(
        text=(text or "").strip(), status=status or "", portal=portal or "", sort=(sort or "").lstrip("-"),
        descending=(sort or "").startswith("-"),
        limit=st.session_state.get(f"{name}_size", SIZES[1]),
    )  # fmt: skip
    page = st.session_state.get(_pages_key(name, query), 1)
    return replace(query, offset=(page - 1) * query.limit)


def _pages_key(name: str, query: PageQuery) -> str:
    """Another filter is another list: it starts at its first page."""
    parts = (query.text, query.status, query.portal, query.sort, query.descending, query.limit)
    return f"{name}_page_" + "|".join(str(part) for part in parts)


def counted(statuses: Mapping[str, str], counts: Mapping[str, int], name: str) -> dict[str, str]:
    """The statuses that occur, each with its count; the one that is chosen stays, also when it has become empty."""
    chosen = st.session_state.get(f"{name}_status") or st.query_params.get(f"{name}_status")
    return {
        status: f"{words} ({number(counts[status])})" if counts.get(status) else words
        for status, words in statuses.items()
        if counts.get(status) or status == chosen
    }


def pager(name: str, query: PageQuery, total: int) -> None:
    """Below a list: which rows of how many, the pages, and how many a page."""
    pages = max(1, -(-total // query.size))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        first, last = min(query.offset + 1, total), min(query.offset + query.size, total)
        st.caption(tr("Rows {first}–{last} of {total}", first=first, last=last, total=total), width="content")
        if pages > 1:
            st.pagination(pages, key=_pages_key(name, query))
        if total > SIZES[0]:
            st.session_state.setdefault(f"{name}_size", SIZES[1])
            choices.kept(
                f"{name}_size", {size: tr("{rows} rows", rows=size) for size in SIZES}, tr("Rows per page"), 130
            )


def height(rows: int, pixels: int = ROW_PIXELS) -> int:
    """Pixels for a grid: as high as its rows, up to what fits on a screen."""
    return min(MOST_PIXELS, rows * pixels + ROW_PIXELS + 3)


def headed(columns: Mapping[str, object]) -> dict[str, object]:
    """The columns with their headings over their cells: right-aligned over numbers.

    The grid has no setting for it, but writes a heading from the right where its text runs that way; the signs around the words
    are not drawn, and keep the words themselves as they are.
    """
    return {name: _over_its_cells(column) for name, column in columns.items()}


def _over_its_cells(column: object) -> object:
    if not isinstance(column, dict) or not column.get("label"):
        return column
    numbers = (column.get("type_config") or {}).get("type") == "number"
    right = column.get("alignment") == "right" or (numbers and column.get("alignment") is None)
    return {**column, "label": f"{FROM_RIGHT}{AS_IS}{column['label']}{AS_IS_ENDS}"} if right else column


def show(
    frame: pd.DataFrame, columns: Mapping[str, object], *, name: str, alt: str, tall: bool = False, **options: object
) -> object:
    """A read-only slice. `columns` are Streamlit column configurations; others are left out of what is sent. `tall` rows break
    their sentences, which otherwise end where their column ends.
    """
    pixels = TALL_PIXELS if tall else ROW_PIXELS
    return st.dataframe(
        frame[[column for column in frame.columns if column in columns]], column_config=headed(columns), hide_index=True,
        key=name, alt=alt, height=height(len(frame), pixels), row_height=pixels, **options,
    )  # fmt: skip


def edit(
    frame: pd.DataFrame, columns: Mapping[str, object], *, name: str, alt: str, editable: Sequence[str]
) -> list[CellEdit]:
    """An editable slice; returns what was changed since it was drawn. The key must change when other rows are shown."""
    shown = frame[[column for column in frame.columns if column in columns]]
    st.data_editor(
        shown, column_config=headed(columns), hide_index=True, key=name, alt=alt,
        num_rows="fixed", placeholder="", row_height=ROW_PIXELS,
        disabled=[column for column in shown.columns if column not in editable], height=height(len(frame)),
    )  # fmt: skip
    return edits(name, len(frame))


def editor_key(name: str, ids: Iterable[object]) -> str:
    """The editor's name for these rows: another slice, or the same one after saving, starts without edits."""
    return f"{name}_editor_{st.session_state.get(f'{name}_version', 0)}_{hash(tuple(ids)) & 0xFFFFFFFF:x}"


def new_editor(name: str) -> None:
    """Forget what was typed but not saved."""
    st.session_state[f"{name}_version"] = st.session_state.get(f"{name}_version", 0) + 1


def edits(name: str, rows: int) -> list[CellEdit]:
    """The cells changed in the editor `name`; positions outside the slice are not ours and are left out."""
    changed: Mapping[int, Mapping[str, object]] = (st.session_state.get(name) or {}).get("edited_rows", {})
    return [
        CellEdit(int(row), column, value)
        for row, cells in changed.items()
        if 0 <= int(row) < rows
        for column, value in cells.items()
    ]
