"""Two moments beside each other: what differs, line by line."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.domain.text import T
from core.reporting import Column, Kind, Report, Row, Section, Table
from core.reporting.values import plain
from core.services.reports.asked import Scene, months_before
from core.services.reports.columns import (
    BILLING,
    COMPANY,
    CUSTOMER,
    PORTAL,
    PRODUCT,
    TERM,
    Known,
    billing_of,
    less,
    plus,
    term_of,
    total_row,
)
from core.services.reports.vendor import filtered
from core.store import reports as store
from core.store.reports import Line

COLUMNS = (
    COMPANY,
    PORTAL,
    CUSTOMER,
    PRODUCT,
    TERM,
    BILLING,
    Column("before", T("Before"), Kind.COUNT),
    Column("after", T("After"), Kind.COUNT),
    Column("difference", T("+/−"), Kind.DIFFERENCE),
)


def compare(scene: Scene) -> Report:
    """Lines whose quantity differs between two moments (by default a month ago and now)."""
    other = scene.asked.other or months_before(scene.day, 1)
    earlier, later = sorted((scene.at(other), scene.instant))
    before, after = (_lines(scene, instant) for instant in (earlier, later))
    rows = [
        _row(scene, line, (_quantity(scene, line, before, earlier), _quantity(scene, line, after, later)))
        for line in (before | after).values()
        if _quantity(scene, line, before, earlier) != _quantity(scene, line, after, later)
    ]
    rows.sort(key=lambda row: [str(plain(cell)).casefold() for cell in row.cells[:6]])
    return Report(
        name="compare",
        title=T("What changed between two moments"),
        day=scene.local_day(later),
        made_at=scene.ctx.clock.now(),
        facts=[T("From {first} to {last}.", first=earlier, last=later), *filtered(scene)],
        notes=scene.notes(earlier),
        sections=(
            Section(
                name="differences",
                title=T("Differences"),
                table=Table(COLUMNS, (*rows, *_total(rows)), T("Nothing changed.")),
            ),
        ),
    )


def _lines(scene: Scene, instant: datetime) -> dict[int, Line]:
    return {line.line_id: line for line in store.lines_at(scene.session, instant, scene.within)}


def _quantity(scene: Scene, line: Line, lines: dict[int, Line], instant: datetime) -> Known:
    there = lines.get(line.line_id)
    return scene.known(line.portal_id, instant, there.quantity if there else None)


def _row(scene: Scene, line: Line, quantities: tuple[Known, Known]) -> Row:
    who = scene.customers.get((line.portal_id, line.customer_id))
    return Row(
        (
            who.company if who else "",
            scene.portals.get(line.portal_id, "?"),
            who.name if who else line.customer_id,
            scene.product(line.portal_id, line.product_key),
            term_of(line.term),
            billing_of(line.billing_frequency),
            *quantities,
            less(quantities[1], quantities[0]),
        ),
        line_id=line.line_id,
    )


def _total(rows: list[Row]) -> list[Row]:
    sums: tuple[Known, ...] = (None, None, None)
    for row in rows:
        before, after, difference = (cell if isinstance(cell, Decimal) else None for cell in row.cells[6:])
        sums = (plus(sums[0], before), plus(sums[1], after), plus(sums[2], difference))
    return [total_row(6, sums)] if rows else []
