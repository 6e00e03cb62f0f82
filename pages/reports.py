"""What is used, by whom, and how did it develop?"""

from __future__ import annotations

import streamlit as st

from pages._ui import choices, report_data, report_lineage, report_views, states
from pages._ui.formats import tr

known = report_data.known()
if known.first is None:
    states.title(tr("What was used, and when?"))
    report_lineage.nothing_read()
else:
    states.title(tr("What was used, and when?"), tr("History goes back to {day}.", day=known.first))
    names = {
        "vendor": tr("Per vendor"),
        "customer": tr("Per customer"),
        "as-of": tr("At a moment"),
        "compare": tr("Compare"),
        "development": tr("Development"),
    }
    view = choices.segmented("report", names)
    with st.container(), states.explained():
        report_views.VIEWS[view](known)
    report_lineage.show_asked()
