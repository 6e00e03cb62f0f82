"""What people decided about changes: approved, dismissed. An approval is worth for exactly one change id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.domain.charges.plan import ChargeChange
from core.domain.contract import LineRef
from core.domain.plan import HELD_BY_PERSON, Change, Decisions
from core.store.bulk import chunks, upsert_rows
from core.store.tables import table
from core.store.tables.plans import ApprovalRow, DismissalRow

APPROVAL, DISMISSAL = table(ApprovalRow), table(DismissalRow)


def load(session: Session, today: date) -> Decisions:
    """Everything that is decided now; dismissals that ran out before `today` count no more."""
    dismissed = select(DISMISSAL.c.key, DISMISSAL.c.reason).where(
        or_(DISMISSAL.c.until.is_(None), DISMISSAL.c.until >= today)
    )
    return Decisions(
        approved={row[0]: row[1] for row in session.execute(select(APPROVAL.c.change_id, APPROVAL.c.person))},
        dismissed={row[0]: row[1] for row in session.execute(dismissed)},
    )


def approve(session: Session, change_ids: Sequence[str], person: str, at: datetime) -> None:
    """Approve changes; who approved first stays."""
    rows = [{"change_id": change_id, "person": person, "at": at} for change_id in dict.fromkeys(change_ids)]
    upsert_rows(session, APPROVAL, rows, ["change_id"], update=False)


def withdraw(session: Session, change_ids: Sequence[str]) -> int:
    """Take approvals back (or clear those that were used); gives how many there were."""
    deleted = 0
    for chunk in chunks(change_ids):
        gone = APPROVAL.delete().where(APPROVAL.c.change_id.in_(chunk)).returning(APPROVAL.c.change_id)
        deleted += len(session.execute(gone).all())
    return deleted


def dismiss(
    session: Session, keys: Sequence[str], reason: str, person: str, at: datetime, *, until: date | None = None
) -> None:
    """Dismiss lines with their targets (`Change.dismissal_key`), until a day or for good."""
    rows = [{"key": key, "reason": reason, "person": person, "at": at, "until": until} for key in dict.fromkeys(keys)]
    upsert_rows(session, DISMISSAL, rows, ["key"])


def forget_dismissals(session: Session, lines: Collection[LineRef]) -> int:
    """End what was dismissed of lines that are not what they were then (holds by people stay); gives how many there were."""
    wanted = {f"{line.kind}|{line.id}" for line in lines}
    keys = session.execute(select(DISMISSAL.c.key)).scalars() if wanted else ()
    return restore(session, [key for key in keys if "|".join(key.split("|", 2)[:2]) in wanted])


def approved_among(session: Session, change_ids: Collection[str]) -> set[str]:
    """Those of these changes that have an approval of their own."""
    found: set[str] = set()
    for chunk in chunks(list(change_ids)):
        found.update(session.execute(select(APPROVAL.c.change_id).where(APPROVAL.c.change_id.in_(chunk))).scalars())
    return found


def stopped_since(
    session: Session, changes: Collection[Change | ChargeChange], since: datetime, approved: Collection[str]
) -> set[str]:
    """Those of these changes (their ids) that a person held or dismissed since then, or whose approval (they were among the
    `approved`) was taken back.
    """
    keys = {key: one.id for one in changes for key in (one.dismissal_key, HELD_BY_PERSON + one.dismissal_key)}
    needed = {one.id for one in changes if one.id in approved}
    found = needed - approved_among(session, needed)
    for chunk in chunks(list(keys)):
        later = select(DISMISSAL.c.key).where(DISMISSAL.c.key.in_(chunk), DISMISSAL.c.at >= since)
        found.update(keys[key] for key in session.execute(later).scalars())
    return found


def restore(session: Session, keys: Sequence[str]) -> int:
    """Take dismissals back; gives how many there were."""
    deleted = 0
    for chunk in chunks(keys):
        gone = DISMISSAL.delete().where(DISMISSAL.c.key.in_(chunk)).returning(DISMISSAL.c.key)
        deleted += len(session.execute(gone).all())
    return deleted
