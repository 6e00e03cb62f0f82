"""Plans and decisions; ledger and audit, which are only added to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types
from core.store.migrations.triggers import protect, unprotect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approval",
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_approval")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_actor_id"), "audit", ["actor", "id"], unique=False)
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_index(op.f("ix_audit_event_id"), "audit", ["event", "id"], unique=False)
    op.create_table(
        "chain_head",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chain_head")),
    )
    op.create_table(
        "dismissal",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_dismissal")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("line_kind", sa.String(), nullable=True),
        sa.Column("line_id", sa.BigInteger(), nullable=True),
        sa.Column("effective_date", sa.Date(), nullable=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_index(op.f("ix_ledger_line_kind_line_id_id"), "ledger", ["line_kind", "line_id", "id"], unique=False)
    op.create_index(op.f("ix_ledger_run_id_change_id"), "ledger", ["run_id", "change_id"], unique=False)
    op.create_table(
        "line_memory",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("verified_units", sa.Integer(), nullable=True),
        sa.Column("verified_on", sa.Date(), nullable=True),
        sa.Column("our_dates", types.JsonDocument(), nullable=False),
        sa.Column("refused", types.JsonDocument(), nullable=False),
        sa.Column("unit_price", types.ExactDecimal(), nullable=True),
        sa.Column("unit_cost", types.ExactDecimal(), nullable=True),
        sa.Column("price_from", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_line_memory")),
    )
    op.create_table(
        "open_intent",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("intent_id", sa.BigInteger(), nullable=False),
        sa.Column("last_event", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "change_id", name=op.f("pk_open_intent")),
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("made_at", types.UTCDateTime(), nullable=False),
        sa.Column("today", sa.Date(), nullable=False),
        sa.Column("checksum", sa.String(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_plan_run_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
    )
    op.create_index(op.f("ix_plan_current_id"), "plan", ["current", "id"], unique=False)
    op.create_index(op.f("ix_plan_run_id"), "plan", ["run_id"], unique=False)
    op.create_table(
        "plan_change",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.String(), nullable=False),
        sa.Column("dismissal_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("line_kind", sa.String(), nullable=True),
        sa.Column("line_id", sa.BigInteger(), nullable=True),
        sa.Column("item_kind", sa.String(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("from_units", sa.Integer(), nullable=False),
        sa.Column("to_units", sa.Integer(), nullable=False),
        sa.Column("unit_change", sa.Integer(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("money", types.ExactDecimal(), nullable=True),
        sa.Column("portals", sa.String(), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("data", types.JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_plan_change_plan_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("plan_id", "position", name=op.f("pk_plan_change")),
    )
    op.create_index(op.f("ix_plan_change_change_id"), "plan_change", ["change_id"], unique=False)
    op.create_index(op.f("ix_plan_change_plan_id_company"), "plan_change", ["plan_id", "company"], unique=False)
    op.create_index(
        op.f("ix_plan_change_plan_id_effective_date"), "plan_change", ["plan_id", "effective_date"], unique=False
    )
    op.create_index(op.f("ix_plan_change_plan_id_status"), "plan_change", ["plan_id", "status"], unique=False)
    op.create_table(
        "plan_finding",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("portal", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("search", sa.String(), nullable=False),
        sa.Column("data", types.JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_plan_finding_plan_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("plan_id", "position", name=op.f("pk_plan_finding")),
    )
    op.create_index(op.f("ix_plan_finding_plan_id_kind"), "plan_finding", ["plan_id", "kind"], unique=False)
    op.execute("INSERT INTO chain_head (name, position, hash) VALUES ('ledger', 0, ''), ('audit', 0, '')")
    protect()


def downgrade() -> None:
    unprotect()
    op.drop_table("plan_finding")
    op.drop_table("plan_change")
    op.drop_table("plan")
    op.drop_table("open_intent")
    op.drop_table("line_memory")
    op.drop_table("ledger")
    op.drop_table("dismissal")
    op.drop_table("chain_head")
    op.drop_table("audit")
    op.drop_table("approval")
