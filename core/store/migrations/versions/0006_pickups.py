"""Files that were picked up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pickup_place",
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("first_polled_at", types.UTCDateTime(), nullable=False),
        sa.Column("polled_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_file_at", types.UTCDateTime(), nullable=True),
        sa.Column("move_denied", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("waiting", types.JsonDocument(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_pickup_place_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", name=op.f("pk_pickup_place")),
    )
    op.create_table(
        "pickup_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portal_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("imported_file_id", sa.Integer(), nullable=True),
        sa.Column("at", types.UTCDateTime(), nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified", types.UTCDateTime(), nullable=True),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("archived", sa.String(), nullable=False),
        sa.Column("stamp", sa.String(), nullable=False),
        sa.Column("reason", types.JsonDocument(), nullable=True),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portal.id"], name=op.f("fk_pickup_file_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_pickup_file_run_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["imported_file_id"],
            ["imported_file.id"],
            name=op.f("fk_pickup_file_imported_file_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pickup_file")),
    )
    op.create_index(op.f("ix_pickup_file_portal_id_file_id"), "pickup_file", ["portal_id", "file_id"])
    op.create_index(op.f("ix_pickup_file_portal_id_sha256"), "pickup_file", ["portal_id", "sha256"])
    op.create_index(op.f("ix_pickup_file_run_id"), "pickup_file", ["run_id"])
    op.create_index(op.f("ix_pickup_file_imported_file_id"), "pickup_file", ["imported_file_id"])


def downgrade() -> None:
    op.drop_table("pickup_file")
    op.drop_table("pickup_place")
