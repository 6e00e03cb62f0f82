"""Which records count, and what several of them come to: the part of a mapping that few need."""

from __future__ import annotations

import streamlit as st

from core.domain.selection import RecordMapping
from core.services.forms import form_of
from pages._ui import mapper_words, settings_form
from pages._ui.formats import tr
from pages._ui.mapper_state import Draft

ASKED = ("aggregate", "rounding", "record_key", "error_path", "complete_path", "attributes")
WITHOUT_VALUES = ("exists", "missing")


def show(draft: Draft) -> None:
    with st.expander(tr("Filters and totals"), icon=":material/filter_alt:"):
        st.caption(tr("Only records for which all of these hold."))
        for index, one in enumerate(draft.filters):
            _filter(draft, index, one)
        st.button(tr("Add a filter"), icon=":material/add:", key=f"{draft.key}_filter_add", on_click=_add, args=(draft,),
                  type="tertiary")  # fmt: skip
        if draft.place.expand:
            on = st.checkbox(
                tr("A record with an empty list inside is a line of its own"),
                draft.stands_for_itself,
                key=f"{draft.key}_stands",
            )
            draft.stand_for_itself(on)
            lacks = st.checkbox(
                tr("The list inside may be left out where it is empty"),
                draft.may_lack,
                key=f"{draft.key}_lacks",
                help=tr("Otherwise a record without it is a problem, and the last quantities of its customer stay."),
            )
            draft.let_lack(lacks)
        fields = [field for field in form_of(RecordMapping) if field.name in ASKED]
        entered = settings_form.draw(fields, draft.mapping, f"{draft.key}_rule")
        usual = {field.name: field.default for field in fields}
        for name in ASKED:
            draft.mapping.pop(name, None)
            if entered.get(name) not in (None, "", usual[name]):
                draft.mapping[name] = entered[name]


def _filter(draft: Draft, index: int, one: dict[str, object]) -> None:
    """One condition: where, how, with what."""
    key = f"{draft.key}_filter_{index}"
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            name = f"filter {index}"
            st.button(
                "", icon=":material/ads_click:", key=f"{key}_pick", on_click=_activate, args=(draft, name),
                type="primary" if draft.active == name else "secondary", help=tr("Choose the field with a click in the answer"),
            )  # fmt: skip
            if st.session_state.get(f"{key}_path") != str(one.get("path", "")):
                st.session_state[f"{key}_path"] = str(one.get("path", ""))
            one["path"] = st.text_input(
                tr("Where"), key=f"{key}_path", label_visibility="collapsed", placeholder=tr("field"), max_chars=500,
                on_change=_typed, args=(one, "path", f"{key}_path"),
            )  # fmt: skip
            st.button("", icon=":material/close:", key=f"{key}_remove", on_click=_remove, args=(draft, index), type="tertiary",
                      help=tr("Remove this filter"))  # fmt: skip
        _condition(one, key)


def _condition(one: dict[str, object], key: str) -> None:
    words = mapper_words.conditions()
    how, what = st.columns([2, 3], gap="small")
    if f"{key}_op" not in st.session_state:
        st.session_state[f"{key}_op"] = str(one.get("op", "equals"))
    one["op"] = how.selectbox(
        tr("Condition"), list(words), key=f"{key}_op", format_func=lambda word: words[word], label_visibility="collapsed"
    )  # fmt: skip
    if one["op"] in WITHOUT_VALUES:
        one.pop("values", None)
        return
    values = one.get("values") or ()
    if f"{key}_values" not in st.session_state:
        st.session_state[f"{key}_values"] = ", ".join([values] if isinstance(values, str) else map(str, values))
    text = what.text_input(
        tr("Values"), key=f"{key}_values", label_visibility="collapsed", placeholder=tr("value, value"), max_chars=500
    ).strip()  # fmt: skip
    several = [text] if one["op"] == "matches" else [part.strip() for part in text.split(",")]
    one["values"] = [part for part in several if part]


def _typed(one: dict[str, object], name: str, key: str) -> None:
    one[name] = str(st.session_state[key]).strip()


def _activate(draft: Draft, part: str) -> None:
    draft.active = part


def _add(draft: Draft) -> None:
    draft.filters.append({"path": "", "op": "equals", "values": []})
    draft.active = f"filter {len(draft.filters) - 1}"


def _remove(draft: Draft, index: int) -> None:
    del draft.filters[index]
    for place in range(len(draft.filters) + 2):
        for name in ("path", "op", "values"):
            st.session_state.pop(f"{draft.key}_filter_{place}_{name}", None)
    draft.active = "records"
