"""The audit: who did what to what, with the value before and after. Append-only and chained (see `core.store.chain`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from core.domain.paging import MOST_ROWS, Page
from core.store import chain
from core.store.chain import Verification
from core.store.cleaning import clean
from core.store.codec import canonical
from core.store.tables import table
from core.store.tables.ledger import AuditRow

AUDIT = table(AuditRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One entry to write. `event` is `noun.verb`; `before` and `after` are anything that has canonical JSON, never secrets."""

    actor: str
    event: str
    subject: str = ""
    before: object = None
    after: object = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry as it stands; `before` and `after` are canonical JSON, empty for none."""

    id: int
    at: datetime
    actor: str
    event: str
    subject: str
    before: str
    after: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """`event` is the beginning of an event (`mapping.`); `text` is searched in subject, actor, event and values.

    `meant` names the events that a word of `text` (in small letters) stands for in somebody's language.
    """

    text: str = ""
    meant: Mapping[str, Sequence[str]] = field(default_factory=dict)
    actor: str = ""
    event: str = ""
    since: datetime | None = None
    until: datetime | None = None
    descending: bool = True
    offset: int = 0
    limit: int = 100


def append(session: Session, at: datetime, entries: Sequence[Audited]) -> list[int]:
    """Write entries to the end of the audit; gives their numbers. Do it last in a transaction."""
    rows = [
        {
            "at": at,
            "actor": clean(entry.actor),
            "event": entry.event,
            "subject": clean(entry.subject),
            "before": _json(entry.before),
            "after": _json(entry.after),
        }
        for entry in entries
    ]
    return chain.append_rows(session, AUDIT, rows)


def page(session: Session, query: AuditFilter) -> Page[AuditEntry]:
    """Entries that pass the filter, newest first."""
    where = _where(query)
    total = session.execute(select(func.count()).select_from(AUDIT).where(*where)).scalar_one()
    order = AUDIT.c.id.desc() if query.descending else AUDIT.c.id
    limit = max(1, min(query.limit, MOST_ROWS))
    rows = session.execute(select(AUDIT).where(*where).order_by(order).limit(limit).offset(query.offset))
    return Page(tuple(_entry(row) for row in rows), total)


def people(session: Session) -> tuple[str, ...]:
    """Everybody who stands in it, in the order of the alphabet."""
    names = session.execute(select(AUDIT.c.actor).distinct()).scalars()
    return tuple(sorted(names, key=str.casefold))


def events(session: Session) -> tuple[str, ...]:
    """Every kind of thing that stands in it."""
    return tuple(session.execute(select(AUDIT.c.event).distinct()).scalars())


def export(session: Session, after: int = 0) -> Iterator[AuditEntry]:
    """All entries in order, streamed."""
    for row in chain.stream(session, AUDIT, after):
        yield _entry(row)


def verify(session: Session) -> Verification:
    """Whether the audit is whole."""
    return chain.verify(session, AUDIT)


def _json(value: object) -> str:
    return "" if value is None else canonical(value)


def _where(query: AuditFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if query.actor:
        where.append(AUDIT.c.actor == query.actor)
    if query.event:
        where.append(AUDIT.c.event.startswith(query.event, autoescape=True))
    if query.since:
        where.append(AUDIT.c.at >= query.since)
    if query.until:
        where.append(AUDIT.c.at < query.until)
    for word in query.text.split():
        columns = (AUDIT.c.subject, AUDIT.c.actor, AUDIT.c.event, AUDIT.c.before, AUDIT.c.after)
        found = [column.icontains(word, autoescape=True) for column in columns]
        if events := query.meant.get(word.casefold()):
            found.append(AUDIT.c.event.in_(events))
        where.append(or_(*found))
    return where


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(row.id, row.at, row.actor, row.event, row.subject, row.before, row.after, row.hash)
