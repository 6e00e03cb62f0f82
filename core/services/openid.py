"""Signing in with the company account: the way there and back, and showing once more who one is."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from core.domain.errors import ContractBridgeError, SettingsError
from core.domain.identity import Errand, Identified, refused
from core.domain.text import T
from core.services import sessions
from core.services.access import Actor
from core.services.openid_people import person_of_account
from core.services.openid_settings import connection, note_success
from core.services.sessions import Visit
from core.store import people as store
from core.store import sessions as session_store

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

ERRAND_LASTS = timedelta(minutes=10)
PLACE = "openid:errand"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Begun:
    """Send the browser to `address`; `errand` goes into a cookie of the name that belongs to `state`."""

    address: str
    errand: str
    state: str


@dataclass(frozen=True, slots=True)
class Entered:
    """Who came back. `token` is that of the new session, "" where somebody confirmed who they are; `onward` is where to go."""

    token: str
    actor: Actor
    onward: str


def begin_openid(ctx: Context, *, redirect_uri: str, onward: str, actor: Actor | None = None) -> Begun:
    """Begin to sign in, or, for an `actor` with a session, to show again who one is. Raises what the provider's port raises."""
    errand = Errand(
        state=secrets.token_urlsafe(24), nonce=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48),
        redirect_uri=redirect_uri, onward=onward, started=ctx.clock.now(), session=actor.session if actor else 0,
    )  # fmt: skip
    address = ctx.identity(connection(ctx)).begin(errand)
    written = asdict(errand) | {"started": errand.started.isoformat()}
    return Begun(address, ctx.secrets.seal(json.dumps(written), PLACE), errand.state)


def finish_openid(
    ctx: Context, sealed: str, answer: Mapping[str, str], visit: Visit, actor: Actor | None = None
) -> Entered:
    """Who comes back from the provider: a new session, or a confirmed one. `actor` is who has a session in this browser.

    The role follows from the groups, again at every sign-in. Raises PersonError for an answer that is not valid, for an errand
    that is not this browser's or lasted too long, and for who has no role; RemoteError when the provider cannot be asked.

    A new session counts as confirmed from when the person last signed in at the provider, as it tells (`auth_time`).
    """
    errand = _opened(ctx, sealed)
    now = ctx.clock.now()
    if errand is None or now - errand.started > ERRAND_LASTS:
        raise refused(
            "no errand", T("This sign-in was begun too long ago, or in another browser."), T("Please try again.")
        )
    if errand.session and (actor is None or actor.session != errand.session):
        raise refused("another session", T("Your session has ended."), T("Please sign in again."))
    settings = connection(ctx)
    try:
        found = ctx.identity(settings).finish(errand, answer, now)
        if errand.session and actor is not None:
            return Entered("", _confirmed(ctx, actor, found), errand.onward)
        person = person_of_account(ctx, found, settings, visit.language)
    except ContractBridgeError as error:
        log.warning("openid.refused", address=visit.address, kind=error.kind, reason=error.detail)
        raise

    # The provider may have let in without a question who is still signed in there: that shows not who sits before the browser.
    shown = found.signed_in_at or NEVER

    def work(session: Session) -> tuple[str, Actor]:
        note_success(session, errand.redirect_uri, now)
        return sessions.open_session(
            ctx, session, person, visit, through=session_store.OPENID, id_token=found.id_token, shown_at=min(shown, now)
        )

    token, entered = ctx.database.run(work)
    return Entered(token, entered, errand.onward)


def leave_openid(ctx: Context, token: str, back_to: str) -> str:
    """End a session; gives the address at the provider to sign out there too, "" for a session that did not begin there, or
    where the provider cannot be asked: here the session has ended in any case.
    """
    closed = sessions.close(ctx, token)
    if closed is None or closed[0] != session_store.OPENID:
        return ""
    try:
        return ctx.identity(connection(ctx)).leave(closed[1], back_to)
    except ContractBridgeError as error:
        log.warning("openid.not_left", kind=error.kind, reason=error.detail)
        return ""


def _opened(ctx: Context, sealed: str) -> Errand | None:
    """What the browser brought along; None for anything that we did not give it."""
    try:
        written = json.loads(ctx.secrets.open(sealed, PLACE))
    except (SettingsError, ValueError):
        return None
    return Errand(**(written | {"started": datetime.fromisoformat(written["started"])}))


def _confirmed(ctx: Context, actor: Actor, found: Identified) -> Actor:
    """The person of a session showed at the provider that it is still them."""

    def work(session: Session) -> Actor:
        person = store.by_id(session, actor.id)
        if person is None or person.oidc_subject != found.subject:
            raise refused("somebody else", T("That is another company account than the one you are signed in with."))
        sessions.confirm(ctx, session, actor)
        minutes = sessions.limits_of(session).confirm_minutes
        return replace(actor, confirmed_until=ctx.clock.now() + timedelta(minutes=minutes))

    return ctx.database.run(work)
