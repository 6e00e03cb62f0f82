"""The part of migration 0008 that is about what happened to subscriptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types


def create() -> None:
    op.create_table(
        "remembered_price",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit_price", types.ExactDecimal(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_remembered_price")),
    )
    op.create_table(
        "subscription_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("seen_at", types.UTCDateTime(), nullable=False),
        sa.Column("reading_id", sa.Integer(), nullable=True),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.Column("old_line_id", sa.Integer(), nullable=True),
        sa.Column("certain", sa.Boolean(), nullable=False),
        sa.Column("vendor_id", sa.String(), nullable=False),
        sa.Column("before", types.JsonDocument(), nullable=False),
        sa.Column("after", types.JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_subscription_event_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_event")),
    )
    op.create_index(
        op.f("ix_subscription_event_portal_id_customer_id_subscription_id"),
        "subscription_event",
        ["portal_id", "customer_id", "subscription_id"],
        unique=False,
    )
    op.create_index(op.f("ix_subscription_event_kind_seen_at"), "subscription_event", ["kind", "seen_at"], unique=False)
    op.create_index(op.f("ix_subscription_event_vendor_id"), "subscription_event", ["vendor_id"], unique=False)
    op.create_table(
        "subscription_place",
        sa.Column("usage_line_id", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("line_kind", sa.String(), nullable=True),
        sa.Column("line_id", sa.BigInteger(), nullable=True),
        sa.Column("contract_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("problem", types.JsonDocument(), nullable=True),
        sa.ForeignKeyConstraint(
            ["usage_line_id"], ["usage_line.id"], name=op.f("fk_subscription_place_usage_line_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("usage_line_id", name=op.f("pk_subscription_place")),
    )


def drop() -> None:
    for name in ("subscription_place", "subscription_event", "remembered_price"):
        op.drop_table(name)
