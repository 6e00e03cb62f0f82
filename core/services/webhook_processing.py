"""What was received is worked on here, in the background: each delivery once, in order, and then a sync of its portal (S1-58)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from core.domain.errors import ContractBridgeError
from core.domain.hook_settings import WebhookSettings
from core.domain.text import T, Text
from core.domain.usage import Reading, Scope
from core.services import webhook_bodies
from core.services.access import SYSTEM
from core.services.audited import note
from core.services.autotask_settings import AUTOTASK
from core.services.recognising import recognise
from core.services.told_amounts import is_money, keep_amounts, prices_count
from core.services.webhook_bodies import Read, Unreadable
from core.services.webhook_receiving import PREVIOUS
from core.store import history, portals, runs, secrets, workspace
from core.store import webhooks as store
from core.store.bulk import alone
from core.store.codec import text_to_json
from core.store.portals import Portal
from core.store.runs import NewRun
from core.store.webhooks import Delivery

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()

SYNC_LOCK = 0x636F6E78
"""Two processes that look at the same time ask for one sync."""
AT_ONCE = 200
"""Deliveries that are looked up together."""
MERGED = timedelta(seconds=60)
"""Changes of so short a time may become one reading: history is not asked for more, and a burst costs one write."""
BROKEN = (
    Unreadable, ContractBridgeError, ValidationError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
)  # fmt: skip
"""What one delivery may come to without holding up the others."""
MOST_SECONDS = 5.0
"""So long one call works at most: the caller has other duties."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A delivery and what it comes to."""

    delivery: Delivery
    found: Read

    @property
    def is_change(self) -> bool:
        """Whether it says nothing about what it does not name."""
        return not self.delivery.snapshot and all(one.scope is Scope.LINES for one in self.found.readings)

    @property
    def outcome(self) -> dict[str, Any]:
        """What is written down of it."""
        problems = [text_to_json(text) for text in webhook_bodies.words_of(self.found.problems)]
        state = store.PARTLY if problems else store.APPLIED
        if not self.found.readings:
            state = store.FAILED if problems else store.IGNORED
        return {"state": state, "lines": self.found.lines, "problems": problems}


def process_waiting(ctx: Context, *, seconds: float = MOST_SECONDS) -> int:
    """Work on what waits, each portal's in the order in which it came; gives how many deliveries were settled.

    What a delivery changes and that it is settled are one transaction: a process that dies in between leaves it waiting.
    """
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        with ctx.database.session() as session:
            waiting = store.waiting(session, AT_ONCE)
            by_id = {portal.id: portal for portal in portals.all_portals(session)} if waiting else {}
        of_portal: dict[int, list[Delivery]] = {}
        for delivery in waiting:
            of_portal.setdefault(delivery.portal_id, []).append(delivery)
        done = sum(_of_portal(ctx, by_id[number], several, until) for number, several in of_portal.items())
        count += done
        if not done or done < len(waiting):
            break
    return count


def _of_portal(ctx: Context, portal: Portal, waiting: Sequence[Delivery], until: float) -> int:
    """Settle deliveries of one portal until the time is over; gives how many."""
    count = 0
    together: list[Looked] = []
    for delivery in waiting:
        if time.monotonic() > until:
            break
        try:
            looked = Looked(delivery, _read(ctx, portal, delivery))
        except BROKEN as error:
            count += _failed(ctx, portal, delivery, error)
            continue
        if not _goes_with(together, looked):
            count += _settle(ctx, portal, together)
            together = []
        together.append(looked)
    count += _settle(ctx, portal, together)
    if count:
        recognise(ctx, portal.name)
    return count


def _goes_with(together: Sequence[Looked], looked: Looked) -> bool:
    """Whether a delivery may be written with those before it: changes alone, in the order of their times, of one minute."""
    if not together:
        return True
    first, last, at = together[0].delivery.event_at, together[-1].delivery.event_at, looked.delivery.event_at
    return looked.is_change and together[-1].is_change and last <= at <= first + MERGED


def _settle(ctx: Context, portal: Portal, together: Sequence[Looked]) -> int:
    """Write what several deliveries change: in one reading where nothing speaks against it, otherwise one by one."""
    if len(together) > 1:
        try:
            settled = ctx.database.run(lambda session: _apply_together(ctx, session, portal, together))
        except ContractBridgeError as error:
            log.info("webhook.one_by_one", portal=portal.name, error=type(error).__name__)
            settled = None
        if settled is not None:
            return settled
    return sum(_settle_one(ctx, portal, looked) for looked in together)


def _settle_one(ctx: Context, portal: Portal, looked: Looked) -> bool:
    try:
        return ctx.database.run(lambda session: _apply(ctx, session, portal, looked.delivery, looked.found))
    except BROKEN as error:
        return _failed(ctx, portal, looked.delivery, error)


def _failed(ctx: Context, portal: Portal, delivery: Delivery, error: Exception) -> bool:
    """Settle a delivery that cannot be used: it must not keep all those behind it waiting."""
    if isinstance(error, ContractBridgeError):
        why = error.message
    elif isinstance(error, Unreadable | ValidationError):
        why = T("The body does not fit the settings any more.")
    else:
        log.error("webhook.broke", portal=portal.name, delivery=delivery.id, exc_info=error)
        number = str(delivery.id)
        why = T("Something went wrong in the program itself; the log has it under delivery {number}.", number=number)
    log.warning("webhook.failed", portal=portal.name, delivery=delivery.id, error=type(error).__name__)
    return ctx.database.run(lambda session: _fail(ctx, session, portal, delivery, why))


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


def _apply_together(ctx: Context, session: Session, portal: Portal, together: Sequence[Looked]) -> int | None:
    """Write changes that followed each other as one reading: of each line the last one counts, each with its own origin.

    None when an event of a later time was used before: then each is to be held against what is known by itself.
    """
    newest = store.newest_used(session, portal.id)
    if newest is not None and newest > together[0].delivery.event_at:
        return None
    mine = store.still_waiting(session, [looked.delivery.id for looked in together])
    settled = [looked for looked in together if looked.delivery.id in mine]
    if not settled:
        return 0
    now = ctx.clock.now()
    readings = [reading for looked in settled for reading in looked.found.readings]
    lines = {line.key: line for reading in readings for line in reading.lines}
    priced = prices_count(session, portal.id)
    money = any(one.found.unread for one in settled) or any(is_money(reading, priced=priced) for reading in readings)
    reading_id = None
    if lines:
        at = settled[-1].delivery.event_at
        reading = Reading(portal=portal.name, taken_at=at, lines=tuple(lines.values()), scope=Scope.LINES)
        source = f"{source_of(settled[0].delivery)} … {settled[-1].delivery.id}"
        reading_id = history.record_reading(session, portal.id, reading, file_name=source).reading_id
        if not money:
            keep_amounts(session, portal.id, reading, event=True)
        store.note_events(session, portal.id, now)
    if money:
        # Each by itself: what one of them tells well is not undone by a later one that tells it badly.
        for looked in settled:
            keep_money(session, portal, looked.delivery.event_at, looked.found)
    rows = [{"id": looked.delivery.id, **looked.outcome, "processed_at": now} for looked in settled]
    store.settle_all(session, [row | {"reading_id": reading_id if row["lines"] else None} for row in rows])
    return len(settled)


def keep_money(session: Session, portal: Portal, at: datetime, found: Read) -> None:
    """Keep what an event that was true `at` tells of money. What could not be read comes last: nothing beside it makes it well."""
    for reading in found.readings:
        keep_amounts(session, portal.id, reading, event=True)
    if found.unread:
        nothing = Reading(portal=portal.name, taken_at=at, lines=(), scope=Scope.LINES)
        keep_amounts(session, portal.id, nothing, event=True, unread=found.unread)


def _apply(ctx: Context, session: Session, portal: Portal, delivery: Delivery, found: Read) -> bool:
    now = ctx.clock.now()
    if _is_superseded(session, delivery):
        return store.settle(session, delivery.id, store.SUPERSEDED, now)
    if not store.settle(session, delivery.id, now=now, **Looked(delivery, found).outcome):
        return False
    recorded = [
        history.record_reading(session, portal.id, reading, file_name=source_of(delivery), sha256=delivery.sha256)
        for reading in found.readings
    ]
    keep_money(session, portal, delivery.event_at, found)
    if recorded:
        store.link_reading(session, delivery.id, recorded[0].reading_id)
        store.note_events(session, portal.id, now)
    return True


def _is_superseded(session: Session, delivery: Delivery) -> bool:
    """An older state after a newer one says nothing."""
    if not delivery.snapshot:
        return False
    newest = store.newest_applied(session, delivery.portal_id, delivery.id)
    return newest is not None and delivery.is_outdone(newest)


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
        alone(session, SYNC_LOCK)
        due = _due(session, now)
        store.clear_unsynced(session, [portal_id for portal_id, _ in due])
        if not due or not connected:
            # Before Autotask is connected there is nothing to compare with; the first sync afterwards takes everything.
            return []
        names = tuple(name for _, name in due)
        new = NewRun(kind="sync", portals=names, options={"apply": True}, started_by="webhook")
        # While runs take longer than events come, they do not pile up: the one that waits plans with these events, too.
        run = None if runs.waiting_like(session, new) else runs.enqueue(session, new, now)
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
