"""Who is looking, checked against the database on every run: the page itself is no protection, and a session may have ended."""

from __future__ import annotations

import time

import streamlit as st

from core.domain.errors import AccessDenied
from core.services import people
from core.services.access import Actor, Role
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


def may(role: Role) -> bool:
    """Whether to offer something at all; the use case checks again."""
    return actor().role.covers(role)


def by_company_account() -> bool:
    """Whether the person is here through the company's own sign-in rather than by a session of ours."""
    return openid_is_set_up() and people.actor_of_token(context(), session_token()) is None and st.user.is_logged_in


def openid_is_set_up() -> bool:
    """Whether `.streamlit/secrets.toml` has an `[auth]` section."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def _look_up() -> Actor | None:
    token = session_token()
    person = people.actor_of_token(context(), token) if token else None
    if person is None and openid_is_set_up() and st.user.is_logged_in:
        try:
            return people.oidc_actor(context(), st.user.to_dict())
        except AccessDenied:
            st.session_state["_without_role"] = True
    return person
