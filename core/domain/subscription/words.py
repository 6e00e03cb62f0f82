"""What portals tell of a subscription, each in its own words, in the few words of this product.

The names of attributes are those that the connectors write; a portal that tells none of them simply has no such facts.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from core.domain.period import add_months
from core.domain.usage import UsageLine

WINDOW_DAYS = 7
"""Seats can be given back for seven days (168 hours) after an order or a renewal (new commerce rules)."""
NEVER_FROM = 2090
"""Portals write a year as late as this where nothing ends."""
ROUGHLY = 4
"""Days by which a term's dates may be off: time zones, and months that are too short."""

_SUSPENDED = frozenset({"suspended", "suspend", "hold", "onhold", "paused"})
_CANCELLED = frozenset({"cancelled", "canceled", "deleted", "expired", "terminated", "ended"})
_YES = frozenset({"true", "yes", "1", "on", "enabled"})
_NO = frozenset({"false", "no", "0", "off", "disabled"})
_TERM = re.compile(r"P(\d{1,3})([MY])")


class Status(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


def is_subscription(usage: UsageLine) -> bool:
    """Whether the portal says which subscription the line belongs to."""
    return bool(usage.subscription_id)


def status_of(usage: UsageLine) -> Status:
    """What the portal says of the subscription. A word that is not known counts as active: the connector chose to count it."""
    word = re.sub(r"[\s_-]", "", usage.attributes.get("status", "")).casefold()
    if word in _SUSPENDED:
        return Status.SUSPENDED
    return Status.CANCELLED if word in _CANCELLED else Status.ACTIVE


def told(usage: UsageLine, *names: str) -> str:
    """The first of these attributes that the portal tells; empty for none."""
    return next((usage.attributes[name] for name in names if usage.attributes.get(name)), "")


def label_of(usage: UsageLine) -> str:
    """The name that people gave the subscription."""
    return told(usage, "label", "friendly_name", "subscription")


def auto_renew_of(usage: UsageLine) -> bool | None:
    """Whether it renews by itself; None where the portal does not tell."""
    word = told(usage, "auto_renew", "autorenew").casefold()
    if word in _YES:
        return True
    return False if word in _NO else None


def promotion_of(usage: UsageLine) -> str:
    return told(usage, "promotion", "promotion_id")


def partner_of(usage: UsageLine) -> str:
    """Who sells the subscription."""
    return told(usage, "partner", "reseller")


def vendor_id_of(usage: UsageLine) -> str:
    """The vendor's own number of the subscription: the same at whatever distributor it stands."""
    return told(usage, "vendor_subscription").casefold() or usage.subscription_id.casefold()


def margin_of(usage: UsageLine) -> Decimal | None:
    return _number(told(usage, "margin", "markup"))


def assigned_of(usage: UsageLine) -> Decimal | None:
    """How many of the seats are given to somebody; None where the portal does not tell."""
    return _number(told(usage, "assigned", "used"))


def subscription_start(usage: UsageLine) -> date | None:
    """First day of the subscription itself, where the portal tells it beside the period that is billed."""
    return _day(told(usage, "subscription_start"))


def subscription_end(usage: UsageLine) -> date | None:
    """Last day of the subscription itself, where the portal tells it beside the period that is billed."""
    return _day(told(usage, "subscription_end"))


def created_on(usage: UsageLine) -> date | None:
    """The day on which it was ordered; where the portal does not tell it, the one on which it began; None for neither."""
    return _day(told(usage, "created")) or subscription_start(usage) or usage.period_start or usage.effective_date


def commitment_end(usage: UsageLine) -> date | None:
    """Last day to which the present term binds; None where there is no term, or the portal does not tell.

    A portal that gives a period as long as the term means the term; a shorter one is what is billed now.
    """
    given = _day(told(usage, "commitment_end", "contract_end"))
    months, start, end = term_months(usage), usage.period_start, usage.period_end
    if given is not None or not (usage.subscription_id and months and start and end):
        return given
    is_term = end >= add_months(start, months) - timedelta(days=ROUGHLY)
    return end if is_term and end.year < NEVER_FROM else None


def term_months(usage: UsageLine) -> int:
    """Length of the term in months; 0 where none is told."""
    found = _TERM.fullmatch(usage.term)
    return 0 if found is None else int(found[1]) * (12 if found[2] == "Y" else 1)


def term_start(usage: UsageLine) -> date | None:
    """First day of the present term: that of the order or of the last renewal."""
    end, months = commitment_end(usage), term_months(usage)
    if end is None or not months:
        return None
    return add_months(end + timedelta(days=1), -months)


def reducible_until(usage: UsageLine) -> date | None:
    """Last whole day on which seats can still be given back after the order or the renewal; None where nobody can say."""
    given = _day(told(usage, "cancel_until"))
    if given is not None:
        return given
    start = term_start(usage)
    return None if start is None else start + timedelta(days=WINDOW_DAYS - 1)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return number if number is None or number.is_finite() else None
