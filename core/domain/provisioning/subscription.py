"""What kind of subscription a usage line is of, and from when until when its contract runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from core.domain.contract import PeriodType
from core.domain.period import add_months
from core.domain.subscription.words import subscription_end, subscription_start
from core.domain.usage import UsageLine

FAR = date(2099, 12, 31)
"""Where an Azure Plan's contract ends (S2-25)."""


class SubscriptionType(StrEnum):
    """In the words of Microsoft's reports."""

    LICENCE = "licence"
    """Licences by the seat: CSP 365 and everything else that is no other type."""
    AZURE_PLAN = "azure_plan"
    AZURE_SUBSCRIPTION = "azure_subscription"
    """A single Azure subscription outside an Azure Plan."""
    RESERVED = "reserved"
    SOFTWARE = "software"
    PERPETUAL = "perpetual"
    MARKETPLACE = "marketplace"


SHARED = frozenset(
    {SubscriptionType.RESERVED, SubscriptionType.SOFTWARE, SubscriptionType.PERPETUAL, SubscriptionType.MARKETPLACE}
)
"""Types whose subscriptions all use one service (S2-18)."""
SHARED_NAMES = {
    SubscriptionType.RESERVED: "Azure Reserved Instance",
    SubscriptionType.SOFTWARE: "Software subscription",
    SubscriptionType.PERPETUAL: "Perpetual licence",
    SubscriptionType.MARKETPLACE: "Marketplace",
    SubscriptionType.AZURE_PLAN: "Azure Plan",
}
_WORDS: tuple[tuple[SubscriptionType, re.Pattern[str]], ...] = (
    (SubscriptionType.AZURE_PLAN, re.compile(r"azure.?plan\b", re.IGNORECASE)),
    (SubscriptionType.RESERVED, re.compile(r"reserved|reservation|saving.?plan", re.IGNORECASE)),
    (SubscriptionType.PERPETUAL, re.compile(r"perpetual", re.IGNORECASE)),
    (SubscriptionType.SOFTWARE, re.compile(r"software.?subscription", re.IGNORECASE)),
    (SubscriptionType.MARKETPLACE, re.compile(r"marketplace|\bsaas\b", re.IGNORECASE)),
    (SubscriptionType.AZURE_SUBSCRIPTION, re.compile(r"^(microsoft )?azure( subscription)?$|MS-AZR-", re.IGNORECASE)),
)


_AT_ONCE = frozenset({PeriodType.ONCE.value, "triennial"})
"""Paid in one go: once, or for a term that is longer than any period a contract can have."""
_MONTHLY = PeriodType.MONTHLY
_LONGEST_FIRST = (PeriodType.YEARLY, PeriodType.SEMIANNUAL, PeriodType.QUARTERLY, _MONTHLY)


class Dates(NamedTuple):
    """First and last day, both inclusive."""

    start: date
    end: date


def type_of(usage: UsageLine) -> SubscriptionType:
    """By what the portal calls it (attribute `subscription_type`), else by the words of the product."""
    told = usage.attributes.get("subscription_type", "").casefold().replace(" ", "_")
    if told in set(SubscriptionType):
        return SubscriptionType(told)
    for words in (told.replace("_", " "), usage.product, usage.product_key):
        for kind, pattern in _WORDS:
            if words and pattern.search(words):
                return kind
    return SubscriptionType.PERPETUAL if usage.billing_frequency == "once" else SubscriptionType.LICENCE


def dates_of(kind: SubscriptionType, lines: Sequence[UsageLine], today: date) -> Dates | None:
    """When the contract of a subscription runs (S2-25); None where the portal does not tell when it began.

    The subscription's own dates; an Azure Plan from day 1 of the month it is invoiced for (this month where the portal gives
    none) until the end of 2099; a perpetual licence from its charge's start to its end. Without an end the term tells it.
    """
    charged = [start for line in lines if (start := line.period_start or line.effective_date) is not None]
    if kind is SubscriptionType.AZURE_PLAN:
        return Dates(min(charged, default=today).replace(day=1), FAR)
    own = () if _paid_once(lines) else lines
    known = [start for line in own if (start := subscription_start(line)) is not None] or charged
    if not known:
        return None
    start = min(known)
    told = [end for line in own if (end := subscription_end(line)) is not None]
    ends = told or [line.period_end for line in lines if line.period_end is not None]
    end = max(ends) if ends else _term_end(start, lines[0].term, today)
    if end is None and not lines[0].term and kind is SubscriptionType.LICENCE:
        return Dates(start, FAR)
    if end is None or end <= start:
        return None
    return Dates(start, min(end, _one_period(start, end)) if _paid_once(lines) else end)


def period_of(lines: Sequence[UsageLine], dates: Dates) -> PeriodType:
    """The billing grid that the subscription asks for; monthly where the portal does not tell (S2-04).

    What is paid once has one period as long as its charge, so that it is never billed a second time.
    """
    told = {line.billing_frequency for line in lines if line.billing_frequency}
    if _paid_once(lines):
        return period_of_length(*dates)
    return PeriodType(told.pop()) if len(told) == 1 else _MONTHLY


def _paid_once(lines: Sequence[UsageLine]) -> bool:
    return {line.billing_frequency for line in lines} <= _AT_ONCE


def _one_period(start: date, end: date) -> date:
    """The last day of the one period that a charge of these dates is billed in."""
    kind = period_of_length(start, end)
    return add_months(start, kind.months) - timedelta(days=1)


def period_of_length(start: date, end: date) -> PeriodType:
    """The longest period that is not longer than these dates; monthly for anything shorter."""
    return next(
        (kind for kind in _LONGEST_FIRST if add_months(start, kind.months) - timedelta(days=1) <= end), _MONTHLY
    )


def _term_end(start: date, term: str, today: date) -> date | None:
    """The last day of the term that runs today."""
    match = re.fullmatch(r"P(\d+)([MY])", term)
    if match is None:
        return None
    months = int(match[1]) * (12 if match[2] == "Y" else 1)
    if not months:
        return None
    passed = max(0, (today.year - start.year) * 12 + today.month - start.month)
    count = max(1, passed // months)
    while add_months(start, count * months) <= today:
        count += 1
    return add_months(start, count * months) - timedelta(days=1)
