"""What a term allows: seats that cannot be given back yet. Told beside a change, never a reason to guess another number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.domain.subscription.words import Status, commitment_end, is_subscription, reducible_until, status_of
from core.domain.target import TargetSource
from core.domain.text import T, Text


def commitment_notes(sources: Sequence[TargetSource], day: date, today: date) -> tuple[Text, ...]:
    """What the portal's terms say about fewer seats from `day` on; nothing where it tells no term, or all terms are over."""
    notes: dict[Text, None] = {}
    for source in sources:
        usage = source.line.usage
        end = commitment_end(usage)
        if not is_subscription(usage) or end is None or end < day:
            continue
        window = reducible_until(usage)
        if not source.line.present or status_of(usage) is Status.CANCELLED:
            notes[_ended_early(usage.product, end)] = None
        elif window is None or window < today:
            notes[_locked(usage.product, end)] = None
    return tuple(notes)


def _locked(product: str, end: date) -> Text:
    return T("{product} is committed until {day}: the vendor takes no seats back before.", product=product, day=end)


def _ended_early(product: str, end: date) -> Text:
    return T(
        "{product} ended, but was committed until {day}: look whether the vendor still bills it.",
        product=product,
        day=end,
    )
