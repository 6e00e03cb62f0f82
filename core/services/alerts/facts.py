"""What is known now, as matters that rules may raise: a few set-based reads, then pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.alerts import jumps, signals
from core.domain.alerts.jumps import Looks
from core.domain.alerts.raising import Raised, raised_by
from core.domain.alerts.rules import AlertRule, Per, RuleKind
from core.domain.alerts.signals import FROM_FINDING, PortalState, Signal
from core.domain.plan import ChangeStatus
from core.services.alerts.credentials import ends_by_name
from core.services.leakage import leakage_in
from core.services.overdue_files import overdue_files
from core.services.overview import RUN_KINDS
from core.store import alert_facts, alert_outbox, directory, runs
from core.store import workspace as settings_store
from core.store.history import latest_readings
from core.store.portals import Portal, all_portals
from core.store.vitals import BACKUP_FAILED, BACKUP_MADE, last_audited

if TYPE_CHECKING:
    from core.services.context import Context

PLANNED = frozenset({*FROM_FINDING.values(), RuleKind.HELD})
"""Kinds that a plan tells of: without one they cannot be looked at."""


LOOK_BACK = timedelta(days=35)
"""Of older readings only the last and the first of each portal matter."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is raised now, by cause, and the kinds that could be looked at."""

    raised: Mapping[str, Raised]
    looked_at: frozenset[RuleKind]


def look(ctx: Context, session: Session, rules: Sequence[AlertRule]) -> Found:
    """Everything that the rules raise."""
    wanted = {rule.kind for rule in rules if rule.enabled}
    now, today = ctx.clock.now(), ctx.clock.today()
    portals = all_portals(session, enabled=True)
    planned = _planned(session)
    matters = [*planned.signals, *_of_portals(ctx, session, portals)]
    matters += list(signals.of_findings(overdue_files(session, now), {}))
    last = runs.last_finished(session, kinds=RUN_KINDS)
    if last is not None:
        matters += signals.of_run(last.id, last.status, last.error)
    if RuleKind.CONTRACT_END in wanted:
        matters += _of_contracts(session, rules, today)
    matters += signals.of_credentials(ends_by_name(session), today)
    off = alert_outbox.channels(session, enabled=False)
    matters += signals.of_channels({one.id: (one.name, one.off_reason) for one in off if one.off_reason})
    matters += signals.of_backups(last_audited(session, BACKUP_MADE), last_audited(session, BACKUP_FAILED), now)
    blind = set() if planned.known else set(PLANNED - {RuleKind.STALE, RuleKind.MISSING_FILE})
    if RuleKind.LEAKAGE in wanted:
        leaks = leakage_in(ctx, session)
        matters += signals.of_leaks(leaks.leaks)
        blind |= {RuleKind.LEAKAGE} if leaks.read_at is None else set()
    raised = raised_by(rules, matters)
    if RuleKind.USAGE in wanted:
        for rule, signal in _of_usage(session, rules, portals, now):
            one = Raised(rule, signal)
            raised.setdefault(one.cause, one)
    return Found(raised, frozenset(RuleKind) - blind)


@dataclass(frozen=True, slots=True)
class _Planned:
    known: bool
    signals: tuple[Signal, ...]


def _planned(session: Session) -> _Planned:
    findings = alert_facts.plan_findings(session, FROM_FINDING)
    if findings is None:
        return _Planned(False, ())
    held = alert_facts.open_changes(session, [ChangeStatus.HELD])
    companies = directory.company_names(session)
    return _Planned(
        True,
        (
            *signals.of_findings(findings, companies),
            *signals.of_held(held),
        ),
    )


def _of_portals(ctx: Context, session: Session, portals: Sequence[Portal]) -> Iterable[Signal]:
    latest = latest_readings(session, [portal.id for portal in portals])
    states = []
    for portal in portals:
        info = latest.get(portal.id)
        failed = info is not None and info.status == "failed"
        states.append(
            PortalState(
                name=portal.name,
                failed=(info.error if info is not None and failed else None),
                customers=len(info.failed_customers) if info is not None and info.status == "used" else 0,
                read_at=portal.read_at,
                stale_after_days=portal.policy.stale_after_days,
            )
        )
    return signals.of_portals(states, ctx.clock.now())


def _of_contracts(session: Session, rules: Sequence[AlertRule], today: date) -> Iterable[Signal]:
    ahead = max(rule.days for rule in rules if rule.kind is RuleKind.CONTRACT_END)
    return signals.of_contracts(alert_facts.ending_contracts(session, today, today + timedelta(days=ahead)), today)


def _of_usage(
    session: Session, rules: Sequence[AlertRule], portals: Sequence[Portal], now: datetime
) -> Iterable[tuple[AlertRule, Signal]]:
    looks = _looks(session, portals, now)
    if not looks:
        return ()
    since = min(min(look.instants) for look in looks.values())
    pieces = alert_facts.pieces(session, list(looks), since)
    used = {rule.per for rule in rules if rule.kind is RuleKind.USAGE and rule.enabled}
    courses = {per: jumps.courses(pieces, looks, per) for per in Per if per in used}
    return jumps.jumps(rules, courses, looks)


def _looks(session: Session, portals: Sequence[Portal], now: datetime) -> dict[int, Looks]:
    read = alert_facts.readings(session, now - LOOK_BACK)
    zone = settings_store.time_zone(session)
    looks: dict[int, Looks] = {}
    for portal in portals:
        moments = read.get(portal.id)
        if not moments:
            continue
        looks[portal.id] = Looks(
            portal=portal.name,
            first=moments[0],
            newest=moments[-1],
            before=jumps.look_before(moments),
            month_before=jumps.month_before(moments[-1], zone),
        )
    return looks
