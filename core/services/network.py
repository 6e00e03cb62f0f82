"""Hosts inside that user-defined addresses may reach: opened by an administrator, one by one (SSRF)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T
from core.services.access import Actor, Role, require, require_confirmed
from core.services.audited import note
from core.store import workspace as settings_store

if TYPE_CHECKING:
    from core.services.context import Context

ALLOWED = "allowed_hosts"
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[?[0-9a-f:]+\]?)(?::\d{1,5})?", re.ASCII)


def allowed_hosts(session: Session) -> frozenset[str]:
    """The hosts that are open, as `name`, `address` or `name:port`."""
    return frozenset(settings_store.get(session, ALLOWED, []))


def list_allowed_hosts(ctx: Context, actor: Actor) -> tuple[str, ...]:
    """The same in order, for the settings page. For operators: they see what they may connect."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        return tuple(sorted(allowed_hosts(session)))


def set_allowed_hosts(ctx: Context, actor: Actor, hosts: Sequence[str]) -> bool:
    """Open these hosts and no others; whether that changed anything. For admins. Raises InputError for what is no host.

    Confirmed.
    """
    require(actor, Role.ADMIN)
    require_confirmed(ctx, actor)
    wanted = sorted({host.strip().casefold() for host in hosts if host.strip()})
    wrong = next((host for host in wanted if not _HOST.fullmatch(host)), None)
    if wrong is not None:
        raise InputError(
            T("{host} is not the name or address of a host.", host=wrong[:80]),
            remedy=T("Give only the host, with a port if it needs one: server.example.com or 10.0.0.5:8443."),
            kind="host",
        )

    def work(session: Session) -> bool:
        before = sorted(allowed_hosts(session))
        if before == wanted:
            return False
        settings_store.put(session, {ALLOWED: wanted})
        note(ctx, session, actor, "network.allowed_hosts", before=before, after=wanted)
        return True

    return ctx.database.run(work)
