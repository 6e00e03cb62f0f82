"""Mappings, and Autotask as it was last read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "at_company",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("company_type", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_at_company")),
    )
    op.create_index(op.f("ix_at_company_folded"), "at_company", ["folded"], unique=False)
    op.create_table(
        "at_contract",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=False),
        sa.Column("period_type", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_at_contract")),
    )
    op.create_index(op.f("ix_at_contract_company_id"), "at_contract", ["company_id"], unique=False)
    op.create_table(
        "at_item",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("period_type", sa.String(), nullable=False),
        sa.Column("unit_price", types.ExactDecimal(), nullable=True),
        sa.Column("unit_cost", types.ExactDecimal(), nullable=True),
        sa.Column("sku", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_at_item")),
    )
    op.create_table(
        "at_line",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("item_kind", sa.String(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", types.ExactDecimal(), nullable=True),
        sa.Column("unit_cost", types.ExactDecimal(), nullable=True),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("units_read_at", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_at_line")),
    )
    op.create_index(op.f("ix_at_line_contract_id"), "at_line", ["contract_id"], unique=False)
    op.create_index(op.f("ix_at_line_item_kind_item_id"), "at_line", ["item_kind", "item_id"], unique=False)
    op.create_table(
        "at_unit_row",
        sa.Column("line_kind", sa.String(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("posted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("line_kind", "line_id", "position", name=op.f("pk_at_unit_row")),
    )
    op.create_table(
        "customer_alias",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("learned_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_customer_alias")),
    )
    op.create_table(
        "directory_state",
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("watermark", types.UTCDateTime(), nullable=True),
        sa.Column("full_read_at", types.UTCDateTime(), nullable=True),
        sa.Column("window_first", sa.Date(), nullable=True),
        sa.Column("window_last", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("entity", name=op.f("pk_directory_state")),
    )
    op.create_table(
        "line_choice",
        sa.Column("company_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item_kind", sa.String(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("billing_frequency", sa.String(), nullable=False),
        sa.Column("line_kind", sa.String(), nullable=False),
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("company_id", "item_kind", "item_id", "billing_frequency", name=op.f("pk_line_choice")),
    )
    op.create_table(
        "mapping_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("undone_at", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_batch")),
    )
    op.create_table(
        "product_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_kind", sa.String(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("formula", sa.String(), nullable=False),
        sa.Column("minimum", types.ExactDecimal(), nullable=True),
        sa.Column("included", types.ExactDecimal(), nullable=False),
        sa.Column("maximum", types.ExactDecimal(), nullable=True),
        sa.Column("rounding", sa.String(), nullable=False),
        sa.Column("match_period", sa.Boolean(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_rule")),
    )
    op.create_index(op.f("ix_product_rule_item_kind_item_id"), "product_rule", ["item_kind", "item_id"], unique=False)
    op.create_table(
        "mapping_edit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("row_key", types.JsonDocument(), nullable=False),
        sa.Column("before", types.JsonDocument(), nullable=True),
        sa.Column("after", types.JsonDocument(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["mapping_batch.id"], name=op.f("fk_mapping_edit_batch_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_edit")),
    )
    op.create_index(op.f("ix_mapping_edit_batch_id"), "mapping_edit", ["batch_id"], unique=False)
    op.create_table(
        "portal_customer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("ignored", sa.String(), nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column("confirmed_at", types.UTCDateTime(), nullable=True),
        sa.Column("read_at", types.UTCDateTime(), nullable=True),
        sa.Column("first_seen_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_portal_customer_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_customer")),
        sa.UniqueConstraint("portal_id", "customer_id", name=op.f("uq_portal_customer_portal_id_customer_id")),
    )
    op.create_index(op.f("ix_portal_customer_company_id"), "portal_customer", ["company_id"], unique=False)
    op.create_index(op.f("ix_portal_customer_folded"), "portal_customer", ["folded"], unique=False)
    op.create_table(
        "portal_product",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("product_key", sa.String(), nullable=False),
        sa.Column("term", sa.String(), nullable=False),
        sa.Column("billing_frequency", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("ignored", sa.String(), nullable=True),
        sa.Column("first_seen_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_portal_product_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_product")),
        sa.UniqueConstraint("portal_id", "product_key", "term", "billing_frequency", name="uq_portal_product_key"),
    )
    op.create_index(op.f("ix_portal_product_folded"), "portal_product", ["folded"], unique=False)
    op.create_table(
        "product_rename",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("product_key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_product_rename_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_rename")),
        sa.UniqueConstraint("portal_id", "pattern", name=op.f("uq_product_rename_portal_id_pattern")),
    )
    op.create_table(
        "rule_source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["portal_product.id"], name=op.f("fk_rule_source_product_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["product_rule.id"], name=op.f("fk_rule_source_rule_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_source")),
        sa.UniqueConstraint("rule_id", "name", name=op.f("uq_rule_source_rule_id_name")),
        sa.UniqueConstraint("rule_id", "product_id", name=op.f("uq_rule_source_rule_id_product_id")),
    )
    op.create_index(op.f("ix_rule_source_product_id"), "rule_source", ["product_id"], unique=False)


def downgrade() -> None:
    op.drop_table("rule_source")
    op.drop_table("product_rename")
    op.drop_table("portal_product")
    op.drop_table("portal_customer")
    op.drop_table("mapping_edit")
    op.drop_table("product_rule")
    op.drop_table("mapping_batch")
    op.drop_table("line_choice")
    op.drop_table("directory_state")
    op.drop_table("customer_alias")
    op.drop_table("at_unit_row")
    op.drop_table("at_line")
    op.drop_table("at_item")
    op.drop_table("at_contract")
    op.drop_table("at_company")
