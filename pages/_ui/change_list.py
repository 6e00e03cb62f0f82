"""The changes of the plan: filtered in the database, ticked in the grid, decided together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import streamlit as st

from core.services import decisions, planning
from core.services.access import Role
from core.services.paging import PageQuery
from core.services.planning import ChangeRow
from pages._ui import auth, change_detail, dialogs, grid, states, words
from pages._ui.formats import day, number, signed, signed_money, table, tr


def show(portals: Sequence[str], counts: Mapping[str, int]) -> None:
    query = grid.filters(
        "changes", statuses=grid.counted(words.change_states(), counts, "changes"),
        portals=portals, search=tr("Company, service or contract"),
        sorts={"company": tr("company"), "-money": tr("money"), "effective_date": tr("date"), "status": tr("status"),
               "-unit_change": tr("difference")},
    )  # fmt: skip
    page = planning.changes(auth.context(), auth.actor(), query)
    if not page.total:
        words_of = tr("No change passes this filter.") if counts else tr("What is linked is equal on the contracts.")
        states.empty(tr("Nothing to change here"), words_of, ":material/task_alt:")
        return
    bar = st.container()
    selected = _grid(page.rows)
    if auth.may(Role.OPERATOR):
        with bar:
            _decide(selected, query, page.total)
    grid.pager("changes", query, page.total)


def _grid(rows: Sequence[ChangeRow]) -> list[ChangeRow]:
    """Draws the rows; returns the ticked ones."""
    names = words.change_states()
    frame = table(
        (
            {
                "open": tr("Show"),
                "company": row.company,
                "item": change_detail.item_words(row),
                "from": number(row.from_units) if change_detail.counts_units(row) else "",
                "to": number(row.to_units) if change_detail.counts_units(row) else "",
                "difference": signed(row.unit_change) if change_detail.counts_units(row) else "",
                "date": day(row.effective_date),
                "money": signed_money(row.money),
                "status": [names.get(row.status, row.status)],
                "why": tr(row.holds[0]) if row.holds else tr(row.reason),
            }
            for row in rows
        ),
        ("open", "company", "item", "from", "to", "difference", "date", "money", "status", "why"),
    )
    config = st.column_config
    columns = {
        "open": config.ButtonColumn("", width=56, type="tertiary", key="change_open", pinned=True),
        "company": config.TextColumn(tr("Company"), width=150),
        "item": config.TextColumn(tr("Service"), width=165),
        "from": config.TextColumn(tr("From"), alignment="right", width=46),
        "to": config.TextColumn(tr("To"), alignment="right", width=48),
        "difference": config.TextColumn(tr("Diff."), alignment="right", width=55),
        "date": config.TextColumn(tr("From date"), alignment="right", width=84),
        "money": config.TextColumn(tr("Per period"), alignment="right", width=86),
        "status": words.status_column(tr("Status"), names, words.CHANGE_COLORS, width=110),
        "why": config.TextColumn(tr("Why"), width=150),
    }
    event = grid.show(
        frame, columns, name=grid.editor_key("changes", (row.id for row in rows)), alt=tr("Planned changes of contract lines"),
        on_select="rerun", selection_mode="multi-row",
    )  # fmt: skip
    click = st.session_state.get("change_open")
    if click and 0 <= click["row"] < len(rows):
        change_detail.ask(rows[click["row"]].id)
    return [rows[index] for index in event.selection.rows if index < len(rows)]


def _decide(selected: list[ChangeRow], query: PageQuery, total: int) -> None:
    """Approve, hold, dismiss: the ticked ones, or everything that passes the filter."""
    context, actor = auth.context(), auth.actor()
    ids = [row.id for row in selected]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        count = len(ids)
        if st.button(
            tr("Approve {count}", count=count) if ids else tr("Approve"),
            icon=":material/check:",
            disabled=not ids,
            key="approve",
        ):
            _do(lambda: decisions.approve(context, actor, ids), tr("Approved."))
        if st.button(tr("Hold"), icon=":material/pause:", disabled=not ids, key="hold"):
            _with_reason(
                tr("Hold"),
                tr("It waits until somebody approves it."),
                lambda reason: decisions.hold(context, actor, ids, reason),
            )
        if st.button(tr("Dismiss"), icon=":material/block:", disabled=not ids, key="dismiss"):
            _with_reason(
                tr("Dismiss"),
                tr("It is not proposed again until the quantity changes."),
                lambda reason: decisions.dismiss(context, actor, ids, reason),
            )
        if any(row.status in ("approved", "dismissed", "held") for row in selected) and st.button(
            tr("Take back"),
            icon=":material/undo:",
            key="take_back",
            help=tr("Takes back what was decided about these."),
        ):
            _do(lambda: _take_back(selected), tr("Taken back."))
        if not ids:
            _approve_all(query, total)


def _approve_all(query: PageQuery, shown: int) -> None:
    """Everything that passes the filter. What a guard holds is only among it when exactly that was filtered (M6)."""
    context, actor = auth.context(), auth.actor()
    if query.status not in ("", "needs_approval", "held"):
        return
    wanted = replace(query, status=query.status or "needs_approval", offset=0)
    count = shown if wanted.status == query.status else planning.changes(context, actor, replace(wanted, limit=1)).total
    label = tr("Approve all {count} of this filter", count=count)
    if count > 1 and st.button(label, icon=":material/done_all:", key="approve_all"):
        dialogs.confirm(
            tr("Approve everything that passes the filter?"),
            tr("{count} changes are approved. Nothing is written before you apply.", count=count),
            tr("Approve all"),
            lambda: tr("{count} changes approved.", count=decisions.approve_all(context, actor, wanted)),
        )


def _take_back(rows: list[ChangeRow]) -> None:
    context, actor = auth.context(), auth.actor()
    approved = [row.id for row in rows if row.status == "approved"]
    others = [row.id for row in rows if row.status in ("dismissed", "held")]
    if approved:
        decisions.withdraw(context, actor, approved)
    if others:
        decisions.restore(context, actor, others)


def _do(act: Callable[[], object], sentence: str) -> None:
    with states.explained():
        act()
        states.done(sentence)
        grid.new_editor("changes")
        st.rerun()


def _with_reason(title: str, what: str, act: Callable[[str], int]) -> None:
    def run(reason: str) -> str:
        count = act(reason)
        grid.new_editor("changes")
        return tr("{count} changes decided.", count=count)

    dialogs.ask_reason(title, what, title, run)
