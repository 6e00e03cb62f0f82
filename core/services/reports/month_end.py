"""The end of a month as a report: what the next invoice contains, and what was settled."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.domain.consumption_lines import month_of
from core.domain.month_end import Gate, GateName, NextKind, NextLine
from core.domain.text import Money, T, Text
from core.reporting import Cell, Coded, Column, Kind, Level, Report, Row, Section, Table
from core.services.access import SYSTEM
from core.services.month_end import MonthEnd, month_end
from core.services.reports.asked import Scene
from core.services.reports.columns import COMPANY

KINDS = {
    NextKind.PERIOD: T("whole period"),
    NextKind.PART: T("part of a period"),
    NextKind.CHARGE: T("charge"),
    NextKind.PLANNED_CHARGE: T("charge, not in Autotask yet"),
}
GATES = {
    GateName.PLAN: T("Plan of today"),
    GateName.UNMAPPED: T("Everything mapped"),
    GateName.STALE: T("All sources fresh"),
    GateName.HELD: T("Nothing held"),
    GateName.DRIFT: T("No drift"),
    GateName.CHANGES: T("Changes applied"),
    GateName.CHARGES: T("Charges applied"),
    GateName.INVOICES: T("Invoices checked"),
}
LINES = (
    Column("company_id", T("Company number"), paper=False),
    COMPANY,
    Column("contract", T("Contract")),
    Column("contract_id", T("Contract number"), paper=False),
    Column("what", T("What")),
    Column("kind", T("Kind")),
    Column("first", T("First day"), Kind.DATE),
    Column("last", T("Last day"), Kind.DATE),
    Column("days", T("Days"), Kind.COUNT, paper=False),
    Column("period_days", T("Days of the period"), Kind.COUNT, paper=False),
    Column("units", T("Units"), Kind.COUNT),
    Column("unit_price", T("Price per unit"), Kind.MONEY, paper=False),
    Column("amount", T("Amount"), Kind.MONEY),
    Column("posted", T("State")),
)
COMPANIES = (
    COMPANY,
    Column("to_bill", T("To bill"), Kind.MONEY),
    Column("posted", T("Posted"), Kind.MONEY),
    Column("unknown", T("Without a price"), Kind.COUNT),
)
SETTLED = (
    Column("gate", T("Condition")),
    Column("count", T("Still open"), Kind.COUNT),
    Column("message", T("Explanation")),
)
CHANGED = (COMPANY, Column("signed", T("Signed"), Kind.MONEY), Column("now", T("Now"), Kind.MONEY))
EMPTY = T("Nothing is billed.")


def next_invoice(scene: Scene) -> Report:
    """Of the month (or the day) asked for. Asks Autotask."""
    return report_of(month_end(scene.ctx, SYSTEM, scene.asked.month or scene.day), scene.ctx.clock.now())


def report_of(shown: MonthEnd, made_at: datetime) -> Report:
    """A month with its lines, companies and conditions, and what changed since it was signed for."""
    empty = EMPTY if shown.to_bill is not None else T("What the next invoice will contain is not known.")
    sections = [
        Section(name="lines", title=T("Next invoice"), table=Table(LINES, tuple(_rows(shown)), empty)),
        Section(name="companies", title=T("Per customer"), table=Table(COMPANIES, tuple(_companies(shown)), empty)),
        Section(name="gates", title=T("Conditions"), table=Table(SETTLED, tuple(map(_gate, shown.gates)), EMPTY)),
    ]
    if shown.changed:
        rows = tuple(Row((one.company, _money(one.signed), _money(one.now))) for one in shown.changed)
        sections.append(Section(name="changed", title=T("Changed since"), table=Table(CHANGED, rows, EMPTY)))
    return Report(
        name="next-invoice",
        title=T("Month-end {month}", month=f"{shown.month:%Y-%m}"),
        day=month_of(shown.month)[1],
        made_at=made_at,
        facts=_facts(shown),
        notes=shown.notes,
        sections=tuple(sections),
    )


def _facts(shown: MonthEnd) -> list[Text]:
    facts: list[Text] = []
    if shown.to_bill is not None and shown.posted is not None:
        facts.append(T("To bill: {amount}; posted: {posted}.", amount=Money(shown.to_bill), posted=Money(shown.posted)))
    if shown.unknown:
        facts.append(T("Lines without a known price, in no sum: {count}.", count=shown.unknown))
    facts.append(T("Conditions still open: {count}.", count=shown.open_gates))
    signed = shown.signed
    if signed is not None:
        facts.append(
            T(
                "Signed by {person} on {moment} for {amount}.",
                person=signed.person,
                moment=signed.at,
                amount=Money(signed.to_bill),
            )
        )
        if signed.remark:
            facts.append(T("Remark: {remark}", remark=signed.remark))
    return facts


def _rows(shown: MonthEnd) -> list[Row]:
    rows: list[Row] = []
    for company in shown.companies:
        rows += [_line(line) for line in company.lines]
        if len(company.lines) > 1:
            rows.append(
                _sum(T("{vendor}: sum", vendor=company.company), company.to_bill + company.posted, Level.SUBTOTAL)
            )
    if rows and shown.to_bill is not None and shown.posted is not None:
        rows.append(_sum(T("Total"), shown.to_bill + shown.posted, Level.TOTAL))
    return rows


def _line(line: NextLine) -> Row:
    charge = line.kind in (NextKind.CHARGE, NextKind.PLANNED_CHARGE)
    cells: tuple[Cell, ...] = (
        line.company_id,
        line.company,
        line.contract,
        line.contract_id,
        line.what,
        Coded(line.kind.value, KINDS[line.kind]),
        line.first,
        line.last,
        None if charge else line.days,
        None if charge else line.period_days,
        line.units,
        _money(line.unit_price),
        _money(line.amount),
        Coded("posted", T("posted")) if line.posted else Coded("to_bill", T("to bill")),
    )
    return Row(cells)


def _sum(words: Text, amount: Decimal, level: Level) -> Row:
    return Row((None, words, "", None, "", "", None, None, None, None, None, None, _money(amount), ""), level)


def _companies(shown: MonthEnd) -> list[Row]:
    rows = [Row((one.company, _money(one.to_bill), _money(one.posted), one.unknown)) for one in shown.companies]
    if rows:
        rows.append(Row((T("Total"), _money(shown.to_bill), _money(shown.posted), shown.unknown), Level.TOTAL))
    return rows


def _gate(gate: Gate) -> Row:
    return Row((Coded(gate.name.value, GATES[gate.name]), gate.count, gate.message))


def _money(amount: Decimal | None) -> Money | None:
    return None if amount is None else Money(amount)
