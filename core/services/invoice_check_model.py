"""What invoice checks tell pages and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.domain.invoice.model import CheckRow, CheckSettings, Period
from core.domain.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceSettings:
    """What is remembered of a vendor's invoices. `columns` are those of `core.domain.file_settings.FileSettings`.

    Without a customer column the invoice tells no customers: sums are compared. Empty columns: none were chosen yet; a Partner
    Center reconciliation file needs none.
    """

    portal: str
    columns: Mapping[str, object]
    check: CheckSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTotals:
    """Sums over all rows; None: some part is not known. `open` counts rows that differ or of which something is not known."""

    invoice: Decimal
    own: Decimal | None
    invoice_amount: Decimal | None
    own_amount: Decimal | None
    rows: int
    open: int
    muted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceCheck:
    """One check. `id` is None for a preview, of which nothing is kept. `autotask_known`: whether Autotask's units could be read.

    `state`: `settled` when no row is open, else `open`. `sha256` is that of the invoice's file, `digest` of the kept numbers.
    """

    id: int | None
    portal: str
    period: Period
    file_name: str
    sha256: str
    made_at: datetime
    by: str
    settings: CheckSettings
    rows: tuple[CheckRow, ...]
    totals: CheckTotals
    notes: tuple[Text, ...] = ()
    autotask_known: bool = True
    digest: str = ""

    @property
    def state(self) -> str:
        return "open" if self.totals.open else "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckHead:
    """One kept check in a list."""

    id: int
    portal: str
    period: Period
    file_name: str
    made_at: datetime
    by: str
    state: str
    rows: int
    open: int
    invoice_amount: Decimal | None
    own_amount: Decimal | None
