"""What a report is about: month or moment, vendor, product, customer. All of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import streamlit as st

from core.services.reports import Asked
from core.services.reports.choices import Choices
from pages._ui import choices
from pages._ui.formats import day_format, month, tr

PORTAL, PRODUCT, CUSTOMER, MONTH, SPAN = "vendor", "product", "customer", "month", "months"
NAMES = (PORTAL, PRODUCT, CUSTOMER)
SPANS = ("12", "24", "36", "6")


def go(**wanted: str) -> None:
    """Another view or filter from the next drawing on; for callbacks."""
    for name, value in wanted.items():
        st.session_state[name] = value


def names(known: Choices, *, product: bool = True) -> dict[str, str]:
    """Vendor, product, customer; empty for all."""
    found = {PORTAL: choices.select(PORTAL, _options(tr("All vendors"), known.portals), tr("Vendor"), 150)}
    if product:
        of_portal = {
            name for portal, name in known.products if portal.casefold() == (found[PORTAL] or portal).casefold()
        }
        listed = sorted(of_portal, key=str.casefold)
        found[PRODUCT] = choices.select(PRODUCT, _options(tr("All products"), listed), tr("Product"), 180)
    found[CUSTOMER] = choices.select(CUSTOMER, _options(tr("All customers"), known.customers), tr("Customer"), 180)
    if any(found.values()):
        st.button(
            "", icon=":material/filter_alt_off:", key="reports_all", type="tertiary", help=tr("Show all"),
            on_click=lambda: go(**dict.fromkeys(NAMES, "")),
        )  # fmt: skip
    return found


def chosen_month(known: Choices) -> date | None:
    """A month that ended; None: now (S1-75)."""
    options = {"": tr("Now"), **{one.isoformat()[:7]: month(one) for one in known.months}}
    picked = choices.select(MONTH, options, tr("Month"), 140)
    try:
        return date.fromisoformat(f"{picked}-01") if picked else None
    except ValueError:
        return None


def span() -> int:
    """How many months back."""
    return int(choices.select(SPAN, {one: tr("{months} months", months=int(one)) for one in SPANS}, tr("Months"), 115))


def asked(found: Mapping[str, str], **more: object) -> Asked:
    return Asked(portal=found.get(PORTAL, ""), product=found.get(PRODUCT, ""), customer=found.get(CUSTOMER, ""), **more)


def moment(key: str, label: str, known: Choices, usual: date) -> date | datetime:
    """A day, and a time of it where one is given; without it the end of that day."""
    visible = "visible" if label else "collapsed"
    day = st.date_input(
        label or tr("Day"), usual, min_value=known.first, max_value=known.today, key=f"{key}_day", format=day_format(),
        width=140, bind="query-params", label_visibility=visible,
    )  # fmt: skip
    time = st.time_input(
        tr("Time"), None, key=f"{key}_time", step=timedelta(minutes=15), width=105, label_visibility=visible,
        help=tr("Without a time: the end of that day."),
    )  # fmt: skip
    chosen = day if isinstance(day, date) else usual
    return datetime.combine(chosen, time) if time else chosen


def _options(everything: str, names: object) -> dict[str, str]:
    return {"": everything, **{name: name for name in names}}  # type: ignore[attr-defined]
