"""What a page shows when there is nothing to show, or when something went wrong: words and a next step, never a stack trace."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
import structlog

from core.domain.errors import ConfirmationNeeded, ContractBridgeError, RemoteError
from core.services.context import Context
from core.services.storage import storage_trouble, trouble_of
from pages._ui import confirming
from pages._ui.formats import escape, tr

log = structlog.get_logger()


@contextmanager
def explained() -> Iterator[None]:
    """Whatever goes wrong inside is told in the person's words, where the page stands."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the last stop before the person
        show_problem(error)


def show_problem(error: Exception) -> bool:
    """An expected error with its place and remedy; any other one as a number that the log knows. Always handled (True)."""
    if isinstance(error, ConfirmationNeeded):
        confirming.ask()
    told = error if isinstance(error, ContractBridgeError) else trouble_of(error)
    if told is not None:
        show_error(told)
        return True
    number = secrets.token_hex(4)
    log.error("page.failed", number=number, exc_info=error)
    st.error(
        f"{tr('Something went wrong on our side.')} "
        + tr(
            "The log has the details under number {number}. Nothing was half-written; trying again is safe.",
            number=number,
        ),
        icon=":material/error:",
    )
    return True


def show_error(error: ContractBridgeError) -> None:
    """Message, place and remedy in the person's language."""
    place = f"**{escape(error.place)}** — " if error.place else ""
    remedy = f"\n\n{escape(tr(error.remedy))}" if error.remedy else ""
    icon = ":material/cloud_off:" if isinstance(error, RemoteError) else ":material/error:"
    st.error(f"{place}{escape(tr(error.message))}{remedy}", icon=icon)


def storage_banner(ctx: Context) -> None:
    """Above every page while nothing can be stored: what is shown may still be looked at."""
    trouble = storage_trouble(ctx)
    if trouble is not None:
        show_error(trouble)


def title(question: str, subtitle: str = "") -> None:
    """The line on top of a page: the question it answers."""
    st.title(question, anchor=False)
    if subtitle:
        st.caption(subtitle)


def empty(what: str, next_step: str, icon: str = ":material/inbox:") -> st.delta_generator.DeltaGenerator:
    """The place of a list without rows: says what would be here and what to do; buttons and links can be put into it."""
    box = st.container(border=True, horizontal_alignment="center", gap="small")
    with box:
        st.space("small")
        st.subheader(what, anchor=False, icon=icon, text_alignment="center")
        st.caption(next_step, text_alignment="center")
    return box


def done(sentence: str) -> None:
    """A short confirmation that survives the rerun which follows."""
    st.session_state["_done"] = sentence


def show_done() -> None:
    if sentence := st.session_state.pop("_done", None):
        st.toast(sentence, icon=":material/check_circle:")
