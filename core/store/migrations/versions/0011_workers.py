"""What several workers share: places at Autotask, and its hourly meter."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_slot",
        sa.Column("integration", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("until", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("integration", "entity", "number", name=op.f("pk_api_slot")),
    )
    op.create_table(
        "api_minute",
        sa.Column("integration", sa.String(), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("integration", "minute", name=op.f("pk_api_minute")),
    )
    op.create_table(
        "api_meter",
        sa.Column("integration", sa.String(), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("window_minutes", sa.Integer(), nullable=False),
        sa.Column("told_at", types.UTCDateTime(), nullable=True),
        sa.Column("since_told", sa.Integer(), nullable=False),
        sa.Column("since_asked", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("integration", name=op.f("pk_api_meter")),
    )


def downgrade() -> None:
    op.drop_table("api_meter")
    op.drop_table("api_minute")
    op.drop_table("api_slot")
