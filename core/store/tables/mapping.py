"""Who is who and what is what, and every edit of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, UniqueConstraint

from core.store.tables.base import Row, document, exact, instant, key, reference, remote_id


class PortalCustomerRow(Row, table=True):
    """A customer as a portal knows it: linked to a company, ignored with a reason, or still to be mapped.

    `folded` is the name for searching, without case; `read_at` is when its data was last read wholly.
    """

    __tablename__ = "portal_customer"
    __table_args__ = (
        UniqueConstraint("portal_id", "customer_id"),
        Index(None, "folded"),
        Index(None, "company_id"),
    )
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    customer_id: str
    name: str = ""
    folded: str = ""
    company_id: int | None = remote_id(optional=True)
    ignored: str | None = None
    confirmed_by: str = ""
    confirmed_at: datetime | None = instant(optional=True)
    read_at: datetime | None = instant(optional=True)
    first_seen_at: datetime = instant()


class CustomerAliasRow(Row, table=True):
    """A normalised name that a person once linked to a company, in any portal."""

    __tablename__ = "customer_alias"
    name: str = key()
    company_id: int = remote_id()
    learned_at: datetime = instant()


class PortalProductRow(Row, table=True):
    """A product as a portal knows it; term and billing frequency belong to it."""

    __tablename__ = "portal_product"
    __table_args__ = (
        UniqueConstraint("portal_id", "product_key", "term", "billing_frequency", name="uq_portal_product_key"),
        Index(None, "folded"),
    )
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    product_key: str
    term: str = ""
    billing_frequency: str = ""
    name: str = ""
    folded: str = ""
    unit: str = ""
    ignored: str | None = None
    first_seen_at: datetime = instant()


class ProductRuleRow(Row, table=True):
    """Portal product(s) → one Autotask service or bundle."""

    __tablename__ = "product_rule"
    __table_args__ = (Index(None, "item_kind", "item_id"),)
    id: int | None = key()
    item_kind: str
    item_id: int = remote_id()
    formula: str = "quantity"
    minimum: Decimal | None = exact(optional=True)
    included: Decimal = exact()
    maximum: Decimal | None = exact(optional=True)
    rounding: str = "none"
    match_period: bool = True
    label: str = ""


class RuleSourceRow(Row, table=True):
    """One product that feeds a rule, and what the formula calls it."""

    __tablename__ = "rule_source"
    __table_args__ = (UniqueConstraint("rule_id", "product_id"), UniqueConstraint("rule_id", "name"))
    id: int | None = key()
    rule_id: int = reference("product_rule.id", index=False)
    product_id: int = reference("portal_product.id")
    name: str
    position: int = 0


class RenameRow(Row, table=True):
    """Products of a portal whose key matches `pattern` count as `product_key`."""

    __tablename__ = "product_rename"
    __table_args__ = (UniqueConstraint("portal_id", "pattern"),)
    id: int | None = key()
    portal_id: int = reference("portal.id", index=False)
    pattern: str
    product_key: str
    position: int = 0


class LineChoiceRow(Row, table=True):
    """The contract line a person picked where several fitted."""

    __tablename__ = "line_choice"
    company_id: int = remote_id(primary_key=True)
    item_kind: str = key()
    item_id: int = remote_id(primary_key=True)
    billing_frequency: str = key()
    line_kind: str
    line_id: int = remote_id()


class MappingEditRow(Row, table=True):
    """One row changed by one batch of edits, as it was and as it became: what undo works on."""

    __tablename__ = "mapping_edit"
    __table_args__ = (Index(None, "batch_id"),)
    id: int | None = key()
    batch_id: int = reference("mapping_batch.id", index=False)
    subject: str
    row_key: list[Any] = document()
    before: Any = document(optional=True)
    after: Any = document(optional=True)


class MappingBatchRow(Row, table=True):
    """What one person did in one go."""

    __tablename__ = "mapping_batch"
    id: int | None = key()
    at: datetime = instant()
    person: str
    text: str = ""
    undone_at: datetime | None = instant(optional=True)
