"""Writing to the audit in the name of an actor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.services.access import Actor
from core.store import audit
from core.store.audit import Audited
from core.store.mappings import Author

if TYPE_CHECKING:
    from core.services.context import Context


def note(
    ctx: Context,
    session: Session,
    actor: Actor,
    event: str,
    subject: str = "",
    *,
    before: object = None,
    after: object = None,
) -> None:
    """One entry: `event` is `noun.verb`; `before` and `after` have canonical JSON and hold no secret. Last in a transaction."""
    note_all(ctx, session, actor, [Audited(actor="", event=event, subject=subject, before=before, after=after)])


def note_all(ctx: Context, session: Session, actor: Actor, entries: Iterable[Audited]) -> None:
    """Several entries, in order, all by this actor."""
    audit.append(session, ctx.clock.now(), [replace(entry, actor=actor.name) for entry in entries])


def author_of(ctx: Context, actor: Actor) -> Author:
    """Who edits mappings, and when."""
    return Author(actor.name, ctx.clock.now())
