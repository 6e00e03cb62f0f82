"""What the next invoice of each customer will contain, down to the reading behind a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import streamlit as st

from core.domain.month_end import CompanyInvoice, NextKind, NextLine
from core.services import month_end
from core.services.access import Role
from core.services.month_end import Difference, MonthEnd
from core.services.reports import Form, render, style_of
from pages._ui import auth, dialogs, grid, report_lineage, states
from pages._ui.formats import day, escape, money, number, signed_money, table, tr
from pages._ui.shell import link

ASKED = "_month_company"


def show(shown: MonthEnd) -> None:
    """The sums and the customers; each opens its lines."""
    if not shown.live:
        with states.empty(
            tr("The next invoice is not known"),
            tr("Autotask could not be asked. What it bills is never guessed."),
            ":material/cloud_off:",
        ):
            if auth.may(Role.ADMIN):
                link("settings", tr("Look at the connection with Autotask"))
        return
    with st.grid(4, gap="small", min_column_width=150):
        for label, value in (
            (tr("To bill"), _money(shown.to_bill)),
            (tr("Posted already"), _money(shown.posted)),
            (tr("Customers"), number(len(shown.companies))),
            (tr("Lines without a price"), number(shown.unknown)),
        ):
            st.metric(label, value, border=True, height="stretch")
    if not shown.companies:
        states.empty(
            tr("Nothing is billed in this month"), tr("No linked contract bills anything."), ":material/receipt:"
        )
        return
    typed = st.text_input(
        tr("Search"), key="month_text", placeholder=tr("Customer"), width=260, type="search", icon=":material/search:",
        label_visibility="collapsed",
    )  # fmt: skip
    words = (typed or "").casefold().split()
    found = [one for one in shown.companies if all(word in one.company.casefold() for word in words)]
    st.caption(tr("Click a customer to see its lines."))
    _companies(found[: grid.MOST_ROWS])
    if len(found) > grid.MOST_ROWS:
        st.caption(
            tr("The first {count} of {total} customers; search for others.", count=grid.MOST_ROWS, total=len(found))
        )


def show_asked(shown: MonthEnd) -> None:
    wanted = st.session_state.pop(ASKED, None)
    company = next((one for one in shown.companies if one.company_id == wanted), None)
    if company is not None:
        st.dialog(tr("Next invoice of {company}", company=company.company), width=980, position="right")(_lines)(
            company
        )


def maker(first: date) -> Callable[[Form], bytes]:
    """What makes the files of a month, as it is shown now. It stays with the buttons: it keeps the month's name, not its lines."""
    context, asker = auth.context(), auth.asker()

    def make(form: Form) -> bytes:
        shown = month_end.glance(context, asker(), first)
        return render(month_end.month_report(context, asker(), shown), form, style_of(context, asker())).content

    return make


def _companies(found: Sequence[CompanyInvoice]) -> None:
    config = st.column_config
    columns = {
        "company": config.TextColumn(tr("Customer")),
        "lines": config.TextColumn(tr("Lines"), alignment="right", width=65),
        "unknown": config.TextColumn(tr("Without a price"), alignment="right", width=105),
        "posted": config.TextColumn(tr("Posted already"), alignment="right", width=110),
        "to_bill": config.TextColumn(tr("To bill"), alignment="right", width=110),
    }
    frame = table(
        (
            {
                "company": one.company, "lines": number(len(one.lines)), "unknown": number(one.unknown) if one.unknown else "",
                "posted": money(one.posted), "to_bill": money(one.to_bill),
            }
            for one in found
        ),
        columns,
    )  # fmt: skip
    ids = [one.company_id for one in found]
    key = grid.editor_key("month_companies", ids)

    def clicked() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        if cells and cells[0][0] < len(ids):
            grid.new_editor("month_companies")
            st.session_state[ASKED] = ids[cells[0][0]]

    grid.show(frame, columns, name=key, alt=tr("Next invoices"), on_select=clicked, selection_mode="single-cell")


def _lines(company: CompanyInvoice) -> None:
    dialogs.opened()
    st.markdown(f"**{money(company.to_bill)}** {tr('to bill')} · {money(company.posted)} {tr('posted already')}")
    st.caption(tr("Click a line to see what it is counted from."))
    config = st.column_config
    columns = {
        "what": config.TextColumn(tr("What")),
        "contract": config.TextColumn(tr("Contract"), width=140),
        "kind": config.TextColumn(tr("Kind"), width=120),
        "period": config.TextColumn(tr("Period"), width=170),
        "units": config.TextColumn(tr("Units"), alignment="right", width=60),
        "price": config.TextColumn(tr("Price"), alignment="right", width=80),
        "amount": config.TextColumn(tr("Amount"), alignment="right", width=100),
        "posted": config.TextColumn(tr("Posted"), width=70),
    }
    frame = table((_line(one) for one in company.lines), columns)
    key = f"month_lines_{company.company_id}"
    event = grid.show(
        frame, columns, name=key, alt=tr("Lines of the next invoice"), on_select="rerun", selection_mode="single-cell"
    )
    cells = event.selection.cells  # type: ignore[attr-defined]
    if cells and cells[0][0] < len(company.lines):
        _behind(company.lines[cells[0][0]])


def _behind(line: NextLine) -> None:
    if line.item is None:
        st.caption(tr("A charge: the Consumption page tells the lines that it is made of."))
        st.page_link("pages/consumption.py", label=tr("Open Consumption"), icon=":material/arrow_forward:")
        return
    words = f"{line.what} · {line.company} · {number(line.units)} × {money(line.unit_price)}"
    report_lineage.ask_contract_line(line.company_id, line.item, line.line, words, line.last)
    st.rerun()


def _line(line: NextLine) -> dict[str, object]:
    kinds = {
        NextKind.PERIOD: tr("whole period"),
        NextKind.PART: tr("{days} of {all} days", days=line.days, all=line.period_days),
        NextKind.CHARGE: tr("charge"),
        NextKind.PLANNED_CHARGE: tr("charge, not written yet"),
    }
    currency = line.currency or "EUR"
    return {
        "what": line.what, "contract": line.contract, "kind": kinds[line.kind], "period": f"{day(line.first)} – {day(line.last)}",
        "units": number(line.units), "price": money(line.unit_price, currency),
        "amount": tr("price not known") if line.amount is None else money(line.amount, currency),
        "posted": tr("yes") if line.posted else "",
    }  # fmt: skip


def changed(found: Sequence[Difference]) -> None:
    """What is not any more as it was signed for."""
    if not found:
        return
    st.warning(
        tr("{count} customers changed since the month was signed for.", count=len(found)), icon=":material/difference:"
    )
    config = st.column_config
    columns = {
        "company": config.TextColumn(tr("Customer")),
        "signed": config.TextColumn(tr("Signed for"), alignment="right", width=130),
        "now": config.TextColumn(tr("Now"), alignment="right", width=130),
        "difference": config.TextColumn("+/−", alignment="right", width=130),
    }
    rows = (
        {
            "company": escape(one.company), "signed": money(one.signed), "now": money(one.now),
            "difference": "" if one.signed is None or one.now is None else signed_money(one.now - one.signed),
        }
        for one in found
    )  # fmt: skip
    grid.show(table(rows, columns), columns, name="month_changed", alt=tr("What changed since it was signed for"))


def _money(value: object) -> str:
    return "—" if value is None else money(value)  # type: ignore[arg-type]
