"""Cost and margin per customer and product, as a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.leakage import MarginRow
from core.domain.text import T
from core.reporting import Column, Kind, Level, Report, Row, Section, Table
from core.services.margin import Margin, margin_in
from core.services.reports.asked import Scene
from core.services.reports.columns import COMPANY, PRODUCT
from core.services.reports.leakage import company_of, money

if TYPE_CHECKING:
    from core.services.context import Context

COLUMNS = (
    Column("company_id", T("Company number"), paper=False),
    COMPANY,
    PRODUCT,
    Column("units", T("Units"), Kind.COUNT),
    Column("revenue", T("Revenue a month"), Kind.MONEY),
    Column("cost", T("Cost a month"), Kind.MONEY),
    Column("margin", T("Margin"), Kind.MONEY),
    Column("part", T("Margin %"), Kind.PERCENT),
)


def margin(scene: Scene) -> Report:
    """Per company and product. Always of today."""
    return report_of(scene.ctx, margin_in(scene.ctx, scene.session, company_of(scene)))


def report_of(ctx: Context, shown: Margin) -> Report:
    """Margins as a report, with the sum of the rows of which price and cost are known."""
    notes = [] if shown.read_at else [T("Autotask was never read: nothing can be said yet.")]
    if shown.unknown:
        notes.append(T("Rows without a known price or cost, in no sum: {count}.", count=shown.unknown))
    if shown.unread:
        notes.append(T("Companies whose contract lines were not read yet: {count}.", count=shown.unread))
    return Report(
        name="margin",
        title=T("Cost and margin"),
        day=shown.day,
        made_at=ctx.clock.now(),
        facts=[T("Contract lines that run on {day}, per month.", day=shown.day)],
        notes=notes,
        sections=(
            Section(
                name="margin",
                title=T("Per customer and product"),
                table=Table(COLUMNS, (*map(_row, shown.rows), *_total(shown)), T("No contract line bills anything.")),
            ),
        ),
    )


def _row(row: MarginRow) -> Row:
    return Row(
        (
            row.company_id,
            row.company,
            row.product,
            row.units,
            money(row.revenue),
            money(row.cost),
            money(row.margin),
            row.part,
        )
    )


def _total(shown: Margin) -> list[Row]:
    if not shown.rows:
        return []
    left = shown.revenue - shown.cost
    part = left / shown.revenue if shown.revenue else None
    return [Row((None, T("Total"), "", None, money(shown.revenue), money(shown.cost), money(left), part), Level.TOTAL)]
