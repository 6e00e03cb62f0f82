"""Files that were picked up for a portal: what became of each, what still waits, and choosing their columns."""

from __future__ import annotations

import streamlit as st

from core.services import pickup_pages
from core.services.access import Role
from core.services.paging import PageQuery
from core.services.pickup_pages import Folder, PickedRow
from core.services.portals import PortalDetail
from pages._ui import auth, grid, states, upload_history, words
from pages._ui.formats import ago, escape, moment, number, table, tr


def show(detail: PortalDetail, _editable: bool) -> None:
    portal = detail.card.name
    folder = pickup_pages.folder(auth.context(), auth.actor(), portal)
    if not folder.mapped:
        _choose_first()
        return
    _facts(folder)
    page = pickup_pages.list_picked(auth.context(), auth.actor(), PageQuery(portal=portal, limit=100))
    if page.total:
        _files(page.rows, portal)
        upload_history.waiting(portal)
    else:
        states.empty(
            tr("No file was picked up yet"),
            tr("Put an export into the folder; the next look takes it."),
            ":material/drive_folder_upload:",
        )


def choose_columns_link(label: str, *, primary: bool = False) -> None:
    """To the view where the columns are chosen with the newest file; the portal stays in the address."""
    if auth.may(Role.OPERATOR) and st.button(
        label, icon=":material/view_column:", key="pickup_columns", type="primary" if primary else "secondary"
    ):
        st.query_params["step"] = "columns"
        st.rerun()


def _choose_first() -> None:
    with states.empty(
        tr("Which column is what?"),
        tr("Nothing is picked up before that is chosen, once, with the newest file of the folder."),
        ":material/view_column:",
    ):
        choose_columns_link(tr("Choose the columns"), primary=True)


def _facts(folder: Folder) -> None:
    parts = [tr("Looked into {when}", when=ago(folder.looked_at))] if folder.looked_at else []
    if folder.last_file:
        parts.append(tr("last file {when}", when=ago(folder.last_file)))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(" · ".join(parts) or tr("Not looked into yet"))
        choose_columns_link(tr("Columns"))
    if folder.waiting:
        names = ", ".join(folder.waiting[:5])
        st.info(escape(tr("Not whole yet, or not read yet: {files}", files=names)), icon=":material/hourglass_top:")
    if folder.may_not_move:
        st.warning(
            tr("Files may not be moved or removed there; they stay where they are and are not read twice."),
            icon=":material/lock:",
        )


def _files(rows: tuple[PickedRow, ...], portal: str) -> None:
    results, archived = words.pickup_results(), words.pickup_archived()
    frame = table(
        (
            {
                "name": row.name, "at": moment(row.at), "lines": number(row.lines) if row.lines else "",
                "result": [results.get(row.result, row.result)], "archived": archived.get(row.archived, row.archived),
                "reason": tr(row.reason) if row.reason else "",
            }
            for row in rows
        ),
        ("name", "at", "lines", "result", "archived", "reason"),
    )  # fmt: skip
    config = st.column_config
    columns = {
        "name": config.TextColumn(tr("File"), width=200),
        "at": config.TextColumn(tr("Picked up"), width=130),
        "lines": config.TextColumn(tr("Lines"), alignment="right", width=70),
        "result": words.status_column(tr("Result"), results, words.PICKUP_COLORS, width=140),
        "archived": config.TextColumn(tr("Afterwards"), width=110),
        "reason": config.TextColumn(tr("Why")),
    }
    grid.show(frame, columns, name=f"picked_{portal}", alt=tr("Files that were picked up"))
