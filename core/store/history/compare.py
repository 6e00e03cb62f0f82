"""What a reading changes of what is known: pure, so that every order of readings can be tried out.

The rules (M2):

* A line that is in the reading is believed. An incomplete reading may have missed a part of it: it may raise, never lower.
* A line that is not in the reading has ended only where the reading proves absence for its customer.
* Nothing of a customer whose data could not be read wholly is used.
* A reading that is older than what is known of a line says nothing about it; of two of the same instant the later recorded counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from core.domain.errors import InputError
from core.domain.text import T
from core.domain.usage import LineKey, Reading, UsageLine
from core.store.types import LARGEST, to_millionths


class Facts(NamedTuple):
    """What makes an interval: when any of it changes, a new one begins."""

    quantity: Decimal
    present: bool
    effective_date: date | None = None
    period_start: date | None = None
    period_end: date | None = None
    unit_cost: Decimal | None = None
    unit_price: Decimal | None = None
    currency: str = ""


class Known(NamedTuple):
    """A line as it is known now. `evidence_at` is the newest instant at which a reading said anything about it,
    `words` its product name, unit and attributes.
    """

    line_id: int
    interval_id: int
    facts: Facts
    valid_from: datetime
    quantity_since: datetime
    evidence_at: datetime
    words: tuple[str, str, Mapping[str, str]] = ("", "", {})


class Change(NamedTuple):
    """The open interval of a line gives way to `facts`; `line` is None where the line has ended."""

    known: Known
    facts: Facts
    line: UsageLine | None


@dataclass(slots=True)
class Difference:
    """What to write. `confirmed` are the numbers of lines that the reading named; `kept` counts lines that it could not change."""

    new: list[tuple[UsageLine, Facts]] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    ended: list[Change] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)
    unchanged: int = 0
    kept: int = 0


def compare(
    reading: Reading, known: Mapping[LineKey, Known], customers_read: Mapping[str, datetime | None]
) -> Difference:
    """What `reading` changes of `known`; `customers_read` tells when each customer was last read wholly."""
    result = Difference()
    named: set[LineKey] = set()
    for line in usable(reading):
        named.add(line.key)
        _line(reading, line, known.get(line.key), customers_read.get(line.customer_id), result)
    for key, before in known.items():
        if key in named or not before.facts.present or not reading.proves_absence(key.customer_id):
            continue
        if reading.taken_at < before.evidence_at:
            result.kept += 1
            continue
        result.ended.append(Change(before, before.facts._replace(quantity=Decimal(0), present=False), None))
    return result


def usable(reading: Reading) -> Iterable[UsageLine]:
    """The lines that count: none of customers that failed. Raises InputError for a line that is there twice (M9)."""
    seen: set[LineKey] = set()
    for line in reading.lines:
        if line.customer_id in reading.failed_customers:
            continue
        if line.key in seen:
            raise InputError(
                T("{product} of {customer} is in the reading twice.", product=line.product, customer=line.customer),
                place=line.origin.place,
                remedy=T("Nothing of this reading was used. Check the key of the product and the subscription."),
                kind="duplicate_line",
            )
        seen.add(line.key)
        yield line


def facts_of(line: UsageLine) -> Facts:
    """What the line says, in the exactness of history. Raises InputError for a number that is none or far too large."""
    if not line.quantity.is_finite() or line.quantity.copy_abs() > LARGEST:
        raise InputError(
            T(
                "The quantity of {product} for {customer} is no usable number.",
                product=line.product,
                customer=line.customer,
            ),
            place=line.origin.place,
            kind="quantity",
        )
    return Facts(
        to_millionths(line.quantity),
        True,
        line.effective_date,
        line.period_start,
        line.period_end,
        None if line.unit_cost is None else to_millionths(line.unit_cost),
        None if line.unit_price is None else to_millionths(line.unit_price),
        line.currency,
    )


def _line(
    reading: Reading, line: UsageLine, before: Known | None, customer_read: datetime | None, result: Difference
) -> None:
    facts = facts_of(line)
    if before is None:
        if customer_read is not None and reading.taken_at < customer_read:
            result.kept += 1
        else:
            result.new.append((line, facts))
        return
    outdated = reading.taken_at < before.evidence_at
    lowers = not reading.complete and facts.quantity <= before.facts.quantity
    if outdated or lowers:
        result.kept += 1
        return
    result.confirmed.append(before.line_id)
    if facts == before.facts:
        result.unchanged += 1
    else:
        result.changed.append(Change(before, facts, line))
