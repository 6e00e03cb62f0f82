"""One invoice check: invoice, own records and Autotask side by side, each difference explained to the day (S1-78, S1-79)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import streamlit as st

from core.domain.invoice.model import EVERYBODY, CheckRow, Count, Place, State
from core.services import invoice_check
from core.services.access import Role
from core.services.invoice_check import InvoiceCheck
from core.services.reports import Asked, Cell, Coded, Row, Table
from core.services.reports.lineage import Number
from pages._ui import auth, choices, dialogs, grid, report_lineage, report_parts, report_table, states, words
from pages._ui.formats import day, escape, money, number, signed, signed_money, table, tr

ASKED = "_invoice_row"
LEFT_OUT = (
    "portal",
    "customer_id",
    "product_key",
    "autotask_difference",
    "by_units",
    "by_price",
    "autotask_amount",
    "source",
)
OPEN = {State.DIFFERENT.value, State.UNKNOWN.value}
COLORS = {
    State.EQUAL: "green", State.TOLERATED: "green", State.MUTED: "gray", State.DIFFERENT: "orange", State.UNKNOWN: "red",
}  # fmt: skip


def show(check_id: int, go: Callable[[str], None]) -> None:
    """A kept check."""
    context, actor, asker = auth.context(), auth.actor(), auth.asker()
    made = invoice_check.get_check(context, actor, check_id)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.button(
            tr("All invoice checks"), icon=":material/arrow_back:", type="tertiary", key="invoice_back", on_click=go,
            args=("",),
        )  # fmt: skip
        report_parts.files(
            f"invoice-{made.portal}-{made.period.last.isoformat()}",
            lambda form: invoice_check.export_check(context, asker(), check_id, form).content,
        )
    numbers(made)
    rows(made, may_decide=auth.may(Role.OPERATOR))
    if wanted := st.session_state.pop(ASKED, None):
        st.dialog(tr("Why this difference"), width=760, position="right")(_body)(made, wanted)


def numbers(made: InvoiceCheck) -> None:
    """What it comes to, in large."""
    totals = made.totals
    apart = None if totals.own is None else totals.invoice - totals.own
    amounts = (totals.invoice_amount, totals.own_amount)
    with st.container(gap="xxsmall"):
        period = f"{day(made.period.first)} – {day(made.period.last)}"
        st.markdown(f"**{escape(made.portal)}** · {period} · {escape(made.file_name)}")
        st.caption(" · ".join(escape(tr(one)) for one in report_of(made).facts[1:]))
        for note in made.notes:
            st.caption(f":orange[:material/info: {escape(tr(note))}]")
    with st.grid(5, gap="small", min_column_width=140):
        st.metric(tr("On the invoice"), number(totals.invoice), border=True, height="stretch")
        st.metric(tr("Own records"), _or_dash(totals.own), border=True, height="stretch")
        st.metric(tr("Difference"), "—" if apart is None else signed(apart), border=True, height="stretch")
        change = None if None in amounts else amounts[0] - amounts[1]  # type: ignore[operator]
        st.metric(tr("In money"), "—" if change is None else signed_money(change), border=True, height="stretch")
        st.metric(tr("To look at"), f"{number(totals.open)} / {number(totals.rows)}", border=True, height="stretch")


def report_of(made: InvoiceCheck) -> object:
    return invoice_check.check_report(auth.context(), auth.actor(), made)


def rows(made: InvoiceCheck, *, may_decide: bool) -> None:
    """The rows; those to look at first and alone, as long as there are any."""
    whole: Table = report_of(made).sections[0].table  # type: ignore[attr-defined]
    views = {
        "open": tr("To look at ({count})", count=made.totals.open),
        "all": tr("All ({count})", count=made.totals.rows),
    }
    if not made.totals.open:
        views.pop("open")
    view = choices.segmented("invoice_rows", views)
    kept = [row for row in whole.rows if view == "all" or _is_open(report_table.cell(whole, row, "state"))]
    if not kept:
        states.empty(tr("Nothing to look at"), tr("Invoice and own records are equal."), ":material/task_alt:")
        return
    if may_decide:
        st.caption(tr("Click a row to see why, where it was read, and to let the difference pass."))
    head = report_table.headings(whole)
    report_table.show(
        Table(whole.columns, tuple(kept), whole.empty), name=f"invoice_{made.id}_{view}",
        look=report_table.Look(leave=LEFT_OUT, bare=True),
        alt=tr("Invoice, own records and Autotask"), on_cell=(lambda row, _: _ask(head, row)) if made.id is not None else None,
    )  # fmt: skip


def _is_open(cell: Cell) -> bool:
    return isinstance(cell, Coded) and cell.code in OPEN


def _ask(whole: Table, row: Row) -> None:
    customer, product = (report_table.cell(whole, row, name) for name in ("customer_id", "product_key"))
    if product:
        st.session_state[ASKED] = Place(str(customer), str(product))


def _body(made: InvoiceCheck, place: Place) -> None:
    dialogs.opened()
    row = next((one for one in made.rows if one.place == place), None)
    if row is None:
        return
    everybody = place.customer_id == EVERYBODY
    st.markdown(f"**{escape(row.product)}** · {tr('all customers') if everybody else escape(row.customer)}")
    st.badge(words.check_states()[row.state.value], color=COLORS[row.state])
    _three(row)
    _why(row)
    with st.container(horizontal=True, gap="small"):
        if st.button(tr("See the readings"), icon=":material/sensors:", key="invoice_readings"):
            customer = "" if everybody else place.customer_id
            report_lineage.ask(
                Asked(moment=_day(made)),
                Number(portal=made.portal, customer_id=customer, product_key=place.product_key),
            )
            st.rerun()
    if auth.may(Role.OPERATOR) and made.id is not None:
        with states.explained():
            _decide(made.id, row)


def _three(row: CheckRow) -> None:
    frame = table(
        [
            {"what": tr("Units"), "invoice": _or_dash(row.invoice), "own": _or_dash(row.own), "autotask": _or_dash(row.autotask),
             "difference": "" if row.difference is None else signed(row.difference)},
            {"what": tr("Amount"), "invoice": money(row.invoice_amount, row.currency or "EUR"),
             "own": money(row.own_amount, row.currency or "EUR"), "autotask": money(row.autotask_amount, row.currency or "EUR"),
             "difference": signed_money(row.money_difference, row.currency or "EUR")},
        ],
        ("what", "invoice", "own", "difference", "autotask"),
    )  # fmt: skip
    config = st.column_config
    columns = {
        "what": config.TextColumn("", width=90),
        "invoice": config.TextColumn(tr("Invoice"), alignment="right"),
        "own": config.TextColumn(tr("Own records"), alignment="right"),
        "difference": config.TextColumn(tr("Difference"), alignment="right"),
        "autotask": config.TextColumn("Autotask", alignment="right"),
    }
    grid.show(frame, columns, name="invoice_three", alt=tr("Invoice, own records and Autotask"))


def _why(row: CheckRow) -> None:
    for text in row.explanation.texts:
        st.markdown(escape(tr(text)))
    if row.by_units or row.by_price:
        units, price = (signed_money(part, row.currency or "EUR") for part in (row.by_units, row.by_price))
        st.caption(tr("Of the amount {units} comes of units and {price} of the price.", units=units, price=price))
    if row.explanation.moves:
        columns = {
            "day": st.column_config.TextColumn(tr("Day"), alignment="right", width=110),
            "customer": st.column_config.TextColumn(tr("Customer")),
            "change": st.column_config.TextColumn("+/−", alignment="right", width=80),
        }
        moves = (
            {"day": day(one.day), "customer": one.customer, "change": signed(one.change)}
            for one in row.explanation.moves
        )
        grid.show(table(moves, columns), columns, name="invoice_moves", alt=tr("What happened between"))
    if row.source:
        st.caption(tr("On the invoice: {place}", place=escape(row.source)))


def _decide(check_id: int, row: CheckRow) -> None:
    context, actor = auth.context(), auth.actor()
    if row.mute is not None and row.state is State.MUTED:
        st.caption(tr("Let pass by {person}: {reason}", person=row.mute.person, reason=row.mute.reason))
        if st.button(tr("Show it again"), icon=":material/undo:", key="invoice_unmute"):
            invoice_check.unmute_difference(context, actor, check_id, row.place)
            states.done(tr("It is shown again."))
            st.rerun()
    elif row.state.value in OPEN:
        with st.form("invoice_mute", border=False):
            reason = st.text_input(
                tr("Let it pass until it changes, because"), max_chars=200, key="invoice_reason",
                help=tr("Kept with your name, in later checks too."),
            )  # fmt: skip
            if st.form_submit_button(tr("Let it pass"), icon=":material/notifications_off:"):
                invoice_check.mute_difference(context, actor, check_id, row.place, reason)
                states.done(tr("It passes until the difference changes."))
                st.rerun()


def _day(made: InvoiceCheck) -> object:
    """The day whose readings the own units are of."""
    return made.period.day(made.settings.day) if made.settings.count is Count.DAY else made.period.last


def _or_dash(value: Decimal | None) -> str:
    return "—" if value is None else number(value)
