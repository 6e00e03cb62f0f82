"""Consumption and contract charges."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "at_booking",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_at_booking")),
    )
    op.create_table(
        "charge",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("charge_id", sa.BigInteger(), nullable=False),
        sa.Column("price", types.ExactDecimal(), nullable=False),
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("verified_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_charge_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_charge")),
    )
    op.create_index(op.f("ix_charge_base"), "charge", ["base"], unique=False)
    op.create_index(op.f("ix_charge_charge_id"), "charge", ["charge_id"], unique=False)
    op.create_index(op.f("ix_charge_portal_id_period_start"), "charge", ["portal_id", "period_start"], unique=False)
    op.create_table(
        "charge_change",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("dismissal_key", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("portal", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("data", types.JsonDocument(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_charge_change")),
    )
    op.create_index(op.f("ix_charge_change_change_id"), "charge_change", ["change_id"], unique=False)
    op.create_index(op.f("ix_charge_change_lane"), "charge_change", ["lane"], unique=False)
    op.create_table(
        "charge_finding",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("portal", sa.String(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("data", types.JsonDocument(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_charge_finding")),
    )
    op.create_table(
        "charge_refused",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.Column("message", types.JsonDocument(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_charge_refused")),
    )
    op.create_table(
        "charge_reversal",
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("source", types.ExactDecimal(), nullable=False),
        sa.Column("back", types.ExactDecimal(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("base", name=op.f("pk_charge_reversal")),
    )
    op.create_table(
        "charge_settings",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("settings", types.JsonDocument(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_charge_settings_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", name=op.f("pk_charge_settings")),
    )
    op.create_table(
        "charge_shown",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("portal", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("price", types.ExactDecimal(), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("data", types.JsonDocument(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_charge_shown")),
    )
    op.create_index(
        op.f("ix_charge_shown_period_start_company"), "charge_shown", ["period_start", "company"], unique=False
    )
    op.create_table(
        "consumption_reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("taken_at", types.UTCDateTime(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("total", sa.String(), nullable=True),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("notes", types.JsonDocument(), nullable=False),
        sa.Column("files", types.JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_consumption_reading_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_consumption_reading_run_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consumption_reading")),
    )
    op.create_index(
        op.f("ix_consumption_reading_portal_id_period_start_fingerprint"),
        "consumption_reading",
        ["portal_id", "period_start", "fingerprint"],
        unique=False,
    )
    op.create_index(op.f("ix_consumption_reading_run_id"), "consumption_reading", ["run_id"], unique=False)
    op.create_index(op.f("ix_consumption_reading_taken_at"), "consumption_reading", ["taken_at"], unique=False)
    op.create_table(
        "consumption_line",
        sa.Column("reading_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=True),
        sa.Column("quantity", sa.String(), nullable=True),
        sa.Column("data", types.JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reading_id"], ["consumption_reading.id"], name=op.f("fk_consumption_line_reading_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reading_id", "position", name=op.f("pk_consumption_line")),
    )
    op.create_index(
        op.f("ix_consumption_line_reading_id_customer_id"),
        "consumption_line",
        ["reading_id", "customer_id"],
        unique=False,
    )
    op.create_table(
        "consumption_current",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("reading_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_consumption_current_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reading_id"],
            ["consumption_reading.id"],
            name=op.f("fk_consumption_current_reading_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("portal_id", "period_start", "customer_id", name=op.f("pk_consumption_current")),
    )
    op.create_index(op.f("ix_consumption_current_reading_id"), "consumption_current", ["reading_id"], unique=False)


def downgrade() -> None:
    op.drop_table("consumption_current")
    op.drop_table("consumption_line")
    op.drop_table("consumption_reading")
    op.drop_table("charge_shown")
    op.drop_table("charge_settings")
    op.drop_table("charge_reversal")
    op.drop_table("charge_refused")
    op.drop_table("charge_finding")
    op.drop_table("charge_change")
    op.drop_table("charge")
    op.drop_table("at_booking")
