"""Counting seats from invoices (Copaco §3). Pure: invoices in, totals out."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from connectors.copaco.tree import Invoice, PriceLine

SEAT = "licence"
SEAT_WORDS = {
    "", "license", "licenses", "licence", "licences", "licentie", "licenties", "seat", "seats", "user", "users", "gebruiker",
    "gebruikers", "unit", "units", "item", "items", "pcs", "piece", "pieces", "stuk", "stuks", "each", "ea", "qty",
}  # fmt: skip
KINDS = (
    "recurring fee", "periodieke kosten", "1st term fee", "first term fee", "usage fee", "aggregation of your change orders",
)  # fmt: skip
"""Kinds of charges printed on invoices; only the first two tell the seats of a running month."""
NOT_RUNNING = ("1st term fee", "first term fee", "aggregation of your change orders")


class Key(NamedTuple):
    customer_id: str
    sku: str
    unit: str


@dataclass(slots=True)
class Total:
    """What one customer has of one product. `first` is a line of it, for names and prices."""

    first: PriceLine
    invoice: Invoice
    month: date
    quantity: Decimal = Decimal(0)
    rows: int = 0
    hashes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rule:
    """Which documents and lines count. All words in lower case."""

    credit_words: tuple[str, ...]
    seat_charges: tuple[str, ...]

    def is_credit(self, invoice: Invoice) -> bool:
        """By its type; and a document with nothing but negative lines, whatever it is called."""
        said = invoice.kind.lower()
        if any(word in said or word == invoice.kind_code.lower() for word in self.credit_words):
            return True
        return bool(invoice.lines) and all(line.quantity < 0 for line in invoice.lines)

    def running(self, invoice: Invoice) -> list[PriceLine]:
        """Lines that tell how much runs; all of them where the invoice does not name kinds at all. What is measured (GB)
        has no seats and counts under its own unit.
        """
        kinds = {*KINDS, *self.seat_charges}
        if not any(kind in line.description.lower() for line in invoice.lines for kind in kinds):
            return list(invoice.lines)
        return [line for line in invoice.lines if self._runs(line)]

    def _runs(self, line: PriceLine) -> bool:
        said = line.description.lower()
        if any(kind in said for kind in self.seat_charges):
            return True
        return unit_of(line) != SEAT and not any(kind in said for kind in NOT_RUNNING)


def newest_per_vendor(invoices: Iterable[Invoice], rule: Rule) -> list[Invoice]:
    """The newest invoice of each vendor, without credit notes. There is one per vendor and month, and vendors are told apart
    by the plans and products on them; two with the same date both count.
    """
    once = {invoice.number: invoice for invoice in invoices if not rule.is_credit(invoice)}
    chosen: list[tuple[set[str], list[Invoice]]] = []
    for invoice in sorted(once.values(), key=lambda one: one.made, reverse=True):
        marks = _marks(invoice)
        group = next((one for one in chosen if one[0] & marks), None)
        if group is None:
            chosen.append((marks, [invoice]))
        else:
            group[0].update(marks)
            if group[1][0].made == invoice.made:
                group[1].append(invoice)
    return [invoice for _, found in chosen for invoice in found]


def _marks(invoice: Invoice) -> set[str]:
    """What tells its vendor: the name where it is given, plans and products."""
    found = {f"vendor {line.vendor}" for line in invoice.lines if line.vendor}
    found |= {f"plan {line.plan_id}" for line in invoice.lines if line.plan_id}
    return found | {f"sku {line.sku}" for line in invoice.lines if line.sku}


def totals(invoices: Sequence[Invoice], rule: Rule) -> dict[Key, Total]:
    """Per customer, product and unit; only lines of the newest month of service on each invoice, so corrections of earlier
    months fall away.
    """
    found: dict[Key, Total] = {}
    for invoice in invoices:
        lines = rule.running(invoice)
        month = max((line.start.replace(day=1) for line in lines if line.start), default=invoice.made.replace(day=1))
        for line in _latest([line for line in lines if _covers(line, month)]):
            total = found.setdefault(Key(line.customer_id, line.sku, unit_of(line)), Total(line, invoice, month))
            total.quantity += line.quantity
            total.rows += 1
            total.hashes += [line.row_hash] if line.row_hash else []
    return found


def _latest(lines: Sequence[PriceLine]) -> list[PriceLine]:
    """Without periods of a subscription that ended before a later one of it began: seats that changed within the month
    count once.
    """
    begins: dict[tuple[str, str, str, str], date] = {}
    for line in lines:
        if line.start is not None:
            begins[_series(line)] = max(line.start, begins.get(_series(line), line.start))
    return [line for line in lines if line.end is None or line.end >= begins.get(_series(line), line.end)]


def _series(line: PriceLine) -> tuple[str, str, str, str]:
    return line.customer_id, line.subscription, line.sku, unit_of(line)


def _covers(line: PriceLine, month: date) -> bool:
    """Whether the line's period touches the month; a line without dates belongs to it."""
    last = month.replace(day=monthrange(month.year, month.month)[1])
    return (line.start is None or line.start <= last) and (line.end is None or line.end >= month)


def unit_of(line: PriceLine) -> str:
    return SEAT if line.unit.lower() in SEAT_WORDS else line.unit


def name_of(line: PriceLine) -> str:
    """The text before the kind of charge, or the plan."""
    for kind in KINDS:
        at = line.description.lower().find(kind)
        if at > 0:
            return re.sub(r"[\s\-–—:,(]+$", "", line.description[:at]) or line.plan
    return line.description or line.plan or line.sku
