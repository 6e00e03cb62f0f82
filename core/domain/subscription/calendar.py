"""The calendar of subscriptions: what can still be given back, what is bound until when, what renews, what is paid and not used.

Only what portals tell is used: a subscription without a term, or without the end of one, has no entries of it (never a guess).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from core.domain.contract import Contract
from core.domain.finding import Finding, FindingKind
from core.domain.subscription.words import (
    WINDOW_DAYS,
    Status,
    assigned_of,
    auto_renew_of,
    commitment_end,
    is_subscription,
    reducible_until,
    status_of,
    term_months,
)
from core.domain.target import KnownLine
from core.domain.text import T, Text

STAGES = (30, 14, 7)
"""Days before a renewal at which it is told again."""
OWNED, ASSIGNED = "graph:owned:", "graph:assigned:"
"""Seats that a Microsoft tenant has, and those that are given to people (product keys of the connector `microsoft365`)."""
LONG_TERM = 12
"""Months: shorter terms renew too often to warn of each."""


class EntryKind(StrEnum):
    WINDOW = "window"
    """Seats can still be given back, until `day`."""
    LOCKED = "locked"
    """No seat can be given back until the term ends on `day`."""
    RENEWAL = "renewal"
    """The next term begins on `day`."""
    UNUSED = "unused"
    """More seats are paid than people have."""
    SHORT = "short"
    """People have more seats than are paid."""
    CONTRACT_END = "contract_end"
    """The Autotask contract ends on `day`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A usage line with what is known around it. `added_on` is when seats were last added, `contract` the one it is billed on."""

    portal: str
    line: KnownLine
    company_id: int | None = None
    company: str = ""
    added_on: date | None = None
    contract: Contract | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. `seats` are those it is about, `days` how many days are left from today (0: the last day is today)."""

    kind: EntryKind
    of: Subscribed
    seats: Decimal
    day: date | None
    days: int | None
    text: Text

    @property
    def stage(self) -> int:
        """The nearest of the stages that has been reached: 30, 14 or 7; 0 for none."""
        return min((stage for stage in STAGES if self.days is not None and self.days <= stage), default=0)


def calendar(subscribed: Sequence[Subscribed], today: date, ahead: int = STAGES[0]) -> tuple[Entry, ...]:
    """All entries, the soonest first; those without a day last. Renewals and ends are told `ahead` days before."""
    entries = [entry for one in subscribed if _counts(one) for entry in _entries(one, today, ahead)]
    entries += _tenants(subscribed)
    return tuple(sorted(entries, key=_order))


def calendar_findings(entries: Iterable[Entry]) -> list[Finding]:
    """What somebody should look at now: renewals of long terms, and contracts that end before their subscription.

    A renewal is told at each stage: the key names it.
    """
    return [finding for entry in entries if (finding := _finding(entry)) is not None]


def _counts(one: Subscribed) -> bool:
    return one.line.present and status_of(one.line.usage) is not Status.CANCELLED


def _entries(one: Subscribed, today: date, ahead: int) -> Iterator[Entry]:
    end = commitment_end(one.line.usage)
    if end is not None and end >= today:
        yield from _bound(one, end, today)
        if (end - today).days < ahead:
            renewal = end + timedelta(days=1)
            yield _entry(EntryKind.RENEWAL, one, renewal, today, _renewal_text(one, renewal))
    yield from _assigned(one)
    contract = one.contract
    if contract is not None and today <= contract.end and (contract.end - today).days <= ahead:
        yield _entry(
            EntryKind.CONTRACT_END,
            one,
            contract.end,
            today,
            T("Contract {contract} ends on {day}.", contract=contract.name, day=contract.end),
        )


def _bound(one: Subscribed, end: date, today: date) -> Iterator[Entry]:
    window = reducible_until(one.line.usage)
    if window is not None and window >= today:
        text = T("Seats can be given back until {day}; after that they are bound until {end}.", day=window, end=end)
        yield _entry(EntryKind.WINDOW, one, window, today, text)
        return
    if one.added_on is not None and (last := one.added_on + timedelta(days=WINDOW_DAYS - 1)) >= today:
        text = T("Seats that were added on {added} can be given back until {day}.", added=one.added_on, day=last)
        yield _entry(EntryKind.WINDOW, one, last, today, text)
    if window is not None:
        text = T("No seats can be given back until the term ends on {day}.", day=end)
        yield _entry(EntryKind.LOCKED, one, end, today, text)


def _renewal_text(one: Subscribed, day: date) -> Text:
    match auto_renew_of(one.line.usage):
        case True:
            return T("Renews by itself on {day}: give seats back before, or they are bound for another term.", day=day)
        case False:
            return T("Ends before {day} and does not renew by itself: renew it, or tell the customer.", day=day)
    return T("The term ends before {day}; the portal does not tell whether it renews by itself.", day=day)


def _assigned(one: Subscribed) -> Iterator[Entry]:
    assigned = assigned_of(one.line.usage)
    if assigned is not None:
        yield from _difference(one, one.line.quantity, assigned)


def _difference(one: Subscribed, owned: Decimal, assigned: Decimal) -> Iterator[Entry]:
    if owned > assigned:
        text = T("{owned} seats are paid, {assigned} are in use.", owned=owned, assigned=assigned)
        yield Entry(kind=EntryKind.UNUSED, of=one, seats=owned - assigned, day=None, days=None, text=text)
    elif assigned > owned:
        text = T("{assigned} seats are in use, {owned} are paid.", owned=owned, assigned=assigned)
        yield Entry(kind=EntryKind.SHORT, of=one, seats=assigned - owned, day=None, days=None, text=text)


def _tenants(subscribed: Sequence[Subscribed]) -> Iterator[Entry]:
    """Owned against assigned seats of one product in one Microsoft tenant, which the portal tells on two lines."""
    assigned = {
        (one.portal, one.line.usage.customer_id, one.line.usage.product_key.removeprefix(ASSIGNED)): one.line.quantity
        for one in subscribed
        if one.line.usage.product_key.startswith(ASSIGNED)
    }
    for one in subscribed:
        usage = one.line.usage
        key = (one.portal, usage.customer_id, usage.product_key.removeprefix(OWNED))
        if usage.product_key.startswith(OWNED) and key in assigned:
            yield from _difference(one, one.line.quantity, assigned[key])


def _entry(kind: EntryKind, one: Subscribed, day: date, today: date, text: Text) -> Entry:
    return Entry(kind=kind, of=one, seats=one.line.quantity, day=day, days=(day - today).days, text=text)


def _order(entry: Entry) -> tuple[date, str, str, str]:
    usage = entry.of.line.usage
    return entry.day or date.max, usage.customer.casefold(), usage.product.casefold(), entry.kind.value


def _finding(entry: Entry) -> Finding | None:
    one, usage = entry.of, entry.of.line.usage
    if one.company_id is None or not is_subscription(usage) or entry.day is None:
        return None
    end = commitment_end(usage)
    if entry.kind is EntryKind.RENEWAL and term_months(usage) >= LONG_TERM and entry.stage:
        remedy = T("Agree with the customer how many seats go on.")
    elif entry.kind is EntryKind.CONTRACT_END and end is not None and end > entry.day:
        remedy = T("Extend the contract in Autotask until {day}, or renew it.", day=end)
    else:
        return None
    return Finding(
        kind=FindingKind.RENEWAL,
        key="|".join(
            (entry.kind, one.portal, usage.customer_id, usage.subscription_id, entry.day.isoformat(), str(entry.stage))
        ),
        portal=one.portal,
        subject=one.company or usage.customer,
        company_id=one.company_id,
        message=T(
            "{company}: {product}, {seats} seats. {text}",
            company=one.company or usage.customer,
            product=usage.product,
            seats=entry.seats,
            text=entry.text,
        ),
        remedy=remedy,
    )
