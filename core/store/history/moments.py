"""Which intervals tell what was true at a moment, or at many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_

from core.store.tables import table
from core.store.tables.history import UsageIntervalRow

INTERVAL = table(UsageIntervalRow)

FEW = 4


def valid_at(instant: datetime) -> ColumnElement[bool]:
    """Whether an interval was true at an instant."""
    return and_(INTERVAL.c.valid_from <= instant, INTERVAL.c.valid_to > instant)


def touching(instants: Sequence[datetime]) -> ColumnElement[bool]:
    """Intervals that may matter: a few instants are looked up one by one; for many, what lies between them is read once.

    For many it lets intervals through that were true at none of them: look again with `valid_at`.
    """
    if len(instants) <= FEW:
        return or_(*(valid_at(instant) for instant in instants))
    return and_(INTERVAL.c.valid_to > min(instants), INTERVAL.c.valid_from <= max(instants))
