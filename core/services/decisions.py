"""What people decide about changes: approve, withdraw, hold, dismiss. Each decision goes into the audit. All are for operators.

The changes of one line stand or fall together: a decision about one is a decision about all of them. A decision shows in the
current plan at once, and holds in every later plan in which the change is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.errors import InputError
from core.domain.plan import HELD_BY_PERSON, Change, ChangeStatus
from core.domain.policy import Mode
from core.domain.text import T
from core.services import reversals
from core.services.access import Actor, Role, require
from core.services.audited import note_all
from core.services.paging import PageQuery
from core.store import decisions as store
from core.store import plans
from core.store.audit import Audited
from core.store.plans import StoredChange
from core.store.portals import all_portals

if TYPE_CHECKING:
    from core.services.context import Context

Decide = Callable[[Session, list[StoredChange]], None]


def approve(ctx: Context, actor: Actor, change_ids: Sequence[str]) -> int:
    """Let these changes be written, held ones too. Gives how many. Raises InputError for one that is not in the plan."""

    def work(session: Session, chosen: list[StoredChange]) -> None:
        _forget(session, chosen)
        store.approve(session, _ids(chosen), actor.name, ctx.clock.now())
        plans.set_status(session, _ids(chosen), ChangeStatus.APPROVED)

    return _decide(ctx, actor, change_ids, "change.approved", work)


def approve_all(ctx: Context, actor: Actor, query: PageQuery | None = None) -> int:
    """Approve everything that passes the filter, but for what was dismissed (unless that is what the filter asks for)."""
    require(actor, Role.OPERATOR)
    wanted = query or PageQuery()
    with ctx.database.session() as session:
        ids = plans.change_ids(session, wanted)
        if wanted.status != ChangeStatus.DISMISSED:
            found = plans.find_changes(session, ids)
            ids = [one.change.id for one in found if one.change.status is not ChangeStatus.DISMISSED]
    return approve(ctx, actor, ids) if ids else 0


def withdraw(ctx: Context, actor: Actor, change_ids: Sequence[str]) -> int:
    """Take approvals back, as long as the changes are not written. Gives how many."""

    def work(session: Session, chosen: list[StoredChange]) -> None:
        store.withdraw(session, _ids(chosen))
        _as_planned(session, chosen)

    return _decide(ctx, actor, change_ids, "change.withdrawn", work)


def hold(ctx: Context, actor: Actor, change_ids: Sequence[str], reason: str = "") -> int:
    """Keep these changes from being written until somebody approves them. Gives how many."""

    def work(session: Session, chosen: list[StoredChange]) -> None:
        keys = [HELD_BY_PERSON + one.change.dismissal_key for one in chosen]
        store.withdraw(session, _ids(chosen))
        store.dismiss(session, keys, reason or actor.name, actor.name, ctx.clock.now())
        plans.set_status(session, _ids(chosen), ChangeStatus.HELD)

    return _decide(ctx, actor, change_ids, "change.held", work, reason)


def dismiss(ctx: Context, actor: Actor, change_ids: Sequence[str], reason: str, *, until: date | None = None) -> int:
    """Do not make these changes: not until their target is another one, or until a day (inclusive). Gives how many.

    Raises InputError without a reason. A reversal that is dismissed is given up.
    """
    if not reason.strip():
        raise InputError(T("Say why: a dismissal needs a reason."), place="reason", kind="reason")

    def work(session: Session, chosen: list[StoredChange]) -> None:
        store.withdraw(session, _ids(chosen))
        back = [one for one in chosen if _is_reversal(one.change)]
        reversals.forget(session, {one.change.line for one in back if one.change.line is not None})
        keys = [one.change.dismissal_key for one in chosen if one not in back]
        store.dismiss(session, keys, reason.strip(), actor.name, ctx.clock.now(), until=until)
        plans.set_status(session, _ids(chosen), ChangeStatus.DISMISSED)

    return _decide(ctx, actor, change_ids, "change.dismissed", work, reason.strip())


def restore(ctx: Context, actor: Actor, change_ids: Sequence[str]) -> int:
    """Take dismissals and holds back. Gives how many changes."""

    def work(session: Session, chosen: list[StoredChange]) -> None:
        _forget(session, chosen)
        _as_planned(session, chosen)

    return _decide(ctx, actor, change_ids, "change.restored", work)


def _decide(ctx: Context, actor: Actor, change_ids: Sequence[str], event: str, decide: Decide, reason: str = "") -> int:
    require(actor, Role.OPERATOR)

    def work(session: Session) -> int:
        chosen = _with_their_lines(session, change_ids)
        decide(session, chosen)
        note_all(ctx, session, actor, [_audited(event, one, reason) for one in chosen])
        return len(chosen)

    return ctx.database.run(work)


def _with_their_lines(session: Session, change_ids: Sequence[str]) -> list[StoredChange]:
    """These changes of the current plan, and the others of their lines."""
    chosen = plans.find_changes(session, list(dict.fromkeys(change_ids)))
    known = {one.change.id for one in chosen}
    for change_id in change_ids:
        if change_id not in known:
            raise InputError(
                T("Change {change} is not in the current plan.", change=change_id),
                place=change_id,
                remedy=T("Look at the plan again: the line may have changed, or the change is written already."),
                kind="unknown_change",
            )
    lines = {one.change.line for one in chosen if one.change.line is not None}
    pairs = {one.change.pair for one in chosen if one.change.pair}
    plan = plans.load(session)
    # What belongs to one pair goes together, with all that its lines have.
    lines |= {change.line for change in plan.changes if change.pair in pairs and change.line} if plan else set()
    family = [change.id for change in plan.changes if change.line in lines or change.pair in pairs] if plan else []
    return plans.find_changes(session, list(dict.fromkeys([*change_ids, *family])))


def _audited(event: str, one: StoredChange, reason: str) -> Audited:
    change = one.change
    after = {
        "change": change.id, "from": change.from_units, "to": change.to_units, "date": change.effective_date,
        **({"reason": reason} if reason else {}),
    }  # fmt: skip
    subject = f"{one.company} · {one.item}"
    return Audited(actor="", event=event, subject=subject, before={"status": change.status.value}, after=after)


def _forget(session: Session, chosen: Sequence[StoredChange]) -> None:
    keys = [one.change.dismissal_key for one in chosen]
    store.restore(session, [*keys, *(HELD_BY_PERSON + key for key in keys)])


def _as_planned(session: Session, chosen: Sequence[StoredChange]) -> None:
    """Show the status that the changes have without a person's decision."""
    review = {portal.name for portal in all_portals(session) if portal.mode is Mode.REVIEW}
    by_status: dict[ChangeStatus, list[str]] = {}
    for one in chosen:
        by_status.setdefault(_status(one.change, review), []).append(one.change.id)
    for status, ids in by_status.items():
        plans.set_status(session, ids, status)


def _status(change: Change, review: set[str]) -> ChangeStatus:
    if change.holds:
        return ChangeStatus.HELD
    waits = _is_reversal(change) or review & set(change.portals)
    return ChangeStatus.NEEDS_APPROVAL if waits else ChangeStatus.READY


def _is_reversal(change: Change) -> bool:
    return not change.sources


def _ids(chosen: Sequence[StoredChange]) -> list[str]:
    return [one.change.id for one in chosen]
