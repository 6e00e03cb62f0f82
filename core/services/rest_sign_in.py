"""A person signs in at a vendor's page for a portal: begun here, finished when the browser comes back (OAuth 2.0 code with PKCE).

What is under way stands in the database beside the secrets, encrypted: any web process can finish what another one began. It counts
once, for a few minutes, and only in the browser session in which it was begun, so that nobody can make another person sign in for
him. What the vendor gives is stored before it is used.
"""

from __future__ import annotations

import base64
import hashlib
import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from sqlalchemy.orm import Session

from core.domain.errors import ContractBridgeError, InputError
from core.domain.ports import VendorSignIn
from core.domain.text import T
from core.services.access import Actor, Role, require, require_confirmed
from core.services.audited import note
from core.services.portals import find, owner_of
from core.services.rest_forms import REST, default_name
from core.store import portals as store
from core.store import secrets as secret_store

if TYPE_CHECKING:
    from core.services.context import Context

__all__ = ["RETURN_PATH", "Begun", "Outcome", "begin", "finish", "outcome"]

log = structlog.get_logger()

RETURN_PATH = "/auth/vendor"
"""Where vendors send the browser back to, below the address of the product."""
MINUTES = 10
"""So long a person may take at the vendor's page."""
KEPT_MINUTES = 60
"""So long what came of it waits for the form it was begun from."""
GIVEN = ("refresh_token", "token")
"""What a sign-in may give; the one takes the other's place."""
PREFIX = "sign_in:"


@dataclass(frozen=True, slots=True)
class Begun:
    """`page` is the vendor's page to send the person to; `handle` asks what came of it, `until` when it counts no more."""

    page: str
    handle: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """`done` and `failed` are both False while the person is still away. `secrets` are for a portal that is not stored yet."""

    done: bool = False
    failed: bool = False
    secrets: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pending:
    """One sign-in under way. `portal` is the number of the one it is stored for, 0 for a form; `name` is what people call it."""

    actor: int
    browser: str
    portal: int
    name: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    redirect: str
    verifier: str
    until: datetime


def begin(
    ctx: Context,
    actor: Actor,
    browser: str,
    redirect: str,
    *,
    portal: str = "",
    settings: Mapping[str, object] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Begun:
    """Begin a sign-in. For operators. Raises SettingsError for settings that name no page to sign in at.

    `browser` is the token of the person's session, `redirect` the address with `RETURN_PATH` as the browser knows it. For a stored
    portal without `settings` the outcome is stored there at once. With `settings`, those of a form, it waits for the form
    (`outcome`); secrets left empty are those of the stored portal. Confirmed for a stored one: its secrets are sent, and replaced.
    """
    require(actor, Role.OPERATOR)
    if portal:
        require_confirmed(ctx, actor)
    if not browser:
        raise InputError(T("Sign in here first: a sign-in at a vendor belongs to a session."), kind="no_session")
    number, name, known, have = _asked(ctx, portal, settings, secrets)
    state, verifier = random.token_urlsafe(32), random.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    page = _source(ctx, name, known, have).sign_in_page(redirect, state, challenge)
    now = ctx.clock.now()
    pending = _Pending(
        actor=actor.id,
        browser=_digest(browser),
        portal=number,
        name=name,
        settings=known,
        secrets={field: value for field, value in have.items() if field not in GIVEN},
        redirect=redirect,
        verifier=verifier,
        until=now + timedelta(minutes=MINUTES),
    )
    handle = _digest(state)

    def work(session: Session) -> None:
        secret_store.remove_older(session, PREFIX, now - timedelta(minutes=KEPT_MINUTES))
        secret_store.put(session, ctx.secrets, PREFIX + handle, {"pending": _packed(pending)}, now)

    ctx.database.run(work)
    return Begun(page, handle, pending.until)


def finish(ctx: Context, actor: Actor, browser: str, answered: Mapping[str, str]) -> str:
    """The browser came back with `state` and `code`, or `error`: store what the code is exchanged for. Gives the portal's name.

    Raises InputError for what was not begun here, Unauthorized or RemoteError where the vendor gives nothing. For operators.
    """
    require(actor, Role.OPERATOR)
    handle = _digest(answered.get("state", ""))
    pending = _taken(ctx, handle, actor, browser)
    try:
        if answered.get("error") or not answered.get("code"):
            raise _refused(pending.name, answered)
        source = _source(ctx, pending.name, pending.settings, pending.secrets)
        given = dict(source.signed_in(answered["code"], pending.redirect, pending.verifier))
    except ContractBridgeError as error:
        log.info("vendor_sign_in.failed", portal=pending.name, kind=error.kind, detail=error.detail)
        _keep(ctx, handle, pending, {"failed": True})
        raise

    def work(session: Session) -> None:
        kept: dict[str, Any] = {"secrets": given}
        if pending.portal:
            _store(ctx, session, actor, pending, given)
            kept = {}
        _put(ctx, session, handle, pending, kept)

    ctx.database.run(work)
    return pending.name


def outcome(ctx: Context, actor: Actor, browser: str, handle: str) -> Outcome:
    """What came of a sign-in that this person began in this browser; it is told once. For operators."""
    require(actor, Role.OPERATOR)
    owner = PREFIX + handle
    with ctx.database.session() as session:
        told = secret_store.get(session, ctx.secrets, owner).get("done", "")
    if not told:
        return Outcome()
    known = orjson.loads(told)
    if (known["actor"], known["browser"]) != (actor.id, _digest(browser)):
        return Outcome()
    ctx.database.run(lambda session: secret_store.remove(session, owner))
    return Outcome(done=not known.get("failed"), failed=bool(known.get("failed")), secrets=known.get("secrets", {}))


def _asked(
    ctx: Context, portal: str, settings: Mapping[str, object] | None, secrets: Mapping[str, str] | None
) -> tuple[int, str, dict[str, Any], dict[str, str]]:
    """Number and name of the portal, and settings and secrets as they are to count."""
    given = {name: value for name, value in (secrets or {}).items() if value}
    if not portal:
        known = dict(settings or {})
        return 0, default_name(str(known.get("url", ""))), known, given
    with ctx.database.session() as session:
        found = find(session, portal)
        have = secret_store.get(session, ctx.secrets, owner_of(found))
    if found.connector != REST:
        raise InputError(T("{name} is not an endpoint of your own.", name=portal), kind="not_rest")
    if settings is None:
        return found.id, found.name, dict(found.settings), have
    return 0, found.name, dict(settings), have | given


def _source(ctx: Context, name: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> VendorSignIn:
    source = ctx.source(REST, name, settings, secrets)
    if not isinstance(source, VendorSignIn):
        raise InputError(T("Nobody signs in to {name} at the vendor's page.", name=name), kind="no_vendor_sign_in")
    return source


def _taken(ctx: Context, handle: str, actor: Actor, browser: str) -> _Pending:
    """What was begun, which counts no more after this. Raises InputError for anything else."""
    told = ctx.database.run(lambda session: secret_store.take(session, ctx.secrets, PREFIX + handle, "pending"))
    again = T("Begin again on the page Portals.")
    if told is None:
        raise InputError(T("This sign-in is not known here, or was finished already."), remedy=again, kind="state")
    pending = _unpacked(told)
    if (pending.actor, pending.browser) != (actor.id, _digest(browser)):
        log.warning("vendor_sign_in.other_session", portal=pending.name, actor=actor.name)
        raise InputError(
            T("This sign-in was begun by somebody else, or in another browser."), remedy=again, kind="state"
        )
    if pending.until < ctx.clock.now():
        raise InputError(T("This sign-in took longer than {count} minutes.", count=MINUTES), remedy=again, kind="state")
    return pending


def _refused(name: str, answered: Mapping[str, str]) -> InputError:
    told = " ".join((answered.get("error_description") or answered.get("error") or "").split())[:200]
    return InputError(
        T("{name} did not let you in: {text}.", name=name, text=told.rstrip(".") or "-"),
        remedy=T("Begin again on the page Portals."),
        kind="refused",
    )


def _store(ctx: Context, session: Session, actor: Actor, pending: _Pending, given: Mapping[str, str]) -> None:
    """Into the stored portal, in place of what an earlier sign-in gave."""
    portal = next((one for one in store.all_portals(session) if one.id == pending.portal), None)
    if portal is None:
        raise InputError(T("The portal {name} is not there any more.", name=pending.name), kind="unknown_portal")
    owner = owner_of(portal)
    secret_store.remove(session, owner, GIVEN)
    secret_store.put(session, ctx.secrets, owner, given, ctx.clock.now())
    note(ctx, session, actor, "portal.signed_in", portal.name, after={"secrets_replaced": sorted(given)})


def _keep(ctx: Context, handle: str, pending: _Pending, told: Mapping[str, Any]) -> None:
    ctx.database.run(lambda session: _put(ctx, session, handle, pending, told))


def _put(ctx: Context, session: Session, handle: str, pending: _Pending, told: Mapping[str, Any]) -> None:
    text = orjson.dumps({"actor": pending.actor, "browser": pending.browser, **told}).decode()
    secret_store.put(session, ctx.secrets, PREFIX + handle, {"done": text}, ctx.clock.now())


def _packed(pending: _Pending) -> str:
    return orjson.dumps(pending).decode()


def _unpacked(text: str) -> _Pending:
    known = orjson.loads(text)
    return _Pending(**{**known, "until": datetime.fromisoformat(known["until"])})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
