"""History: readings, usage lines, intervals, files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("taken_at", types.UTCDateTime(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("notes", types.JsonDocument(), nullable=False),
        sa.Column("failed_customers", types.JsonDocument(), nullable=False),
        sa.Column("error", types.JsonDocument(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_reading_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_reading_run_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading")),
    )
    op.create_index(op.f("ix_reading_portal_id_taken_at"), "reading", ["portal_id", "taken_at"], unique=False)
    op.create_index(op.f("ix_reading_run_id"), "reading", ["run_id"], unique=False)
    op.create_table(
        "usage_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("product_key", sa.String(), nullable=False),
        sa.Column("term", sa.String(), nullable=False),
        sa.Column("billing_frequency", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("attributes", types.JsonDocument(), nullable=False),
        sa.Column("first_seen_at", types.UTCDateTime(), nullable=False),
        sa.Column("confirmed_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portal.id"], name=op.f("fk_usage_line_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_line")),
        sa.UniqueConstraint(
            "portal_id",
            "customer_id",
            "product_key",
            "term",
            "billing_frequency",
            "subscription_id",
            name="uq_usage_line_key",
        ),
    )
    op.create_index(
        op.f("ix_usage_line_portal_id_product_key"), "usage_line", ["portal_id", "product_key"], unique=False
    )
    op.create_table(
        "imported_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("reading_id", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("stored_path", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("details", types.JsonDocument(), nullable=False),
        sa.Column("imported_by", sa.String(), nullable=False),
        sa.Column("imported_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_imported_file_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reading_id"], ["reading.id"], name=op.f("fk_imported_file_reading_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imported_file")),
    )
    op.create_index(op.f("ix_imported_file_imported_at"), "imported_file", ["imported_at"], unique=False)
    op.create_index(op.f("ix_imported_file_portal_id_sha256"), "imported_file", ["portal_id", "sha256"], unique=False)
    op.create_index(op.f("ix_imported_file_reading_id"), "imported_file", ["reading_id"], unique=False)
    op.create_table(
        "usage_interval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("reading_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", types.UTCDateTime(), nullable=False),
        sa.Column("valid_to", types.UTCDateTime(), nullable=False),
        sa.Column("quantity", types.ExactDecimal(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("quantity_since", types.UTCDateTime(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("unit_cost", types.ExactDecimal(), nullable=True),
        sa.Column("unit_price", types.ExactDecimal(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("origin_source", sa.String(), nullable=False),
        sa.Column("origin_place", sa.String(), nullable=False),
        sa.Column("origin_rows", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["usage_line.id"], name=op.f("fk_usage_interval_line_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["reading_id"], ["reading.id"], name=op.f("fk_usage_interval_reading_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_interval")),
        sa.UniqueConstraint("line_id", "valid_from", name=op.f("uq_usage_interval_line_id_valid_from")),
        sa.UniqueConstraint("line_id", "valid_to", name=op.f("uq_usage_interval_line_id_valid_to")),
    )
    op.create_index(op.f("ix_usage_interval_reading_id"), "usage_interval", ["reading_id"], unique=False)
    op.create_index(
        op.f("ix_usage_interval_valid_to_valid_from"), "usage_interval", ["valid_to", "valid_from"], unique=False
    )


def downgrade() -> None:
    op.drop_table("usage_interval")
    op.drop_table("imported_file")
    op.drop_table("usage_line")
    op.drop_table("reading")
