"""People: local accounts, sessions, sign-in through the company's own identity provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core.services.access import Actor, Role

if TYPE_CHECKING:
    from core.services.context import Context


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One account as the Settings page lists it. `local` is False for who signs in through the identity provider."""

    id: int
    name: str
    role: Role
    active: bool
    language: str
    locale: str
    local: bool
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One signed-in browser. `id` names it for signing out; it is not the token."""

    id: int
    person: str
    address: str
    started: datetime
    last_seen: datetime
    expires: datetime


def needs_first_admin(ctx: Context) -> bool: ...
def create_first_admin(ctx: Context, name: str, password: str) -> Actor: ...
def first_admin_from_environment(ctx: Context, password: str | None) -> bool: ...
def sign_in(ctx: Context, name: str, password: str, address: str = "") -> tuple[str, Actor]: ...
def actor_of_token(ctx: Context, token: str) -> Actor | None: ...
def sign_out(ctx: Context, token: str) -> None: ...
def sign_out_everywhere(ctx: Context, actor: Actor, person_id: int | None = None) -> int: ...
def oidc_actor(ctx: Context, claims: Mapping[str, object]) -> Actor: ...
def list_people(ctx: Context, actor: Actor) -> list[PersonRow]: ...
def list_sessions(ctx: Context, actor: Actor) -> list[SessionRow]: ...
def add_person(
    ctx: Context, actor: Actor, name: str, password: str, role: Role, *, language: str = "en", locale: str = ""
) -> int: ...
def change_person(
    ctx: Context, actor: Actor, person_id: int, *, role: Role | None = None, active: bool | None = None
) -> None: ...
def set_password(ctx: Context, actor: Actor, person_id: int, password: str) -> None: ...
def change_own_password(ctx: Context, actor: Actor, old: str, new: str) -> None: ...
def change_own_preferences(
    ctx: Context, actor: Actor, *, language: str | None = None, locale: str | None = None
) -> Actor: ...
