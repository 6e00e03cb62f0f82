"""Webhook deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_hook",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("made_at", types.UTCDateTime(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("previous_until", types.UTCDateTime(), nullable=True),
        sa.Column("unsynced_since", types.UTCDateTime(), nullable=True),
        sa.Column("last_event_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_webhook_hook_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", name=op.f("pk_webhook_hook")),
    )
    op.create_index(op.f("ix_webhook_hook_unsynced_since"), "webhook_hook", ["unsynced_since"], unique=False)
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("dedupe", sa.String(), nullable=True),
        sa.Column("named", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("received_at", types.UTCDateTime(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answer", sa.Integer(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("event_at", types.UTCDateTime(), nullable=False),
        sa.Column("snapshot", sa.Boolean(), nullable=False),
        sa.Column("replay_of", sa.Integer(), nullable=True),
        sa.Column("replayed_by", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("reading_id", sa.Integer(), nullable=True),
        sa.Column("problems", types.JsonDocument(), nullable=False),
        sa.Column("processed_at", types.UTCDateTime(), nullable=True),
        sa.Column("seen_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_webhook_delivery_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("portal_id", "dedupe", name=op.f("uq_webhook_delivery_portal_id_dedupe")),
    )
    op.create_index(op.f("ix_webhook_delivery_portal_id_id"), "webhook_delivery", ["portal_id", "id"], unique=False)
    op.create_index(op.f("ix_webhook_delivery_received_at"), "webhook_delivery", ["received_at"], unique=False)
    op.create_index(op.f("ix_webhook_delivery_state_id"), "webhook_delivery", ["state", "id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_webhook_delivery_state_id"), table_name="webhook_delivery")
    op.drop_index(op.f("ix_webhook_delivery_received_at"), table_name="webhook_delivery")
    op.drop_index(op.f("ix_webhook_delivery_portal_id_id"), table_name="webhook_delivery")
    op.drop_table("webhook_delivery")
    op.drop_index(op.f("ix_webhook_hook_unsynced_since"), table_name="webhook_hook")
    op.drop_table("webhook_hook")
