"""Changing the key of everything that is stored encrypted, while the product runs.

1. The new key stands in front of the old one: both open, the new one seals.
2. Everything is sealed again, and from the end of that transaction on nobody seals with the old one (`core.store.sealing`).
3. The old key is taken out of the file.

A process killed at any of these leaves both keys there, and the next call goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import PersonError, SettingsError
from core.domain.text import T
from core.secrets import retire_old_keys, with_new_key
from core.services.access import Actor, Role, require
from core.services.audited import note
from core.services.owners import new_owner
from core.services.running import take
from core.store import leases, sealing, sessions, webhooks
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context

LEASE = "secret key"


@dataclass(frozen=True, slots=True)
class Rotated:
    """The key now in use, how much was sealed again with it, and whether it stands in the key file (or in the environment)."""

    key_id: str
    secrets: int
    bodies: int
    in_file: bool


def rotate(ctx: Context, actor: Actor) -> Rotated:
    """Change the key. For administrators. The product may run; each process finds the new key in the file by itself.

    Where the key comes from the environment the new one has to stand there already, in front of the old one: SettingsError
    otherwise. PersonError while another process changes it.
    """
    require(actor, Role.ADMIN)
    box = ctx.secrets
    with _alone(ctx):
        box.refresh()
        if not box.has_older_keys and not box.may_change:
            raise SettingsError(
                T("The key comes from CONTRACTBRIDGE_SECRET_KEY: there is no new one."),
                place="CONTRACTBRIDGE_SECRET_KEY",
                remedy=T("Put the new key in front of the old one, with a comma between, and start this again."),
                kind="usage",
            )
        if not box.has_older_keys:
            with_new_key(ctx.home)
            box.refresh()
        done = seal_again(ctx, actor)
        if box.may_change:
            retire_old_keys(ctx.home)
            box.refresh()
            ctx.database.run(lambda session: note(ctx, session, actor, "secret_key.old_removed", box.key_id))
    return done


def seal_again(ctx: Context, actor: Actor) -> Rotated:
    """Seal everything with the present key, so that older ones are not needed any more. For administrators.

    Raises SettingsError, with nothing changed, when something does not open.
    """
    require(actor, Role.ADMIN)
    box, now = ctx.secrets, ctx.clock.now()
    box.refresh()

    def seal(session: Session) -> tuple[int, int]:
        sessions.forget_id_tokens(session, box.key_id)
        return secret_store.reseal(session, box, now), webhooks.reseal(session, box)

    def end(session: Session) -> tuple[int, int]:
        changed = sealing.replace(session, box, box.older_ids, now)
        late = seal(session)
        if changed:
            note(ctx, session, actor, "secret_key.changed", box.key_id, after={"secrets": most[0] + late[0]})
        return late

    # Most of it beforehand: nobody who stores something has to wait for that.
    most = ctx.database.run(seal)
    late = ctx.database.run(end)
    return Rotated(box.key_id, most[0] + late[0], most[1] + late[1], box.may_change)


@contextmanager
def _alone(ctx: Context) -> Iterator[None]:
    """Two who change the file at once would each throw the other one's key away."""
    owner = new_owner()
    if not ctx.database.run(lambda session: take(session, ctx, LEASE, owner)):
        raise PersonError(
            T("Another process is changing the key."), remedy=T("Try again when it has ended."), kind="busy"
        )
    try:
        yield
    finally:
        ctx.database.run(lambda session: leases.release(session, LEASE, owner))
