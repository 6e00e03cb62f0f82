"""Sending what is in the outbox: one process at a time, each attempt noted before it is made, again after failures, once.

A message that may have gone out (no answer, or the process ended) is sent again: a mail with the same Message-ID, by which mail
servers recognise it; a card may then stand twice in a channel, with the number of its run. Losing an alert would be worse.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from core.domain.alerts.pacing import FAILURES, MAIL, POSTS_WITHIN, next_post, wait_after
from core.domain.errors import ContractBridgeError, OutcomeUnknown, RateLimited, RemoteError, SettingsError
from core.domain.notice import ChannelSpec, Delivery
from core.domain.text import T, Text
from core.services.access import SYSTEM, Actor, Role, require
from core.services.alerts.evaluating import evaluate
from core.services.alerts.notices import as_mapping, notice_for
from core.services.autotask_settings import zone_name
from core.services.owners import is_dead, new_owner, same_process
from core.store import alert_outbox as outbox
from core.store import leases
from core.store import secrets as secret_store
from core.store.alert_outbox import Message, StoredChannel

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

LEASE, LEASE_SECONDS = "alerts.sending", 600.0
"""Longer than any one message takes: while it is held, nobody else sends."""
MOST_RESTS = 4
_guard = threading.Lock()
_sending: set[str] = set()
"""Databases for which this process is sending."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How one attempt ended. `state` as in the outbox, or `waiting` when it is tried again; `switched_off` the channel was."""

    state: str
    error: Text | None = None
    remedy: Text | None = None
    switched_off: bool = False
    delivery: Delivery | None = None


def deliver(ctx: Context, actor: Actor = SYSTEM) -> int:
    """Send what is due; gives how many messages reached their end. Nothing is raised for a channel that fails."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        if not outbox.busy(session, ctx.clock.now()):
            return 0
    ended = 0
    switched_off = False
    with _alone(ctx) as owner:
        if not owner:
            return 0
        ctx.database.run(lambda session: outbox.free_dead(session, ctx.clock.now()))
        with ctx.database.session() as session:
            due = outbox.due(session, ctx.clock.now())
        for message in due:
            if not _hold(ctx, owner):
                break
            sent = send(ctx, message)
            ended += sent is not None and sent.state != outbox.WAITING
            switched_off |= sent is not None and sent.switched_off
    if switched_off:
        evaluate(ctx, SYSTEM)
    return ended


def send(ctx: Context, message: Message) -> Sent | None:
    """One attempt, if the channel's pace allows it now; None when it does not, or somebody else took the message."""
    now = ctx.clock.now()
    with ctx.database.session() as session:
        channel = next((one for one in outbox.channels(session) if one.id == message.channel_id), None)
        free_at = _free_at(session, channel, now) if channel else now
    if channel is None or (not channel.enabled and message.kind != "test"):
        return None
    if free_at > now:
        ctx.database.run(lambda session: outbox.wait(session, message.id, free_at))
        return None
    try:
        notice = notice_for(ctx, message)
    except ContractBridgeError as error:
        return _ended(ctx, message, channel, Sent(outbox.FAILED, error.message, error.remedy), None)
    if notice is None:
        ctx.database.run(lambda session: outbox.end(session, message.id, outbox.DROPPED, now))
        return Sent(outbox.DROPPED)
    kept = as_mapping(notice)
    attempt = ctx.database.run(lambda session: outbox.claim(session, message.id, now, kept, channel.address))
    if attempt is None:
        return None
    try:
        delivery = ctx.channels(_spec(ctx, channel, message)).send(notice, message_id(message))
    except ContractBridgeError as error:
        return _went_wrong(ctx, message, channel, error, attempt)
    except Exception:
        log.exception("alerts.send_broke", message=message.id)
        text = T("Something went wrong in the program itself; the log tells what.")
        return _ended(ctx, message, channel, Sent(outbox.FAILED, text), attempt)
    state = outbox.DELIVERED if delivery.delivered else outbox.ACCEPTED
    return _ended(ctx, message, channel, Sent(state, _told_of(delivery), delivery=delivery), attempt)


def _free_at(session: Session, channel: StoredChannel | None, now: datetime) -> datetime:
    if channel is None or not channel.address:
        return now
    return next_post(outbox.posts(session, channel.address, now - POSTS_WITHIN), now)


def _spec(ctx: Context, channel: StoredChannel, message: Message) -> ChannelSpec:
    with ctx.database.session() as session:
        secrets = secret_store.get(session, ctx.secrets, owner_of(channel.id))
        zone = zone_name(session)
    language = message.options.get("language", channel.language)
    return ChannelSpec(
        kind=channel.kind,
        settings=channel.settings,
        secrets=secrets,
        recipients=tuple(message.options.get("recipients", channel.recipients)),
        language=language,
        locale=channel.locale if language == channel.language else "",
        zone=zone,
    )


def message_id(message: Message) -> str:
    """The same for every attempt, and no other installation's: its key holds a random number or a moment."""
    mark = hashlib.sha256(f"{message.key}|{message.created_at.isoformat()}".encode()).hexdigest()[:16]
    return f"{message.id}.{mark}@contractbridge"


def _went_wrong(
    ctx: Context, message: Message, channel: StoredChannel, error: ContractBridgeError, attempt: int
) -> Sent:
    passing = isinstance(error, OutcomeUnknown) or (isinstance(error, RemoteError) and error.retryable)
    if passing and message.kind != "test":
        asked = error.retry_after if isinstance(error, RateLimited) else None
        pause = wait_after(channel.kind, message.attempts + 1, asked)
        if pause is not None:
            until = ctx.clock.now() + pause

            def work(session: Session) -> None:
                outcome = "unknown" if isinstance(error, OutcomeUnknown) else "failed"
                outbox.end_attempt(session, attempt, outcome, error.message)
                outbox.wait(session, message.id, until, error.message)

            ctx.database.run(work)
            return Sent(outbox.WAITING, error.message, error.remedy)
    wrong = isinstance(error, SettingsError) or (isinstance(error, RemoteError) and error.kind in ("gone", "refused"))
    return _ended(
        ctx, message, channel, Sent(outbox.FAILED, error.message, error.remedy), attempt, counts=wrong and not passing
    )


def _ended(
    ctx: Context,
    message: Message,
    channel: StoredChannel,
    sent: Sent,
    attempt: int | None,
    *,
    counts: bool = False,
) -> Sent:
    """Note the end. What did not get through goes over another channel; a channel that keeps failing is switched off."""

    def work(session: Session) -> bool:
        now = ctx.clock.now()
        reference = sent.delivery.reference if sent.delivery else ""
        outbox.end(session, message.id, sent.state, now, reference=reference, error=sent.error)
        if attempt is not None:
            outbox.end_attempt(session, attempt, sent.state, sent.error)
        if sent.state != outbox.FAILED:
            outbox.note_success(session, channel.id)
            _rest(session, message, sent.delivery, now)
            return False
        if message.kind == "test":
            return False
        _fall_back(session, message, channel, now)
        if not counts or not outbox.note_failure(session, channel.id, sent.error or T("It failed."), FAILURES):
            return False
        for other in outbox.waiting(session, channel.id):
            outbox.end(session, other.id, outbox.FAILED, now, error=T("The channel was switched off."))
            _fall_back(session, other, channel, now)
        return True

    off = ctx.database.run(work)
    log.info("alerts.sent", message=message.id, channel=channel.name, state=sent.state)
    return Sent(sent.state, sent.error, sent.remedy, off, sent.delivery)


def _fall_back(session: Session, message: Message, channel: StoredChannel, now: datetime) -> None:
    """Tell the same over another channel, by mail where there is one; not what that channel tells anyway."""
    others = [one for one in outbox.channels(session, enabled=True) if one.id != channel.id]
    others.sort(key=lambda one: one.kind not in MAIL)
    items = outbox.items(session, message.id)
    if not others or not items:
        return
    chosen = others[0]
    told = outbox.told_elsewhere(session, chosen.id, items, message.created_at)
    left = {number: again for number, again in items.items() if number not in told}
    number = outbox.put(session, chosen.id, f"instead|{message.id}", "alerts", now, now) if left else None
    if number is not None:
        outbox.add_items(session, number, left)


def _rest(session: Session, message: Message, delivery: Delivery | None, now: datetime) -> None:
    """Recipients that were only busy get the message later; the others have it."""
    busy = [address for address, refusal in (delivery.refused if delivery else {}).items() if refusal.retryable]
    pause = wait_after("smtp", 1)
    if not busy or pause is None or message.key.count("|rest") >= MOST_RESTS:
        return
    options = {**message.options, "recipients": busy}
    number = outbox.put(session, message.channel_id, f"{message.key}|rest", message.kind, now + pause, now, options)
    if number is not None:
        outbox.add_items(session, number, outbox.items(session, message.id))


def _told_of(delivery: Delivery) -> Text | None:
    """What a person should know although it got through."""
    if delivery.refused:
        return T("Not delivered to everybody: {addresses}.", addresses=tuple(delivery.refused))
    return delivery.notes[0] if delivery.notes else None


def owner_of(channel_id: int) -> str:
    """Whose secrets a channel's are."""
    return f"channel:{channel_id}"


@contextmanager
def _alone(ctx: Context) -> Iterator[str]:
    """The name of the one that may send; empty when somebody else does."""
    with _guard:
        busy = ctx.database.url in _sending
        if not busy:
            _sending.add(ctx.database.url)
    if busy:
        yield ""
        return
    try:
        with _leased(ctx) as owner:
            yield owner
    finally:
        _sending.discard(ctx.database.url)


@contextmanager
def _leased(ctx: Context) -> Iterator[str]:
    owner = new_owner()

    def take(session: Session) -> bool:
        now = ctx.clock.now()
        if leases.acquire(session, LEASE, owner, now, LEASE_SECONDS):
            return True
        other = leases.holder(session, LEASE, now)
        # Where it is of this very process it was left behind when the database went away: nobody else sends here now.
        if not (is_dead(other) or same_process(other, owner)):
            return False
        leases.release(session, LEASE, other)
        return leases.acquire(session, LEASE, owner, now, LEASE_SECONDS)

    if not ctx.database.run(take):
        yield ""
        return
    try:
        yield owner
    finally:
        ctx.database.run(lambda session: leases.release(session, LEASE, owner))


def _hold(ctx: Context, owner: str) -> bool:
    return ctx.database.run(lambda session: leases.acquire(session, LEASE, owner, ctx.clock.now(), LEASE_SECONDS))
