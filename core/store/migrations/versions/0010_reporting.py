"""Invoice checks, month-end sign-offs and what reports need."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statement_schedule",
        sa.Column("company_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("recipients", types.JsonDocument(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("sent_for", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("company_id", name=op.f("pk_statement_schedule")),
    )
    op.create_table(
        "invoice_settings",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("columns", types.JsonDocument(), nullable=False),
        sa.Column("settings", types.JsonDocument(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_invoice_settings_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", name=op.f("pk_invoice_settings")),
    )
    op.create_table(
        "invoice_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("period_first", sa.Date(), nullable=False),
        sa.Column("period_last", sa.Date(), nullable=False),
        sa.Column("made_at", types.UTCDateTime(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("file_digest", sa.String(), nullable=False),
        sa.Column("stored_path", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("open_rows", sa.Integer(), nullable=False),
        sa.Column("invoice_amount", types.ExactDecimal(), nullable=True),
        sa.Column("own_amount", types.ExactDecimal(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("result", types.JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_invoice_check_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_check")),
    )
    with op.batch_alter_table("invoice_check") as batch:
        batch.create_index(
            batch.f("ix_invoice_check_portal_id_period_first"), ["portal_id", "period_first"], unique=False
        )
        batch.create_index(batch.f("ix_invoice_check_made_at"), ["made_at"], unique=False)
    op.create_table(
        "invoice_mute",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("product_key", sa.String(), nullable=False),
        sa.Column("difference", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_invoice_mute_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", "customer_id", "product_key", name=op.f("pk_invoice_mute")),
    )
    op.create_table(
        "month_sign_off",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.Column("remark", sa.String(), nullable=False),
        sa.Column("gates_open", sa.Integer(), nullable=False),
        sa.Column("to_bill", types.ExactDecimal(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("ledger_position", sa.BigInteger(), nullable=False),
        sa.Column("ledger_hash", sa.String(), nullable=False),
        sa.Column("audit_position", sa.BigInteger(), nullable=False),
        sa.Column("audit_hash", sa.String(), nullable=False),
        sa.Column("numbers", types.JsonDocument(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_month_sign_off")),
    )
    with op.batch_alter_table("month_sign_off") as batch:
        batch.create_index(batch.f("ix_month_sign_off_month_id"), ["month", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("month_sign_off")
    op.drop_table("invoice_mute")
    op.drop_table("invoice_check")
    op.drop_table("invoice_settings")
    op.drop_table("statement_schedule")
