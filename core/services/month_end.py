"""The end of a month: is all settled, what will the next invoice contain, who signed for it, and the evidence of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.month_end import CompanyInvoice, Gate
from core.domain.text import Text
from core.reporting import Rendered, Report
from core.services.access import Actor

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed for a company since the month was signed for; None: it was (is) not on it."""

    company: str
    signed: Decimal | None
    now: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """Somebody signed for a month. `gates_open` were open then; `to_bill` is what they signed for; `digest` that of the numbers."""

    id: int
    month: date
    person: str
    at: datetime
    remark: str
    gates_open: int
    to_bill: Decimal
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEnd:
    """One month (its first day). `live`: Autotask was asked just now; else what was last read is shown, and `notes` say so.

    `changed` is what differs from what was signed for: empty while nothing does, or nobody signed.
    """

    month: date
    live: bool
    gates: tuple[Gate, ...]
    companies: tuple[CompanyInvoice, ...]
    to_bill: Decimal
    posted: Decimal
    unknown: int
    digest: str
    signed: SignOff | None
    changed: tuple[Difference, ...] = ()
    notes: tuple[Text, ...] = ()

    @property
    def open_gates(self) -> int:
        return sum(not gate.passed for gate in self.gates)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackCheck:
    """What an evidence pack is worth: every file as it was written, and this workspace's chains still lead through it."""

    ok: bool
    month: date | None
    person: str
    texts: tuple[Text, ...]


def month_end(ctx: Context, actor: Actor, month: date) -> MonthEnd:
    """Gates and the next invoice of a month (any day of it). Reads Autotask where it can be read. For viewers."""
    raise NotImplementedError


def months(ctx: Context, actor: Actor) -> tuple[SignOff, ...]:
    """The last sign-off of each month, newest first."""
    raise NotImplementedError


def sign_off(ctx: Context, actor: Actor, month: date, digest: str, remark: str = "") -> SignOff:
    """Sign for a month as it was shown (`digest`). For operators; open gates need a remark.

    Raises InputError when it changed since it was shown (kind `changed`), or a remark is needed (kind `remark`).
    """
    raise NotImplementedError


def evidence(ctx: Context, actor: Actor, month: date) -> Rendered:
    """The evidence of the last sign-off of a month: a zip with PDF, Excel, JSON and the heads of ledger and audit.

    Raises InputError when nobody signed (kind `not_signed`).
    """
    raise NotImplementedError


def verify_evidence(ctx: Context, actor: Actor, data: bytes) -> PackCheck:
    """Look at an evidence pack again, on any later day. For viewers."""
    raise NotImplementedError


def month_report(ctx: Context, actor: Actor, shown: MonthEnd) -> Report:
    """A month as a report."""
    raise NotImplementedError
