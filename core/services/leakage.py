"""Leakage both ways, in money per month: what is used and not billed, and billed and not used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from core.domain.leakage import Direction, Expiring, Leak
from core.services.access import Actor

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """All leaks today, largest first; sums per month. `unpriced` counts leaks whose price is not known: they are in no sum.

    `read_at` is when Autotask was last read; None: never, and then nothing can be said.
    """

    day: date
    read_at: datetime | None
    leaks: tuple[Leak, ...]
    totals: Mapping[Direction, Decimal]
    unpriced: int
    expiring: tuple[Expiring, ...]


def leakage(ctx: Context, actor: Actor, *, company_id: int | None = None) -> Leakage:
    """Leaks of all companies, or of one. For viewers; of what was last read, nothing is asked for."""
    raise NotImplementedError
