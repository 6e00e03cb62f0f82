"""How the next page of an endpoint is asked for: only the fields of the chosen way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.services.forms import FormField
from pages._ui import settings_form
from pages._ui.formats import tr

SIZE = ("size_param", "size")
FIELDS = {
    "none": (),
    "page": ("param", "start", "pages_at", "total_at", *SIZE, "stop_when_short", "place"),
    "offset": ("param", *SIZE, "total_at", "stop_when_short", "place"),
    "cursor": ("param", "cursor_at", "more_at", *SIZE, "total_at", "place"),
    "header_cursor": ("param", "cursor_at", *SIZE, "place"),
    "next_url": ("cursor_at", "more_at", "total_at"),
    "link_header": SIZE,
    "last_id": ("param", "id_at", *SIZE, "more_at", "stop_when_short", "place"),
}


def kinds() -> dict[str, str]:
    return {
        "none": tr("One answer holds everything"),
        "page": tr("Numbered pages"),
        "offset": tr("From a record on (offset)"),
        "cursor": tr("A cursor in the answer"),
        "next_url": tr("The next address in the answer"),
        "link_header": tr("The next address in a header (Link)"),
        "header_cursor": tr("A cursor in a header"),
        "last_id": tr("After the last key"),
    }


def draw(fields: Sequence[FormField], start: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Returns the settings; empty where one answer holds everything. What is not asked here stays as it is."""
    words = kinds()
    known = str(start.get("kind", "none"))
    key = f"{key}_paging_{st.session_state.get(f'{key}_paging_version', 0)}"
    kind = st.selectbox(
        tr("How do pages follow?"),
        list(words),
        index=list(words).index(known),
        format_func=lambda word: words[word],
        key=key,
    )
    named = {field.name: field for field in fields}
    asked = [named[name] for name in FIELDS[kind]]
    values = start if kind == known else {}
    left, right = st.columns(2, gap="medium")
    entered: dict[str, Any] = {}
    for number, field in enumerate(asked):
        with (left, right)[number % 2]:
            entered |= settings_form.draw([field], values, f"{key}_{kind}")
    usual = {field.name: field.default for field in fields}
    entered = {name: value for name, value in entered.items() if value != usual[name]}
    kept = {name: value for name, value in values.items() if name not in (*FIELDS[kind], "kind")}
    return {} if kind == "none" else {"kind": kind, **kept, **entered}


def told(hint: Mapping[str, Any]) -> str:
    """A proposal in words."""
    at = hint.get("cursor_at") or hint.get("pages_at") or hint.get("total_at") or ""
    return tr("The answer seems to come in pages ({way}, {place}).", way=kinds()[str(hint["kind"])], place=str(at))
