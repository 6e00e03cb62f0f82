"""Portals: the configured sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.domain.policy import Mode, Policy, PolicyOverride
from core.store.tables import table
from core.store.tables.workspace import PortalRow

PORTAL = table(PortalRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """One configured source. `id` is 0 until it is stored. `settings` hold no secret; `schedule` is as in the workspace file.

    `next_due_at` is when the schedule reads it next, `read_at` when it was last read wholly; both UTC instants.
    """

    id: int = 0
    name: str
    connector: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = Mode.REVIEW
    policy: Policy = Policy()
    overrides: tuple[PolicyOverride, ...] = ()
    schedule: Mapping[str, Any] = field(default_factory=dict)
    next_due_at: datetime | None = None
    enabled: bool = True
    hook_token_hash: str | None = None
    read_at: datetime | None = None


def all_portals(session: Session, *, enabled: bool | None = None, names: Sequence[str] | None = None) -> list[Portal]:
    """Portals in order of name: all, or those that are (not) enabled, or those named. Never archived ones; so do all below."""
    query = select(PORTAL).where(PORTAL.c.archived_at.is_(None)).order_by(PORTAL.c.name)
    if enabled is not None:
        query = query.where(PORTAL.c.enabled == enabled)
    if names is not None:
        query = query.where(PORTAL.c.name.in_(list(names)))
    return [_portal(row) for row in session.execute(query)]


def by_id(session: Session, portal_id: int) -> Portal | None:
    """The portal with this number, an archived one too."""
    row = session.execute(select(PORTAL).where(PORTAL.c.id == portal_id)).first()
    return _portal(row) if row else None


def by_name(session: Session, name: str) -> Portal | None:
    """The portal with exactly this name."""
    row = session.execute(select(PORTAL).where(PORTAL.c.name == name, PORTAL.c.archived_at.is_(None))).first()
    return _portal(row) if row else None


def by_hook_token(session: Session, token_hash: str) -> Portal | None:
    """The portal that a webhook's token (its hash) belongs to."""
    query = select(PORTAL).where(PORTAL.c.hook_token_hash == token_hash, PORTAL.c.archived_at.is_(None))
    row = session.execute(query).first()
    return _portal(row) if row else None


def due(session: Session, now: datetime) -> list[Portal]:
    """Enabled portals whose next reading is due, the longest waiting first."""
    query = (
        select(PORTAL)
        .where(PORTAL.c.enabled, PORTAL.c.archived_at.is_(None), PORTAL.c.next_due_at <= now)
        .order_by(PORTAL.c.next_due_at, PORTAL.c.id)
    )
    return [_portal(row) for row in session.execute(query)]


def save(session: Session, portal: Portal, now: datetime) -> Portal:
    """Store a new portal (`id` 0) or all fields of a known one but `read_at`; gives it back with its number.

    A name that another portal has raises sqlalchemy's IntegrityError: look with `by_name` first.
    """
    values = _values(portal)
    if portal.id:
        session.execute(PORTAL.update().where(PORTAL.c.id == portal.id).values(values))
        portal_id = portal.id
    else:
        portal_id = session.execute(
            PORTAL.insert().values(**values, created_at=now).returning(PORTAL.c.id)
        ).scalar_one()
    stored = by_id(session, portal_id)
    if stored is None:
        raise LookupError(f"no portal {portal_id}")
    return stored


def set_due(session: Session, portal_id: int, next_due_at: datetime | None) -> None:
    """When the schedule reads this portal next; None: not by itself."""
    session.execute(PORTAL.update().where(PORTAL.c.id == portal_id).values(next_due_at=next_due_at))


def archive(session: Session, portal_id: int, now: datetime) -> None:
    """Put a portal away: it is read and planned no more, its history stays, its name and its webhook are free again."""
    values = {"archived_at": now, "enabled": False, "next_due_at": None, "hook_token_hash": None}
    session.execute(PORTAL.update().where(PORTAL.c.id == portal_id).values(values))


def delete(session: Session, portal_id: int) -> None:
    """Remove a portal with its readings, history and mappings. Ledger and audit keep what was done."""
    session.execute(PORTAL.delete().where(PORTAL.c.id == portal_id))


def _values(portal: Portal) -> dict[str, Any]:
    return {
        "name": portal.name,
        "connector": portal.connector,
        "settings": dict(portal.settings),
        "mode": portal.mode.value,
        "policy": portal.policy.model_dump(mode="json", exclude_defaults=True),
        "overrides": [override.model_dump(mode="json", exclude_none=True) for override in portal.overrides],
        "schedule": dict(portal.schedule),
        "next_due_at": portal.next_due_at,
        "enabled": portal.enabled,
        "hook_token_hash": portal.hook_token_hash,
    }


def _portal(row: Row[Any]) -> Portal:
    return Portal(
        id=row.id,
        name=row.name,
        connector=row.connector,
        settings=row.settings,
        mode=Mode(row.mode),
        policy=Policy.model_validate(row.policy),
        overrides=tuple(PolicyOverride.model_validate(item) for item in row.overrides),
        schedule=row.schedule,
        next_due_at=row.next_due_at,
        enabled=row.enabled,
        hook_token_hash=row.hook_token_hash,
        read_at=row.read_at,
    )
