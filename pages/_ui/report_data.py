"""Reports worked out once and kept while nothing changed: turning a page or sorting does not ask the database again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from core.services import reports
from core.services.reports import Asked, Report, choices
from core.services.reports.choices import Choices
from pages._ui import auth

Result = TypeVar("Result")
KEPT = 4
"""Reports that one window keeps."""


def known() -> Choices:
    """What can be chosen."""
    return once("choices", lambda: choices.choices(auth.context(), auth.actor()))


def built(name: str, asked: Asked) -> Report:
    """A report; the same object as long as no reading came in and nobody changed anything."""
    return once((name, asked), lambda: reports.build(auth.context(), auth.actor(), name, asked))


def once(what: object, make: Callable[[], Result]) -> Result:
    """What `make` gives, kept for this window until something was read, a person did something, or the day ended."""
    context, actor = auth.context(), auth.actor()
    as_of = (choices.version(context, actor), context.clock.today(), actor.role)
    kept: dict[object, tuple[object, object]] = st.session_state.setdefault("_reports", {})
    if what in kept and kept[what][0] == as_of:
        return kept[what][1]  # type: ignore[return-value]
    kept.pop(what, None)
    made = make()
    kept[what] = (as_of, made)
    for oldest in list(kept)[:-KEPT]:
        del kept[oldest]
    return made


def forget(what: object) -> None:
    """Work it out once more, the next time."""
    st.session_state.get("_reports", {}).pop(what, None)
