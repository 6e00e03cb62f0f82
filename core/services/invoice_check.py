"""A vendor's invoice beside our own records and Autotask: three numbers, every difference explained to the day (S1-78, S1-79)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.invoice.model import CheckRow, CheckSettings, Period, Place
from core.domain.text import Text
from core.files.importer import Inspection
from core.reporting import Form, Rendered, Report
from core.services.access import Actor
from core.services.paging import Page, PageQuery

if TYPE_CHECKING:
    from core.services.context import Context


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


def invoice_settings(ctx: Context, actor: Actor, portal: str) -> InvoiceSettings:
    """What is remembered of the vendor's invoices; defaults where nothing is."""
    raise NotImplementedError


def save_invoice_settings(
    ctx: Context, actor: Actor, portal: str, columns: Mapping[str, object], check: CheckSettings
) -> None:
    """Remember how the vendor's invoices are read and checked. For operators. Raises SettingsError that names wrong fields."""
    raise NotImplementedError


def inspect_invoice(ctx: Context, actor: Actor, data: bytes, name: str) -> Inspection:
    """A first look at a file: headings, first rows, suggested columns. For operators."""
    raise NotImplementedError


def preview_invoice(
    ctx: Context,
    actor: Actor,
    portal: str,
    data: bytes,
    name: str,
    *,
    period: Period | None = None,
    columns: Mapping[str, object] | None = None,
    check: CheckSettings | None = None,
) -> InvoiceCheck:
    """The check of a file, kept nowhere. Without a period: the file's own, else the month before this one. For operators.

    `columns` and `check` default to what is remembered. Raises InputError for a file that cannot be read wholly.
    """
    raise NotImplementedError


def check_invoice(
    ctx: Context,
    actor: Actor,
    portal: str,
    data: bytes,
    name: str,
    *,
    period: Period | None = None,
    columns: Mapping[str, object] | None = None,
    check: CheckSettings | None = None,
) -> InvoiceCheck:
    """The same, kept as evidence: who, when, the file with its digest, the numbers. Given settings are remembered. For operators."""
    raise NotImplementedError


def list_checks(ctx: Context, actor: Actor, query: PageQuery, *, month: date | None = None) -> Page[CheckHead]:
    """Kept checks, newest first; `portal` and `status` (`open`, `settled`) filter; `month`: periods that touch it."""
    raise NotImplementedError


def get_check(ctx: Context, actor: Actor, check_id: int) -> InvoiceCheck:
    """A kept check, with mutes as they are now. Raises InputError (kind `unknown_check`)."""
    raise NotImplementedError


def mute_difference(ctx: Context, actor: Actor, check_id: int, place: Place, reason: str) -> InvoiceCheck:
    """A difference is right, with a reason: until it changes, in later checks too. For operators."""
    raise NotImplementedError


def unmute_difference(ctx: Context, actor: Actor, check_id: int, place: Place) -> InvoiceCheck:
    """Show it again. For operators."""
    raise NotImplementedError


def check_report(ctx: Context, actor: Actor, check: InvoiceCheck) -> Report:
    """A check as a report."""
    raise NotImplementedError


def export_check(ctx: Context, actor: Actor, check_id: int, form: Form) -> Rendered:
    """A kept check as a file."""
    raise NotImplementedError
