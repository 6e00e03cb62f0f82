"""What was received is worked on here, in the background: each delivery once, in order, and then a sync of its portal (S1-58)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from core.domain.errors import ContractBridgeError
from core.domain.hook_settings import WebhookSettings
from core.domain.text import T, Text
from core.services import webhook_bodies
from core.services.access import SYSTEM
from core.services.audited import note
from core.services.autotask_settings import AUTOTASK
from core.services.recognising import recognise
from core.services.webhook_bodies import Read, Unreadable
from core.services.webhook_receiving import PREVIOUS
from core.store import history, portals, runs, secrets, workspace
from core.store import webhooks as store
from core.store.codec import text_to_json
from core.store.portals import Portal
from core.store.runs import NewRun
from core.store.webhooks import Delivery

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

AT_ONCE = 200
"""Deliveries that are looked up together; each is written in a transaction of its own."""
MOST_SECONDS = 5.0
"""So long one call works at most: the caller has other duties."""


def process_waiting(ctx: Context, *, seconds: float = MOST_SECONDS) -> int:
    """Work on what waits, in the order in which it came; gives how many deliveries were settled.

    What a delivery changes and that it is settled are one transaction: a process that dies in between leaves it waiting.
    """
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        with ctx.database.session() as session:
            waiting = store.waiting(session, AT_ONCE)
            by_id = {portal.id: portal for portal in portals.all_portals(session)} if waiting else {}
        if not waiting:
            break
        done = [d for d in waiting if time.monotonic() < until and _process(ctx, by_id[d.portal_id], d)]
        for portal_id in dict.fromkeys(delivery.portal_id for delivery in done):
            recognise(ctx, by_id[portal_id].name)
        count += len(done)
        if len(done) < len(waiting):
            break
    return count


def _process(ctx: Context, portal: Portal, delivery: Delivery) -> bool:
    try:
        found = _read(ctx, portal, delivery)
        return ctx.database.run(lambda session: _apply(ctx, session, portal, delivery, found))
    except (Unreadable, ContractBridgeError, ValidationError) as error:
        why = (
            error.message
            if isinstance(error, ContractBridgeError)
            else T("The body does not fit the settings any more.")
        )
        log.warning("webhook.failed", portal=portal.name, delivery=delivery.id, error=type(error).__name__)
        return ctx.database.run(lambda session: _fail(ctx, session, portal, delivery, why))
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        # One event that breaks the program must not keep all those behind it waiting.
        log.exception("webhook.broke", portal=portal.name, delivery=delivery.id)
        text = T(
            "Something went wrong in the program itself; the log has it under delivery {number}.",
            number=str(delivery.id),
        )
        return ctx.database.run(lambda session: _fail(ctx, session, portal, delivery, text))


def _read(ctx: Context, portal: Portal, delivery: Delivery) -> Read:
    raw = store.open_body(ctx.secrets, delivery)
    if raw is None:
        raise Unreadable("no body")
    settings = WebhookSettings.model_validate(portal.settings)
    body = webhook_bodies.parse(raw, delivery.content_type)
    return webhook_bodies.read(body, settings, portal.name, delivery.event_at, source_of(delivery))


def source_of(delivery: Delivery) -> str:
    """What the origin of a line says (M13): the delivery that first brought it, also when it is worked on again."""
    return f"webhook {delivery.replay_of or delivery.id}"


def _apply(ctx: Context, session: Session, portal: Portal, delivery: Delivery, found: Read) -> bool:
    now = ctx.clock.now()
    if _is_superseded(session, delivery):
        return store.settle(session, delivery.id, store.SUPERSEDED, now)
    problems = [text_to_json(text) for text in webhook_bodies.words_of(found.problems)]
    state = store.PARTLY if problems else store.APPLIED
    if not found.readings:
        state = store.FAILED if problems else store.IGNORED
    if not store.settle(session, delivery.id, state, now, lines=found.lines, problems=problems):
        return False
    recorded = [
        history.record_reading(session, portal.id, reading, file_name=source_of(delivery), sha256=delivery.sha256)
        for reading in found.readings
    ]
    if recorded:
        store.link_reading(session, delivery.id, recorded[0].reading_id)
        store.note_events(session, portal.id, now)
    return True


def _is_superseded(session: Session, delivery: Delivery) -> bool:
    """An older state after a newer one says nothing; the very same one again, by hand, does no harm."""
    if not delivery.snapshot:
        return False
    newest = store.newest_applied(session, delivery.portal_id, delivery.id)
    return newest is not None and (
        delivery.event_at < newest or (delivery.event_at == newest and not delivery.replay_of)
    )


def _fail(ctx: Context, session: Session, portal: Portal, delivery: Delivery, why: Text) -> bool:
    now = ctx.clock.now()
    if not store.settle(session, delivery.id, store.FAILED, now, problems=[text_to_json(why)]):
        return False
    text = T("Delivery {number} could not be used: {problem}", number=str(delivery.id), problem=why)
    history.record_failure(
        session,
        portal.id,
        delivery.event_at,
        text,
        status="needs_review",
        source=(source_of(delivery), delivery.sha256),
    )
    return True


def queue_syncs(ctx: Context) -> list[int]:
    """Queue one sync for the portals whose events have come to rest, or waited long enough; gives the numbers of new runs."""
    now = ctx.clock.now()
    with ctx.database.session() as session:
        if not _due(session, now):
            return []
        connected = workspace.get(session, AUTOTASK) is not None

    def work(session: Session) -> list[int]:
        due = _due(session, now)
        store.clear_unsynced(session, [portal_id for portal_id, _ in due])
        if not due or not connected:
            # Before Autotask is connected there is nothing to compare with; the first sync afterwards takes everything.
            return []
        names = tuple(name for _, name in due)
        run = runs.enqueue(
            session, NewRun(kind="sync", portals=names, options={"apply": True}, started_by="webhook"), now
        )
        if run is None:
            return []
        note(
            ctx,
            session,
            SYSTEM,
            "run.requested",
            str(run.id),
            after={"kind": "sync", "portals": list(names), "by": "webhook"},
        )
        return [run.id]

    return ctx.database.run(work)


def _due(session: Session, now: datetime) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for hook, name, values in store.unsynced(session):
        settings = _settings(values)
        last, first = hook.last_event_at, hook.unsynced_since
        if last is None or first is None:
            continue
        rested = now >= last + timedelta(seconds=settings.settle_seconds)
        if rested or now >= first + timedelta(seconds=settings.settle_at_most):
            found.append((hook.portal_id, name))
    return found


def _settings(values: Any) -> WebhookSettings:
    try:
        return WebhookSettings.model_validate(values)
    except ValidationError:
        return WebhookSettings()


def tidy(ctx: Context) -> None:
    """Forget what is kept for a time only: keys, bodies, refused requests, and secrets whose rotation has ended."""
    now = ctx.clock.now()

    def work(session: Session) -> None:
        store.tidy(session, now)
        _forget_secrets(session, store.ended_rotations(session, now))

    ctx.database.run(work)


def _forget_secrets(session: Session, portal_ids: Sequence[int]) -> None:
    for portal_id in portal_ids:
        secrets.remove(session, f"portal:{portal_id}:{PREVIOUS}")
        store.set_previous_until(session, portal_id, None)
