"""Signing in at the vendor's own page for an endpoint: its address of return, the way there, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from core.services import rest_sign_in
from core.services.portals import PortalDetail
from pages._ui import auth, states
from pages._ui.formats import escape, tr

KIND = "authorization_code"
GIVEN = ("refresh_token", "token")
SLOT = "_vendor_sign_in"
LOOK_SECONDS = 2.0


def is_asked(settings: Mapping[str, Any]) -> bool:
    """Whether a person signs in for this endpoint."""
    return str((settings.get("auth") or {}).get("kind", "")) == KIND


def explain() -> None:
    """What the vendor has to know, to be copied."""
    st.caption(tr("Register this address at the vendor as the redirect address of the application:"))
    st.code(address(), language=None, wrap_lines=True)


def begin(portal: str, settings: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> None:
    """Begin, for a form or for the stored portal; the page of the vendor is then one click away."""
    begun = rest_sign_in.begin(
        auth.context(), auth.actor(), auth.session_token(), address(), portal=portal, settings=settings, secrets=secrets
    )
    st.session_state[SLOT] = {
        "portal": portal, "page": begun.page, "handle": begun.handle, "until": begun.until, "failed": False,
    }  # fmt: skip


def follow(portal: str) -> dict[str, str] | None:
    """What is under way for this portal, and what came of it: secrets for a form, {} for a stored portal, None for nothing yet."""
    under_way = st.session_state.get(SLOT)
    if under_way is None or under_way["portal"] != portal:
        return None
    if under_way["failed"]:
        st.warning(
            tr("Signing in did not work, or took too long; the other page says why. You can begin again."),
            icon=":material/warning:",
        )
        return None
    if "outcome" in under_way:
        del st.session_state[SLOT]
        return dict(under_way["outcome"])
    host = urlsplit(under_way["page"]).hostname or ""
    with st.container(border=True, gap="small"):
        st.link_button(
            tr("Go to {host}", host=host),
            under_way["page"],
            type="primary",
            icon=":material/open_in_new:",
            width="content",
        )
        _wait()
    return None


@st.fragment(run_every=LOOK_SECONDS)
def _wait() -> None:
    """Looks by itself whether the other page has come back."""
    under_way = st.session_state.get(SLOT)
    if under_way is None:
        return
    st.caption(f":material/hourglass_top: {tr('Sign in on the page that opens. This page goes on by itself.')}")
    told = rest_sign_in.outcome(auth.context(), auth.actor(), auth.session_token(), under_way["handle"])
    late = not told.done and under_way["until"] < auth.context().clock.now()
    if told.done:
        under_way["outcome"] = dict(told.secrets)
    if told.failed or late:
        under_way["failed"] = True
    if told.done or told.failed or late:
        st.rerun()


def stand(*, signed_in: bool) -> None:
    if signed_in:
        st.caption(f":material/check_circle: {tr('A sign-in at the vendor is kept.')}")
    else:
        st.caption(f":material/login: {tr('Nobody has signed in at the vendor yet.')}")


def show(detail: PortalDetail, *, editable: bool) -> None:
    """For a stored portal: whether somebody signed in, and the way to do it again."""
    portal = detail.card.name
    stand(signed_in=bool(detail.secrets_set & set(GIVEN)))
    if not editable:
        return
    if st.button(tr("Sign in at the vendor"), icon=":material/login:", key="vendor_sign_in"):
        with states.explained():
            begin(portal)
    if follow(portal) is not None:
        states.done(tr("{portal} is signed in at the vendor.", portal=escape(portal)))
        st.rerun()
    with st.popover(tr("Redirect address"), icon=":material/link:", type="tertiary"):
        explain()


def address() -> str:
    """Where the vendor sends the browser back to: on the address at which this very page is served."""
    path = auth.sub_path() + rest_sign_in.RETURN_PATH
    try:
        here = urlsplit(st.context.url or "")
    except RuntimeError:
        return path
    return f"{here.scheme}://{here.netloc}{path}" if here.netloc else path
