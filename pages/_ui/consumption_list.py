"""The charges of a month: filtered in the database, ticked in the grid, decided together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import streamlit as st

from core.services import charge_views, charging_decisions
from core.services.access import Role
from core.services.charge_views import Board
from core.services.charges import ChargeView
from core.services.paging import PageQuery
from pages._ui import auth, charge_detail, charge_words, dialogs, grid, states, words
from pages._ui.formats import escape, money, table, tr

COLUMNS = ("open", "company", "name", "usage", "price", "there", "state", "status", "why", "cost")
SHOWN = ("open", "company", "name", "price", "there", "state", "status", "why")
"""What fits on a screen of 1280; the others are in the details, and in the grid's own list of columns."""


def show(portals: Sequence[str], period: date | None) -> None:
    context, actor = auth.context(), auth.actor()
    counts = charge_views.totals(context, actor, period).by_status
    query = grid.filters(
        "consumption", statuses=grid.counted(charge_words.statuses(), counts, "consumption"), portals=portals,
        search=tr("Customer, charge or resource"),
        sorts={"company": tr("customer"), "-price": tr("amount"), "status": tr("status"), "-period": tr("month")},
    )  # fmt: skip
    board = charge_views.board(context, actor, period, query)
    if not board.page.total:
        _nothing(counts)
        return
    bar = st.container()
    selected = _grid(board.page.rows)
    _total(board)
    if auth.may(Role.OPERATOR):
        with bar:
            _decide(selected, query, period)
    grid.pager("consumption", query, board.page.total)


def _nothing(counts: object) -> None:
    if counts:
        states.empty(tr("No charges here"), tr("No charge passes this filter."), ":material/filter_alt_off:")
        return
    states.empty(
        tr("No charges yet"),
        tr("Amounts are there, and no charge was planned from them: look at what keeps them, then plan again."),
        ":material/receipt_long:",
    )


def _grid(rows: Sequence[ChargeView]) -> list[ChargeView]:
    """Draws the rows; returns the ticked ones that have something to decide."""
    statuses, kinds = charge_words.statuses(), charge_words.states()
    frame = table(
        (
            {
                "open": tr("Show"),
                "company": row.company or row.customer,
                "name": row.name,
                "usage": charge_words.usage(row),
                "cost": money(row.cost, row.currency),
                "price": money(row.price, row.currency),
                "there": money(row.in_autotask, row.currency) if row.charge_ids else "",
                "state": [kinds.get(row.state, row.state)],
                "status": [statuses.get(row.status, row.status)],
                "why": charge_words.why(row),
            }
            for row in rows
        ),
        COLUMNS,
    )
    config = st.column_config
    columns = {
        "open": config.ButtonColumn("", width=60, type="tertiary", key="charge_open", pinned=True),
        "company": config.TextColumn(tr("Customer"), width=125),
        "name": config.TextColumn(tr("Charge"), width=155),
        "usage": config.TextColumn(tr("What was used"), width=150),
        "price": config.TextColumn(tr("Amount"), alignment="right", width=80),
        "state": words.status_column(tr("Charge is"), kinds, charge_words.STATE_COLORS, width=80),
        "status": words.status_column(tr("Status"), statuses, charge_words.STATUS_COLORS, width=105),
        "why": config.TextColumn(tr("Why"), width=170),
        "there": config.TextColumn(tr("In Autotask"), alignment="right", width=85),
        "cost": config.TextColumn(tr("Cost"), alignment="right", width=80),
    }
    event = grid.show(
        frame, columns, name=grid.editor_key("consumption", (row.key for row in rows)), alt=tr("Charges for consumption"),
        on_select="rerun", selection_mode="multi-row", column_order=SHOWN,
    )  # fmt: skip
    click = st.session_state.get("charge_open")
    if click and 0 <= click["row"] < len(rows):
        charge_detail.ask(rows[click["row"]].key)
    return [rows[index] for index in event.selection.rows if index < len(rows)]


def _total(board: Board) -> None:
    """What all rows that pass the filter come to, also those of other slices."""
    amount = charge_words.amounts(board.sums, lambda one: one.price)
    cost = charge_words.amounts(board.sums, lambda one: one.cost)
    st.markdown(f"**{tr('Total: {amount}', amount=amount)}** · {tr('cost {cost}', cost=cost)}")


def _decide(selected: list[ChargeView], query: PageQuery, period: date | None) -> None:
    """Approve, hold, dismiss: the ticked ones, or everything that passes the filter."""
    context, actor = auth.context(), auth.actor()
    ids = [row.change_id for row in selected if row.change_id]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        label = tr("Approve {count}", count=len(ids)) if ids else tr("Approve")
        if st.button(label, icon=":material/check:", disabled=not ids, key="charge_approve"):
            _do(lambda: charging_decisions.approve(context, actor, ids), tr("Approved."))
        if st.button(tr("Hold"), icon=":material/pause:", disabled=not ids, key="charge_hold"):
            _with_reason(
                tr("Hold"),
                tr("It waits until somebody approves it."),
                lambda reason: charging_decisions.hold(context, actor, ids, reason),
            )
        if st.button(tr("Dismiss"), icon=":material/block:", disabled=not ids, key="charge_dismiss"):
            _with_reason(
                tr("Dismiss"),
                tr("It is not proposed again until it comes to another amount."),
                lambda reason: charging_decisions.dismiss(context, actor, ids, reason),
            )
        decided = [row for row in selected if row.status in ("approved", "dismissed", "held")]
        if decided and st.button(
            tr("Take back"), icon=":material/undo:", key="charge_restore", help=tr("Takes back what was decided about these.")
        ):  # fmt: skip
            back = [row.change_id for row in decided]
            _do(lambda: charging_decisions.restore(context, actor, back), tr("Taken back."))
        if ids:
            st.caption(tr("The charges of one customer and month are decided together."), width="content")
        else:
            _approve_all(query, period)


def _approve_all(query: PageQuery, period: date | None) -> None:
    """Everything that passes the filter; what is held only when exactly that was filtered (M6)."""
    context, actor = auth.context(), auth.actor()
    if query.status not in ("", "needs_approval", "held"):
        return
    wanted = replace(query, status=query.status or "needs_approval", offset=0, limit=1)
    found = charge_views.board(context, actor, period, wanted)
    count, amount = found.page.total, charge_words.amounts(found.sums, lambda one: one.price)
    label = tr("Approve all {count} of this filter", count=count)
    if count > 1 and st.button(label, icon=":material/done_all:", key="charge_approve_all"):
        dialogs.confirm(
            tr("Approve everything that passes the filter?"),
            escape(
                tr(
                    "{count} charges of together {amount} are approved. Nothing is written before you apply.",
                    count=count,
                    amount=amount,
                )
            ),
            tr("Approve all"),
            lambda: tr(
                "{count} charges approved.", count=len(charge_views.approve_filtered(context, actor, period, wanted))
            ),
        )


def _do(act: Callable[[], object], sentence: str) -> None:
    with states.explained():
        act()
        states.done(sentence)
        grid.new_editor("consumption")
        st.rerun()


def _with_reason(title: str, what: str, act: Callable[[str], list[str]]) -> None:
    def run(reason: str) -> str:
        count = len(act(reason))
        grid.new_editor("consumption")
        return tr("{count} charges decided.", count=count)

    dialogs.ask_reason(title, what, title, run)
