"""The end of a month: is everything settled, and what will the next invoice contain? Pure: plain values in, plain values out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from core.domain.contract import ItemRef, LineRef
from core.domain.text import Text


class GateName(StrEnum):
    """What must be settled before a month is closed."""

    UNMAPPED = "unmapped"
    STALE = "stale"
    HELD = "held"
    DRIFT = "drift"
    CHANGES = "changes"
    """Changes that are planned and not applied."""
    CHARGES = "charges"
    INVOICES = "invoices"
    """Vendors whose invoice of the month was not checked, or that differs."""
    PLAN = "plan"
    """The plan is of today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition. `count` is what is still open, `page` where it is settled; None: it cannot be said, which is not settled."""

    name: GateName
    count: int | None
    message: Text
    page: str

    @property
    def passed(self) -> bool:
        return self.count == 0


class NextKind(StrEnum):
    PERIOD = "period"
    """A contract line for a whole billing period."""
    PART = "part"
    """A contract line for a part of a period: prorated."""
    CHARGE = "charge"
    PLANNED_CHARGE = "planned_charge"
    """A charge that is not in Autotask yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLine:
    """One line of the next invoice. `last` is inclusive; `days` of the `period_days` of its period.

    `amount` is None where no price is known; `posted` lines are approved and posted: they are on an invoice already.
    """

    kind: NextKind
    company_id: int
    company: str
    contract_id: int
    contract: str
    what: str
    first: date
    last: date
    units: Decimal
    unit_price: Decimal | None
    amount: Decimal | None
    posted: bool
    days: int = 0
    period_days: int = 0
    item: ItemRef | None = None
    line: LineRef | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyInvoice:
    """What one company's next invoice comes to. `unknown` counts lines without a price: they are in no sum."""

    company_id: int
    company: str
    to_bill: Decimal
    posted: Decimal
    lines: tuple[NextLine, ...]
    unknown: int = 0
