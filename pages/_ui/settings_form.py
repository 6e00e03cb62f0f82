"""A form drawn from a connector's settings model: one widget for each field, with its own words (S1-84)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson
import streamlit as st

from core.domain.errors import InputError
from core.domain.text import T
from core.services.forms import FormField
from pages._ui import choice_words
from pages._ui.choices import labelled as choices_named
from pages._ui.formats import tr
from pages._ui.secret_input import secret_input


def draw(fields: Sequence[FormField], values: Mapping[str, object], key: str) -> dict[str, object]:
    """Widgets for the fields with their present values; returns what stands in them. Empty optional fields are left out."""
    entered: dict[str, object] = {}
    for field in fields:
        value = _widget(field, values.get(field.name, field.default), f"{key}_{field.name}")
        if value not in (None, "", [], {}) or field.kind == "boolean":
            entered[field.name] = value
    return entered


def draw_unusual(fields: Sequence[FormField], values: Mapping[str, object], key: str) -> dict[str, object]:
    """The same; only what differs from the usual is returned."""
    entered = draw(fields, values, key)
    usual = {field.name: field.default for field in fields if not field.required}
    return {
        name: value
        for name, value in entered.items()
        if name not in usual or value != (list(known) if isinstance(known := usual[name], tuple) else known)
    }


def draw_needed_first(
    fields: Sequence[FormField], values: Mapping[str, object], key: str, *, then: Callable[[], None] | None = None
) -> dict[str, object]:
    """The fields that must be filled in, what `then` draws, and the others, which have a usual value, behind one click."""
    entered = draw([field for field in fields if field.required], values, key)
    if then is not None:
        then()
    further = [field for field in fields if not field.required]
    if further:
        with st.expander(tr("Further settings ({count})", count=len(further)), icon=":material/tune:"):
            entered |= draw(further, values, key)
    return entered


def draw_secrets(fields: Sequence[FormField], stored: frozenset[str], key: str) -> dict[str, str]:
    """Fields that never show what is stored; only what is typed is returned."""
    entered: dict[str, str] = {}
    for field in fields:
        known = field.name in stored
        value = secret_input(
            tr(field.title), key=f"{key}_{field.name}", help=tr(field.help) or None,
            placeholder=tr("Stored; type to replace") if known else "",
        )  # fmt: skip
        if value:
            entered[field.name] = value
    return entered


def missing(
    fields: Sequence[FormField], entered: Mapping[str, object], stored: frozenset[str] = frozenset()
) -> list[str]:
    """Titles of required fields that are still empty."""
    return [
        tr(field.title)
        for field in fields
        if field.required and not entered.get(field.name) and field.name not in stored
    ]


def _widget(field: FormField, value: object, key: str) -> object:
    label = tr(field.title) + (" *" if field.required else "")
    words = tr(field.help) if field.help else None
    match field.kind:
        case "boolean":
            return st.checkbox(label, bool(value), key=key, help=words)
        case "choice":
            choices = list(field.choices) if field.required else ["", *field.choices]
            index = choices.index(str(value)) if value is not None and str(value) in choices else 0
            named, told = choices_named(choice_words.of(field)), choice_words.explained(field) or None
            return st.selectbox(label, choices, index=index, key=key, help=told, format_func=named)
        case "number":
            return _number(st.text_input(label, _plain(value), key=key, help=words), label)
        case "list":
            items = [str(item) for item in value] if isinstance(value, list | tuple) else []
            return st.multiselect(
                label, items, items, key=key, help=words, accept_new_options=True, placeholder=tr("Type, then press Enter"),
            )  # fmt: skip
        case "map":
            text = orjson.dumps(value or {}, option=orjson.OPT_INDENT_2, default=str).decode()
            return _map(st.text_area(label, "" if text == "{}" else text, key=key, help=words), label)
        case _:
            return st.text_input(label, "" if value is None else str(value), key=key, help=words).strip()


def _plain(value: object) -> str:
    """A number as people write it: 5, not 5.0."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(text: str, label: str) -> object:
    if not text.strip():
        return None
    try:
        return int(text) if text.strip().lstrip("-").isdigit() else float(text.replace(",", "."))
    except ValueError as error:
        raise InputError(T("{text} is not a number.", text=text), place=label) from error


def _map(text: str, label: str) -> object:
    if not text.strip():
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(
            T("This is not valid JSON."), place=label, remedy=T("Write it like {example}.", example='{"name": "value"}')
        ) from error
