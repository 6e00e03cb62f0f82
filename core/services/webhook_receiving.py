"""Receiving webhooks: looked up, verified, recognised when they come twice, and kept before they are answered.

Nothing is worked on here: what is kept is taken up by `webhook_processing`, in the order in which it came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.domain import hooks
from core.domain.hook_settings import WebhookSettings
from core.domain.hooks import Delivered
from core.services import webhook_bodies
from core.services.webhook_bodies import Unreadable
from core.store import secrets
from core.store import webhooks as store
from core.store.webhooks import Delivery

if TYPE_CHECKING:
    from core.secrets import SecretBox
    from core.services.context import Context

log = structlog.get_logger()

PREVIOUS = "previous"
LONGEST_CHALLENGE = 1_000


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that somebody may send to, with what is checked. `secrets` are those that count now."""

    portal_id: int
    portal: str
    settings: WebhookSettings
    secrets: tuple[str, ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender gets. `text` is a challenge to be echoed as it is; otherwise `status`, in words, goes out as JSON."""

    code: int
    status: str = ""
    delivery: int = 0
    text: str | None = None
    retry_after: int = 0


UNAUTHORIZED = Answer(401, "unauthorized")
UNKNOWN = Answer(404, "unknown address")
GONE = Answer(410, "this address is switched off")
UNAVAILABLE = Answer(503, "try again later", retry_after=30)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that was verified and looked into. `answer` is there when nothing is to be kept."""

    portal_id: int
    answer: Answer | None = None
    delivery: Delivery | None = None


def token_hash(token: str) -> str:
    """What is kept of the secret part of an address."""
    return hashlib.sha256(token.encode()).hexdigest()


def hook_of(ctx: Context, token: str) -> Hook | None:
    """The address behind this token; None for one that nobody made."""
    now = ctx.clock.now()
    with ctx.database.session() as session:
        found = store.address(session, token_hash(token))
        if found is None:
            return None
        try:
            settings = WebhookSettings.model_validate(found.settings)
        except ValidationError:
            log.error("webhook.settings_invalid", portal=found.portal)
            return None
        counting = found.previous_until is not None and now < found.previous_until
        known = _secrets(ctx, session, found.portal_id, both=counting) if settings.verification.needs_secret else ()
    return Hook(found.portal_id, found.portal, settings, known)


def _secrets(ctx: Context, session: Session, portal_id: int, *, both: bool) -> tuple[str, ...]:
    """The secret, and the one before it as long as its rotation lasts."""
    owner = f"portal:{portal_id}"
    current = secrets.get(session, ctx.secrets, owner).get("secret", "")
    before = ""
    if both:
        before = secrets.get(session, ctx.secrets, f"{owner}:{PREVIOUS}").get("secret", "")
    return tuple(secret for secret in (current, before) if secret)


def prepare(ctx: Context, hook: Hook, delivered: Delivered) -> Prepared:
    """Verify a request on its raw bytes, and look what it is. Never tells why a signature does not fit."""
    now = ctx.clock.now()
    settings = hook.settings
    lacking = settings.verification.needs_secret and not hook.secrets
    allowed = hooks.comes_from(settings.allowed_networks, delivered.address)
    if lacking or not allowed or not hooks.is_genuine(settings.verification, hook.secrets, delivered, now):
        return Prepared(hook.portal_id, UNAUTHORIZED, _refused(hook, delivered, now))
    content_type = delivered.headers.get("content-type", "")
    if not webhook_bodies.is_known_type(content_type):
        return Prepared(hook.portal_id, Answer(415, "send JSON, JSON lines, a form or CSV"))
    return _looked_into(ctx, hook, delivered, now)


def _looked_into(ctx: Context, hook: Hook, delivered: Delivered, now: datetime) -> Prepared:
    digest = hooks.body_hash(delivered.body)
    named = hooks.delivery_id(hook.settings.verification, delivered.headers)
    content_type = delivered.headers.get("content-type", "")
    delivery = Delivery(
        portal_id=hook.portal_id,
        dedupe=hooks.idempotency_key(named, digest, now),
        named=named[:200],
        sha256=digest,
        size=len(delivered.body),
        content_type=webhook_bodies.media_type(content_type)[:100],
        body=store.seal_body(ctx.secrets, hook.portal_id, digest, delivered.body),
        received_at=now,
        address=delivered.address,
        event_at=now,
    )
    try:
        document = webhook_bodies.parse(delivered.body, content_type).document
        told = webhook_bodies.envelope(document, hook.settings)
    except Unreadable as error:
        log.info("webhook.unreadable", portal=hook.portal, reason=str(error))
        return Prepared(hook.portal_id, None, replace(delivery, state=store.UNREADABLE, answer=400))
    challenge = _challenge(document)
    if challenge:
        return Prepared(hook.portal_id, Answer(200, text=challenge))
    ignored = webhook_bodies.is_ignored(told, hook.settings)
    return Prepared(
        hook.portal_id,
        None,
        replace(
            delivery,
            state=store.IGNORED if ignored else store.WAITING,
            event_type=told.type,
            # A sender whose clock runs ahead must not outdo the events that follow.
            event_at=min(told.at or now, now),
            snapshot=not ignored and webhook_bodies.is_snapshot(told, hook.settings),
        ),
    )


def _challenge(document: object) -> str:
    """What a sender wants to have echoed before it sends anything (the way of Slack)."""
    if not isinstance(document, dict) or document.get("type") != "url_verification":
        return ""
    challenge = document.get("challenge")
    return challenge[:LONGEST_CHALLENGE] if isinstance(challenge, str) else ""


def _refused(hook: Hook, delivered: Delivered, now: datetime) -> Delivery:
    """That somebody came without a valid signature; nothing of what he sent is kept."""
    return Delivery(
        portal_id=hook.portal_id, size=len(delivered.body), received_at=now, event_at=now, address=delivered.address,
        state=store.REFUSED, answer=401,
        content_type=webhook_bodies.media_type(delivered.headers.get("content-type", ""))[:100],
    )  # fmt: skip


def keep_all(ctx: Context, prepared: Sequence[Prepared]) -> list[Answer]:
    """Keep requests in one transaction, in this order, and say what each sender gets. What is answered with 202 is on the disk."""
    prepared = _in_order(prepared, ctx.clock.now())
    try:
        answers = ctx.database.run(lambda session: _keep(session, ctx.secrets, prepared))
    except IntegrityError:
        # Another process took the same delivery a moment ago: now it is known.
        answers = ctx.database.run(lambda session: _keep(session, ctx.secrets, prepared))
    store.make_durable(ctx.database)
    return answers


def _in_order(prepared: Sequence[Prepared], now: datetime) -> list[Prepared]:
    """Events that tell no time of their own count as of when they are kept: of the same instant, the later kept one counts."""
    return [
        replace(one, delivery=replace(one.delivery, event_at=now, received_at=now))
        if one.delivery is not None and not one.delivery.tells_time
        else one
        for one in prepared
    ]


def _keep(session: Session, box: SecretBox, prepared: Sequence[Prepared]) -> list[Answer]:
    wanted = [one.delivery for one in prepared if one.delivery is not None and one.delivery.dedupe]
    portal_ids = {one.portal_id for one in wanted}
    known = store.by_keys(session, sorted(portal_ids), sorted({one.dedupe or "" for one in wanted}))
    newest = store.newest_snapshots(session, sorted(portal_ids))
    book = _Book(known, newest)
    verdicts = [book.enter(one) for one in prepared]
    store.free_keys(session, book.freed)
    ids = store.add_all(session, box, book.fresh)
    return [verdict if isinstance(verdict, Answer) else _kept(book, ids, verdict) for verdict in verdicts]


def _kept(book: _Book, ids: Sequence[int], place: int) -> Answer:
    """The answer for a delivery that is kept at this place, or that repeats one of the same transaction."""
    return _first_answer(replace(book.fresh[place], id=ids[place]))


class _Book:
    """Goes through requests in order: which are new, which came before."""

    def __init__(self, known: Mapping[tuple[int, str], Delivery], newest: Mapping[int, datetime]) -> None:
        self.known = dict(known)
        self.newest = dict(newest)
        self.places: dict[tuple[int, str], int] = {}
        self.fresh: list[Delivery] = []
        self.freed: list[int] = []

    def enter(self, one: Prepared) -> Answer | int:
        """An answer, or the place among `fresh` of the delivery that is to be answered as first received."""
        delivery = one.delivery
        if delivery is None or delivery.dedupe is None:
            if delivery is not None:
                self.fresh.append(delivery)
            return one.answer or UNAVAILABLE
        key = (delivery.portal_id, delivery.dedupe)
        before = self.known.get(key)
        if before is not None and not self._is_over(before, delivery):
            return self._repeated(key, before, delivery)
        if before is not None and before.id:
            self.freed.append(before.id)
        elif before is not None:
            self.fresh[self.places[key]] = replace(before, dedupe=None)
        return self._add(key, delivery)

    def _add(self, key: tuple[int, str], delivery: Delivery) -> int:
        newest = self.newest.get(delivery.portal_id)
        if delivery.snapshot and newest is not None and delivery.is_outdone(newest):
            delivery = replace(delivery, state=store.SUPERSEDED, answer=200)
        elif delivery.snapshot:
            self.newest[delivery.portal_id] = delivery.event_at
        self.known[key] = delivery
        self.places[key] = len(self.fresh)
        self.fresh.append(delivery)
        return self.places[key]

    def _repeated(self, key: tuple[int, str], before: Delivery, delivery: Delivery) -> Answer:
        if before.sha256 != delivery.sha256:
            return Answer(409, "this id came before with another body")
        if before.answer == 400:
            return _first_answer(before)
        return Answer(200, "received before", before.id)

    @staticmethod
    def _is_over(before: Delivery, delivery: Delivery) -> bool:
        """Whether an earlier delivery counts no more: it is a week old, or could not be read and comes mended."""
        mended = before.state == store.UNREADABLE and before.sha256 != delivery.sha256
        return mended or (delivery.received_at - before.received_at).days >= store.KEY_DAYS


def _first_answer(delivery: Delivery) -> Answer:
    words = {
        store.WAITING: "accepted",
        store.IGNORED: "accepted, nothing to do",
        store.SUPERSEDED: "superseded",
        store.UNREADABLE: "the body cannot be read",
    }
    return Answer(delivery.answer, words.get(delivery.state, "accepted"), delivery.id)


def answer_json(answer: Answer) -> bytes:
    """The body of an answer."""
    told: dict[str, object] = {"status": answer.status} if answer.code < 400 else {"error": answer.status}
    if answer.delivery:
        told["delivery"] = answer.delivery
    return json.dumps(told).encode()
