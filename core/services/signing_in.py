"""Signing in with name and password: slowed down on failure, in constant time, counted over all web processes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T
from core.services import passwords, sessions
from core.services.access import SYSTEM, Actor, Role, require
from core.services.audited import note
from core.services.sessions import Visit
from core.store import people as store
from core.store import sign_in_tries as tries
from core.store.sessions import PASSWORD
from core.store.sign_in_tries import Limit

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

LOOKS = 3
"""So often a password is compared where it is changed at the same moment."""
OF_A_NAME = Limit(free=3)
OF_AN_ADDRESS = Limit(free=50, forgotten=timedelta(minutes=15))
"""More than a whole office behind one address gets wrong, and far less than trying every name with the usual passwords needs."""


def sign_in(ctx: Context, name: str, password: str, visit: Visit | None = None) -> tuple[str, Actor]:
    """A new session's token and who it belongs to.

    Raises InputError (kind `sign_in`) with the same words for an unknown name and a wrong password, and (kind `sign_in_wait`)
    while too many wrong tries have to be waited for. Takes as long for a name that does not exist.
    """
    visit = visit or Visit()
    _take_tries(ctx, _of_name(name), visit.address)
    # Again where the password was changed while this one was looked at: its sessions have ended, and this would be one more.
    entered = next(filter(None, (_entered(ctx, name, password, visit) for _ in range(LOOKS))), None)
    if entered is None:
        raise _refused(ctx, None, visit.address)
    return entered


def _entered(ctx: Context, name: str, password: str, visit: Visit) -> tuple[str, Actor] | None:
    """A session for the right password; None where that was changed meanwhile. Raises InputError for a wrong one."""
    with ctx.database.session() as session:
        person = store.by_name(session, name)
    right, better_hash = passwords.matches(password, person.password_hash if person else "")
    if person is None or not right or not person.active:
        raise _refused(ctx, person, visit.address)

    def work(session: Session) -> tuple[str, Actor] | None:
        now = store.by_id(session, person.id, lock=True)
        if now is None or (now.password_hash, now.active) != (person.password_hash, True):
            return None
        _forgive(session, _of_name(name), visit.address)
        if better_hash:
            store.change(session, person.id, {"password_hash": better_hash})
        return sessions.open_session(ctx, session, now, visit, through=PASSWORD)

    return ctx.database.run(work)


def sign_out(ctx: Context, token: str) -> None:
    """End one session; a token that is not known is no mistake."""
    sessions.close(ctx, token)


def confirm_password(ctx: Context, actor: Actor, password: str) -> Actor:
    """Show again who one is, by the own password; gives the actor as from now on. Wrong ones are counted as at signing in.

    Raises InputError for a wrong password, and for who signs in at the company's identity provider.
    """
    require(actor, Role.VIEWER)
    check_own_password(ctx, actor, password)

    def work(session: Session) -> Actor:
        sessions.confirm(ctx, session, actor)
        minutes = sessions.limits_of(session).confirm_minutes
        return replace(actor, confirmed_until=ctx.clock.now() + timedelta(minutes=minutes))

    return ctx.database.run(work)


def check_own_password(ctx: Context, actor: Actor, password: str) -> None:
    """Return when it is the actor's password. Who found a browser left open can try no more often than at the door; it is counted
    apart, so that nobody at the door keeps those waiting who are in.
    """
    with ctx.database.session() as session:
        person = store.by_id(session, actor.id)
    if person is None or not person.password_hash:
        raise InputError(
            T("You have no password here."), remedy=T("Confirm with the company account."), kind="password"
        )
    own = f"person:{person.id}"
    _take_tries(ctx, own, "")
    if not passwords.matches(password, person.password_hash)[0]:
        ctx.database.run(
            lambda session: note(ctx, session, actor, "person.refused", person.name, after={"confirming": True})
        )
        raise InputError(T("The password is not right."), kind="password")
    ctx.database.run(lambda session: _forgive(session, own, ""))


def _take_tries(ctx: Context, key: str, address: str) -> None:
    """Count this try; raises InputError while it has to be waited for. Names that do not exist are counted like those that do."""
    now = ctx.clock.now()

    def work(session: Session) -> datetime | None:
        tries.forget_old(session, now)
        if address and (until := tries.take(session, _of_address(address), now, OF_AN_ADDRESS)):
            return until
        return tries.take(session, key, now, OF_A_NAME)

    until = ctx.database.run(work)
    if until is not None:
        seconds = int((until - now).total_seconds()) + 1
        raise InputError(T("Too many wrong tries: wait {seconds} seconds.", seconds=seconds), kind="sign_in_wait")


def _forgive(session: Session, key: str, address: str) -> None:
    tries.succeeded(session, key)
    if address:
        tries.give_back(session, _of_address(address))


def _refused(ctx: Context, person: store.Person | None, address: str) -> InputError:
    """Note the wrong try, and give what is told about it."""
    log.info("person.refused", address=address, known=person is not None)
    if person is not None:
        name = person.name
        ctx.database.run(lambda session: note(ctx, session, SYSTEM, "person.refused", name, after={"address": address}))
    return InputError(T("Name or password is not right."), kind="sign_in")


def _of_name(name: str) -> str:
    """Not the name itself: people type passwords there. Too short a hash to find one by."""
    return "name:" + hashlib.sha256(store.folded(name).encode("utf-8", "replace")).hexdigest()[:8]


def _of_address(address: str) -> str:
    return f"address:{address}"
