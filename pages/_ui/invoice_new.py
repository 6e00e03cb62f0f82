"""A new invoice check: the file, its columns, the period and how the vendor counts; looked at before it is kept."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

import streamlit as st

from core.domain.invoice.model import CheckSettings, Count, Period
from core.services import invoice_check
from core.services.reports.choices import Choices
from core.services.uploads import Inspection
from pages._ui import auth, invoice_detail, states
from pages._ui.choices import labelled
from pages._ui.formats import month, tr

TYPES = ["csv", "tsv", "txt", "xlsx", "xlsm", "xls", "ods", "json", "xml", "gz", "zip"]
ROLES = ("product", "quantity", "customer", "amount")


def show(known: Choices, go: Callable[[str], None]) -> None:
    """Draws the way from a file to a kept check."""
    st.button(
        tr("All invoice checks"),
        icon=":material/arrow_back:",
        type="tertiary",
        key="invoice_back",
        on_click=go,
        args=("",),
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        portal = st.selectbox(tr("Vendor"), known.portals, key="invoice_portal", width=240)
        chosen = st.selectbox(
            tr("Period of the invoice"), [None, *known.months], key="invoice_period", width=330,
            format_func=lambda one: month(one) if one else tr("As the file tells, else last month"),
        )  # fmt: skip
    file = st.file_uploader(tr("The vendor's invoice"), type=TYPES, key="invoice_file", label_visibility="collapsed")
    if not portal or file is None:
        st.caption(tr("CSV or Excel as the vendor gives it; a reconciliation file of Partner Center needs no columns."))
        return
    with states.explained():
        _look(portal, file.getvalue(), file.name, _period(chosen), go)


def _look(portal: str, data: bytes, name: str, period: Period | None, go: Callable[[str], None]) -> None:
    context, actor = auth.context(), auth.actor()
    kept = invoice_check.invoice_settings(context, actor, portal)
    seen = invoice_check.inspect_invoice(context, actor, data, name)
    with st.container(horizontal=True, gap="medium"):
        with st.expander(tr("Columns"), expanded=not kept.columns, icon=":material/view_column:", width=440):
            columns = _columns(seen, kept.columns, portal)
        with st.expander(tr("How the vendor counts"), icon=":material/event:", width=440):
            check = _settings(kept.check, portal)
    made = invoice_check.preview_invoice(
        context, actor, portal, data, name, period=period, columns=columns, check=check
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(tr("Keep this check"), type="primary", icon=":material/inventory_2:", key="invoice_keep"):
            stored = invoice_check.check_invoice(
                context, actor, portal, data, name, period=period, columns=columns, check=check
            )
            states.done(tr("The check is kept, with the file and its digest."))
            go(str(stored.id))
            st.rerun()
        st.caption(tr("Nothing is kept yet: this is how it would be."), width="content")
    invoice_detail.numbers(made)
    invoice_detail.rows(made, may_decide=False)


def _columns(seen: Inspection, kept: Mapping[str, object], key: str) -> dict[str, object]:
    """Headings for product, units, customer and amount; what was remembered beside them stays."""
    headings = [heading.name for heading in seen.headings]
    suggested = seen.suggested.model_dump(mode="json", exclude_defaults=True) if seen.suggested else {}
    titles = {
        "product": tr("Product"), "quantity": tr("Units"), "customer": tr("Customer"), "amount": tr("Amount without tax"),
    }  # fmt: skip
    nothing = tr("not on this invoice")
    found: dict[str, object] = {name: value for name, value in kept.items() if name not in ROLES}
    for role in ROLES:
        start = (kept or suggested).get(role)
        options = ["", *headings]
        chosen = st.selectbox(
            titles[role], options, index=options.index(start) if start in options else 0,
            key=f"invoice_{key}_{role}_{len(headings)}", format_func=labelled({"": nothing}),
        )  # fmt: skip
        if chosen:
            found[role] = chosen
    return found if any(found.get(role) for role in ROLES) else {}


def _settings(kept: CheckSettings, key: str) -> CheckSettings:
    counts = {
        Count.DAY: tr("the units of one day"), Count.MAXIMUM: tr("the highest number of the period"),
        Count.AVERAGE: tr("the average of the period"), Count.END: tr("the last day of the period"),
    }  # fmt: skip
    count = st.selectbox(
        tr("The vendor counts"), list(counts), index=list(counts).index(kept.count), key=f"invoice_{key}_count",
        format_func=labelled(counts),
    )  # fmt: skip
    day = kept.day
    if count is Count.DAY:
        day = int(st.number_input(tr("On day"), 1, 31, kept.day, key=f"invoice_{key}_day"))
    units = st.number_input(
        tr("Let differences pass up to so many units"), 0, None, int(kept.tolerance_units), key=f"invoice_{key}_units"
    )
    amount = st.number_input(
        tr("and up to this amount"), 0.0, None, float(kept.tolerance_amount), 0.01, key=f"invoice_{key}_amount"
    )
    return kept.model_copy(
        update={
            "count": count, "day": day, "tolerance_units": Decimal(int(units)),
            "tolerance_amount": Decimal(str(round(amount, 2))),
        }
    )  # fmt: skip


def _period(chosen: date | None) -> Period | None:
    if chosen is None:
        return None
    return Period(chosen, chosen.replace(day=calendar.monthrange(chosen.year, chosen.month)[1]))
