"""What a file would bring: portal customer, product, count, Mapped or Pending (S1-53), and what is wrong where."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.services.paging import MOST_ROWS
from core.services.uploads import Issue, UploadPreview
from pages._ui import grid, words
from pages._ui.formats import escape, moment, money, number, table, tr

SHOWN_ISSUES = 20


def show(preview: UploadPreview) -> bool:
    """Draws the preview; returns whether a file that came in before is to be imported again."""
    again = False
    if preview.earlier is not None:
        st.warning(
            tr("This very file came in before, on {when}.", when=moment(preview.earlier)),
            icon=":material/content_copy:",
        )
        again = st.checkbox(tr("Import it again"), key=f"again_{preview.sha256[:12]}")
    _issues(preview)
    if not preview.rows:
        return again
    with st.container(horizontal=True, gap="small"):
        st.metric(tr("Lines"), number(len(preview.rows)), border=True, width=130)
        st.metric(tr("Mapped"), number(preview.mapped), border=True, width=130)
        st.metric(tr("Pending"), number(preview.pending), border=True, width=130)
        if preview.ignored:
            st.metric(tr("Ignored"), number(preview.ignored), border=True, width=130)
        for currency, amount in sorted(preview.amounts.items()):
            st.metric(tr("Amounts"), money(amount, currency or "EUR"), border=True, width="content")
    _rows(preview)
    return again


def _rows(preview: UploadPreview) -> None:
    names = words.mapping_states()
    frame = table(
        (
            {
                "customer": row.customer, "product": row.product, "count": number(row.count),
                "status": [names.get(row.status, row.status)], "company": row.company, "service": row.service,
                "place": words.place(row.place),
            }
            for row in preview.rows[:MOST_ROWS]
        ),
        ("customer", "product", "count", "status", "company", "service", "place"),
    )  # fmt: skip
    config = st.column_config
    columns = {
        "customer": config.TextColumn(tr("Portal customer"), width=190),
        "product": config.TextColumn(tr("Portal product"), width=200),
        "count": config.TextColumn(tr("Count"), alignment="right", width=70),
        "status": words.status_column(tr("Status"), names, words.MAPPING_COLORS, width=95),
        "company": config.TextColumn(tr("Autotask company"), width=160),
        "service": config.TextColumn(tr("Autotask service"), width=160),
        "place": config.TextColumn(tr("Where in the file"), width=110),
    }
    grid.show(frame, columns, name="upload_rows", alt=tr("What the file would bring"))
    if len(preview.rows) > MOST_ROWS:
        st.caption(tr("The first {shown} of {total} lines are shown.", shown=MOST_ROWS, total=len(preview.rows)))


def _issues(preview: UploadPreview) -> None:
    errors = [issue for issue in preview.issues if issue.error]
    notes = [issue for issue in preview.issues if not issue.error]
    if preview.outcome == "needs_review":
        st.warning(
            tr("{count} rows cannot be read. Customers of these rows keep their last quantities until somebody has looked.",
               count=len(errors)), icon=":material/rule:",
        )  # fmt: skip
    for issue in errors[:SHOWN_ISSUES]:
        st.error(_sentence(issue), icon=":material/error:")
    if len(errors) > SHOWN_ISSUES:
        st.caption(tr("{count} more rows have something like this.", count=len(errors) - SHOWN_ISSUES))
    if notes:
        with st.expander(tr("{count} notes about the file", count=len(notes)), icon=":material/info:"):
            _notes(notes)


def _notes(notes: Sequence[Issue]) -> None:
    for note in notes[:MOST_ROWS]:
        st.caption(_sentence(note))


def _sentence(issue: Issue) -> str:
    parts = []
    if issue.sheet:
        parts.append(tr("sheet {sheet}", sheet=issue.sheet))
    if issue.row is not None:
        parts.append(tr("row {row}", row=str(issue.row)))
    if issue.column:
        parts.append(tr("column {column}", column=issue.column))
    place = f"**{escape(', '.join(parts))}** — " if parts else ""
    return place + escape(tr(issue.message))
