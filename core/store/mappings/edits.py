"""Edits of mappings: written in bulk, kept with what was before, told to the audit, undone as a batch.

A *subject* is one kind of thing that is edited. It can read the states of some keys and write new ones; a state is plain
JSON, None where there is nothing. Undo writes back the states from before, wherever nobody has edited since.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.store import audit
from core.store.audit import Audited
from core.store.bulk import insert_rows
from core.store.tables import table
from core.store.tables.mapping import MappingBatchRow, MappingEditRow

BATCH, EDIT = table(MappingBatchRow), table(MappingEditRow)

Key = tuple[Any, ...]
State = Any


@dataclass(frozen=True, slots=True)
class Author:
    """Who edits, and when (a UTC instant)."""

    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """What one person edited in one go."""

    id: int
    at: datetime
    person: str
    text: str
    edits: int


@dataclass(frozen=True, slots=True)
class Undone:
    """`restored` edits were taken back; `conflicts` were left, because somebody has edited the same since."""

    batch: Batch
    restored: int
    conflicts: int


class Subject(Protocol):
    """One kind of thing that is edited."""

    name: str

    def read(self, session: Session, keys: Iterable[Key]) -> dict[Key, State]:
        """The present states; keys without one may be left out."""
        ...

    def write(self, session: Session, states: Mapping[Key, State], author: Author) -> None:
        """Make these the states; None: there is none any more."""
        ...

    def titles(self, session: Session, keys: Iterable[Key]) -> dict[Key, str]:
        """What people call the keys, for the audit."""
        ...


SUBJECTS: dict[str, Subject] = {}
"""Filled by the modules of this package."""


def register(subject: Subject) -> Subject:
    """Make a subject known to undo."""
    SUBJECTS[subject.name] = subject
    return subject


def apply_edit(
    session: Session, subject: Subject, states: Mapping[Key, State], author: Author, text: str
) -> int | None:
    """Write new states as one batch; gives its number, None when nothing differs from what is there."""
    before = subject.read(session, states)
    changed = {key: state for key, state in states.items() if before.get(key) != state}
    if not changed:
        return None
    subject.write(session, changed, author)
    return keep_batch(session, subject, before, changed, author, text)


def keep_batch(
    session: Session,
    subject: Subject,
    before: Mapping[Key, State],
    after: Mapping[Key, State],
    author: Author,
    text: str,
) -> int:
    """Note states that were written already as one batch that can be undone."""
    row = {"at": author.at, "person": author.person, "text": text}
    batch_id = int(session.execute(BATCH.insert().values(row).returning(BATCH.c.id)).scalar_one())
    insert_rows(
        session,
        EDIT,
        [
            {
                "batch_id": batch_id,
                "subject": subject.name,
                "row_key": list(key),
                "before": before.get(key),
                "after": state,
            }
            for key, state in after.items()
        ],
    )
    _tell_audit(session, subject, before, after, author)
    return batch_id


def last_batch(session: Session, person: str | None = None) -> Batch | None:
    """The newest batch (of a person) that was not undone."""
    query = select(BATCH).where(BATCH.c.undone_at.is_(None)).order_by(BATCH.c.id.desc()).limit(1)
    row = session.execute(query if person is None else query.where(BATCH.c.person == person)).first()
    if row is None:
        return None
    edits = len(session.execute(select(EDIT.c.id).where(EDIT.c.batch_id == row.id)).all())
    return Batch(row.id, row.at, row.person, row.text, edits)


def undo(session: Session, batch_id: int, author: Author) -> Undone:
    """Take a batch back. Raises LookupError for one that does not exist or was undone before."""
    row = session.execute(
        select(BATCH).where(BATCH.c.id == batch_id, BATCH.c.undone_at.is_(None)).with_for_update()
    ).first()
    if row is None:
        raise LookupError(f"no batch {batch_id} to undo")
    edits = session.execute(select(EDIT).where(EDIT.c.batch_id == batch_id).order_by(EDIT.c.id)).all()
    restored = 0
    for name in dict.fromkeys(edit.subject for edit in edits):
        subject = SUBJECTS[name]
        of_subject = {_key(edit.row_key): edit for edit in edits if edit.subject == name}
        now = subject.read(session, of_subject)
        back = {key: edit.before for key, edit in of_subject.items() if now.get(key) == edit.after}
        subject.write(session, back, author)
        _tell_audit(session, subject, {key: now.get(key) for key in back}, back, author)
        restored += len(back)
    session.execute(BATCH.update().where(BATCH.c.id == batch_id).values(undone_at=author.at))
    return Undone(Batch(row.id, row.at, row.person, row.text, len(edits)), restored, len(edits) - restored)


def _tell_audit(
    session: Session, subject: Subject, before: Mapping[Key, State], after: Mapping[Key, State], author: Author
) -> None:
    titles = subject.titles(session, after)
    audit.append(
        session,
        author.at,
        [
            Audited(
                actor=author.person,
                event=f"mapping.{subject.name}",
                subject=titles.get(key, " / ".join(str(part) for part in key)),
                before=before.get(key),
                after=state,
            )
            for key, state in after.items()
        ],
    )


def _key(value: Iterable[Hashable]) -> Key:
    return tuple(value)
