"""Alert rules, and what they raised."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from core.domain.alerts.raising import Known, Raised
from core.domain.alerts.rules import AlertRule, RuleKind
from core.domain.notice import Severity
from core.domain.paging import Page, PageQuery
from core.domain.text import Text
from core.store import leases
from core.store.bulk import chunks, insert_or_nothing, insert_rows, update_rows
from core.store.codec import text_from_json, text_to_json, texts_from_json
from core.store.folding import contains, folded
from core.store.tables import table
from core.store.tables.alerts import AlertRow, AlertRuleRow
from core.store.tables.workspace import PortalRow
from core.store.types import to_millionths

RULE, ALERT, PORTAL = table(AlertRuleRow), table(AlertRow), table(PortalRow)
COLUMNS = frozenset(
    {"id", "kind", "portal_id", "portal", "product", "severity", "enabled", "muted_until", "mute_reason"}
)
"""Fields of a rule with a column of their own, or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One matter that was raised. `resolved_at` is None as long as it lasts; `times` is how often it was told."""

    id: int
    rule_id: int | None
    cause: str
    kind: RuleKind
    severity: Severity
    title: Text
    details: tuple[Text, ...]
    portals: tuple[str, ...]
    page: str
    filters: Mapping[str, str] = field(default_factory=dict)
    run_id: int | None
    opened_at: datetime
    resolved_at: datetime | None
    told_at: datetime | None
    times: int
    muted_until: datetime | None
    mute_reason: str


def rules(session: Session) -> list[AlertRule]:
    """All rules in the order in which they were made, with the names of their portals; none of portals that were put away."""
    query = (
        select(RULE, PORTAL.c.name.label("portal"))
        .outerjoin(PORTAL, PORTAL.c.id == RULE.c.portal_id)
        .where((RULE.c.portal_id.is_(None)) | (PORTAL.c.archived_at.is_(None)))
        .order_by(RULE.c.id)
    )
    return [_rule(row) for row in session.execute(query)]


def rule(session: Session, rule_id: int) -> AlertRule | None:
    """One rule."""
    return next((one for one in rules(session) if one.id == rule_id), None)


def seed(session: Session, presets: Mapping[str, AlertRule]) -> None:
    """Add the rules of the start; one that is there already stays as it is."""
    for chunk in chunks([{"preset": name, **_values(one)} for name, one in presets.items()]):
        session.execute(insert_or_nothing(session, RULE, ["preset"]), chunk)


def save_rule(session: Session, one: AlertRule) -> int:
    """Store a rule, new (`id` 0) or known; gives its number."""
    if one.id:
        session.execute(RULE.update().where(RULE.c.id == one.id).values(_values(one)))
        return one.id
    return int(session.execute(RULE.insert().values(_values(one)).returning(RULE.c.id)).scalar_one())


def delete_rule(session: Session, rule_id: int) -> None:
    """Remove a rule; what it raised stays in the history."""
    session.execute(RULE.delete().where(RULE.c.id == rule_id))


def lock(session: Session, now: datetime) -> None:
    """Until the end of this transaction nobody else raises or resolves."""
    leases.acquire(session, "alerts", "alerts", now, 1)


def open_alerts(session: Session) -> dict[str, tuple[int, Known]]:
    """What is open, by cause, with its number."""
    query = select(
        ALERT.c.id, ALERT.c.cause, ALERT.c.kind, ALERT.c.told_at, ALERT.c.told_size, ALERT.c.muted_until
    ).where(ALERT.c.resolved_at.is_(None))
    return {
        row.cause: (
            row.id,
            Known(
                cause=row.cause, kind=RuleKind(row.kind), told_at=row.told_at, told_size=row.told_size,
                muted_until=row.muted_until,
            ),
        )
        for row in session.execute(query)
    }  # fmt: skip


def told_since(session: Session, since: datetime) -> dict[str, datetime]:
    """When causes that are resolved were last told, after an instant."""
    query = (
        select(ALERT.c.cause, func.max(ALERT.c.told_at))
        .where(ALERT.c.resolved_at.is_not(None), ALERT.c.told_at > since)
        .group_by(ALERT.c.cause)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def open_new(
    session: Session, new: Sequence[Raised], now: datetime, *, run_id: int | None, quiet: Mapping[str, datetime]
) -> dict[str, int]:
    """Raise these; gives their numbers by cause."""
    insert_rows(session, ALERT, [_new_row(one, now, run_id, quiet.get(one.cause)) for one in new])
    found: dict[str, int] = {}
    for chunk in chunks([one.cause for one in new]):
        query = select(ALERT.c.cause, ALERT.c.id).where(ALERT.c.resolved_at.is_(None), ALERT.c.cause.in_(chunk))
        found |= {row[0]: row[1] for row in session.execute(query)}
    return found


def refresh(session: Session, found: Mapping[int, Raised]) -> None:
    """Bring the words and size of open alerts up to date: number → what is raised now."""
    rows = [{"id": number, **_words(one)} for number, one in found.items()]
    update_rows(session, ALERT, rows, ["id"])


def mark_told(session: Session, numbers: Collection[int], now: datetime) -> None:
    """Note that these are told now, as large as they are."""
    for chunk in chunks(numbers):
        statement = ALERT.update().where(ALERT.c.id.in_(chunk))
        session.execute(statement.values(told_at=now, times=ALERT.c.times + 1, told_size=ALERT.c.size))


def resolve(session: Session, numbers: Sequence[int], now: datetime) -> None:
    """These are over."""
    for chunk in chunks(numbers):
        session.execute(ALERT.update().where(ALERT.c.id.in_(chunk)).values(resolved_at=now))


def resolve_of_rule(session: Session, rule_id: int, now: datetime) -> None:
    """What a rule raised is over: the rule is."""
    session.execute(
        ALERT.update().where(ALERT.c.rule_id == rule_id, ALERT.c.resolved_at.is_(None)).values(resolved_at=now)
    )


def mute(session: Session, alert_id: int, until: datetime | None, reason: str) -> bool:
    """Do not tell this one again until then; False where it is not open."""
    changed = session.execute(
        ALERT.update()
        .where(ALERT.c.id == alert_id, ALERT.c.resolved_at.is_(None))
        .values(muted_until=until, mute_reason=reason)
        .returning(ALERT.c.id)
    )
    return changed.first() is not None


def by_ids(session: Session, numbers: Collection[int]) -> list[Alert]:
    """These alerts, the worst and oldest first."""
    rows = [
        row
        for chunk in chunks(sorted(numbers))
        for row in session.execute(select(ALERT).where(ALERT.c.id.in_(chunk)).order_by(ALERT.c.id))
    ]
    return sorted((_alert(row) for row in rows), key=lambda one: (-one.severity.rank, one.id))


def page(session: Session, query: PageQuery) -> Page[Alert]:
    """What was raised: what is open first, then newest first.

    `status`: open or resolved; `text` is searched in English titles and portals.
    """
    rows: Select[Any] = select(ALERT)
    if query.status in ("open", "resolved"):
        is_open = ALERT.c.resolved_at.is_(None)
        rows = rows.where(is_open if query.status == "open" else ~is_open)
    if query.portal:
        rows = rows.where(ALERT.c.portals.contains(f"\n{query.portal}\n", autoescape=True))
    if query.text:
        rows = rows.where(contains(ALERT.c.search, query.text))
    total = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    found = session.execute(
        rows.order_by(ALERT.c.resolved_at.is_not(None), ALERT.c.id.desc()).limit(query.size).offset(query.offset)
    )
    return Page(tuple(_alert(row) for row in found), total)


def count_open(session: Session) -> dict[str, int]:
    """How many are open, by severity."""
    query = select(ALERT.c.severity, func.count()).where(ALERT.c.resolved_at.is_(None)).group_by(ALERT.c.severity)
    return {row[0]: row[1] for row in session.execute(query)}


def prune(session: Session, before: datetime) -> None:
    """Forget what was resolved before an instant."""
    session.execute(ALERT.delete().where(ALERT.c.resolved_at < before))


def _rule(row: Row[Any]) -> AlertRule:
    return AlertRule(
        id=row.id, kind=RuleKind(row.kind), portal_id=row.portal_id, portal=row.portal or "", product=row.product,
        severity=Severity(row.severity), enabled=row.enabled, muted_until=row.muted_until, mute_reason=row.mute_reason,
        **row.settings,
    )  # fmt: skip


def _values(one: AlertRule) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "portal_id": one.portal_id,
        "product": one.product,
        "severity": one.severity.value,
        "enabled": one.enabled,
        "settings": one.model_dump(mode="json", exclude=set(COLUMNS), exclude_defaults=True),
        "muted_until": one.muted_until,
        "mute_reason": one.mute_reason,
    }


def _words(one: Raised) -> dict[str, Any]:
    signal = one.signal
    return {
        "title": text_to_json(signal.title),
        "details": [text_to_json(text) for text in signal.details],
        "severity": one.rule.severity.value,
        "size": None if signal.size is None else to_millionths(signal.size),
    }


def _new_row(one: Raised, now: datetime, run_id: int | None, quiet: datetime | None) -> dict[str, Any]:
    signal = one.signal
    return {
        "rule_id": one.rule.id,
        "cause": one.cause,
        "kind": signal.kind.value,
        **_words(one),
        "portals": "".join(f"\n{portal}\n" for portal in signal.portals),
        "page": signal.page,
        "filters": dict(signal.filters),
        "run_id": run_id,
        "opened_at": now,
        "told_at": quiet,
        "told_size": None if quiet is None or signal.size is None else to_millionths(signal.size),
        "search": folded(str(signal.title), *signal.portals),
    }


def _alert(row: Row[Any]) -> Alert:
    title = text_from_json(row.title)
    assert title is not None
    return Alert(
        id=row.id, rule_id=row.rule_id, cause=row.cause, kind=RuleKind(row.kind), severity=Severity(row.severity), title=title,
        details=texts_from_json(row.details), portals=tuple(name for name in row.portals.split("\n") if name), page=row.page,
        filters=row.filters, run_id=row.run_id, opened_at=row.opened_at, resolved_at=row.resolved_at, told_at=row.told_at,
        times=row.times, muted_until=row.muted_until, mute_reason=row.mute_reason,
    )  # fmt: skip
