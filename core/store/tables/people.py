"""People who may sign in, and their sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint

from core.store.tables.base import Row, instant, key, reference


class PersonRow(Row, table=True):
    """Somebody who may sign in. `folded` is the name without case; `password_hash` is argon2id, empty for OIDC only."""

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("folded"), UniqueConstraint("oidc_subject"))
    id: int | None = key()
    name: str
    folded: str
    password_hash: str = ""
    role: str = "viewer"
    language: str = "en"
    locale: str = ""
    active: bool = True
    oidc_subject: str | None = None
    failed_logins: int = 0
    locked_until: datetime | None = instant(optional=True)
    created_at: datetime = instant()
    last_login_at: datetime | None = instant(optional=True)


class LoginSessionRow(Row, table=True):
    """One signed-in browser; only the hash of its token is kept."""

    __tablename__ = "login_session"
    __table_args__ = (UniqueConstraint("token_hash"),)
    id: int | None = key()
    token_hash: str
    person_id: int = reference("person.id")
    address: str = ""
    created_at: datetime = instant()
    last_seen_at: datetime = instant()
    expires_at: datetime = instant(index=True)
