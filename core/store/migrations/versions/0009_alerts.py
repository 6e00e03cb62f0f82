"""Alert rules, alerts and their delivery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("preset", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=True),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", types.JsonDocument(), nullable=False),
        sa.Column("muted_until", types.UTCDateTime(), nullable=True),
        sa.Column("mute_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_alert_rule_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rule")),
        sa.UniqueConstraint("preset", name=op.f("uq_alert_rule_preset")),
    )
    op.create_index(op.f("ix_alert_rule_portal_id"), "alert_rule", ["portal_id"])
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("title", types.JsonDocument(), nullable=False),
        sa.Column("details", types.JsonDocument(), nullable=False),
        sa.Column("portals", sa.String(), nullable=False),
        sa.Column("page", sa.String(), nullable=False),
        sa.Column("filters", types.JsonDocument(), nullable=False),
        sa.Column("size", types.ExactDecimal(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("opened_at", types.UTCDateTime(), nullable=False),
        sa.Column("resolved_at", types.UTCDateTime(), nullable=True),
        sa.Column("told_at", types.UTCDateTime(), nullable=True),
        sa.Column("told_size", types.ExactDecimal(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("muted_until", types.UTCDateTime(), nullable=True),
        sa.Column("mute_reason", sa.String(), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rule.id"], name=op.f("fk_alert_rule_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_alert_run_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["cause"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(op.f("ix_alert_cause"), "alert", ["cause"])
    op.create_index(op.f("ix_alert_resolved_at_id"), "alert", ["resolved_at", "id"])
    op.create_index(op.f("ix_alert_rule_id"), "alert", ["rule_id"])
    op.create_index(op.f("ix_alert_run_id"), "alert", ["run_id"])
    op.create_table(
        "alert_channel",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("settings", types.JsonDocument(), nullable=False),
        sa.Column("recipients", types.JsonDocument(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("digest_at", sa.String(), nullable=False),
        sa.Column("digest_weekday", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("off_reason", types.JsonDocument(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("appeared", sa.Boolean(), nullable=True),
        sa.Column("appeared_at", types.UTCDateTime(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_channel")),
        sa.UniqueConstraint("name", name=op.f("uq_alert_channel_name")),
    )
    _messages()


def _messages() -> None:
    op.create_table(
        "alert_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("next_at", types.UTCDateTime(), nullable=False),
        sa.Column("claimed_at", types.UTCDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("notice", types.JsonDocument(), nullable=True),
        sa.Column("options", types.JsonDocument(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("error", types.JsonDocument(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("ended_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["alert_channel.id"], name=op.f("fk_alert_message_channel_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_message")),
        sa.UniqueConstraint("channel_id", "key", name=op.f("uq_alert_message_channel_id_key")),
    )
    op.create_index(op.f("ix_alert_message_state_next_at"), "alert_message", ["state", "next_at"])
    op.create_table(
        "alert_message_item",
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["alert_message.id"], name=op.f("fk_alert_message_item_message_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alert.id"], name=op.f("fk_alert_message_item_alert_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", "alert_id", name=op.f("pk_alert_message_item")),
    )
    op.create_index(op.f("ix_alert_message_item_alert_id"), "alert_message_item", ["alert_id"])
    op.create_table(
        "alert_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("detail", types.JsonDocument(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["alert_message.id"], name=op.f("fk_alert_attempt_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_attempt")),
    )
    op.create_index(op.f("ix_alert_attempt_message_id"), "alert_attempt", ["message_id"])
    op.create_index(op.f("ix_alert_attempt_address_at"), "alert_attempt", ["address", "at"])


def downgrade() -> None:
    op.drop_table("alert_attempt")
    op.drop_table("alert_message_item")
    op.drop_table("alert_message")
    op.drop_table("alert_channel")
    op.drop_table("alert")
    op.drop_table("alert_rule")
