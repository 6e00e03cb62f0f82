"""The words of charges as people read them, and how amounts of several currencies stand beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal

from babel.dates import format_date

from core.domain.charges.language import quantity_words
from core.services.charge_views import Sum
from core.services.charges import ChargeView
from pages._ui import formats
from pages._ui.formats import money, tr
from pages._ui.words import BLUE, GRAY, GREEN, ORANGE, RED, VIOLET

EVERY = "all"


def statuses() -> dict[str, str]:
    return {
        "needs_approval": tr("To approve"),
        "held": tr("Held"),
        "ready": tr("Ready"),
        "approved": tr("Approved"),
        "dismissed": tr("Dismissed"),
        "right": tr("Done"),
    }


STATUS_COLORS = {
    "needs_approval": ORANGE,
    "held": RED,
    "ready": BLUE,
    "approved": VIOLET,
    "dismissed": GRAY,
    "right": GREEN,
}


def states() -> dict[str, str]:
    """How Autotask compares with what should be there."""
    return {
        "new": tr("New"),
        "changed": tr("Changed"),
        "correction": tr("Correction"),
        "goes": tr("Goes"),
        "applied": tr("Applied"),
        "billed": tr("Billed"),
        "corrected": tr("Corrected"),
    }


STATE_COLORS = {
    "new": BLUE,
    "changed": ORANGE,
    "correction": VIOLET,
    "goes": GRAY,
    "applied": GREEN,
    "billed": GREEN,
    "corrected": GREEN,
}


def month(first: date) -> str:
    """`October 2026`, as a person names a month."""
    return str(format_date(first, "LLLL y", locale=formats.locale()))


def usage(row: ChargeView) -> str:
    """`ERP server: 744 hours`; what many resources used has no one quantity."""
    quantity = quantity_words(row.quantity, row.unit, formats.language()) if row.quantity is not None else ""
    if not quantity and row.lines > 1:
        quantity = tr("{count} lines", count=row.lines)
    return ": ".join(part for part in (row.resource, quantity) if part)


def why(row: ChargeView) -> str:
    """Why it is held; else why it changes."""
    if row.holds:
        return tr(row.holds[0])
    if row.status == "held":
        return tr("A person holds it.")
    return tr(row.reason) if row.reason else ""


def amounts(sums: Iterable[Sum], amount: Callable[[Sum], Decimal]) -> str:
    """One amount a currency; they are never added up."""
    found = " · ".join(money(amount(one), one.currency or "EUR") for one in sums)
    return found or money(Decimal(0))
