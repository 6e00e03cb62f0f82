"""One charge: what it says, its lines, the file and row behind each, and every step to Autotask (S1-68, S1-69, M13)."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from core.domain.charges.language import quantity_words
from core.domain.consumption import ConsumptionLine
from core.services import charges, consumption_files
from core.services.charges import ChargeDetail, ChargeView
from core.services.planning import LedgerStep
from pages._ui import auth, change_detail, charge_words, dialogs, grid, states
from pages._ui.formats import day, escape, language, moment, money, number, table, tr

MOST_LINES, MOST_ROWS = 500, 200


def ask(key: str) -> None:
    """Show this charge when the page is drawn."""
    st.session_state["_charge_asked"] = key


def show_asked() -> None:
    if key := st.session_state.pop("_charge_asked", None):
        st.dialog(tr("Where this charge comes from"), width=860, position="right")(_body)(key)


def _body(key: str) -> None:
    dialogs.opened()
    with states.explained():
        detail = charges.charge_detail(auth.context(), auth.actor(), key)
        _head(detail.charge)
        _words(detail)
        _lines(detail)
        _steps(detail)


def _head(row: ChargeView) -> None:
    st.markdown(f"**{escape(row.name)}** · {escape(row.company or row.customer)}")
    numbers = ", ".join(f"#{one}" for one in row.charge_ids)
    contract = f"{row.contract} · {day(row.period_start)} – {day(row.period_end)}" + (
        f" · {numbers}" if numbers else ""
    )
    st.caption(escape(contract))
    with st.container(horizontal=True, gap="small"):
        st.metric(tr("Amount"), money(row.price, row.currency), border=True, width="content")
        st.metric(tr("Cost"), money(row.cost, row.currency), border=True, width="content")
        st.metric(tr("In Autotask"), money(row.in_autotask, row.currency), border=True, width="content")
        st.metric(tr("Billed of it"), money(row.billed, row.currency), border=True, width="content")
    colors = {"new": "blue", "changed": "orange", "correction": "violet", "goes": "gray"}
    statuses = {"needs_approval": "orange", "held": "red", "ready": "blue", "approved": "violet", "right": "green"}
    with st.container(horizontal=True, gap="small"):
        st.badge(charge_words.states()[row.state], color=colors.get(row.state, "green"))
        st.badge(charge_words.statuses().get(row.status, row.status), color=statuses.get(row.status, "gray"))
    for hold in row.holds:
        st.warning(escape(tr(hold)), icon=":material/front_hand:")
    if row.status == "held" and not row.holds:
        st.warning(tr("A person holds it."), icon=":material/front_hand:")
    elif row.reason:
        st.markdown(escape(tr(row.reason)))


def _words(detail: ChargeDetail) -> None:
    """What the customer reads on the invoice."""
    st.markdown(f"**{tr('On the invoice')}**")
    with st.container(border=True, gap="xxsmall"):
        st.markdown(f"**{escape(detail.charge.name)}**")
        for line in detail.charge.description.splitlines():
            st.markdown(escape(line))


def _lines(detail: ChargeDetail) -> None:
    row = detail.charge
    st.markdown(f"**{tr('What it is made of')}**")
    if not detail.lines:
        st.caption(tr("The source tells nothing of this any more."))
        return
    shown = detail.lines[:MOST_LINES]
    config = st.column_config
    columns = {
        "resource": config.TextColumn(tr("Resource"), width=190),
        "usage": config.TextColumn(tr("Usage"), alignment="right", width=110),
        "group": config.TextColumn(tr("Group"), width=120),
        "amount": config.TextColumn(tr("Cost"), alignment="right", width=90),
        "origin": config.TextColumn(tr("Read from"), width=220),
    }
    frame = table((_line(line) for line in shown), columns)
    event = grid.show(
        frame, columns, name=f"charge_lines_{row.key}", alt=tr("Lines this charge is made of"), on_select="rerun",
        selection_mode="single-row",
    )  # fmt: skip
    if len(detail.lines) > len(shown):
        st.caption(tr("The first {count} of {total} lines.", count=len(shown), total=len(detail.lines)))
    total = money(detail.source_total, row.currency)
    st.markdown(f"**{tr('Total of the source: {amount}', amount=total)}**")
    if detail.taken_at:
        st.caption(tr("Read {moment}. Choose a line to see its rows in the file.", moment=moment(detail.taken_at)))
    for index in event.selection.rows:
        if index < len(shown):
            _source(row.key, shown[index])


def _line(line: ConsumptionLine) -> dict[str, object]:
    told = line.dimensions
    origin = " · ".join(part for part in (line.origin.source, line.origin.place) if part)
    rows = f" · {tr('{rows} rows', rows=line.origin.rows)}" if line.origin.rows > 1 else ""
    return {
        "resource": line.resource,
        "usage": quantity_words(line.quantity, line.unit, language()),
        "group": told.get("resource_group") or told.get("subscription") or told.get("service", ""),
        "amount": money(line.amount.quantize(Decimal("0.01")), line.currency),
        "origin": origin + rows,
    }


def _source(key: str, line: ConsumptionLine) -> None:
    """The rows of the file that were added up to a line, as they stand there."""
    with states.explained():
        rows = consumption_files.charge_rows(auth.context(), auth.actor(), key, line, limit=MOST_ROWS)
        if not rows:
            st.caption(tr("This line was fetched from the portal; there is no file behind it."))
            return
        st.caption(tr("{count} rows of the file for {resource}", count=len(rows), resource=escape(line.resource)))
        headings = list(dict.fromkeys(name for row in rows for name in row.cells))
        names = {f"cell{place}": heading for place, heading in enumerate(headings)}
        columns = {"row": st.column_config.TextColumn(tr("Row"), alignment="right", width=70, pinned=True)}
        columns |= {name: st.column_config.TextColumn(heading) for name, heading in names.items()}
        frame = table(
            ({"row": number(row.row), **{name: row.cells.get(heading, "") for name, heading in names.items()}} for row in rows),
            columns,
        )  # fmt: skip
        grid.show(frame, columns, name=f"charge_rows_{line.resource_key}", alt=tr("Rows of the file behind this line"))


def _steps(detail: ChargeDetail) -> None:
    st.markdown(f"**{tr('What happened with it')}**")
    if not detail.steps:
        st.caption(tr("Nothing was sent to Autotask yet."))
        return
    for step in detail.steps:
        change_detail.show_step(LedgerStep(at=step.at, event=step.event.value, run_id=step.run_id, data=step.payload))
