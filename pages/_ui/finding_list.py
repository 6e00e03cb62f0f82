"""What a person must look at: each finding with what to do about it, and the page where it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.services import planning
from core.services.planning import FindingRow
from pages._ui import auth, grid, states, words
from pages._ui.formats import table, tr


def show(portals: Sequence[str], counts: Mapping[str, int]) -> None:
    kinds = words.finding_kinds()
    _links(counts)
    query = grid.filters(
        "findings", statuses=grid.counted(kinds, counts, "findings"), portals=portals, search=tr("Portal, customer or product"),
        sorts={"kind": tr("kind"), "subject": tr("subject"), "portal": tr("portal")},
    )  # fmt: skip
    page = planning.findings(auth.context(), auth.actor(), query)
    if not page.total:
        states.empty(
            tr("Nothing to look at"),
            tr("No finding of the plan passes this filter.") if counts else tr("The plan found nothing out of order."),
            ":material/task_alt:",
        )
        return
    config = st.column_config
    columns = {
        "kind": words.status_column(tr("Kind"), kinds, words.FINDING_COLORS, width=148),
        "subject": config.TextColumn(tr("Subject"), width=180),
        "message": config.TextColumn(tr("What is the matter"), width=340),
        "remedy": config.TextColumn(tr("What to do"), width=310),
    }
    frame = table((_row(row, kinds) for row in page.rows), columns)
    grid.show(frame, columns, name="findings_rows", alt=tr("Findings of the plan"), tall=True)
    grid.pager("findings", query, page.total)


def _row(row: FindingRow, kinds: dict[str, str]) -> dict[str, object]:
    told = row.company in row.subject
    subject = row.subject if told else " · ".join(part for part in (row.company, row.subject) if part)
    return {
        "kind": [kinds.get(row.kind, row.kind)],
        "subject": subject,
        "message": tr(row.message),
        "remedy": tr(row.remedy) if row.remedy else "",
    }


def _links(counts: Mapping[str, int]) -> None:
    """The pages where most findings are dealt with."""
    places = {
        "unmapped": ("customers", tr("Link customers"), {"customers_status": "pending"}),
        "ambiguous": ("products", tr("Choose the lines"), {"products_view": "lines"}),
        "formula": ("products", tr("Look at the formulas"), {"products_view": "rules"}),
        "stale": ("portals", tr("Look at the portals"), {}),
        "subscription": ("subscriptions", tr("Look at the subscriptions"), {}),
        "renewal": ("subscriptions", tr("Look at the calendar"), {"subscriptions_view": "calendar"}),
        "missing_file": ("portals", tr("Look for the missing files"), {}),
    }
    with st.container(horizontal=True, gap="small"):
        for kind, (page, label, query) in places.items():
            if counts.get(kind):
                st.page_link(f"pages/{page}.py", label=label, icon=":material/arrow_forward:", query_params=query)
