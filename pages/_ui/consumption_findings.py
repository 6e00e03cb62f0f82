"""What keeps amounts from being charged: each with what to do, and the contract chosen where several fit."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.domain.finding import Finding
from core.services import amount_doubts, charge_views, charges, runs
from core.services.access import Role
from pages._ui import auth, dialogs, grid, states, syncing, words
from pages._ui.choices import labelled
from pages._ui.formats import escape, table, tr

MOST_QUESTIONS = 20


def show(portals: Sequence[str]) -> None:
    context, actor = auth.context(), auth.actor()
    counts = charge_views.totals(context, actor, None).by_finding
    kinds = words.finding_kinds()
    query = grid.filters(
        "consumption_findings", statuses=grid.counted(kinds, counts, "consumption_findings"), portals=portals,
        search=tr("Customer or portal"), sorts={"subject": tr("customer"), "kind": tr("kind"), "portal": tr("portal")},
    )  # fmt: skip
    page = charge_views.findings(context, actor, query)
    if not page.total:
        states.empty(tr("Nothing to look at"), tr("Everything that is used can be charged."), ":material/task_alt:")
        return
    if any(one.kind.value == "unmapped" for one in page.rows):
        st.page_link(
            "pages/customers.py", label=tr("Link customers"), icon=":material/arrow_forward:",
            query_params={"customers_status": "pending"},
        )  # fmt: skip
    if auth.may(Role.OPERATOR):
        _questions(page.rows)
        _doubts(page.rows)
    config = st.column_config
    columns = {
        "kind": words.status_column(tr("Kind"), kinds, words.FINDING_COLORS, width=110),
        "subject": config.TextColumn(tr("Customer"), width=150),
        "portal": config.TextColumn(tr("Portal"), width=70),
        "message": config.TextColumn(tr("What is the matter"), width=320),
        "remedy": config.TextColumn(tr("What to do"), width=250),
    }
    frame = table(
        (
            {
                "kind": [kinds.get(one.kind.value, one.kind.value)], "subject": one.subject, "portal": one.portal,
                "message": tr(one.message), "remedy": tr(one.remedy) if one.remedy else "",
            }
            for one in page.rows
        ),
        columns,
    )  # fmt: skip
    grid.show(frame, columns, name="consumption_findings_rows", alt=tr("What keeps amounts from being charged"))
    grid.pager("consumption_findings", query, page.total)


def _doubts(found: Sequence[Finding]) -> None:
    """What came and cannot be believed; where it will not come again, a person says that what counts is right."""
    doubts = charge_views.in_doubt(found)
    if not doubts:
        return
    words_of = {one.key: tr(one.message) for one in found if one.key in doubts}
    with st.container(border=True):
        chosen = st.multiselect(
            tr("It will not be told again: what counts now is right for"), list(doubts), format_func=labelled(words_of),
            key="doubts_right", placeholder=tr("Choose what is in doubt"),
        )  # fmt: skip
        if st.button(tr("What counts is right"), icon=":material/task_alt:", disabled=not chosen, key="doubts_end"):
            dialogs.ask_reason(
                tr("What counts is right"),
                tr(
                    "The charges stay as they are. It is written down who said so, and why; what comes later counts again."
                ),
                tr("What counts is right"),
                lambda reason: _end(chosen, reason),
            )


def _end(chosen: Sequence[str], reason: str) -> str:
    amount_doubts.end_doubts(auth.context(), auth.actor(), chosen, reason)
    return tr("Written down: what counts is right.")


def _questions(found: Sequence[Finding]) -> None:
    """Which of several contracts; the answer holds for all months of the customer."""
    asked: dict[tuple[str, str], Finding] = {}
    for one in found:
        if (place := charge_views.question_of(one)) is not None:
            asked.setdefault(place, one)
    for (portal, customer_id), one in list(asked.items())[:MOST_QUESTIONS]:
        with st.container(border=True, horizontal=True, vertical_alignment="bottom"):
            names = dict(one.candidates)
            chosen = st.selectbox(
                tr("On which contract is {customer} charged?", customer=escape(one.subject)),
                list(names), index=None, format_func=labelled(names), key=f"contract_{portal}_{customer_id}",
                placeholder=tr("Choose a contract"), width=420,
            )  # fmt: skip
            if st.button(
                tr("Charge on this one"), disabled=chosen is None, key=f"contract_save_{portal}_{customer_id}"
            ):
                with states.explained():
                    charges.choose_contract(auth.context(), auth.actor(), portal, customer_id, int(chosen))
                    runs.request_plan(auth.context(), auth.actor())
                    states.done(tr("The contract is chosen. A new plan is being made."))
                    syncing.await_run()
