"""Contracts made for subscriptions, and what happened to subscriptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types
from core.store.migrations import subscription_events

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _contracts()
    subscription_events.create()


def downgrade() -> None:
    subscription_events.drop()
    for name in ("new_subscription", "made_contract", "contract_policy", "contract_choice"):
        op.drop_table(name)


def _contracts() -> None:
    op.create_table(
        "contract_choice",
        sa.Column("company_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item_kind", sa.String(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("billing_frequency", sa.String(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "company_id", "item_kind", "item_id", "billing_frequency", name=op.f("pk_contract_choice")
        ),
    )
    op.create_table(
        "contract_policy",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("data", types.JsonDocument(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_contract_policy_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", name=op.f("pk_contract_policy")),
    )
    op.create_table(
        "made_contract",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=False),
        sa.Column("made_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_made_contract_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_made_contract")),
        sa.UniqueConstraint("portal_id", "subscription_id", name=op.f("uq_made_contract_portal_id_subscription_id")),
    )
    op.create_index(op.f("ix_made_contract_contract_id"), "made_contract", ["contract_id"], unique=False)
    op.create_table(
        "new_subscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("product_key", sa.String(), nullable=False),
        sa.Column("seen_at", types.UTCDateTime(), nullable=False),
        sa.Column("confirmed_at", types.UTCDateTime(), nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_new_subscription_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_new_subscription")),
        sa.UniqueConstraint("portal_id", "customer_id", "subscription_id", name="uq_new_subscription_key"),
    )
