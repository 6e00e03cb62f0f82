"""What the doctor finds: what is wrong first, then what is to be done, then what is in order."""

from __future__ import annotations

from collections import defaultdict

import streamlit as st

from core.services import doctor
from core.services.examining.check import OK, TODO, WRONG, Check
from pages._ui import auth, states
from pages._ui.formats import escape, moment, number, tr
from pages._ui.shell import link

ICONS = {WRONG: ":material/error:", TODO: ":material/pending_actions:", OK: ":material/check_circle:"}
WAITING = "work.waiting"
"""The code of what waits for a person: the overview leads to each of it."""
COLOURS = {WRONG: "red", TODO: "orange", OK: "green"}


def show() -> None:
    """Looked at when somebody opens it, and again when somebody asks: Autotask and the portals are really called."""
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.caption(tr("Autotask and every portal are asked once; this takes some seconds."))
    again = right.button(tr("Look again"), icon=":material/refresh:", key="health_again", width="stretch")
    if again or "_health" not in st.session_state:
        with states.explained(), st.spinner(tr("Looking at everything …")):
            context = auth.context()
            found = doctor.examine(context, auth.actor())
            st.session_state["_health"] = (context.clock.now(), found)
    if "_health" in st.session_state:
        at, found = st.session_state["_health"]
        _summary(found)
        _list(found, WRONG)
        _list(found, TODO)
        with st.expander(tr("In order"), icon=ICONS[OK], key="health_ok"):
            _list(found, OK)
        st.caption(tr("As of {moment}.", moment=moment(at)))


def _summary(found: list[Check]) -> None:
    counts = {state: sum(check.state == state for check in found) for state in (WRONG, TODO, OK)}
    words = {WRONG: tr("Wrong"), TODO: tr("To do"), OK: tr("In order")}
    for column, state in zip(st.columns(3), counts, strict=True):
        column.metric(words[state], number(counts[state]), border=True)


def _list(found: list[Check], state: str) -> None:
    """One box for each part that was looked at; its codes stand in the documentation, and in what `doctor` writes."""
    parts: dict[str, list[Check]] = defaultdict(list)
    for check in found:
        if check.state == state:
            parts[check.name].append(check)
    icon = f":{COLOURS[state]}[{ICONS[state]}]"
    for name, checks in parts.items():
        with st.container(border=state != OK, gap="xxsmall"):
            if len(checks) == 1:
                st.markdown(f"{icon} **{tr(name)}** · {escape(tr(checks[0].message))}")
                _remedy(checks[0])
                continue
            st.markdown(f"{icon} **{tr(name)}**")
            for check in checks:
                st.markdown(f"- {escape(tr(check.message))}")
                _remedy(check)
            if any(check.code == WAITING for check in checks):
                link("overview", tr("Open the overview"))


def _remedy(check: Check) -> None:
    if check.remedy:
        st.markdown(_with_commands(tr(check.remedy)))


def _with_commands(text: str) -> str:
    """What is to be typed stands between backticks, and is shown so."""
    parts = text.split("`")
    return "".join(f"`{part}`" if place % 2 else escape(part) for place, part in enumerate(parts))
