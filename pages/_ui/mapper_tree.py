"""An answer to click in: as a tree, and as the table of its records."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from core.domain.errors import ContractBridgeError
from core.domain.selection import Node, NodeKind
from core.domain.selection.paths import SCOPE_NAMES, quoted
from core.services import rest_mapping
from pages._ui import grid, mapper_words
from pages._ui.formats import escape, number, tr
from pages._ui.mapper_state import RECORDS, Draft

INDENT = "\u2003"
STEP = INDENT * 2
MOST_NODES = 150
HEIGHT = 720
LONGEST_SAMPLE = 44
LOOKED_AT = 50


def show(draft: Draft) -> None:
    tree, table = st.tabs([tr("Tree"), tr("Table")])
    with tree:
        _tree(draft)
    with table:
        _table(draft)


def _tree(draft: Draft) -> None:
    words = ""
    if len(draft.sample.tree) > 30:
        words = st.text_input(
            tr("Find a field"), key=f"{draft.key}_find", placeholder=tr("Find a field"), icon=":material/search:",
            label_visibility="collapsed", type="search",
        ).strip().casefold()  # fmt: skip
    if draft.sample.parent_tree:
        st.caption(tr("The record of the first call"))
        _nodes(draft, draft.sample.parent_tree, words, first_call=True)
        st.caption(tr("The answer"))
    _nodes(draft, draft.sample.tree, words, first_call=False)


def _nodes(draft: Draft, nodes: Sequence[Node], words: str, *, first_call: bool) -> None:
    shown = [(index, node) for index, node in _open(draft, nodes, words) if node.path or node.kind is NodeKind.LIST]
    if not shown:
        st.caption(tr("No field fits.") if words else tr("There is nothing in this answer."))
        return
    parts = {} if first_call else draft.parts_at()
    long = tuple(f"{node.path}[*]" for node in nodes if node.kind is NodeKind.LIST and node.count > LOOKED_AT)
    whole = not nodes[0].path and nodes[0].kind is NodeKind.RECORD
    height = HEIGHT if len(shown) > 16 else "content"
    with st.container(height=height, border=True, gap=None, key=f"{draft.key}_tree{'_first' if first_call else ''}"):
        for index, node in shown[:MOST_NODES]:
            st.button(
                _label(draft, node, parts.get(node.path, ()), depth=node.depth - whole, counted=not node.path.startswith(long)),
                key=f"{draft.key}_{'first' if first_call else 'node'}_{index}", type="tertiary",
                icon=f":material/{_icon(draft, node)}:", on_click=draft.click, args=(index,), kwargs={"first_call": first_call},
            )  # fmt: skip
    if len(shown) > MOST_NODES:
        st.caption(tr("{count} more fields: find them by name.", count=len(shown) - MOST_NODES))


def _open(draft: Draft, nodes: Sequence[Node], words: str) -> list[tuple[int, Node]]:
    """The nodes to show: what fits the words, or else everything that is not inside a closed one."""
    if words:
        return [(i, n) for i, n in enumerate(nodes) if words in n.path.casefold() or words in n.sample.casefold()]
    found = []
    hidden: int | None = None
    for index, node in enumerate(nodes):
        if hidden is not None and node.depth > hidden:
            continue
        hidden = node.depth if node.path in draft.closed else None
        found.append((index, node))
    return found


def _icon(draft: Draft, node: Node) -> str:
    if node.kind in (NodeKind.LIST, NodeKind.RECORD) and node.path in draft.closed:
        return "chevron_right"
    return mapper_words.ICONS[node.kind]


def _label(draft: Draft, node: Node, parts: Sequence[str], *, depth: int, counted: bool) -> str:
    """`counted` is false inside a long list: only its first items were looked at, so that a count would not be the whole."""
    name = escape(node.key or tr("The whole answer"))
    words = f"{STEP * max(0, depth)}**{name}**"
    if node.kind is NodeKind.LIST:
        words += f"{INDENT}:gray[{records(node.count)}]" if counted else ""
        if f"{node.path}[*]" == draft.levels() or (draft.place.expand and f"{node.path}[*]" == draft.place.records):
            words += f" :blue-badge[{tr('Records')}]"
    elif node.kind is not NodeKind.RECORD:
        told = node.sample.lower() if node.kind is NodeKind.FLAG else node.sample
        sample = told if len(told) <= LONGEST_SAMPLE else f"{told[:LONGEST_SAMPLE]}…"
        words += f"{INDENT}:gray[{escape(sample) or '–'}]"
    elif f"{node.path}.*" == draft.levels():
        words += f" :blue-badge[{tr('Records')}]"
    for part in parts:
        words += f" :green-badge[{mapper_words.part(part)}]"
    return words


def records(count: int) -> str:
    return tr("one record") if count == 1 else tr("{count} records", count=count)


def _table(draft: Draft) -> None:
    """The first records with their plain fields; choosing a column is a click on its field."""
    try:
        rows = draft.once(("table", draft.place), lambda: rest_mapping.table_of(draft.sample, *draft.place))
    except ContractBridgeError as error:
        st.caption(escape(tr(error.message)))
        return
    if rows.count is None or not rows.rows:
        st.caption(tr("There are no records at this place."))
        return
    frame = pd.DataFrame(rows.rows, columns=list(rows.columns), dtype="string")
    key = f"{draft.key}_table_{draft.table_version}"
    st.dataframe(
        frame, hide_index=True, key=key, height=grid.height(min(len(frame), 14)), row_height=grid.ROW_PIXELS,
        alt=tr("The first records of the answer"), on_select=lambda: _column(draft, key), selection_mode="single-column",
    )  # fmt: skip
    st.caption(tr("{shown} of {count} records. Click a heading to choose that field.",
                  shown=number(len(frame)), count=number(rows.count)))  # fmt: skip


def _column(draft: Draft, key: str) -> None:
    columns = (st.session_state.get(key) or {}).get("selection", {}).get("columns", [])
    if not columns or draft.active == RECORDS:
        return
    name = str(columns[0])
    draft.take(
        f"item.{quoted(name)}" if name in SCOPE_NAMES and name != "item" else quoted(name) if name != "item" else name
    )
    draft.table_version += 1
