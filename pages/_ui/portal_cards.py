"""Every portal as a card: what it is, what it counts, how fresh it is, what still has to be done."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.domain.policy import Mode
from core.services.portals import PortalCard, PortalState
from pages._ui import portal_detail
from pages._ui.formats import ago, escape, number, tr

COLORS = {
    PortalState.OK: "green",
    PortalState.STALE: "orange",
    PortalState.FAILING: "red",
    PortalState.READING: "blue",
    PortalState.PAUSED: "gray",
    PortalState.NEVER_READ: "gray",
}


def show(cards: Sequence[PortalCard]) -> None:
    with st.grid(3, gap="small", min_column_width=300) as wall:
        for card in cards:
            with wall.container(border=True, height="stretch", gap="xsmall"):
                _card(card)


def _card(card: PortalCard) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{escape(card.name)}**", width="content")
        state_badge(card)
    st.caption(f"{escape(tr(card.connector_name))} · {kind_words(card.kind)} · {escape(tr(card.counts))}")
    size = tr("{lines} lines of {customers} customers", lines=card.lines, customers=card.customers)
    st.markdown(
        f":material/schedule: {tr('Read {when}', when=ago(card.last_read)) if card.last_read else tr('Never read')}  \n"
        f":material/format_list_numbered: {size}  \n"
        f":material/{mode_icon(card.mode)}: {mode_words(card.mode)} · {escape(tr(card.schedule))}"
    )
    if card.state in (PortalState.FAILING, PortalState.STALE):
        st.markdown(f":{COLORS[card.state]}[{escape(tr(card.message))}]")
    unmapped = card.unmapped_customers + card.unmapped_products
    st.space("stretch")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if st.button(tr("Open"), key=f"open_{card.id}", icon=":material/arrow_forward:"):
            portal_detail.go(portal=card.name)
        if unmapped:
            st.page_link(
                f"pages/{'customers' if card.unmapped_customers else 'products'}.py",
                label=tr("{count} to link", count=number(unmapped)), icon=":material/link:",
                query_params={
                    f"{'customers' if card.unmapped_customers else 'products'}_{name}": value
                    for name, value in (("portal", card.name), ("status", "pending"))
                },
            )  # fmt: skip


def state_badge(card: PortalCard) -> None:
    words = {
        PortalState.OK: tr("Fresh"),
        PortalState.STALE: tr("Too old"),
        PortalState.FAILING: tr("Failing"),
        PortalState.READING: tr("Reading …"),
        PortalState.PAUSED: tr("Paused"),
        PortalState.NEVER_READ: tr("Never read"),
    }
    st.badge(words[card.state], color=COLORS[card.state])


def kind_words(kind: str) -> str:
    """Made for this portal, or for any (S1-85)."""
    return tr("own interface") if kind == "api" else tr("universal")


def mode_words(mode: Mode) -> str:
    return tr("applies by itself") if mode is Mode.AUTOMATIC else tr("waits for approval")


def mode_icon(mode: Mode) -> str:
    return "bolt" if mode is Mode.AUTOMATIC else "front_hand"
