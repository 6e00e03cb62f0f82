"""Measures what a month's end computes: leaks, margins, the next invoice, and explaining an invoice's rows to the day."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from core.domain.invoice.check import check
from core.domain.invoice.model import CheckFacts, CheckSettings, InvoiceItem, Period, Place
from core.domain.invoice.records import Piece, records_of
from core.domain.leaks import LeakFacts, find_leaks, margins
from core.domain.next_invoice import company_invoices, next_lines
from core.domain.ports import RowAmount
from core.domain.targets import compute_targets
from tests.bench.plan import NOW, TODAY, _world

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))


def measure_closing(lines: int) -> dict[str, Any]:
    """CPU seconds of each, against computing the targets of the same lines once: what every sync does."""
    portals, mapping, state = _world(lines)
    facts = LeakFacts(portals, mapping, state, NOW, TODAY)
    amounts = {
        ref: [RowAmount(row.start, row.end, row.units, Decimal("4.50") * row.units, None) for row in rows]
        for ref, rows in state.units.items()
    }
    invoice = _invoice(lines)
    targets = _seconds(lambda: compute_targets(portals, mapping, state, NOW, TODAY))
    figures = {
        "leaks": _seconds(lambda: find_leaks(facts)),
        "margins": _seconds(lambda: margins(state, TODAY)),
        "next invoice": _seconds(lambda: company_invoices(next_lines(state, amounts, FIRST, LAST))),
        "invoice check, 40 changes a row": _seconds(lambda: check(invoice, TODAY)),
    }
    return {
        "lines": lines,
        "targets, cpu seconds": round(targets, 3),
        **{f"{name} / targets": round(seconds / targets, 2) for name, seconds in figures.items()},
    }


def _invoice(rows: int) -> CheckFacts:
    """Rows whose units changed on each day, and an invoice that has the units of another day."""
    pieces = [
        Piece(f"c{row}", f"Customer {row}", "p", Decimal(10 + day), OCTOBER.first + timedelta(days=day),
              OCTOBER.first + timedelta(days=day) if day < 39 else None, Decimal("3.40"), "EUR")
        for row in range(rows)
        for day in range(40)
    ]  # fmt: skip
    own = records_of(pieces, {}, OCTOBER.first, OCTOBER.last, by_customer=True)
    items = tuple(
        InvoiceItem(place=Place(f"c{row}", "p"), customer="", product="p", units=Decimal(17), amount=Decimal(60), currency="EUR")
        for row in range(rows)
    )  # fmt: skip
    return CheckFacts(OCTOBER, CheckSettings(), items, own, OCTOBER.first)


def _seconds(work: Callable[[], object]) -> float:
    """The least of three looks."""
    found = []
    for _ in range(3):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)
