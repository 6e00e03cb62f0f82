"""An invoice check as a report: the same numbers on paper, in spreadsheets and for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import reduce

from core.domain.consumption_lines import month_of
from core.domain.invoice.model import EVERYBODY, CheckRow, CheckSettings, Count, State
from core.domain.text import T, Text
from core.reporting import Cell, Coded, Column, Kind, Level, Money, Report, Row, Section, Table
from core.services.invoice_check import load_check
from core.services.invoice_check_model import InvoiceCheck
from core.services.reports.asked import Scene
from core.services.reports.columns import CUSTOMER, PRODUCT, VENDOR
from core.services.reports.vendor import filtered
from core.store import reporting

STATES = {
    State.EQUAL: T("equal"),
    State.TOLERATED: T("within tolerance"),
    State.MUTED: T("muted"),
    State.DIFFERENT: T("different"),
    State.UNKNOWN: T("not known"),
}
COUNTS = {
    Count.DAY: T("Counted on day {day} of the period."),
    Count.MAXIMUM: T("Counted as the highest number of the period."),
    Count.AVERAGE: T("Counted as the average of the period."),
    Count.END: T("Counted on the last day of the period."),
}
COLUMNS = (
    Column("customer_id", T("Customer in the portal"), paper=False),
    CUSTOMER,
    Column("product_key", T("Product code"), paper=False),
    PRODUCT,
    Column("invoice", T("Invoice"), Kind.COUNT),
    Column("own", T("Own records"), Kind.COUNT),
    Column("difference", T("+/−"), Kind.DIFFERENCE),
    Column("autotask", T("Autotask"), Kind.COUNT),
    Column("autotask_difference", T("Autotask +/−"), Kind.DIFFERENCE, paper=False),
    Column("invoice_amount", T("Invoice amount"), Kind.MONEY),
    Column("own_amount", T("Own amount"), Kind.MONEY),
    Column("money_difference", T("Difference"), Kind.MONEY),
    Column("by_units", T("Of which units"), Kind.MONEY, paper=False),
    Column("by_price", T("Of which price"), Kind.MONEY, paper=False),
    Column("autotask_amount", T("Cost in Autotask a month"), Kind.MONEY, paper=False),
    Column("state", T("State")),
    Column("explanation", T("Explanation")),
    Column("source", T("Read from"), paper=False),
)
EMPTY = T("The invoice has no lines, and nothing was used.")


def invoice(scene: Scene) -> Report:
    """The newest check of each vendor whose period touches the month (or the day) asked for.

    One vendor: its whole check; several: all of their rows.
    """
    first, last = month_of(scene.asked.month or scene.day)
    chosen = scene.within.portal_ids
    newest = reporting.last_checks(scene.session, first, last)
    checks = [
        load_check(scene.session, number)
        for portal_id, (number, _) in newest.items()
        if chosen is None or portal_id in chosen
    ]
    if len(checks) == 1:
        return report_of(checks[0])
    ordered = sorted(checks, key=lambda one: one.portal.casefold())
    rows = [row for check in ordered for row in _rows(check, Level.SUBTOTAL)]
    table = Table((VENDOR, *COLUMNS), tuple(rows), T("No invoice was checked."))
    return Report(
        name="invoice",
        title=T("Invoice checks"),
        day=last,
        made_at=scene.ctx.clock.now(),
        facts=[T("Invoices of periods in {first} to {last}.", first=first, last=last), *filtered(scene)],
        sections=(Section(name="rows", title=T("Compared"), table=table),),
    )


def report_of(check: InvoiceCheck) -> Report:
    """Rows by customer and product, with the sums below."""
    columns = (replace(VENDOR, paper=False), *COLUMNS)
    return Report(
        name="invoice",
        title=T("Invoice check of {portal}", portal=check.portal),
        day=check.period.last,
        made_at=check.made_at,
        facts=_facts(check),
        notes=check.notes,
        sections=(
            Section(
                name="rows",
                title=T("Compared"),
                table=Table(columns, tuple(_rows(check, Level.TOTAL)), EMPTY),
            ),
        ),
    )


def counted_text(settings: CheckSettings) -> Text:
    """How the vendor counts, in words."""
    words = COUNTS[settings.count]
    return T(words.template, day=settings.day) if settings.count is Count.DAY else words


def explained(row: CheckRow) -> Text | str:
    """All that there is to say about a row, as one text."""
    texts = list(row.explanation.texts)
    if row.mute is not None:
        texts.append(T("Muted by {person}: {reason}", person=row.mute.person, reason=row.mute.reason))
    if row.shared:
        texts.append(T("The contract lines bill other products too: they are not compared."))
    elif row.autotask_difference and row.autotask_difference > 0:
        texts.append(T("Autotask bills {count} more than own records.", count=row.autotask_difference))
    elif row.autotask_difference:
        texts.append(T("Autotask bills {count} fewer than own records.", count=-row.autotask_difference))
    return reduce(lambda before, one: T("{first} {second}", first=before, second=one), texts) if texts else ""


def _facts(check: InvoiceCheck) -> list[Text]:
    return [
        T("Period {first} to {last}.", first=check.period.first, last=check.period.last),
        counted_text(check.settings),
        T(
            "File {file} (SHA-256 {digest}), checked by {person} on {moment}.",
            file=check.file_name,
            digest=check.sha256[:16],
            person=check.by,
            moment=check.made_at,
        ),
        T(
            "{rows} rows: {open} to look at, {muted} muted.",
            rows=check.totals.rows,
            open=check.totals.open,
            muted=check.totals.muted,
        ),
    ]


def _rows(check: InvoiceCheck, level: Level) -> Iterator[Row]:
    yield from (_row(check.portal, row) for row in check.rows)
    if check.rows:
        yield _total(check, level)


def _row(portal: str, row: CheckRow) -> Row:
    everybody = row.place.customer_id == EVERYBODY
    cells: tuple[Cell, ...] = (
        portal,
        row.place.customer_id,
        T("all customers") if everybody else row.customer or row.place.customer_id,
        row.place.product_key,
        row.product or row.place.product_key,
        row.invoice,
        row.own,
        row.difference,
        row.autotask,
        row.autotask_difference,
        *(
            _money(amount, row.currency)
            for amount in (
                row.invoice_amount,
                row.own_amount,
                row.money_difference,
                row.by_units,
                row.by_price,
                row.autotask_amount,
            )
        ),
        Coded(row.state.value, STATES[row.state]),
        explained(row),
        row.source,
    )
    return Row(cells)


def _total(check: InvoiceCheck, level: Level) -> Row:
    totals = check.totals
    currency = next(iter({row.currency for row in check.rows}))
    apart = None if totals.own is None else totals.invoice - totals.own
    money = None
    if totals.invoice_amount is not None and totals.own_amount is not None:
        money = totals.invoice_amount - totals.own_amount
    amounts = (_money(amount, currency) for amount in (totals.invoice_amount, totals.own_amount, money))
    cells: tuple[Cell, ...] = (
        check.portal, "", T("Total"), "", "", totals.invoice, totals.own, apart, None, None, *amounts, None, None, None, "", "", "",
    )  # fmt: skip
    return Row(cells, level)


def _money(amount: Decimal | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount, currency or "EUR")
