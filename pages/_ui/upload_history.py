"""Files that came in for a portal, and the ones that still wait for a look."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.services import uploads
from core.services.access import Role
from core.services.paging import PageQuery
from pages._ui import audit_words, auth, grid, states, words
from pages._ui.formats import moment, number, table, tr


def show(portal: str) -> None:
    context, actor = auth.context(), auth.actor()
    page = uploads.list_uploads(context, actor, PageQuery(portal=portal, limit=100))
    if not page.total:
        states.empty(tr("No files yet"), tr("Drop an export of this portal to begin."), ":material/upload_file:")
        return
    names = words.upload_states()
    frame = table(
        (
            {
                "name": row.name, "received": moment(row.received), "by": audit_words.who(row.by), "lines": number(row.lines),
                "state": [names.get(row.state, row.state)],
            }
            for row in page.rows
        ),
        ("name", "received", "by", "lines", "state"),
    )  # fmt: skip
    config = st.column_config
    columns = {
        "name": config.TextColumn(tr("File")),
        "received": config.TextColumn(tr("Received"), width=140),
        "by": config.TextColumn(tr("By"), width=140),
        "lines": config.TextColumn(tr("Lines"), alignment="right", width=80),
        "state": words.status_column(tr("Status"), names, words.UPLOAD_COLORS, width=150),
    }
    grid.show(frame, columns, name=f"uploads_{portal}", alt=tr("Files of this portal"))
    _reviews(page.rows)


def waiting(portal: str) -> None:
    """Only the files that wait for a look."""
    query = PageQuery(portal=portal, status="needs_review", limit=100)
    _reviews(uploads.list_uploads(auth.context(), auth.actor(), query).rows)


def _reviews(rows: Sequence[uploads.UploadRow]) -> None:
    for row in rows:
        if row.state == "needs_review" and auth.may(Role.OPERATOR):
            _review(row)


def _review(row: uploads.UploadRow) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(tr("{file} waits for a look: something in it is unusual.", file=row.name))
        if st.button(tr("It is right"), key=f"confirm_{row.id}", icon=":material/check:"):
            with states.explained():
                uploads.confirm_review(auth.context(), auth.actor(), row.id)
                st.rerun()
        if st.button(tr("Throw away"), key=f"discard_{row.id}", icon=":material/delete:"):
            with states.explained():
                uploads.discard_upload(auth.context(), auth.actor(), row.id)
                st.rerun()
