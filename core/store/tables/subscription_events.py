"""What happened to subscriptions, where they stand, and what has to be remembered for them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index

from core.store.tables.base import Row, document, exact, instant, key, reference, remote_id


class SubscriptionEventRow(Row, table=True):
    """One thing that happened to one subscription (`core.domain.subscription.events`).

    `line_id` is the usage line it is told under, `old_line_id` the one whose place it took (of another portal where the reseller
    changed). `vendor_id` is the vendor's number of the subscription, the same at all distributors.
    """

    __tablename__ = "subscription_event"
    __table_args__ = (
        Index(None, "portal_id", "customer_id", "subscription_id"),
        Index(None, "kind", "seen_at"),
        Index(None, "vendor_id"),
    )
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    customer_id: str
    subscription_id: str
    product: str = ""
    kind: str
    effective_date: date
    seen_at: datetime = instant()
    reading_id: int | None = None
    line_id: int | None = None
    old_line_id: int | None = None
    certain: bool = True
    vendor_id: str = ""
    before: dict[str, Any] = document()
    after: dict[str, Any] = document()


class SubscriptionPlaceRow(Row, table=True):
    """Where the last plan put a subscription's usage line: on a contract line, or nowhere (`problem` says why, a Text)."""

    __tablename__ = "subscription_place"
    usage_line_id: int = reference("usage_line.id", primary_key=True, index=False)
    company_id: int | None = remote_id(optional=True)
    line_kind: str | None = None
    line_id: int | None = remote_id(optional=True)
    contract_id: int | None = remote_id(optional=True)
    state: str
    problem: Any = document(optional=True)


class RememberedPriceRow(Row, table=True):
    """The unit price that a contract line had before its subscription was suspended."""

    __tablename__ = "remembered_price"
    kind: str = key()
    id: int = remote_id(primary_key=True)
    unit_price: Decimal = exact()
    at: datetime = instant()
