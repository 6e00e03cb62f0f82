"""What people decide about charges: approve, hold, dismiss, and take a run back. Each decision goes into the audit.

The charges of one customer and period stand or fall together. All are for operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.charges.plan import ChargeChange, ChargeReversal
from core.domain.errors import InputError
from core.domain.plan import HELD_BY_PERSON, ChangeStatus
from core.domain.policy import Mode
from core.domain.text import T
from core.services.access import Actor, Role, require
from core.services.audited import note_all
from core.services.charge_journal import intended_charge, is_charge
from core.store import charges, decisions, ledger
from core.store import portals as portal_store
from core.store.audit import Audited
from core.store.ledger import Event, Fact

if TYPE_CHECKING:
    from core.services.context import Context

Decide = Callable[[Session, list[ChargeChange]], None]


def approve(ctx: Context, actor: Actor, change_ids: Sequence[str]) -> list[str]:
    """Let these be written, held ones too, with all others of the same customer and period; gives the ids of all.

    Raises InputError for one that is not in the plan.
    """

    def work(session: Session, chosen: list[ChargeChange]) -> None:
        _forget(session, chosen)
        decisions.approve(session, [change.id for change in chosen], actor.name, ctx.clock.now())
        charges.set_status(session, chosen, ChangeStatus.APPROVED)

    return _decide(ctx, actor, change_ids, "charge.approved", work)


def approve_all(ctx: Context, actor: Actor) -> list[str]:
    """Approve every charge of the plan but those that were dismissed."""
    require(actor, Role.OPERATOR)
    with ctx.database.session() as session:
        ids = [one.id for one in charges.changes(session) if one.status is not ChangeStatus.DISMISSED]
    return approve(ctx, actor, ids) if ids else []


def hold(ctx: Context, actor: Actor, change_ids: Sequence[str], reason: str = "") -> list[str]:
    """Keep these from being written until somebody approves them."""

    def work(session: Session, chosen: list[ChargeChange]) -> None:
        decisions.withdraw(session, [change.id for change in chosen])
        keys = [HELD_BY_PERSON + change.dismissal_key for change in chosen]
        decisions.dismiss(session, keys, reason or actor.name, actor.name, ctx.clock.now())
        charges.set_status(session, chosen, ChangeStatus.HELD)

    return _decide(ctx, actor, change_ids, "charge.held", work, reason)


def dismiss(ctx: Context, actor: Actor, change_ids: Sequence[str], reason: str) -> list[str]:
    """Do not make these charges, until they come to another amount. Raises InputError without a reason."""
    if not reason.strip():
        raise InputError(T("Say why: a dismissal needs a reason."), place="reason", kind="reason")

    def work(session: Session, chosen: list[ChargeChange]) -> None:
        decisions.withdraw(session, [change.id for change in chosen])
        charges.drop_reversals(session, {change.key.base for change in chosen})
        keys = [change.dismissal_key for change in chosen]
        decisions.dismiss(session, keys, reason.strip(), actor.name, ctx.clock.now())
        charges.set_status(session, chosen, ChangeStatus.DISMISSED)

    return _decide(ctx, actor, change_ids, "charge.dismissed", work, reason.strip())


def restore(ctx: Context, actor: Actor, change_ids: Sequence[str]) -> list[str]:
    """Take approvals, dismissals and holds back."""

    def work(session: Session, chosen: list[ChargeChange]) -> None:
        _forget(session, chosen)
        decisions.withdraw(session, [change.id for change in chosen])
        review = {portal.name for portal in portal_store.all_portals(session) if portal.mode is Mode.REVIEW}
        for status in (ChangeStatus.HELD, ChangeStatus.NEEDS_APPROVAL, ChangeStatus.READY):
            charges.set_status(session, [one for one in chosen if _status(one, review) is status], status)

    return _decide(ctx, actor, change_ids, "charge.restored", work)


def reverse_charges(ctx: Context, actor: Actor, run_id: int) -> int:
    """Propose that all charges a run wrote come to what they were before it: the next plan has the changes, each to be approved.

    What is not billed is deleted or changed back, what is billed is corrected. It holds as long as the source says what it said.
    Gives how many charges; raises InputError for a run that wrote none.
    """
    require(actor, Role.OPERATOR)

    def work(session: Session) -> int:
        wanted = _before_run(session, run_id)
        if not wanted:
            raise InputError(
                T("Run {run} wrote no charges that could be reversed.", run=str(run_id)),
                place=str(run_id),
                kind="no_changes",
            )
        charges.propose_reversals(session, run_id, wanted, actor.name, ctx.clock.now())
        after = {base: str(one.back) for base, one in sorted(wanted.items())}
        note_all(
            ctx, session, actor,
            [Audited(actor="", event="run.charges_reversal_proposed", subject=str(run_id), after=after)],
        )  # fmt: skip
        fact = Fact(event=Event.REVERSED, run_id=run_id, payload={"by": actor.name, "charges": sorted(wanted)})
        ledger.append(session, ctx.clock.now(), [fact])
        return len(wanted)

    return ctx.database.run(work)


def _before_run(session: Session, run_id: int) -> dict[str, ChargeReversal]:
    """What the charges of each key came to before the run, and what the source said in it."""
    entries = ledger.of_run(session, run_id, events=[Event.INTENDED, Event.VERIFIED, Event.SETTLED])
    intents: dict[str, ChargeChange] = {}
    written: dict[str, Decimal] = {}
    said: dict[str, Decimal] = {}
    for entry in entries:
        if not is_charge(entry.change_id):
            continue
        if entry.event is Event.INTENDED:
            intents[entry.change_id] = intended_charge(entry)
        elif entry.change_id in intents and (entry.event is Event.VERIFIED or entry.payload.get("applied")):
            change = intents[entry.change_id]
            base = change.key.base
            written[base] = written.get(base, Decimal(0)) + change.amount
            said[base] = change.total
    return {base: ChargeReversal(said[base], said[base] - written[base]) for base in written}


def _decide(
    ctx: Context, actor: Actor, change_ids: Sequence[str], event: str, decide: Decide, reason: str = ""
) -> list[str]:
    require(actor, Role.OPERATOR)

    def work(session: Session) -> list[str]:
        chosen = charges.with_lanes(session, list(dict.fromkeys(change_ids)))
        known = {change.id for change in chosen}
        for change_id in change_ids:
            if change_id not in known:
                raise InputError(
                    T("Charge {change} is not in the current plan.", change=change_id),
                    place=change_id,
                    remedy=T(
                        "Look at the charges again: the source may tell another amount now, or it is written already."
                    ),
                    kind="unknown_change",
                )
        decide(session, chosen)
        note_all(ctx, session, actor, [_audited(event, change, reason) for change in chosen])
        return [change.id for change in chosen]

    return ctx.database.run(work)


def _audited(event: str, change: ChargeChange, reason: str) -> Audited:
    after = {
        "change": change.id, "charge": change.key.text, "from": change.before.price if change.before else None,
        "to": change.after.price if change.after else None, "period": change.period_start,
        **({"reason": reason} if reason else {}),
    }  # fmt: skip
    subject = f"{change.customer} · {change.title}"
    return Audited(actor="", event=event, subject=subject, before={"status": change.status.value}, after=after)


def _forget(session: Session, chosen: Sequence[ChargeChange]) -> None:
    keys = [change.dismissal_key for change in chosen]
    decisions.restore(session, [*keys, *(HELD_BY_PERSON + key for key in keys)])


def _status(change: ChargeChange, review: set[str]) -> ChangeStatus:
    if change.holds:
        return ChangeStatus.HELD
    return ChangeStatus.NEEDS_APPROVAL if change.portal in review else ChangeStatus.READY
