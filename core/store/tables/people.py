"""People who may sign in, and their sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

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
    created_at: datetime = instant()
    last_login_at: datetime | None = instant(optional=True)


class LoginSessionRow(Row, table=True):
    """One signed-in browser; only the hash of its token is kept. `through` is `password` or `openid`; `id_token` is sealed."""

    __tablename__ = "login_session"
    __table_args__ = (UniqueConstraint("token_hash"),)
    id: int | None = key()
    token_hash: str
    person_id: int = reference("person.id")
    address: str = ""
    device: str = ""
    through: str = "password"
    id_token: str = Field(default="", sa_type=Text)
    created_at: datetime = instant()
    last_seen_at: datetime = instant()
    expires_at: datetime = instant(index=True)
    confirmed_at: datetime = instant()


class SignInTryRow(Row, table=True):
    """Tries to sign in that did not succeed: of a name (whether it exists or not) from an address, in a known browser, from
    anywhere; and from an address. `key` says whose.
    """

    __tablename__ = "sign_in_try"
    key: str = Field(primary_key=True)
    tries: int
    locked_until: datetime | None = instant(optional=True)
    last_at: datetime = instant(index=True)
