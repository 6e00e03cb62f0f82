"""Cost and margin per customer and product, per month, as billed today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.leakage import MarginRow
from core.services.access import Actor

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Rows by company and product. Sums are of the rows of which both price and cost are known; `unknown` counts the others."""

    day: date
    read_at: datetime | None
    rows: tuple[MarginRow, ...]
    revenue: Decimal
    cost: Decimal
    unknown: int


def margin(ctx: Context, actor: Actor, *, company_id: int | None = None) -> Margin:
    """Of all companies, or of one. For viewers; of what was last read, nothing is asked for."""
    raise NotImplementedError
