"""Signing in with name and password: slowed down on failure, in constant time, counted over all web processes.

Wrong tries are counted so that they cost who makes them, and nobody else:

* of a name from an address: after three each further one doubles the wait, up to 15 minutes;
* from an address, whatever the names: after 50 the same;
* of a name from everywhere: from the 20th on the answer comes later, by 5 seconds at most; nobody is turned away by it;
* in a browser in which that person signed in before: by itself alone, as if it had an address of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.text import T
from core.services import passwords, sessions
from core.services.access import SYSTEM, Actor, Role, require
from core.services.audited import note
from core.services.known_browsers import name_hash, recognised
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
"""From one address, or in one known browser."""
OF_AN_ADDRESS = Limit(free=50, forgotten=timedelta(minutes=15))
"""More than a whole office behind one address gets wrong, and far less than trying every name with the usual passwords needs."""

EVERYWHERE, SLOWEST = 20, 5.0
"""From so many wrong tries of a name on, wherever from, the answer comes later: a second more each time, up to so many."""
FORGOTTEN = timedelta(hours=1)


def pause(ctx: Context, name: str, visit: Visit) -> float:
    """So many seconds to let pass before `sign_in`: many try this name from many places. Not in a browser that is known.

    Waiting is the caller's, who can do it without keeping a thread busy.
    """
    if recognised(ctx, name, visit.mark):
        return 0.0
    now = ctx.clock.now()
    with ctx.database.session() as session:
        tried = tries.counted(session, _anywhere(name), now, FORGOTTEN)
    seconds = min(SLOWEST, max(0.0, tried - EVERYWHERE + 1.0))
    if seconds:
        log.warning("signin.slowed", tries=tried, seconds=seconds)
    return seconds


def sign_in(ctx: Context, name: str, password: str, visit: Visit | None = None) -> tuple[str, Actor]:
    """A new session's token and who it belongs to.

    Raises InputError (kind `sign_in`) with the same words for an unknown name and a wrong password, and (kind `sign_in_wait`)
    while too many wrong tries have to be waited for. Takes as long for a name that does not exist.
    """
    visit = visit or Visit()
    counts = _counts(ctx, name, visit)
    _take_tries(ctx, counts)
    # Again where the password was changed while this one was looked at: its sessions have ended, and this would be one more.
    entered = next(filter(None, (_entered(ctx, name, password, visit, counts) for _ in range(LOOKS))), None)
    if entered is None:
        raise _refused(ctx, None, visit.address)
    return entered


def _entered(ctx: Context, name: str, password: str, visit: Visit, counts: Counts) -> tuple[str, Actor] | None:
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
        _forgive(session, counts)
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
    own = Counts(f"person:{person.id}")
    _take_tries(ctx, own)
    if not passwords.matches(password, person.password_hash)[0]:
        ctx.database.run(
            lambda session: note(ctx, session, actor, "person.refused", person.name, after={"confirming": True})
        )
        raise InputError(T("The password is not right."), kind="password")
    ctx.database.run(lambda session: _forgive(session, own))


@dataclass(frozen=True, slots=True)
class Counts:
    """Where a try is counted: `own` has to be waited for, `address` too, `anywhere` is counted alone; "" is none."""

    own: str
    address: str = ""
    anywhere: str = ""


def _counts(ctx: Context, name: str, visit: Visit) -> Counts:
    browser = recognised(ctx, name, visit.mark)
    if browser:
        return Counts(f"known:{browser}")
    place = _network(visit.address)
    return Counts(f"name:{name_hash(name)}@{place}", f"address:{place}" if place else "", _anywhere(name))


def _anywhere(name: str) -> str:
    return f"anywhere:{name_hash(name)}"


def _network(address: str) -> str:
    """An address as it is counted. A household or office has 2^64 of IPv6: they are one."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def _take_tries(ctx: Context, counts: Counts) -> None:
    """Count this try; raises InputError while it has to be waited for. Names that do not exist are counted like those that do."""
    now = ctx.clock.now()

    def work(session: Session) -> datetime | None:
        tries.forget_old(session, now)
        if counts.address and (until := tries.take(session, counts.address, now, OF_AN_ADDRESS)):
            return until
        if until := tries.take(session, counts.own, now, OF_A_NAME):
            return until
        if counts.anywhere:
            tries.count(session, counts.anywhere, now, FORGOTTEN)
        return None

    until = ctx.database.run(work)
    if until is not None:
        seconds = int((until - now).total_seconds()) + 1
        raise InputError(T("Too many wrong tries: wait {seconds} seconds.", seconds=seconds), kind="sign_in_wait")


def _forgive(session: Session, counts: Counts) -> None:
    tries.succeeded(session, counts.own)
    for others in filter(None, (counts.address, counts.anywhere)):
        tries.give_back(session, others)


def _refused(ctx: Context, person: store.Person | None, address: str) -> InputError:
    """Note the wrong try, and give what is told about it."""
    log.info("person.refused", address=address, known=person is not None)
    if person is not None:
        name = person.name
        ctx.database.run(lambda session: note(ctx, session, SYSTEM, "person.refused", name, after={"address": address}))
    return InputError(T("Name or password is not right."), kind="sign_in")
