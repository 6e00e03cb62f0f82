"""Who may do what. Every use case calls `require` itself: a hidden page is no protection."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from core.domain.errors import AccessDenied, ConfirmationNeeded

if TYPE_CHECKING:
    from core.services.context import Context


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
    and dates are written (`nl_NL`); empty: as usual for the language. `session` is the number of the session in a browser, and
    `confirmed_until` how long what the person showed of themselves there counts (see `require_confirmed`); 0 and None for
    who came in no browser.
    """

    id: int
    name: str
    role: Role
    language: str = "en"
    locale: str = ""
    session: int = field(default=0, compare=False)
    confirmed_until: datetime | None = field(default=None, compare=False)


SYSTEM = Actor(0, "system", Role.ADMIN)
"""The schedule and other work that no person started."""


def terminal(user: str, language: str = "en") -> Actor:
    """Somebody with a shell on the server: who can read the database file may do everything anyway."""
    return Actor(0, f"terminal:{user}", Role.ADMIN, language)


def require(actor: Actor, needed: Role) -> None:
    """Return when the actor's role allows it; raise AccessDenied otherwise."""
    if not actor.role.covers(needed):
        raise AccessDenied(needed.value)


def require_confirmed(ctx: Context, actor: Actor) -> None:
    """Return when it is certain who sits there: the person signed in, or confirmed it, a few minutes ago.

    Asked before secrets, people and the connection to Autotask change, so that a browser left open is worth less. It is about
    browsers: who has a terminal on the server, and the product's own work, have no session. Raises ConfirmationNeeded.
    """
    if actor.session and (actor.confirmed_until is None or actor.confirmed_until <= ctx.clock.now()):
        raise ConfirmationNeeded
