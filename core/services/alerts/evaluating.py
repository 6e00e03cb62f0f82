"""Looking at everything: raising what is new, ending what is over, and putting what is told into the outbox, all in one step."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from core.domain.alerts.pacing import due_at
from core.domain.alerts.raising import QUIET, Raised, Verdict, settle
from core.domain.alerts.rules import Telling
from core.services.access import Actor, Role, require
from core.services.alerts.facts import look
from core.services.alerts.rules import stored_rules
from core.store import alert_outbox as outbox
from core.store import alerts as store
from core.store import workspace
from core.store.alert_outbox import StoredChannel

if TYPE_CHECKING:
    from core.services.context import Context

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Counts of one evaluation."""

    opened: int
    resolved: int
    told: int


def evaluate(ctx: Context, actor: Actor, *, run_id: int | None = None) -> Evaluated:
    """Look once. However often and wherever this is done, a cause is raised once until it is resolved, and told once a channel."""
    require(actor, Role.OPERATOR)
    rules = stored_rules(ctx)
    with ctx.database.session() as session:
        found = look(ctx, session, rules)
    stamp = uuid.uuid4().hex
    done = ctx.database.run(lambda session: _settle(ctx, session, found.raised, found.looked_at, stamp, run_id))
    if done.opened or done.resolved:
        log.info("alerts.evaluated", opened=done.opened, resolved=done.resolved, told=done.told)
    return done


def _settle(
    ctx: Context, session: Session, raised: Mapping[str, Raised], looked_at: Iterable[object], stamp: str, run_id: int | None
) -> Evaluated:  # fmt: skip
    now = ctx.clock.now()
    store.lock(session, now)
    known = store.open_alerts(session)
    verdict = settle(
        (one for _, one in known.values()),
        raised,
        now,
        looked_at=frozenset(looked_at),  # type: ignore[arg-type]
        told_before=store.told_since(session, now - QUIET),
    )
    numbers = {cause: number for cause, (number, _) in known.items()}
    numbers |= store.open_new(
        session, [raised[cause] for cause in verdict.opened], now, run_id=run_id, quiet=verdict.quiet
    )
    store.refresh(session, {number: raised[cause] for cause, (number, _) in known.items() if cause in raised})
    store.resolve(session, [numbers[cause] for cause in verdict.resolved], now)
    told = _tell(session, verdict, raised, numbers, now, stamp)
    return Evaluated(len(verdict.opened), len(verdict.resolved), told)


def _tell(
    session: Session, verdict: Verdict, raised: Mapping[str, Raised], numbers: Mapping[str, int], now: datetime, stamp: str
) -> int:  # fmt: skip
    """One message for each channel and moment. What no channel takes is not told yet: the first channel that does will tell it."""
    channels = outbox.channels(session, enabled=True)
    if not channels:
        return 0
    zone = workspace.time_zone(session)
    batches: dict[tuple[int, Telling], dict[int, bool]] = defaultdict(dict)
    told: set[str] = set()
    for cause in verdict.told:
        rule = raised[cause].rule
        for channel in channels:
            if not rule.channels or channel.id in rule.channels:
                batches[channel.id, rule.telling][numbers[cause]] = cause in verdict.again
                told.add(cause)
    by_id = {channel.id: channel for channel in channels}
    for (channel_id, telling), items in batches.items():
        enqueue(session, by_id[channel_id], telling, items, now, zone, stamp)
    store.mark_told(session, [numbers[cause] for cause in told], now)
    return len(told)


def enqueue(
    session: Session, channel: StoredChannel, telling: Telling, items: Mapping[int, bool], now: datetime, zone: ZoneInfo, stamp: str
) -> None:  # fmt: skip
    """Let a channel tell these alerts: in a message of their own, or in its next digest."""
    due = due_at(telling, channel.digest_at, channel.digest_weekday, now, zone)
    key = f"now|{stamp}" if telling is Telling.NOW else f"{telling}|{due:%Y-%m-%dT%H:%MZ}"
    number = outbox.put(session, channel.id, key, "alerts", due, now)
    if number is None:
        # The digest of this very moment is on its way already.
        number = outbox.put(session, channel.id, f"{key}|{stamp}", "alerts", due, now)
    if number is not None:
        outbox.add_items(session, number, items)
