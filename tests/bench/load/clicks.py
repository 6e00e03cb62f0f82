"""What a person does next on a page: go to another one, choose a view, filter, search, open a row, turn a page."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

from streamlit.proto.Dataframe_pb2 import Dataframe
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.bench.load.visitor import Part, Visitor

WORDS = ("C", "P2", "Service", "Vendor", "")
Click = tuple[str, Part, WidgetState]
"""What it is called in the figures, where, and what is sent."""


def clicks(visitor: Visitor, dice: random.Random) -> list[Click]:
    """Everything on the page that can be touched without changing what others see."""
    return [
        (name, part, state)
        for name, kind, make in KINDS
        for part in visitor.parts(kind)
        for state in make(part, dice)
    ]  # fmt: skip


def _choose(part: Part, dice: random.Random) -> Iterator[WidgetState]:
    group = part.element.button_group
    if not group.disabled and not group.form_id and len(group.options) > 1:
        state = WidgetState(id=group.id)
        chosen = dice.choice(group.options)
        state.string_array_value.data.append(
            chosen.content_icon + chosen.content if chosen.content_icon else chosen.content
        )
        yield state


def _search(part: Part, dice: random.Random) -> Iterator[WidgetState]:
    field = part.element.text_input
    if not field.disabled and not field.form_id and "earch" in field.label + field.placeholder:
        yield WidgetState(id=field.id, string_value=dice.choice(WORDS))


def _select(part: Part, dice: random.Random) -> Iterator[WidgetState]:
    field = part.element.selectbox
    if not field.disabled and not field.form_id and len(field.options) > 1:
        yield WidgetState(id=field.id, string_value=dice.choice(field.options))


def _row(part: Part, _dice: random.Random) -> Iterator[WidgetState]:
    table = part.element.dataframe
    if table.id and not table.form_id and Dataframe.SelectionMode.SINGLE_ROW in table.selection_mode:
        rows = {"selection": {"rows": [0], "columns": [], "cells": []}}
        yield WidgetState(id=table.id, string_value=json.dumps(rows))


def _turn(part: Part, dice: random.Random) -> Iterator[WidgetState]:
    pages = part.element.pagination
    if not pages.disabled and pages.num_pages > 1:
        yield WidgetState(id=pages.id, int_value=dice.randint(1, pages.num_pages))


KINDS: tuple[tuple[str, str, Callable[[Part, random.Random], Iterator[WidgetState]]], ...] = (
    ("choose a view", "button_group", _choose),
    ("search", "text_input", _search),
    ("filter", "selectbox", _select),
    ("open a row", "dataframe", _row),
    ("turn a page", "pagination", _turn),
)
