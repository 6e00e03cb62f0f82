"""What a part may say beside its path: a fixed text, other names for what stands there, and how a number or date is written."""

from __future__ import annotations

import streamlit as st

from core.domain.file_settings import NumberFormat
from pages._ui.formats import tr
from pages._ui.mapper_state import Draft

NUMBERS = ("quantity", "unit_cost", "unit_price", "amount")
DATES = ("period_start", "period_end", "effective_date")


def show(draft: Draft, part: str) -> None:
    value = draft.value(part)
    special = any(value.get(name) for name in ("constant", "value_map", "number_format", "date_format"))
    with st.popover(
        "",
        icon=":material/tune:",
        type="tertiary",
        key=f"{draft.key}_more_{part}",
        help=tr("Fixed text, other names, format"),
    ):
        if special:
            st.caption(tr("Something is set here."))
        key = f"{draft.key}_value_{part}"
        _once(f"{key}_constant", str(value.get("constant") or ""))
        st.text_input(
            tr("The same for every record"), key=f"{key}_constant", on_change=_constant, args=(draft, part), max_chars=200,
            help=tr("A fixed text instead of a field."),
        )  # fmt: skip
        if part in NUMBERS:
            _number_format(draft, part, key, str(value.get("number_format") or "auto"))
        elif part in DATES:
            _once(f"{key}_date", str(value.get("date_format") or ""))
            st.text_input(
                tr("Date format"), key=f"{key}_date", on_change=_changed, args=(draft, part, "date_format", f"{key}_date"),
                help=tr("Such as %d-%m-%Y, unix, or unix_ms. Empty: ISO 8601, such as 2026-10-01."), max_chars=40,
            )  # fmt: skip
        else:
            names = value.get("value_map")
            _once(
                f"{key}_names",
                "\n".join(f"{old} = {new}" for old, new in names.items()) if isinstance(names, dict) else "",
            )
            st.text_area(
                tr("Use other names"), key=f"{key}_names", on_change=_names, args=(draft, part), height=100,
                placeholder="BP = Business Premium", help=tr("One on each line: what stands there = what to use."),
            )  # fmt: skip


def _once(key: str, value: str) -> None:
    if key not in st.session_state:
        st.session_state[key] = value


def _number_format(draft: Draft, part: str, key: str, present: str) -> None:
    words = {
        NumberFormat.AUTO.value: tr("as it stands there"),
        NumberFormat.COMMA.value: tr("a comma: 1.250,5"),
        NumberFormat.POINT.value: tr("a point: 1,250.5"),
    }
    _once(f"{key}_format", present)
    st.selectbox(
        tr("Decimal sign"), list(words), key=f"{key}_format", format_func=lambda word: words[word],
        on_change=_changed, args=(draft, part, "number_format", f"{key}_format"),
        help=tr("Settles whether the text 1.250 is 1250 or one and a quarter."),
    )  # fmt: skip


def _constant(draft: Draft, part: str) -> None:
    text = str(st.session_state[f"{draft.key}_value_{part}_constant"]).strip()
    value = {name: one for name, one in draft.value(part).items() if name not in ("path", "constant")}
    if text:
        draft.put_value(part, value | {"constant": text})
    elif "constant" in draft.value(part):
        draft.put_value(part, {})


def _changed(draft: Draft, part: str, name: str, key: str) -> None:
    draft.put_value(part, draft.value(part) | {name: str(st.session_state[key]).strip()})


def _names(draft: Draft, part: str) -> None:
    lines = str(st.session_state[f"{draft.key}_value_{part}_names"]).splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    names = {old.strip(): new.strip() for old, _, new in pairs if old.strip()}
    draft.put_value(part, draft.value(part) | {"value_map": names})
