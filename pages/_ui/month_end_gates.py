"""What must be settled before a month is signed for, each with the way to where it is settled."""

from __future__ import annotations

import streamlit as st

from core.domain.month_end import Gate, GateName
from core.services.month_end import MonthEnd
from pages._ui import states
from pages._ui.formats import escape, tr
from pages._ui.shell import link

PAGES = {"changes", "products", "portals", "consumption", "reports", "customers", "overview"}
PLACES: dict[GateName, dict[str, str]] = {
    GateName.UNMAPPED: {"changes_view": "findings"},
    GateName.HELD: {"changes_status": "held"},
    GateName.DRIFT: {"changes_view": "findings"},
    GateName.INVOICES: {"report": "invoice"},
}
"""What the page is asked to show."""


def show(shown: MonthEnd) -> None:
    """Settled ones take one line together; those that are open come first."""
    names = titles()
    if not is_known(shown):
        with states.empty(
            tr("It cannot be said yet whether everything is settled"),
            tr("There is no plan. The first sync makes one: it compares what is used with the contracts."),
            ":material/help:",
        ):
            link("overview", tr("Open the overview"))
        return
    ordered = sorted(shown.gates, key=lambda gate: gate.passed)
    with st.container(border=True, gap="xxsmall"):
        st.markdown(f"**{tr('Is everything settled?')}**")
        for gate in ordered:
            _gate(gate, names[gate.name])


def is_known(shown: MonthEnd) -> bool:
    """Whether there is a plan to tell it from."""
    return all(gate.count is not None for gate in shown.gates)


def titles() -> dict[GateName, str]:
    return {
        GateName.PLAN: tr("A plan of today"),
        GateName.UNMAPPED: tr("Everything linked"),
        GateName.STALE: tr("Every source fresh"),
        GateName.HELD: tr("Nothing held"),
        GateName.DRIFT: tr("Nothing changed by others"),
        GateName.CHANGES: tr("Changes applied"),
        GateName.CHARGES: tr("Charges in Autotask"),
        GateName.INVOICES: tr("Vendor invoices checked"),
    }


def _gate(gate: Gate, title: str) -> None:
    icon = ":green[:material/check_circle:]" if gate.passed else ":orange[:material/error:]"
    left, middle, right = st.columns([4, 8, 2], vertical_alignment="center", gap="small")
    left.markdown(f"{icon} {title}")
    if gate.passed:
        return
    middle.markdown(escape(tr(gate.message)))
    page = "changes" if gate.name is GateName.UNMAPPED else gate.page.lower()
    if page in PAGES:
        right.page_link(
            f"pages/{page}.py", label=tr("Settle it"), icon=":material/arrow_forward:",
            query_params=PLACES.get(gate.name, {}), width="content",
        )  # fmt: skip
