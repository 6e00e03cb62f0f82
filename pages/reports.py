"""What is used, by whom, and how did it develop?"""

from __future__ import annotations

import streamlit as st

from pages._ui import choices, invoice_list, report_data, report_lineage, report_money, report_views, states
from pages._ui.formats import tr

VIEWS = {
    **report_views.VIEWS,
    "invoice": invoice_list.show,
    "leakage": report_money.leakage,
    "margin": report_money.margin,
}
known = report_data.known()


def question(view: str) -> str:
    """What the view answers."""
    return {
        "invoice": tr("Is what vendors invoice what was used?"),
        "leakage": tr("Where is used and billed not the same?"),
        "margin": tr("What is left of what is billed?"),
    }.get(view, tr("What was used, and when?"))


if known.first is None:
    states.title(question(""))
    report_lineage.nothing_read()
else:
    head = st.container()
    names = {
        "vendor": tr("Per vendor"),
        "customer": tr("Per customer"),
        "as-of": tr("At a moment"),
        "compare": tr("Compare"),
        "development": tr("Development"),
        "invoice": tr("Invoice check"),
        "leakage": tr("Leakage"),
        "margin": tr("Margin"),
    }
    view = choices.segmented("report", names)
    with head:
        states.title(question(view), tr("History goes back to {day}.", day=known.first))
    with st.container(), states.explained():
        VIEWS[view](known)
    report_lineage.show_asked()
