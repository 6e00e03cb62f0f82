"""Whether what is known of a customer in a portal may be used (M2, M3): missing and old are not zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from core.domain.finding import Finding, FindingKind
from core.domain.mapping import CustomerKey, CustomerMapping
from core.domain.target import NEVER, PortalUsage
from core.domain.text import T, Text

GRACE = timedelta(hours=1)
"""What a run itself may take between reading and planning, also where the limit is 0 days."""


class Freshness:
    """Answers for the portals of one plan, each question computed once."""

    def __init__(
        self, portals: Mapping[str, PortalUsage], customers: Mapping[CustomerKey, CustomerMapping], now: datetime
    ) -> None:
        self._portals = portals
        self._customers = customers
        self._now = now
        self._asked: dict[tuple[str, str | None], Finding | None] = {}

    def problem(self, portal: str, customer_id: str | None) -> Finding | None:
        """Why this customer's data in the portal cannot be used; None when it can.

        Without a customer: whether the portal was ever read wholly, so that a company which does not occur in it has none.
        """
        asked = (portal, customer_id)
        if asked not in self._asked:
            self._asked[asked] = self._look(portal, customer_id)
        return self._asked[asked]

    def read_wholly(self, portal: str) -> bool:
        """Whether the absence of a company from the portal means something now."""
        return self.problem(portal, None) is None

    def is_recent(self, portal: str, confirmed_at: datetime) -> bool:
        """Whether something that a reading of the portal named by itself at that instant is recent enough to be used."""
        known = self._portals.get(portal)
        if known is None or confirmed_at == NEVER or confirmed_at - self._now > GRACE:
            return False
        return not self._is_too_old(known, confirmed_at)

    def _is_too_old(self, portal: PortalUsage, confirmed_at: datetime) -> bool:
        limit = portal.policy.stale_after_days
        return limit is not None and self._now - confirmed_at > max(timedelta(days=limit), GRACE)

    def _look(self, name: str, customer_id: str | None) -> Finding | None:
        portal = self._portals.get(name)
        if portal is None:
            return _finding(f"stale|{name}", name, None, _never_read(name))
        confirmed = _confirmed(portal, customer_id)
        # One finding for the whole portal says more than one for each of its customers.
        whole = customer_id is None or confirmed == portal.read_at
        key = f"stale|{name}" if whole else f"stale|{name}|{customer_id}"
        customer = None if whole or customer_id is None else self._name(name, customer_id)
        if confirmed is None:
            return _finding(key, name, customer, _never_read(name, customer))
        if confirmed - self._now > GRACE:
            return _from_the_future(key, name, customer, confirmed)
        limit = portal.policy.stale_after_days
        if limit is None or not self._is_too_old(portal, confirmed):
            return None
        return _finding(key, name, customer, _stale(name, customer, confirmed, limit))

    def _name(self, portal: str, customer_id: str) -> str:
        known = self._customers.get(CustomerKey(portal, customer_id))
        return known.customer if known else customer_id


def _confirmed(portal: PortalUsage, customer_id: str | None) -> datetime | None:
    """The last instant at which the customer's data was known wholly."""
    if customer_id is None:
        return portal.read_at
    whole = None if customer_id in portal.failed_customers else portal.read_at
    moments = [moment for moment in (portal.confirmed_at.get(customer_id), whole) if moment is not None]
    return max(moments, default=None)


def _never_read(portal: str, customer: str | None = None) -> Text:
    if customer is None:
        return T("{portal} has never been read wholly: lines that need it are left as they are.", portal=portal)
    return T(
        "{customer} has never been read wholly from {portal}: its lines are left as they are.",
        customer=customer,
        portal=portal,
    )


def _stale(portal: str, customer: str | None, confirmed: datetime, days: int) -> Text:
    if customer is None:
        return T(
            "{portal} was last read on {moment}, more than {days} days ago: its lines are left as they are.",
            portal=portal,
            moment=confirmed,
            days=days,
        )
    return T(
        "{customer} was last read from {portal} on {moment}, more than {days} days ago: its lines are left as they are.",
        customer=customer,
        portal=portal,
        moment=confirmed,
        days=days,
    )


def _from_the_future(key: str, portal: str, customer: str | None, confirmed: datetime) -> Finding:
    """The clock was ahead when it was read: until then nothing newer can be told from what is older (M2)."""
    message = T(
        "{portal} was read when the clock said {moment}, which is still to come: what it tells now counts for nothing until then.",
        portal=portal,
        moment=confirmed,
    )
    remedy = T("Check the clock. If it was wrong for a while, restore a back-up from before, or wait until then.")
    return replace(_finding(key, portal, customer, message), remedy=remedy)


def _finding(key: str, portal: str, customer: str | None, message: Text) -> Finding:
    return Finding(
        kind=FindingKind.STALE,
        key=key,
        portal=portal,
        subject=customer or portal,
        message=message,
        remedy=T("Sync the portal, or bring a file that holds everything."),
    )
