"""The parts of a usage line beside the answer: click to choose one, its expression, and what stands there at once."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.domain.errors import ContractBridgeError
from core.domain.selection.picking import Place
from core.services import rest_mapping
from pages._ui import mapper_tree, mapper_value, mapper_words
from pages._ui.formats import escape, number, tr
from pages._ui.mapper_state import FURTHER, MAIN, RECORDS, Draft

LOOKED_AT = 20
SHOWN = 3
MOST_LISTS = 3


def show(draft: Draft) -> None:
    found = _evaluated(draft)
    st.markdown(f":material/ads_click: {tr('Next click:')} :blue-badge[{mapper_words.part(draft.active)}]")
    _records(draft)
    for part in MAIN:
        if part == "quantity" and draft.mapping.get("count_records"):
            continue
        _part(draft, part, found)
    st.checkbox(
        tr("Count the records: each one is one"), bool(draft.mapping.get("count_records")), key=f"{draft.key}_count",
        on_change=_count, args=(draft,),
    )  # fmt: skip
    for part in FURTHER:
        if part in draft.further:
            _part(draft, part, found)
    words = mapper_words.parts()
    left = [part for part in FURTHER if part not in draft.further]
    if left:
        with st.popover(tr("More fields"), icon=":material/add:", type="tertiary"):
            for part in left:
                st.button(
                    words[part], key=f"{draft.key}_add_{part}", type="tertiary", on_click=_add, args=(draft, part)
                )


def _add(draft: Draft, part: str) -> None:
    draft.further.add(part)
    draft.active = part


def _count(draft: Draft) -> None:
    draft.mapping["count_records"] = bool(st.session_state[f"{draft.key}_count"])


def _records(draft: Draft) -> None:
    """The lists, the outermost first, each editable."""
    place = draft.place
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _button(draft, RECORDS)
        _typed(
            f"{draft.key}_records", place.records, tr("Records"), lambda: _put_level(draft, 0), tr("The whole answer")
        )
    for level in range(1, min(MOST_LISTS, len(place.expand) + bool(place.expand)) + 1):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(tr("list inside"), width=150, text_alignment="right")
            value = place.expand[level - 1] if level <= len(place.expand) else ""
            _typed(f"{draft.key}_level_{level}", value, tr("List inside each record"),
                   lambda level=level: _put_level(draft, level), tr("no further list"))  # fmt: skip
    _say(*_counted(draft))


def _put_level(draft: Draft, level: int) -> None:
    key = f"{draft.key}_level_{level}" if level else f"{draft.key}_records"
    levels = [draft.place.records, *draft.place.expand]
    text = str(st.session_state[key]).strip()
    levels[level : level + 1] = [text] if text or not level else []
    draft.place = Place(levels[0], tuple(levels[1:]))


def _counted(draft: Draft) -> tuple[str, bool]:
    try:
        rows = draft.once(("table", draft.place), lambda: rest_mapping.table_of(draft.sample, *draft.place))
    except ContractBridgeError as error:
        return escape(tr(error.message)), True
    if rows.count is None:
        return tr("There are no records at this place."), True
    return mapper_tree.records(rows.count), not rows.count


def _part(draft: Draft, part: str, found: Mapping[str, tuple[str, bool]]) -> None:
    value = draft.value(part)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _button(draft, part)
        if "constant" in value:
            st.markdown(f":gray[{tr('always')}] **{escape(str(value['constant']))}**", width="stretch")
        else:
            label = mapper_words.part(part)
            _typed(f"{draft.key}_path_{part}", draft.path(part), label, lambda: _put(draft, part), tr("not chosen"))
        mapper_value.show(draft, part)
    if part in found:
        _say(*found[part])


def _put(draft: Draft, part: str) -> None:
    draft.put(part, str(st.session_state[f"{draft.key}_path_{part}"]).strip())


def _button(draft: Draft, part: str) -> None:
    st.button(
        mapper_words.part(part), key=f"{draft.key}_pick_{part}", width=150, on_click=_activate, args=(draft, part),
        type="primary" if draft.active == part else "secondary",
    )  # fmt: skip


def _activate(draft: Draft, part: str) -> None:
    draft.active = part


def _typed(key: str, value: str, label: str, put: object, placeholder: str) -> None:
    """A field for an expression; a click in the answer changes what stands in it."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    st.text_input(label, key=key, label_visibility="collapsed", on_change=put, placeholder=placeholder, max_chars=500)


def _say(words: str, wrong: bool) -> None:
    with st.container(horizontal=True, gap="small"):
        st.space(150)
        st.caption(f":orange[:material/warning: {words}]" if wrong else words)


def _evaluated(draft: Draft) -> dict[str, tuple[str, bool]]:
    """What stands at each path in the first records, and whether that needs a look."""
    found: dict[str, tuple[str, bool]] = {}
    good: dict[str, str] = {}
    for part, path in draft.paths().items():
        wrong = draft.wrong(path)
        if wrong is not None:
            found[part] = (escape(tr(wrong)), True)
        elif not path.startswith("joined"):
            good[part] = path
    stamp = ("values", draft.place, tuple(sorted(good.items())))
    try:
        rows = draft.once(stamp, lambda: rest_mapping.table_of(draft.sample, *draft.place, good, LOOKED_AT))
    except ContractBridgeError:
        return found
    for index, part in enumerate(rows.columns):
        values = list(dict.fromkeys(row[index] for row in rows.rows if row[index]))
        shown = " · ".join(escape(value) for value in values[:SHOWN]) + (" …" if len(values) > SHOWN else "")
        empty = sum(not row[index] for row in rows.rows)
        if not rows.rows:
            continue
        if not values:
            found[part] = (tr("There is nothing at this place."), True)
        elif empty:
            told = tr("empty in {count} of {total}", count=number(empty), total=number(len(rows.rows)))
            found[part] = (f"{shown} · {told}", False)
        else:
            found[part] = (shown, False)
    return found
