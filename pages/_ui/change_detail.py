"""One change from the invoice back to the file and its row, and forward to what Autotask answered (M13)."""

from __future__ import annotations

import streamlit as st

from core.domain.plan import Change
from core.domain.target import TargetSource
from core.services import planning
from core.services.planning import ChangeDetail, ChangeRow, LedgerStep
from pages._ui import auth, dialogs, grid, states, words
from pages._ui.formats import day, escape, moment, number, signed, signed_money, table, tr

UNITS = "units"


def ask(change_id: str) -> None:
    """Show this change when the page is drawn."""
    st.session_state["_change_asked"] = change_id


def show_asked() -> None:
    if change_id := st.session_state.pop("_change_asked", None):
        st.dialog(tr("Where this change comes from"), width=760, position="right")(_body)(change_id)


def _body(change_id: str) -> None:
    dialogs.opened()
    with states.explained():
        detail = planning.change_detail(auth.context(), auth.actor(), change_id)
        _head(detail)
        _why(detail)
        _sources(detail.change)
        _ledger(detail)


def _head(detail: ChangeDetail) -> None:
    row = detail.row
    names = words.change_states()
    st.markdown(" · ".join(part for part in (f"**{escape(item_words(row))}**", escape(row.company)) if part))
    if row.line:
        st.caption(f"{escape(row.contract)} · #{row.line.id}")
    elif row.contract:
        st.caption(escape(tr("{contract} · a new line", contract=row.contract)))
    with st.container(horizontal=True, gap="small"):
        if counts_units(row):
            st.metric(tr("From"), number(row.from_units), border=True, width=110)
            st.metric(tr("To"), number(row.to_units), border=True, width=110)
            st.metric(tr("Difference"), signed(row.unit_change), border=True, width=120)
        st.metric(tr("From date"), day(row.effective_date), border=True, width=150)
        if row.money is not None:
            st.metric(tr("Per period"), signed_money(row.money), border=True, width=150)
    color = {"ready": "blue", "needs_approval": "orange", "approved": "violet", "applied": "green"}.get(
        row.status, "red"
    )
    st.badge(names.get(row.status, row.status), color=color)


def counts_units(row: ChangeRow) -> bool:
    """Whether units change; a price, a field or a name has none, which is not 0."""
    return row.kind == UNITS or row.unit_change != 0


def item_words(row: ChangeRow) -> str:
    """The service; before it what is done, where that is something else than counting its units."""
    return row.item if row.kind == UNITS else f"{words.change_kinds().get(row.kind, row.kind)}: {row.item}"


def _why(detail: ChangeDetail) -> None:
    st.markdown(f"**{tr('Why')}**")
    st.markdown(escape(tr(detail.row.reason)))
    for hold in detail.row.holds:
        st.warning(escape(tr(hold)), icon=":material/front_hand:")
    for line in detail.change.explanation:
        st.caption(escape(tr(line)))


def _sources(change: Change) -> None:
    """The usage lines behind the number, down to the file and row."""
    if not change.sources:
        return
    st.markdown(f"**{tr('What it was counted from')}**")
    columns = ("portal", "customer", "product", "quantity", "name", "origin", "since")
    several = len(change.sources) > 1
    frame = table((_source(source) for source in change.sources), columns)
    config = st.column_config
    shown = {
        "portal": config.TextColumn(tr("Portal"), width=92),
        "customer": config.TextColumn(tr("Portal customer"), width=110),
        "product": config.TextColumn(tr("Portal product"), width=110 if several else 160),
        "quantity": config.TextColumn(tr("Count"), alignment="right", width=55),
        "origin": config.TextColumn(tr("Read from"), width=130 if several else 170),
        "since": config.TextColumn(tr("Since"), width=118),
    }
    if several:
        shown["name"] = config.TextColumn(tr("In the formula"), width=95)
    grid.show(frame, shown, name="change_sources", alt=tr("Usage lines this change was counted from"))


def _source(source: TargetSource) -> dict[str, object]:
    usage = source.line.usage
    origin = " · ".join(part for part in (usage.origin.source, words.place(usage.origin.place)) if part)
    if usage.origin.rows > 1:
        origin += f" · {tr('{rows} rows', rows=usage.origin.rows)}"
    return {
        "portal": source.portal,
        "customer": usage.customer,
        "product": usage.product,
        "quantity": number(source.line.quantity),
        "name": source.name,
        "origin": origin,
        "since": moment(source.line.since),
    }


def _ledger(detail: ChangeDetail) -> None:
    st.markdown(f"**{tr('What happened with it')}**")
    if not detail.steps:
        st.caption(tr("Nothing was sent to Autotask yet."))
        return
    for step in detail.steps:
        show_step(step)


def step_words() -> dict[str, str]:
    """The entries of the ledger as people read them."""
    return {
        "intended": tr("Written down before it is sent"),
        "sent": tr("Sent to Autotask"),
        "answered": tr("Autotask answered"),
        "verified": tr("Read back and verified"),
        "settled": tr("Settled by reading back"),
        "refused": tr("Autotask refused it"),
        "unknown": tr("No answer: read back first"),
        "failed": tr("Failed"),
        "skipped": tr("No longer needed"),
        "reversed": tr("The opposite was proposed"),
    }


def show_step(step: LedgerStep) -> None:
    """One event of a write, with all the ledger knows of it."""
    run = f" · {tr('run {run}', run=step.run_id)}" if step.run_id else ""
    with st.expander(f"{moment(step.at)} · {step_words().get(step.event, step.event)}{run}"):
        st.json(dict(step.data), expanded=True)
