"""Can this month be billed, and who signed for it?"""

from __future__ import annotations

from datetime import date

import streamlit as st

from core.services import month_end
from core.services.month_end import MonthEnd
from pages._ui import (
    auth,
    choices,
    month_end_gates,
    month_end_invoice,
    month_end_sign,
    report_data,
    report_lineage,
    report_parts,
    states,
)
from pages._ui.formats import escape, month, tr

MIDDLE = 15
"""Until this day of a month people close the one before."""
context, actor = auth.context(), auth.actor()


def chosen_month() -> date:
    """The month that is closed about now, or another one."""
    known = report_data.known()
    running = known.today.replace(day=1)
    listed = [running, *known.months]
    usual = known.months[0] if known.months and known.today.day <= MIDDLE else running
    ordered = [usual, *(one for one in listed if one != usual)]
    picked = choices.select("month", {f"{one:%Y-%m}": month(one) for one in ordered}, tr("Month"), 170)
    try:
        return date.fromisoformat(f"{picked}-01")
    except ValueError:
        return usual


def headline(shown: MonthEnd) -> None:
    name = month(shown.month)
    if shown.signed is not None and not shown.changed:
        states.title(tr("{month} is signed for", month=name))
    elif shown.signed is not None:
        states.title(tr("{month} changed after it was signed for", month=name))
    elif not month_end_gates.is_known(shown):
        states.title(tr("Can {month} be billed?", month=name))
    elif shown.open_gates:
        states.title(tr("{count} points are open in {month}", count=shown.open_gates, month=name))
    else:
        states.title(tr("{month} can be signed for", month=name))


head = st.container()
with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    first = chosen_month()
    bar = st.container(width="content")
with states.explained():
    shown = report_data.once(
        ("month", first), lambda: month_end.glance(context, actor, first), seconds=month_end.GLANCE_SECONDS
    )
    with head:
        headline(shown)
    with bar:
        month_end_sign.toolbar(shown)
    month_end_sign.signed(shown)
    month_end_invoice.changed(shown.changed)
    month_end_gates.show(shown)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(tr("The next invoice"), anchor=False, width="content")
        if shown.live:
            report_parts.files(f"month-end-{first:%Y-%m}", month_end_invoice.maker(first))
    for note in shown.notes:
        st.caption(f":material/info: {escape(tr(note))}")
    month_end_invoice.show(shown)
    month_end_invoice.show_asked(shown)
    month_end_sign.earlier()
    month_end_sign.verify()
report_lineage.show_asked()
