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


def downgrade() -> None:
    op.drop_table("statement_schedule")
