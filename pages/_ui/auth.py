"""Who is looking, checked against the database on every run: the page itself is no protection, and a session may have ended."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from core.domain.errors import AccessDenied, ConfirmationNeeded
from core.services import people
from core.services.access import Actor, Role, require_confirmed
from core.services.context import Context
from core.web import process
from core.web.address import SESSION_COOKIE

RECHECK_SECONDS = 2.0
"""One run of a page asks more than once; runs further apart than this ask the database again."""


def context() -> Context:
    return process.context()


def time_zone() -> str:
    """The workspace's time zone, asked for as rarely as the person: a grid writes hundreds of moments."""
    cached: tuple[float, str] = st.session_state.get("_zone", (0.0, ""))
    if cached[1] and time.monotonic() - cached[0] < RECHECK_SECONDS:
        return cached[1]
    zone = process.application().zone
    st.session_state["_zone"] = (time.monotonic(), zone)
    return zone


def sub_path() -> str:
    """The path below which the pages are served, as `/portal`; "" on a host of their own."""
    path = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{path}" if path else ""


def session_token() -> str:
    """The token of the browser's session cookie; empty without one."""
    return st.context.cookies.get(SESSION_COOKIE) or ""


def who() -> Actor | None:
    """The signed-in person, None when nobody is (any more)."""
    cached: tuple[float, Actor | None] = st.session_state.get("_who", (0.0, None))
    if time.monotonic() - cached[0] < RECHECK_SECONDS:
        return cached[1]
    found = _look_up()
    st.session_state["_who"] = (time.monotonic(), found)
    return found


def forget() -> None:
    """Ask again at once: role or language may have changed."""
    st.session_state.pop("_who", None)


def actor() -> Actor:
    """The signed-in person; ends the run of the page when the session is over."""
    person = who()
    if person is None:
        st.stop()
    return person


def asker() -> Callable[[], Actor]:
    """Who asks, looked up anew when it is called: for files that are made when a button is pressed, outside of the page, which may
    have been open for hours.
    """
    ctx, token = context(), session_token()

    def ask() -> Actor:
        found = people.actor_of_token(ctx, token)
        if found is None:
            raise AccessDenied(Role.VIEWER.value)
        return found

    return ask


def may(role: Role) -> bool:
    """Whether to offer something at all; the use case checks again."""
    return actor().role.covers(role)


def has_confirmed() -> bool:
    """Whether the person signed in, or showed again who they are, so lately that secrets may be changed."""
    try:
        require_confirmed(context(), actor())
    except ConfirmationNeeded:
        return False
    return True


def _look_up() -> Actor | None:
    token = session_token()
    return people.actor_of_token(context(), token) if token else None
