"""The views of the Reports page that look back on what was used; each draws one report and leads on from its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import streamlit as st

from core.domain.text import Text
from core.services import views_history
from core.services.reports import Asked, Kind, Level, Report, Row, Table
from core.services.reports.choices import Choices
from core.services.reports.lineage import Number
from pages._ui import (
    auth,
    grid,
    report_data,
    report_filters,
    report_lineage,
    report_parts,
    report_statement,
    report_table,
    states,
    words,
)
from pages._ui.formats import moment, number, signed, table, tr
from pages._ui.report_filters import CUSTOMER, PORTAL, PRODUCT, go

CALM = {"horizontal": True, "vertical_alignment": "center", "gap": "small"}


def per_vendor(known: Choices) -> None:
    """Product, now, last month, difference, a year ago, per vendor with the sum of all (S1-73, S1-74)."""
    with st.container(**CALM):
        month = report_filters.chosen_month(known)
        found = report_filters.names(known, product=False)
    asked = report_filters.asked(found, month=month)
    report = report_data.built("vendor", replace(asked, chart=True))
    _heading("vendor", asked, report)
    _sums(report)
    report_parts.chart(
        report.sections[0].chart, name="vendor_lines", alt=tr("Units per vendor at the end of each month"),
        on_point=lambda vendor: go(report="development", vendor=vendor),
    )  # fmt: skip
    st.caption(
        tr("Click a vendor to see how it developed, a product for its customers, a number to see where it was read.")
    )
    table = report.sections[0].table
    head = report_table.headings(table)
    report_table.show(
        table, name="vendor_table", alt=tr("Licences per vendor and product"),
        on_cell=lambda row, column: _from_vendor(asked, row, column, head),
    )  # fmt: skip


def per_customer(known: Choices) -> None:
    """All customers compared, or all there is to tell of one (S1-72)."""
    with st.container(**CALM):
        month = report_filters.chosen_month(known)
        months = report_filters.span()
        found = report_filters.names(known)
    asked = report_filters.asked(found, month=month, months=months)
    report = report_data.built("customer", asked)
    _heading("customer", asked, report, report_statement.button(known, found[CUSTOMER], report.day))
    if not found[CUSTOMER]:
        st.caption(tr("Click a name to see all of a customer, a number to see where it was read."))
        table = report.sections[0].table
        head = report_table.headings(table)
        report_table.show(
            table, name="customers_table", alt=tr("Licences per customer"), look=report_table.Look(bare=True),
            on_cell=lambda row, column: _from_customer(asked, row, column, head),
        )  # fmt: skip
        return
    licences, compared, changes = report.sections
    report_parts.chart(
        licences.chart, name="customer_lines", alt=tr("Units per product at the end of each month"),
        on_point=lambda product: go(report="development", product=product),
    )  # fmt: skip
    for part in (licences, compared, changes):
        head = report_table.headings(part.table)
        st.subheader(tr(part.title), anchor=False)
        report_table.show(
            part.table, name=f"customer_{part.name}", alt=tr(part.title),
            on_cell=lambda row, column, head=head: _from_customer(asked, row, column, head),
        )  # fmt: skip


def at_a_moment(known: Choices) -> None:
    """Every line in use at any date and time (S1-76, S1-77)."""
    with st.container(**CALM):
        at = report_filters.moment("asof", "", known, known.today)
        query = grid.filters(
            "asof", portals=known.portals, search=tr("Customer, company or product"),
            sorts={"customer": tr("customer"), "company": tr("company"), "product": tr("product"), "portal": tr("portal"),
                   "quantity": tr("count"), "since": tr("last change")},
        )  # fmt: skip
    page = views_history.used_on(auth.context(), auth.actor(), at, query)
    if not page.total:
        states.empty(tr("Nothing was used that day"), tr("Choose another day, or take away a part of the filter."))
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(
            tr("Click a line to see where it was read. The files hold all lines of the moment."), width="stretch"
        )
        report_parts.files(f"as-of-{at:%Y-%m-%d}", report_parts.maker("as-of", Asked(moment=at, portal=query.portal)))
    config = st.column_config
    columns = {
        "company": config.TextColumn(tr("Autotask company"), width=135),
        "customer": config.TextColumn(tr("Portal customer"), width=135),
        "portal": config.TextColumn(tr("Vendor"), width=95),
        "product": config.TextColumn(tr("Product"), width=155),
        "term": config.TextColumn(tr("Term, billing"), width=110),
        "count": config.TextColumn(tr("Units"), alignment="right", width=60),
        "since": config.TextColumn(tr("Since"), alignment="right", width=120),
        "origin": config.TextColumn(tr("Read from"), width=90),
    }
    rows = (
        {
            "company": row.company, "customer": row.customer, "portal": row.portal, "product": row.product,
            "term": words.term(row.term, row.billing_frequency), "count": number(row.quantity), "since": moment(row.since),
            "origin": row.origin,
        }
        for row in page.rows
    )  # fmt: skip
    ids = [row.line_id for row in page.rows]
    key = grid.editor_key("asof_rows", (at, *ids))

    def clicked() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        if cells and cells[0][0] < len(ids):
            grid.new_editor("asof_rows")
            report_lineage.ask(Asked(moment=at), Number(line_ids=(ids[cells[0][0]],)))

    grid.show(
        table(rows, columns), columns, name=key, alt=tr("Lines in use"), on_select=clicked, selection_mode="single-cell"
    )
    grid.pager("asof", query, page.total)


def compare(known: Choices) -> None:
    """Two moments beside each other."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        earlier = report_filters.moment("from", tr("From"), known, _a_month_back(known))
        later = report_filters.moment("to", tr("Until"), known, known.today)
    with st.container(**CALM):
        found = report_filters.names(known)
    asked = report_filters.asked(found, moment=later, other=earlier)
    report = report_data.built("compare", asked)
    _heading("compare", asked, report)
    part = report.sections[0]
    report_table.show(
        part.table, name="compare_table", alt=tr("Lines that differ"),
        on_cell=lambda row, column: _from_line(asked, row, column),
    )  # fmt: skip


def development(known: Choices) -> None:
    """Units at the end of each month: vendor, its products, their customers, the readings of one (S1-86)."""
    with st.container(**CALM):
        month = report_filters.chosen_month(known)
        months = report_filters.span()
        found = report_filters.names(known)
    asked = report_filters.asked(found, month=month, months=months)
    report = report_data.built("development", asked)
    _heading("development", asked, report)
    last = bool(asked.product and asked.customer)
    level = CUSTOMER if asked.product else PRODUCT if asked.portal else PORTAL
    main = report.sections[0]
    report_parts.chart(
        main.chart, name=f"development_{level}", alt=tr("Units at the end of each month"),
        on_point=None if last else lambda name: go(**{level: name}),
    )  # fmt: skip
    st.caption(tr("Click a point or a name to go one step down, a number to see where it was read."))
    for part in report.sections:
        if part is not main:
            st.subheader(tr(part.title), anchor=False)
        head = report_table.headings(part.table)
        report_table.show(
            part.table, name=f"development_{part.name}", alt=tr(part.title),
            on_cell=lambda row, column, head=head: _from_development(asked, row, column, head),
        )  # fmt: skip


VIEWS: Mapping[str, Callable[[Choices], None]] = {
    "vendor": per_vendor,
    "customer": per_customer,
    "as-of": at_a_moment,
    "compare": compare,
    "development": development,
}


def _heading(name: str, asked: Asked, report: Report, more: Callable[[], None] | None = None) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(gap="xxsmall", width="stretch"):
            report_parts.facts(report)
        with st.container(horizontal=True, gap="xsmall", width="content"):
            if more is not None:
                more()
            report_parts.downloads(name, asked, report)


def _sums(report: Report) -> None:
    """The sum of all, in large."""
    last = report.sections[0].table.rows[-1:]
    if not last:
        return
    names = [column.name for column in report.sections[0].table.columns]
    sums = dict(zip(names, last[0].cells, strict=True))
    with st.grid(4, gap="small", min_column_width=150):
        for name, label, change in (
            ("now", tr("Units on {day}", day=report.day), None),
            ("month_before", tr("A month before"), "difference"),
            ("year_before", tr("A year before"), "year_difference"),
        ):
            value, delta = sums.get(name), sums.get(change) if change else None
            st.metric(
                label, "—" if value is None else number(value),
                delta=None if delta is None else tr("{difference} since", difference=signed(delta)) if delta else None,
                delta_color="off", delta_arrow="off", border=True, height="stretch",
            )  # fmt: skip
        vendors = {row.cells[0] for row in report.sections[0].table.rows if row.level is Level.DETAIL}
        products = sum(row.level is Level.DETAIL for row in report.sections[0].table.rows)
        st.metric(
            tr("Vendors and products"), f"{number(len(vendors))} · {number(products)}", border=True, height="stretch"
        )


def _named(row: Row, shown: Table) -> dict[str, str]:
    """The names of a row by their column; that of a vendor's sum is the vendor, the sum of all has none."""
    first = row.cells[0]
    if row.level is Level.SUBTOTAL and isinstance(first, Text):
        return {"portal": str(first.values.get("vendor", ""))}
    if row.level is not Level.DETAIL:
        return {}
    cells = zip(shown.columns, row.cells, strict=True)
    return {column.name: cell for column, cell in cells if isinstance(cell, str)}


def _is_number(shown: Table, name: str) -> bool:
    return any(column.name == name and column.kind in (Kind.COUNT, Kind.DIFFERENCE) for column in shown.columns)


def _ask(asked: Asked, names: Mapping[str, str], column: str) -> None:
    about = {name: names.get(name, "") for name in ("portal", "product", "customer", "company")}
    report_lineage.ask(replace(asked, portal=about["portal"] or asked.portal), Number(**about, column=column))


def _from_vendor(asked: Asked, row: Row, column: str, shown: Table) -> None:
    names = _named(row, shown)
    if _is_number(shown, column):
        _ask(asked, names, column)
    elif names.get("product") and column == "product":
        go(report="customer", **{PORTAL: names["portal"], PRODUCT: names["product"]})
    elif names:
        go(report="development", **{PORTAL: names["portal"]})


def _from_customer(asked: Asked, row: Row, column: str, shown: Table) -> None:
    names = _named(row, shown)
    if row.line_id is not None:
        _from_line(asked, row, column)
    elif _is_number(shown, column):
        _ask(asked, names, column)
    elif names and not asked.customer:
        go(**{CUSTOMER: names.get("company") or names["customer"], PORTAL: "", PRODUCT: ""})
    elif names:
        go(report="development", **{PORTAL: names["portal"], PRODUCT: names["product"]})


def _from_line(asked: Asked, row: Row, column: str) -> None:
    """A row of one usage line: at the moment of the row where it has one, else of the column."""
    if row.line_id is None:
        return
    at = next((cell for cell in row.cells if isinstance(cell, datetime)), None)
    report_lineage.ask(asked, Number(line_ids=(row.line_id,), column=column, at=at))


def _from_development(asked: Asked, row: Row, column: str, shown: Table) -> None:
    names = _named(row, shown)
    if row.line_id is not None:
        _from_line(asked, row, column)
    elif _is_number(shown, column):
        _ask(asked, names, column)
    elif names:
        down = {PORTAL: "portal", PRODUCT: "product", CUSTOMER: "customer"}
        go(**{name: names[field] for name, field in down.items() if field in names})


def _a_month_back(known: Choices) -> object:
    from core.services.reports.asked import months_before

    earlier = months_before(known.today, 1)
    return max(earlier, known.first) if known.first else earlier
