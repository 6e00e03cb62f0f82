"""Where do the quantities come from, and is every source fresh?"""

from __future__ import annotations

import streamlit as st

from core.services import portals
from core.services.access import Role
from core.services.portals import PortalCard, PortalState
from pages._ui import (
    auth,
    pickup_columns,
    portal_cards,
    portal_connect,
    portal_detail,
    rest_connect,
    rest_detail,
    states,
    upload,
)
from pages._ui.formats import tr

context, actor = auth.context(), auth.actor()


def headline(cards: list[PortalCard]) -> None:
    troubled = [card for card in cards if card.state in (PortalState.FAILING, PortalState.STALE)]
    if troubled:
        names = ", ".join(card.name for card in troubled[:3])
        title = (
            tr("{count} portals need attention", count=len(troubled))
            if len(troubled) > 1
            else tr("One portal needs attention")
        )
        states.title(title, names)
    elif cards:
        states.title(
            tr("All {count} portals are well", count=len(cards)) if len(cards) > 1 else tr("The portal is well")
        )
    else:
        states.title(tr("Where do the quantities come from?"))


def first_portal() -> None:
    """Nothing is connected: the two ways to begin."""
    left, right = st.columns(2, gap="medium")
    with (
        left,
        states.empty(
            tr("Drop an export"),
            tr("CSV, Excel, JSON or XML of any portal. The quickest way to see something."),
            ":material/upload_file:",
        ),
    ):
        if st.button(tr("Drop a file"), type="primary", key="first_file", icon=":material/upload_file:"):
            portal_detail.go(step="upload")
    with (
        right,
        states.empty(
            tr("Connect a portal"), tr("Its official interface, with credentials of your own."), ":material/hub:"
        ),
    ):
        if st.button(tr("Connect"), key="first_connect", icon=":material/add_link:"):
            portal_detail.go(step="connect")


def all_portals(cards: list[PortalCard]) -> None:
    if auth.may(Role.OPERATOR):
        with st.container(horizontal=True, gap="small"):
            if st.button(tr("Drop a file"), type="primary", icon=":material/upload_file:", key="go_upload"):
                portal_detail.go(step="upload")
            if st.button(tr("Connect a portal"), icon=":material/add_link:", key="go_connect"):
                portal_detail.go(step="connect")
    portal_cards.show(cards)


cards = portals.list_portals(context, actor)
step, name = st.query_params.get("step", ""), st.query_params.get("portal", "")
card = next((card for card in cards if card.name == name), None)
if step == "upload" and auth.may(Role.OPERATOR):
    upload.show(cards, name)
elif step == "connect" and auth.may(Role.OPERATOR):
    portal_connect.show(cards)
elif step == "columns" and card and auth.may(Role.OPERATOR):
    pickup_columns.show(card)
elif step == "endpoint" and card and card.connector == rest_detail.CONNECTOR and auth.may(Role.OPERATOR):
    rest_connect.change(card.name)
elif card:
    portal_detail.show(card)
else:
    headline(cards)
    if cards:
        all_portals(cards)
    elif auth.may(Role.OPERATOR):
        first_portal()
    else:
        states.empty(tr("No portals yet"), tr("An operator connects them."), ":material/hub:")
