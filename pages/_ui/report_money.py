"""The views of the Reports page that are about money: what leaks, and what is earned."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import streamlit as st

from core.domain.leakage import Direction, Leak, LeakKind, MarginRow
from core.services import leakage as leaks
from core.services import margin as margins
from core.services.reports import Asked, Report
from core.services.reports import leakage as leak_report
from core.services.reports import margin as margin_report
from core.services.reports.choices import Choices
from pages._ui import auth, charts, choices, report_data, report_lineage, report_parts, report_table, states
from pages._ui.formats import money, number, tr
from pages._ui.report_filters import CUSTOMER, go
from pages._ui.shell import link

CONSUMPTION = (LeakKind.UNBILLED_CONSUMPTION, LeakKind.OVERBILLED_CONSUMPTION)
DRAWN = 10
"""Customers in one chart."""
LEFT_OUT = ("company_id", "contract_id", "direction", "portals")
NARROW = (*LEFT_OUT, "contract")
"""Its contract is in the files, and told by a click on the leak."""


def leakage(known: Choices) -> None:
    """Used and not billed, billed and not used; in money per month, largest first."""
    company_id = _company(known)
    context, actor = auth.context(), auth.actor()
    every = report_data.once("leaks", lambda: leaks.leakage(context, actor))
    shown = every if company_id is None else leaks.of_company(every, company_id)
    report = leak_report.report_of(context, shown)
    if shown.read_at is None:
        _never_read()
        return
    _heading("leakage", company_id, report)
    with st.grid(4, gap="small", min_column_width=150):
        _metric(tr("Not billed"), money(shown.totals[Direction.LOST]))
        _metric(tr("Billed and not used"), money(shown.totals[Direction.OVERBILLED]))
        _metric(tr("Without a known price"), number(shown.unpriced))
        _metric(tr("Contracts that end soon"), number(len(shown.expiring)))
    _chart(
        "leaks_chart", tr("Not billed per customer"),
        [(leak.company, leak.per_month) for leak in shown.leaks if leak.direction is Direction.LOST], company_id,
    )  # fmt: skip
    found, ending = report.sections
    if shown.leaks:
        st.caption(tr("Click a customer to see only that one, anything else to see what is used."))
    by_row = {id(row): leak for row, leak in zip(found.table.rows, shown.leaks, strict=False)}
    look = report_table.Look(leave=NARROW, bare=True, hint=tr("What is used and what is billed are equal."), widest=240)
    report_table.show(
        found.table, name="leaks", alt=tr("Leaks, the largest first"), look=look,
        on_cell=_from_leak, behind=lambda row: by_row.get(id(row)),
    )  # fmt: skip
    if ending.table.rows:
        st.subheader(tr(ending.title), anchor=False)
        report_table.show(
            ending.table, name="ending", alt=tr("Contracts that end soon"), look=report_table.Look(leave=LEFT_OUT)
        )


def margin(known: Choices) -> None:
    """What is billed, what it costs, and what is left, per customer and product."""
    company_id = _company(known)
    context, actor = auth.context(), auth.actor()
    shown = report_data.once(("margins", company_id), lambda: margins.margin(context, actor, company_id=company_id))
    report = margin_report.report_of(context, shown)
    if shown.read_at is None:
        _never_read()
        return
    _heading("margin", company_id, report)
    left = shown.revenue - shown.cost
    part = f"{number(round(left / shown.revenue * 100, 1))} %" if shown.revenue else "—"
    with st.grid(4, gap="small", min_column_width=150):
        _metric(tr("Revenue a month"), money(shown.revenue))
        _metric(tr("Cost a month"), money(shown.cost))
        _metric(tr("Margin"), f"{money(left)} · {part}")
        _metric(tr("Without a known price or cost"), number(shown.unknown))
    _chart(
        "margin_chart",
        tr("Margin per customer, per month"),
        [(row.company, row.margin) for row in shown.rows],
        company_id,
    )
    if shown.rows:
        st.caption(tr("Click a customer to see only that one, anything else to see what is used."))
    table = report.sections[0].table
    by_row = {id(row): one for row, one in zip(table.rows, shown.rows, strict=False)}
    report_table.show(
        table, name="margins", alt=tr("Margin per customer and product"),
        look=report_table.Look(leave=LEFT_OUT, hint=tr("Only customers that are linked to a company count.")),
        on_cell=_from_margin, behind=lambda row: by_row.get(id(row)),
    )  # fmt: skip


def _never_read() -> None:
    """Without contracts nothing can be said, which is not the same as that all is well."""
    with states.empty(
        tr("Autotask was not read yet"),
        tr("What is billed is compared with what is used as soon as a sync has read the contracts."),
        ":material/cloud_off:",
    ):
        link("overview", tr("Open the overview"))


def _company(known: Choices) -> int | None:
    """The company chosen; None: all."""
    options = {"": tr("All customers"), **{name: name for name in sorted(known.companies, key=str.casefold)}}
    chosen = choices.select(CUSTOMER, options, tr("Customer"), 260)
    return known.companies.get(chosen, -1) if chosen else None


def _heading(name: str, company_id: int | None, report: Report) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(gap="xxsmall", width="stretch"):
            report_parts.facts(report)
        report_parts.downloads(name, Asked(company_id=company_id), report)


def _metric(label: str, value: str) -> None:
    st.metric(label, value, border=True, height="stretch")


def _chart(name: str, title: str, amounts: list[tuple[str, Decimal | None]], company_id: int | None) -> None:
    """The customers with the largest amounts; of one customer there is nothing to compare."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for company, amount in amounts:
        sums[company or "?"] += amount or Decimal(0)
    largest = sorted(((amount, company) for company, amount in sums.items() if amount), reverse=True)[:DRAWN]
    if company_id is not None or len(largest) < 2:
        return
    st.markdown(f"**{title}**")
    charts.bars(
        {company: (amount, money(amount)) for amount, company in largest}, alt=title, name=name,
        on_point=lambda company: go(**{CUSTOMER: company}),
    )  # fmt: skip


def _from_leak(leak: Leak | None, column: str) -> None:
    if leak is None:
        return
    if column == "company" and leak.company_id is not None:
        go(**{CUSTOMER: leak.company})
    elif leak.company_id is not None and leak.item is not None:
        words = f"{leak.product} · {leak.company}: {tr(leak.message)}"
        report_lineage.ask_contract_line(leak.company_id, leak.item, leak.line, words)
    else:
        of = " · ".join(one for one in (leak.company, leak.contract, leak.product) if one)
        consumption = leak.kind in CONSUMPTION
        report_lineage.tell(
            f"{of}: {tr(leak.message)}", "consumption" if consumption else "changes",
            tr("Open Consumption") if consumption else tr("Open Changes"),
        )  # fmt: skip


def _from_margin(one: MarginRow | None, column: str) -> None:
    if one is None:
        return
    if column == "company":
        go(**{CUSTOMER: one.company})
    else:
        report_lineage.ask_contract_line(one.company_id, one.item, None, f"{one.product} · {one.company}")
