"""Sessions with a device and the moment they were last confirmed; tries to sign in, counted for all web processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store import types

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Everybody signs in once more: who is signed in is not known to have been confirmed."""
    op.drop_table("login_session")
    _make_sessions(
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("through", sa.String(), nullable=False),
        sa.Column("id_token", sa.Text(), nullable=False),
        sa.Column("confirmed_at", types.UTCDateTime(), nullable=False),
    )
    op.create_table(
        "sign_in_try",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("locked_until", types.UTCDateTime(), nullable=True),
        sa.Column("last_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_try")),
    )
    op.create_index(op.f("ix_sign_in_try_last_at"), "sign_in_try", ["last_at"], unique=False)
    op.drop_column("person", "failed_logins")
    op.drop_column("person", "locked_until")


def downgrade() -> None:
    op.add_column("person", sa.Column("failed_logins", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("person", sa.Column("locked_until", types.UTCDateTime(), nullable=True))
    op.drop_table("sign_in_try")
    op.drop_table("login_session")
    _make_sessions()


def _make_sessions(*more: sa.Column[object]) -> None:
    op.create_table(
        "login_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        *more,
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_login_session_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
    )
    op.create_index(op.f("ix_login_session_expires_at"), "login_session", ["expires_at"], unique=False)
    op.create_index(op.f("ix_login_session_person_id"), "login_session", ["person_id"], unique=False)
