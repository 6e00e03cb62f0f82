"""Contracts made for subscriptions, and new subscriptions on their way to a contract line."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint

from core.store.tables.base import Row, document, instant, key, reference, remote_id


class ContractPolicyRow(Row, table=True):
    """Where a portal's quantities go (`core.domain.provisioning.policy.ContractPolicy`). No row: existing contract lines."""

    __tablename__ = "contract_policy"
    portal_id: int = reference("portal.id", primary_key=True, index=False)
    data: dict[str, Any] = document()
    updated_at: datetime = instant()
    updated_by: str = ""


class MadeContractRow(Row, table=True):
    """A contract that was made for a subscription, with the name and the dates it was last given."""

    __tablename__ = "made_contract"
    __table_args__ = (UniqueConstraint("portal_id", "subscription_id"), Index(None, "contract_id"))
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    subscription_id: str
    contract_id: int = remote_id()
    name: str = ""
    start: date
    end: date
    made_at: datetime = instant()


class ContractChoiceRow(Row, table=True):
    """The contract a person picked for a line that is not there yet."""

    __tablename__ = "contract_choice"
    company_id: int = remote_id(primary_key=True)
    item_kind: str = key()
    item_id: int = remote_id(primary_key=True)
    billing_frequency: str = key()
    contract_id: int = remote_id()
    person: str = ""
    at: datetime = instant()


class NewSubscriptionRow(Row, table=True):
    """A subscription that was seen on no contract line, until somebody mapped it: when, who, and where to."""

    __tablename__ = "new_subscription"
    __table_args__ = (UniqueConstraint("portal_id", "customer_id", "subscription_id", name="uq_new_subscription_key"),)
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    customer_id: str
    subscription_id: str
    product_key: str = ""
    seen_at: datetime = instant()
    confirmed_at: datetime | None = instant(optional=True)
    confirmed_by: str = ""
    contract_id: int | None = remote_id(optional=True)
    run_id: int | None = None
