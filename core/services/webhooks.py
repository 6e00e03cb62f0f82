"""Webhooks for people: the address of a portal and its secret, the deliveries that came in, and trying a body out."""

from __future__ import annotations

import base64
import secrets as random_secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from core.domain.errors import InputError, SettingsError
from core.domain.hook_settings import WebhookSettings
from core.domain.hooks import Scheme, Verification, check_secret
from core.domain.text import T, Text
from core.domain.usage import UsageLine
from core.domain.validation import checked
from core.services import webhook_bodies
from core.services.access import Actor, Role, require, require_confirmed
from core.services.audited import note
from core.services.portals import clean_settings, find, owner_of
from core.services.webhook_bodies import Unreadable
from core.services.webhook_receiving import PREVIOUS, token_hash
from core.store import portals as portal_store
from core.store import secrets as secret_store
from core.store import webhooks as store
from core.store.codec import texts_from_json

if TYPE_CHECKING:
    from core.services.context import Context

CONNECTOR = "webhook"
SHOWN = 50
TOKEN_BYTES = 32
SECRET_BYTES = 32
LONGEST_ROTATION_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCard:
    """The address of a portal as it may be shown: its secret part is known only when it is made."""

    portal: str
    has_address: bool
    made_at: datetime | None
    made_by: str
    secret_set: bool
    previous_until: datetime | None
    settings: WebhookSettings
    warnings: tuple[Text, ...]
    to_look_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One delivery as the page lists it. `state` as in the store; `answer` is the HTTP status that the sender got."""

    id: int
    received: datetime
    state: str
    answer: int
    event_type: str
    event_at: datetime
    named: str
    size: int
    lines: int
    address: str
    problems: tuple[Text, ...]
    has_body: bool
    replay_of: int | None
    replayed_by: str
    needs_look: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """What a body would come to: its document, its lines, what could not be read, and what it says of itself."""

    document: Any
    lines: tuple[UsageLine, ...]
    problems: tuple[Text, ...]
    summary: Text


def hook_card(ctx: Context, actor: Actor, portal: str) -> HookCard:
    """How the address of a portal stands."""
    require(actor, Role.VIEWER)
    now = ctx.clock.now()
    with ctx.database.session() as session:
        found = _find(session, portal)
        known = store.hook(session, found.id)
        stored = secret_store.fields(session, [owner_of(found)])[owner_of(found)]
        count = store.to_look_at(session, found.id)
    settings: WebhookSettings = checked(WebhookSettings, found.settings, portal)
    until = known.previous_until if known else None
    return HookCard(
        portal=found.name,
        has_address=found.hook_token_hash is not None,
        made_at=known.made_at if known else None,
        made_by=known.made_by if known else "",
        secret_set="secret" in stored,
        previous_until=until if until and until > now else None,
        settings=settings,
        warnings=settings.verification.warnings,
        to_look_at=count,
    )


def make_address(ctx: Context, actor: Actor, portal: str, *, rotate: bool = False) -> str:
    """A new address, as a path (`/hooks/…`); this is the only time that it is told. The one before it ends at once. For operators.

    To `rotate` it, confirmed. Raises InputError when there is one already, unless it is to `rotate`.
    """
    require(actor, Role.OPERATOR)
    if rotate:
        require_confirmed(ctx, actor)
    token = random_secrets.token_urlsafe(TOKEN_BYTES)

    def work(session: Session) -> None:
        found = _find(session, portal)
        if found.hook_token_hash is not None and not rotate:
            raise InputError(
                T("{portal} has an address; it was shown when it was made.", portal=portal),
                remedy=T("Rotate it to get a new one; the old one ends at once."),
                kind="hook_exists",
            )
        store.set_address(session, found.id, token_hash(token), actor.name, ctx.clock.now())
        event = "webhook.address_rotated" if found.hook_token_hash else "webhook.address_made"
        note(ctx, session, actor, event, found.name)

    ctx.database.run(work)
    return f"/hooks/{token}"


def new_secret() -> str:
    """A good secret, in the way Standard Webhooks writes them; other ways of signing take it as it stands."""
    return "whsec_" + base64.b64encode(random_secrets.token_bytes(SECRET_BYTES)).decode()


def rotate_secret(ctx: Context, actor: Actor, portal: str, secret: str, *, keep_days: float) -> None:
    """Sign with this secret from now on; the one before it counts for so many more days (0 to 30). For operators,
    confirmed.
    """
    require(actor, Role.OPERATOR)
    require_confirmed(ctx, actor)
    if not 0 <= keep_days <= LONGEST_ROTATION_DAYS:
        raise InputError(T("The old secret may count for {days} more days at most.", days=LONGEST_ROTATION_DAYS))

    def work(session: Session) -> None:
        found = _find(session, portal)
        settings: WebhookSettings = checked(WebhookSettings, found.settings, portal)
        _must_fit(settings.verification, secret, portal)
        now = ctx.clock.now()
        before = secret_store.get(session, ctx.secrets, owner_of(found)).get("secret", "")
        old = f"{owner_of(found)}:{PREVIOUS}"
        secret_store.remove(session, old)
        until = now + timedelta(days=keep_days) if before and keep_days else None
        if until is not None:
            secret_store.put(session, ctx.secrets, old, {"secret": before}, now)
        secret_store.put(session, ctx.secrets, owner_of(found), {"secret": secret}, now)
        store.ensure_hook(session, found.id, actor.name, now)
        store.set_previous_until(session, found.id, until)
        note(
            ctx,
            session,
            actor,
            "webhook.secret_rotated",
            found.name,
            after={"old_one_until": until.isoformat() if until else None},
        )

    ctx.database.run(work)


def save_settings(ctx: Context, actor: Actor, portal: str, settings: Mapping[str, object], *, secret: str = "") -> None:
    """Change what is checked and what an event means; with a `secret`, that one counts at once. For operators,
    confirmed where it changes who is believed.

    Raises SettingsError when the stored (or given) secret does not fit the way of signing.
    """
    require(actor, Role.OPERATOR)

    def work(session: Session) -> None:
        found = _find(session, portal)
        known: WebhookSettings = checked(WebhookSettings, settings, portal)
        have = secret or secret_store.get(session, ctx.secrets, owner_of(found)).get("secret", "")
        if known.verification.needs_secret:
            _must_fit(known.verification, have, portal)
        kept = clean_settings(WebhookSettings, settings, portal)
        if secret or kept.get("verification") != found.settings.get("verification"):
            require_confirmed(ctx, actor)
        if secret:
            secret_store.put(session, ctx.secrets, owner_of(found), {"secret": secret}, ctx.clock.now())
        if kept != found.settings:
            portal_store.save(session, replace(found, settings=kept), ctx.clock.now())
        after: dict[str, object] = {"settings": kept, "secret_replaced": bool(secret)}
        note(ctx, session, actor, "webhook.changed", found.name, before={"settings": dict(found.settings)}, after=after)

    ctx.database.run(work)


def switch(ctx: Context, actor: Actor, portal: str, *, on: bool) -> None:
    """Take events again, or tell senders that the address is gone. For operators."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        found = _find(session, portal)
    settings = {name: value for name, value in found.settings.items() if name != "switched_off"}

    def work(session: Session) -> None:
        known = _find(session, portal)
        fresh = settings if on else settings | {"switched_off": True}
        portal_store.save(session, replace(known, settings=fresh), ctx.clock.now())
        note(ctx, session, actor, "webhook.switched_on" if on else "webhook.switched_off", known.name)

    ctx.database.run(work)


def deliveries(ctx: Context, actor: Actor, portal: str) -> list[DeliveryRow]:
    """The last 50 deliveries, newest first."""
    require(actor, Role.VIEWER)
    with ctx.database.session() as session:
        rows = store.last(session, _find(session, portal).id, SHOWN)
    return [_row(row) for row in rows]


def delivery_body(ctx: Context, actor: Actor, portal: str, delivery_id: int) -> bytes | None:
    """The raw body as it came; None when it is not kept any more. For operators: it may hold more than numbers.

    It is kept sealed, so the audit tells who looked.
    """
    require(actor, Role.OPERATOR)

    def work(session: Session) -> store.Delivery:
        delivery = _delivery(session, _find(session, portal), delivery_id)
        if delivery.body is not None:
            note(ctx, session, actor, "webhook.body_shown", f"{portal} / {delivery_id}")
        return delivery

    return store.open_body(ctx.secrets, ctx.database.run(work))


def replay(ctx: Context, actor: Actor, portal: str, delivery_id: int) -> int:
    """Work on the body of a delivery once more; gives the number of the new delivery. For operators.

    It counts as of the time at which the event was true: it never overrules something newer.
    """
    require(actor, Role.OPERATOR)

    def work(session: Session) -> int:
        found = _find(session, portal)
        old = _delivery(session, found, delivery_id)
        if old.body is None:
            raise InputError(T("The body of this delivery is not kept any more."), kind="no_body")
        fresh = _replayed(ctx, found, old, actor.name)
        number = store.add_all(session, ctx.secrets, [fresh])[0]
        note(ctx, session, actor, "webhook.replayed", f"{found.name} / {old.id}", after={"delivery": number})
        return number

    return ctx.database.run(work)


def _replayed(ctx: Context, portal: portal_store.Portal, old: store.Delivery, person: str) -> store.Delivery:
    """The delivery again, looked at with the settings of now."""
    settings: WebhookSettings = checked(WebhookSettings, portal.settings, portal.name)
    raw = store.open_body(ctx.secrets, old) or b""
    try:
        told = webhook_bodies.envelope(webhook_bodies.parse(raw, old.content_type).document, settings)
    except Unreadable as error:
        raise InputError(
            T("The body of this delivery cannot be read."), kind="unreadable", detail=str(error)
        ) from error
    at = min(told.at or old.received_at, old.received_at)
    return replace(
        old, id=0, dedupe=None, received_at=ctx.clock.now(), state=store.WAITING, answer=0, event_type=told.type,
        event_at=at, snapshot=webhook_bodies.is_snapshot(told, settings), replay_of=old.replay_of or old.id,
        replayed_by=person, lines=0, reading_id=None, problems=(), processed_at=None, seen_by="",
    )  # fmt: skip


def mark_seen(ctx: Context, actor: Actor, portal: str, delivery_ids: Sequence[int]) -> int:
    """Somebody looked at deliveries with problems; gives at how many. For operators."""
    require(actor, Role.OPERATOR)

    def work(session: Session) -> int:
        found = _find(session, portal)
        count = store.mark_seen(session, found.id, delivery_ids, actor.name)
        if count:
            note(ctx, session, actor, "webhook.seen", found.name, after={"deliveries": list(delivery_ids)})
        return count

    return ctx.database.run(work)


def try_body(
    ctx: Context, actor: Actor, portal: str, raw: bytes, content_type: str, settings: Mapping[str, object] | None = None
) -> Tried:
    """What a body would come to with these settings (or those that are stored); nothing is kept. For operators.

    Raises InputError for a body that cannot be read at all.
    """
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        found = _find(session, portal)
    known: WebhookSettings = checked(WebhookSettings, found.settings if settings is None else settings, portal)
    try:
        body = webhook_bodies.parse(raw, content_type)
    except Unreadable as error:
        raise InputError(
            T("This body cannot be read as {kind}.", kind=webhook_bodies.media_type(content_type) or "JSON"),
            kind="unreadable",
            detail=str(error),
        ) from error
    told = webhook_bodies.envelope(body.document, known)
    read = webhook_bodies.read(body, known, portal, ctx.clock.now(), "sample")
    lines = tuple(line for reading in read.readings for line in reading.lines)
    if webhook_bodies.is_ignored(told, known):
        summary = T("This is no event of our own layout: it would be kept and ignored. Map it below.")
    elif webhook_bodies.is_snapshot(told, known) and read.readings:
        summary = T("Lines: {count}. What is not in it counts as gone.", count=len(lines))
    else:
        summary = T("Lines: {count}. Only what is in it changes.", count=len(lines))
    return Tried(body.document, lines, webhook_bodies.words_of(read.problems), summary)


def schemes() -> tuple[Scheme, ...]:
    """Ways of signing, the best first."""
    return tuple(Scheme)


def must_fit(settings: Mapping[str, object], secret: str, place: str) -> None:
    """Raise SettingsError when the settings of a portal that is still to be made, or its secret, are not right."""
    known: WebhookSettings = checked(WebhookSettings, settings, place)
    _must_fit(known.verification, secret, place)


def _must_fit(verification: Verification, secret: str, place: str) -> None:
    wrong = check_secret(verification, secret)
    if wrong is not None:
        raise SettingsError(wrong, place=place, kind="secret")


def _find(session: Session, portal: str) -> portal_store.Portal:
    found = find(session, portal)
    if found.connector != CONNECTOR:
        raise InputError(T("{portal} takes no webhooks.", portal=portal), kind="usage")
    return found


def _delivery(session: Session, portal: portal_store.Portal, delivery_id: int) -> store.Delivery:
    delivery = store.get(session, delivery_id)
    if delivery is None or delivery.portal_id != portal.id:
        raise InputError(T("There is no delivery {number}.", number=str(delivery_id)), kind="unknown_delivery")
    return delivery


def _row(delivery: store.Delivery) -> DeliveryRow:
    return DeliveryRow(
        id=delivery.id,
        received=delivery.received_at,
        state=delivery.state,
        answer=delivery.answer,
        event_type=delivery.event_type,
        event_at=delivery.event_at,
        named=delivery.named,
        size=delivery.size,
        lines=delivery.lines,
        address=delivery.address,
        problems=texts_from_json(delivery.problems),
        has_body=delivery.body is not None,
        replay_of=delivery.replay_of,
        replayed_by=delivery.replayed_by,
        needs_look=delivery.state in store.NEEDS_LOOK and not delivery.seen_by,
    )
