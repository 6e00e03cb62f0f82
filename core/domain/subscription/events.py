"""What happened to subscriptions between two readings. Pure: two states of usage lines in, events out.

Nothing is asked of the portal besides what its readings tell, so every portal that names its subscriptions has events,
whether it was read, wrote to a webhook, or came as a file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from core.domain.subscription import words
from core.domain.subscription.words import Status
from core.domain.text import T, Text
from core.domain.usage import LineKey, UsageLine


class EventKind(StrEnum):
    ADDED = "added"
    QUANTITY = "quantity"
    PRICE = "price"
    """Unit cost or unit price."""
    MARGIN = "margin"
    PROMOTION_START = "promotion_start"
    PROMOTION_END = "promotion_end"
    SUSPENDED = "suspended"
    REACTIVATED = "reactivated"
    CANCELLED = "cancelled"
    UPGRADED = "upgraded"
    """Another product took the place of this one."""
    TERM = "term"
    """Another term or billing frequency."""
    RENEWED = "renewed"
    RESELLER = "reseller"
    """It is sold by another partner, or stands at another distributor."""
    AUTO_RENEW = "auto_renew"
    NAME = "name"


class Seen(NamedTuple):
    """A usage line as a reading left it; `present` is False once it was proven gone."""

    usage: UsageLine
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEvent:
    """One thing that happened to one subscription, on a plain date. `was` and `now` are its line before and after; None: not there.

    `certain` is False where two subscriptions of a customer are only taken for an old and a new one, because nothing else of
    the customer ended or began in the same reading.
    """

    kind: EventKind
    effective_date: date
    was: UsageLine | None
    now: UsageLine | None
    certain: bool = True

    @property
    def line(self) -> UsageLine:
        """The line it is told under: the new one where there is one."""
        line = self.now or self.was
        assert line is not None
        return line

    @property
    def before(self) -> dict[str, str]:
        return _values(self.kind, self.was)

    @property
    def after(self) -> dict[str, str]:
        return _values(self.kind, self.now)


def events_between(
    before: Mapping[LineKey, Seen], after: Mapping[LineKey, Seen], day: date
) -> tuple[SubscriptionEvent, ...]:
    """Everything that happened, per customer and subscription. `day` counts where the portal gives no date of its own.

    Lines without a subscription are left out: of them only quantities are known, and those are in history.
    """
    customers: dict[str, set[LineKey]] = defaultdict(set)
    for key in (*before, *after):
        if key.subscription_id:
            customers[key.customer_id].add(key)
    return tuple(
        event for customer in sorted(customers) for event in _customer(customers[customer], before, after, day)
    )


def apply_events(lines: Mapping[LineKey, UsageLine], events: Iterable[SubscriptionEvent]) -> dict[LineKey, UsageLine]:
    """The lines that are there once these events happened."""
    result = dict(lines)
    for event in events:
        if event.was is not None:
            result.pop(event.was.key, None)
        if event.now is not None:
            result[event.now.key] = event.now
    return result


def _customer(
    keys: Iterable[LineKey], before: Mapping[LineKey, Seen], after: Mapping[LineKey, Seen], day: date
) -> Iterator[SubscriptionEvent]:
    ordered = sorted(keys)
    was = {key: before[key].usage for key in ordered if key in before and before[key].present}
    now = {key: after[key].usage for key in ordered if key in after and after[key].present}
    for key in ordered:
        if key in was and key in now:
            yield from _same(was[key], now[key], day)
    ended = [key for key in ordered if key in was and key not in now]
    begun = [key for key in ordered if key in now and key not in was]
    for old, new, certain in _successors(ended, begun, before):
        yield from _successor(was[old], now[new], certain, day)
        ended.remove(old)
        begun.remove(new)
    for key in ended:
        yield _event(EventKind.CANCELLED, was[key], None, day)
    for key in begun:
        yield _event(EventKind.REACTIVATED if key in before else EventKind.ADDED, None, now[key], day)


def _successors(
    ended: list[LineKey], begun: list[LineKey], before: Mapping[LineKey, Seen]
) -> list[tuple[LineKey, LineKey, bool]]:
    """Which line took the place of which: within a subscription, or the only two of a customer; else nobody can tell (M9)."""
    found: list[tuple[LineKey, LineKey, bool]] = []
    for subscription in dict.fromkeys(key.subscription_id for key in ended):
        old = [key for key in ended if key.subscription_id == subscription]
        new = [key for key in begun if key.subscription_id == subscription]
        if len(old) == len(new) == 1:
            found.append((old[0], new[0], True))
    taken = {key for old_key, new_key, _ in found for key in (old_key, new_key)}
    left = [key for key in ended if key not in taken]
    fresh = [key for key in begun if key not in taken and key not in before]
    if len(left) == len(fresh) == 1 and left[0].product_key != fresh[0].product_key:
        found.append((left[0], fresh[0], False))
    return found


def _successor(was: UsageLine, now: UsageLine, certain: bool, day: date) -> Iterator[SubscriptionEvent]:
    kind = EventKind.UPGRADED if was.product_key != now.product_key else EventKind.TERM
    start = _effective(was, now, day)
    yield SubscriptionEvent(kind=kind, effective_date=start, was=was, now=now, certain=certain)
    if kind is EventKind.TERM:
        yield from _same(was, now, day)


def _same(was: UsageLine, now: UsageLine, day: date) -> Iterator[SubscriptionEvent]:
    """What differs between two states of one line."""
    for kind in _differences(was, now):
        yield _event(kind, was, now, day)
    old_end, new_end = words.commitment_end(was), words.commitment_end(now)
    if old_end is not None and new_end is not None and new_end > old_end and was.term == now.term:
        yield SubscriptionEvent(kind=EventKind.RENEWED, effective_date=old_end + timedelta(days=1), was=was, now=now)


def _differences(was: UsageLine, now: UsageLine) -> Iterator[EventKind]:
    if was.quantity != now.quantity:
        yield EventKind.QUANTITY
    if _money(was) != _money(now):
        yield EventKind.PRICE
    if _differ(words.margin_of(was), words.margin_of(now)):
        yield EventKind.MARGIN
    yield from _promotion(words.promotion_of(was), words.promotion_of(now))
    if (changed := _status_change(words.status_of(was), words.status_of(now))) is not None:
        yield changed
    if _differ(words.partner_of(was) or None, words.partner_of(now) or None):
        yield EventKind.RESELLER
    if _differ(words.auto_renew_of(was), words.auto_renew_of(now)):
        yield EventKind.AUTO_RENEW
    if _differ(words.label_of(was) or None, words.label_of(now) or None):
        yield EventKind.NAME


def _differ(was: object, now: object) -> bool:
    """Whether both were told and are not the same: what a portal begins to tell has not changed by that."""
    return was is not None and now is not None and was != now


def _promotion(was: str, now: str) -> Iterator[EventKind]:
    if was != now:
        if was:
            yield EventKind.PROMOTION_END
        if now:
            yield EventKind.PROMOTION_START


def _status_change(was: Status, now: Status) -> EventKind | None:
    if was is now:
        return None
    return {
        Status.SUSPENDED: EventKind.SUSPENDED,
        Status.CANCELLED: EventKind.CANCELLED,
        Status.ACTIVE: EventKind.REACTIVATED,
    }[now]


def _event(kind: EventKind, was: UsageLine | None, now: UsageLine | None, day: date) -> SubscriptionEvent:
    return SubscriptionEvent(kind=kind, effective_date=_effective(was, now, day), was=was, now=now)


def _effective(was: UsageLine | None, now: UsageLine | None, day: date) -> date:
    """The date that the portal gives with the news; the day of the reading where it gives none, or still the old one."""
    if now is None or now.effective_date is None:
        return day
    return day if was is not None and was.effective_date == now.effective_date else now.effective_date


def _money(usage: UsageLine) -> tuple[object, ...]:
    return usage.unit_cost, usage.unit_price, usage.currency


def _values(kind: EventKind, usage: UsageLine | None) -> dict[str, str]:
    """What is worth keeping of a line for this kind of event, as text."""
    if usage is None:
        return {}
    everything = {
        "product": usage.product,
        "quantity": f"{usage.quantity:f}",
        "term": usage.term,
        "billing_frequency": usage.billing_frequency,
        "unit_cost": "" if usage.unit_cost is None else f"{usage.unit_cost:f}",
        "unit_price": "" if usage.unit_price is None else f"{usage.unit_price:f}",
        "currency": usage.currency,
        "status": words.status_of(usage).value,
        "promotion": words.promotion_of(usage),
        "margin": words.told(usage, "margin", "markup"),
        "partner": words.partner_of(usage),
        "auto_renew": words.told(usage, "auto_renew", "autorenew"),
        "name": words.label_of(usage),
        "commitment_end": end.isoformat() if (end := words.commitment_end(usage)) else "",
    }
    return {name: everything[name] for name in _TOLD[kind] if everything[name]}


_LINE = ("product", "quantity", "term", "billing_frequency")
_MONEY = ("unit_cost", "unit_price", "currency")
_TOLD: Mapping[EventKind, tuple[str, ...]] = {
    EventKind.ADDED: (*_LINE, *_MONEY),
    EventKind.QUANTITY: ("quantity",),
    EventKind.PRICE: _MONEY,
    EventKind.MARGIN: ("margin",),
    EventKind.PROMOTION_START: ("promotion", *_MONEY),
    EventKind.PROMOTION_END: ("promotion", *_MONEY),
    EventKind.SUSPENDED: ("status", "quantity"),
    EventKind.REACTIVATED: ("status", "quantity"),
    EventKind.CANCELLED: ("status", *_LINE),
    EventKind.UPGRADED: _LINE,
    EventKind.TERM: _LINE,
    EventKind.RENEWED: ("commitment_end", *_MONEY),
    EventKind.RESELLER: ("partner", *_LINE),
    EventKind.AUTO_RENEW: ("auto_renew",),
    EventKind.NAME: ("name",),
}


def explained(kind: EventKind) -> Text:
    """What an event of this kind means for the contract, in one sentence."""
    return _EXPLAINED[kind]


_EXPLAINED: Mapping[EventKind, Text] = {
    EventKind.ADDED: T("A new subscription: it counts as soon as customer and product are mapped."),
    EventKind.QUANTITY: T("The units of the contract line follow, on the date of the policy."),
    EventKind.PRICE: T("Price and cost of the contract line follow where the policy lets them."),
    EventKind.MARGIN: T("The price of the contract line follows where the policy lets it."),
    EventKind.PROMOTION_START: T("Price and cost of the contract line follow where the policy lets them."),
    EventKind.PROMOTION_END: T("Price and cost of the contract line follow where the policy lets them."),
    EventKind.SUSPENDED: T("What a suspended subscription bills is set in the policy of the portal."),
    EventKind.REACTIVATED: T("It is billed again, at the price it had."),
    EventKind.CANCELLED: T("The units of the contract line go to 0, or down to what other subscriptions use."),
    EventKind.UPGRADED: T("The old product goes down and the new one up, both or none."),
    EventKind.TERM: T("Another term or billing frequency may belong on another contract."),
    EventKind.RENEWED: T("A new term began; the contract should run as long."),
    EventKind.RESELLER: T("Sold by somebody else: the old contract line goes down and the new one up, both or none."),
    EventKind.AUTO_RENEW: T("Nothing changes on the contract: Autotask has no place for it."),
    EventKind.NAME: T("Nothing changes on the contract: its own names stay."),
}
