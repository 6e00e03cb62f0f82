"""Which column is the customer, the product, the quantity: asked once on the preview of a file (S1-54, S1-55)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from pydantic import ValidationError

from core.domain.file_settings import FileSettings, Shape
from core.services.forms import form_of
from core.services.uploads import Inspection
from pages._ui import amount_columns, column_words, settings_form
from pages._ui.formats import tr

FIXED, FROM_NAME, FROM_SHEET = "\u0000fixed", "\u0000file", "\u0000sheet"
MAIN = {
    Shape.LONG: ("customer", "product", "quantity"),
    Shape.PAIR: ("customer", "product", "quantity"),
    Shape.SEATS: ("customer", "product"),
    Shape.WIDE: ("customer",),
    Shape.GROUPED: ("customer", "product", "quantity"),
    Shape.DAILY: ("customer", "product", "quantity"),
}
"""What is asked for each shape as a column; a tree is described by paths below."""
EXTRA = {
    Shape.PAIR: ("pair",),
    Shape.SEATS: ("distinct",),
    Shape.GROUPED: ("group_line", "fill_down"),
    Shape.DAILY: ("date", "date_format", "aggregate"),
    Shape.TREE: ("customers", "products", "customer", "product", "quantity"),
}


def show(seen: Inspection, stored: Mapping[str, object], key: str) -> dict[str, object] | None:
    """Draws the form and the first rows; returns the settings, None while they do not make a mapping yet."""
    known = bool(stored)
    suggested = seen.suggested.model_dump(mode="json", exclude_defaults=True) if seen.suggested else {}
    start = dict(stored) if known else suggested
    with st.expander(tr("Columns"), expanded=not known, icon=":material/view_column:"):
        _facts(seen)
        form, rows = st.columns([2, 3], gap="large")
        with rows:
            _first_rows(seen)
        with form:
            settings = _fields(seen, start, key)
    return _checked(settings)


def _facts(seen: Inspection) -> None:
    parts = [seen.type.upper(), seen.encoding, seen.sheet and tr("sheet {sheet}", sheet=seen.sheet)]
    if seen.header_row:
        parts.append(tr("headings on row {row}", row=str(seen.header_row)))
    st.caption(" · ".join(part for part in parts if part))


def _first_rows(seen: Inspection) -> None:
    st.markdown(f"**{tr('The first rows')}**")
    width = max((len(row) for row in seen.rows), default=0)
    frame = pd.DataFrame([list(row) + [""] * (width - len(row)) for row in seen.rows], dtype="string")
    frame.columns = [_letter(index) for index in range(width)]
    st.dataframe(frame, hide_index=True, height=360, alt=tr("The first rows of the file"), row_height=30)


def _fields(seen: Inspection, start: Mapping[str, object], key: str) -> dict[str, object]:
    shapes = column_words.shapes()
    names = list(shapes)
    present = str(start.get("shape", Shape.LONG.value))
    shape = Shape(
        st.selectbox(
            tr("The table has"),
            names,
            format_func=lambda word: shapes[word],
            key=f"{key}_shape",
            index=names.index(present) if present in names else 0,
        )
    )
    settings: dict[str, object] = {"shape": shape.value}
    headings = [heading.name for heading in seen.headings]
    roles = {"customer": tr("Customer"), "product": tr("Product"), "quantity": tr("Quantity")}
    scores = {suggestion.role: suggestion for suggestion in seen.suggestions}
    for role in MAIN.get(shape, ()):
        reason = scores.get(role)
        words = f"{reason.score}% · {tr(reason.reason)}" if reason else None
        settings[role] = _column(
            roles[role], headings, start.get(role), f"{key}_{shape}_{role}", words, fixed=role != "quantity"
        )
    if shape is Shape.WIDE:
        settings["product_columns"] = _product_columns(headings, start, f"{key}_products")
    if shape is Shape.SEATS:
        settings["count_rows"] = True
    fields = {field.name: field for field in form_of(FileSettings)}
    settings |= settings_form.draw([fields[name] for name in EXTRA.get(shape, ())], start, f"{key}_{shape}")
    money = _money(seen, headings, start, key) if shape is not Shape.TREE else {}
    settings |= money
    settings["complete"] = _complete(start, f"{key}_complete")
    with st.popover(tr("More about this file"), icon=":material/tune:"):
        asked = {"shape", "count_rows", "product_columns", "complete", *MAIN.get(shape, ()), *EXTRA.get(shape, ())}
        asked |= {
            "amounts",
            *(amount_columns.NAMES if money else ("amount", "description", "period_start", "period_end")),
        }
        if shape is Shape.TREE:
            asked -= set(amount_columns.NAMES) | {"amounts"}
        rest = [field for field in fields.values() if field.name not in asked]
        settings |= settings_form.draw(rest, start, f"{key}_more")
    return {name: value for name, value in settings.items() if value not in (None, "")}


def _money(seen: Inspection, headings: Sequence[str], start: Mapping[str, object], key: str) -> dict[str, object]:
    suggested = {suggestion.role: suggestion.heading for suggestion in seen.suggestions}
    wanted = {role: heading for role, heading in suggested.items() if role in amount_columns.NAMES}
    return amount_columns.draw(headings, start, wanted, f"{key}_money", _column)


def _complete(start: Mapping[str, object], key: str) -> bool | None:
    """Whether a line that is missing in a file is gone (M2): money depends on it, so nothing is chosen beforehand."""
    options = (True, False)
    words = {True: tr("Yes: what is not in it is gone"), False: tr("No: what is not in it stays as it is")}
    present = start.get("complete")
    return st.radio(
        tr("Does such a file always hold everything of the portal?"), options, format_func=lambda answer: words[answer], key=key,
        index=None if present is None else options.index(bool(present)),
    )  # fmt: skip


def _column(
    label: str,
    headings: Sequence[str],
    value: object,
    key: str,
    reason: str | None,
    *,
    fixed: bool,
    optional: bool = False,
) -> object:
    """A heading, or where else the value comes from: a fixed text, a part of the file's name, the sheet's name."""
    other = {
        FIXED: tr("The same text in every row"),
        FROM_NAME: tr("A part of the file name"),
        FROM_SHEET: tr("The name of the sheet"),
    }
    options = [*headings, *(other if fixed else ())]
    present: Any = value
    if isinstance(value, Mapping):
        present = FIXED if "constant" in value else FROM_NAME if "file_name" in value else FROM_SHEET
    chosen = st.selectbox(
        label, options, index=options.index(present) if present in options else None, key=key, help=reason,
        format_func=lambda option: other.get(option, option), placeholder=tr("None") if optional else tr("Choose a column"),
    )  # fmt: skip
    texts = value if isinstance(value, Mapping) else {}
    if chosen == FIXED:
        return {"constant": st.text_input(tr("Text"), str(texts.get("constant", "")), key=f"{key}_text")}
    if chosen == FROM_NAME:
        pattern = st.text_input(
            tr("Pattern"),
            str(texts.get("file_name", "^(.+?) ")),
            key=f"{key}_pattern",
            help=tr("A regular expression with one group."),
        )
        return {"file_name": pattern}
    return {"sheet_name": True} if chosen == FROM_SHEET else chosen


def _product_columns(headings: Sequence[str], start: Mapping[str, object], key: str) -> object:
    present = start.get("product_columns", ())
    if isinstance(present, Mapping):
        present = (
            headings[list(headings).index(str(present["right_of"])) + 1 :]
            if present.get("right_of") in headings
            else ()
        )
    return st.multiselect(
        tr("Columns that are products"), headings, [name for name in present if name in headings], key=key,
        placeholder=tr("Choose columns"),
    )  # fmt: skip


def _checked(settings: dict[str, object]) -> dict[str, object] | None:
    """The settings when they make a mapping; otherwise says what is still missing."""
    if settings.get("complete") is None:
        st.info(tr("Say whether such a file always holds everything of the portal."), icon=":material/help:")
        return None
    try:
        mapped = FileSettings.model_validate(settings)
    except ValidationError as error:
        missing = "; ".join(str(part["msg"]).removeprefix("Value error, ") for part in error.errors())
        st.info(
            tr("Choose the columns to see what the file holds. {missing}", missing=missing),
            icon=":material/view_column:",
        )
        return None
    if not mapped.is_mapped:
        st.info(tr("Choose the columns to see what the file holds."), icon=":material/view_column:")
        return None
    return settings


def _letter(index: int) -> str:
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
