"""What is charged for consumption, and out of what?"""

from __future__ import annotations

from datetime import date

import streamlit as st

from core.services import charge_sources, charge_views
from core.services.access import Role
from core.services.charge_sources import AmountSource
from core.services.charge_views import Totals
from pages._ui import (
    auth,
    charge_detail,
    charge_words,
    choices,
    consumption_apply,
    consumption_companies,
    consumption_files,
    consumption_findings,
    consumption_list,
    consumption_month,
    portal_charges,
    states,
)
from pages._ui.formats import number, tr

context, actor = auth.context(), auth.actor()


def headline(found: Totals) -> None:
    waiting = found.by_status.get("needs_approval", 0) + found.by_status.get("held", 0)
    going = found.by_status.get("ready", 0) + found.by_status.get("approved", 0)
    if waiting:
        title = (
            tr("{count} charges wait for a decision", count=waiting)
            if waiting > 1
            else tr("One charge waits for a decision")
        )
    elif going:
        title = (
            tr("{count} charges are ready to be applied", count=going)
            if going > 1
            else tr("One charge is ready to be applied")
        )
    elif found.by_finding:
        title = tr("Some consumption cannot be charged yet")
    elif found.by_status:
        title = tr("What is used is charged")
    else:
        title = tr("What is charged for consumption?")
    states.title(title, tr("Amounts of your sources become charges on the contract of each customer, exactly once."))


def numbers(found: Totals, period: date | None) -> None:
    with st.container(horizontal=True, gap="small"):
        when = charge_words.month(period) if period else tr("All months")
        st.metric(tr("To charge · {month}", month=when), charge_words.amounts(found.sums, lambda one: one.price), border=True,
                  width="content")  # fmt: skip
        st.metric(tr("In Autotask"), charge_words.amounts(found.sums, lambda one: one.in_autotask), border=True,
                  width="content")  # fmt: skip
        st.metric(tr("Cost"), charge_words.amounts(found.sums, lambda one: one.cost), border=True, width="content")
        st.metric(tr("Charges"), number(sum(one.charges for one in found.sums)), border=True, width=110)
        st.metric(
            tr("Customers"), number(max((one.companies for one in found.sums), default=0)), border=True, width=110
        )


def nothing_yet(sources: tuple[AmountSource, ...]) -> None:
    """No amount was ever told: where to begin."""
    states.title(
        tr("What is charged for consumption?"),
        tr("Amounts of your sources become charges on the contract of each customer, exactly once."),
    )
    left, right = st.columns(2, gap="medium")
    with (
        left,
        states.empty(
            tr("Bring a cost export"),
            tr("Azure Cost Management or a reconciliation file of Partner Center: CSV, gzip, ZIP or Parquet."),
            ":material/upload_file:",
        ),
    ):
        if auth.may(Role.OPERATOR) and st.button(tr("Bring files"), type="primary", key="first_files"):
            st.query_params["consumption_view"] = "files"
            st.rerun()
    with (
        right,
        states.empty(
            tr("Connect a source of amounts"),
            tr("Azure, Partner Center, Pax8, or any file or endpoint that tells what things cost."),
            ":material/hub:",
        ),
    ):
        st.page_link("pages/portals.py", label=tr("Open portals"), icon=":material/arrow_forward:")
    if sources:
        names = ", ".join(source.portal for source in sources)
        st.caption(tr("Nothing was read yet of {portals}.", portals=names))


def view_switch(findings: int) -> str:
    views = {
        "charges": tr("Charges"),
        "companies": tr("Per customer"),
        "findings": tr("To look at ({count})", count=findings),
        "check": tr("Check"),
        "settings": tr("How it is charged"),
        "files": tr("Files"),
    }
    if not auth.may(Role.OPERATOR):
        views = {key: label for key, label in views.items() if key not in ("settings", "files")}
    return choices.segmented("consumption_view", views)


sources = charge_sources.sources(context, actor)
known = charge_views.months(context, actor)
asked = st.query_params.get("consumption_view", "")
waiting = sum(charge_views.totals(context, actor, None).by_finding.values())
if not known and not waiting and asked not in ("files", "settings"):
    nothing_yet(sources)
else:
    left, right = st.columns([4, 1], vertical_alignment="center")
    middle = st.container()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        view = view_switch(waiting)
        consumption_apply.toolbar()
    monthly = view in ("charges", "companies", "check")
    with right:
        period = consumption_month.choose(known) if monthly else None
    found = charge_views.totals(context, actor, period)
    with left:
        headline(found)
    if monthly and known:
        with middle:
            numbers(found, period)
    if view == "companies":
        consumption_companies.show(period)
    elif view == "findings":
        consumption_findings.show([source.portal for source in sources])
    elif view == "check":
        consumption_files.check(period)
    elif view == "settings":
        portal_charges.choose(sources)
    elif view == "files":
        consumption_files.show(sources)
    else:
        consumption_list.show([source.portal for source in sources], period)
    charge_detail.show_asked()
