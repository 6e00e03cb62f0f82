"""Who may do what. Every use case calls `require` itself: a hidden page is no protection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.domain.errors import AccessDenied


class Role(StrEnum):
    """Each role may do what the one before it may: a viewer looks, an operator maps and applies, an admin manages."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def covers(self, needed: Role) -> bool:
        return self.rank >= needed.rank


@dataclass(frozen=True, slots=True)
class Actor:
    """The person (or the product itself) that does something; goes into the audit with everything it did.

    `id` is 0 for who is no stored person: the schedule, and somebody at the server's own terminal. `locale` is how numbers
    and dates are written (`nl_NL`); empty: as usual for the language.
    """

    id: int
    name: str
    role: Role
    language: str = "en"
    locale: str = ""


SYSTEM = Actor(0, "system", Role.ADMIN)
"""The schedule and other work that no person started."""


def terminal(user: str, language: str = "en") -> Actor:
    """Somebody with a shell on the server: who can read the database file may do everything anyway."""
    return Actor(0, f"terminal:{user}", Role.ADMIN, language)


def require(actor: Actor, needed: Role) -> None:
    """Return when the actor's role allows it; raise AccessDenied otherwise."""
    if not actor.role.covers(needed):
        raise AccessDenied(needed.value)
