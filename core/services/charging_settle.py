"""Settles charges that an earlier run left open: a process that was killed, an answer that never came (M4).

Whoever settles has the turn to write. Nothing is sent here: what did not happen is planned again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from core.domain.charges.plan import ChargeChange
from core.domain.ports import ChargeTarget
from core.domain.text import T
from core.services.applying import End
from core.services.charge_journal import fact, intended_charge, is_charge, seen_json
from core.services.charging_apply import ChargeWork, judge, look_up
from core.services.landing import let_land
from core.services.running import Running
from core.store import charges, decisions, ledger, runlog
from core.store import portals as portal_store
from core.store.charges import VerifiedCharge
from core.store.ledger import Event, OpenIntent


def settle_charges(running: Running, target: ChargeTarget) -> bool:
    """Look up every charge whose write has no end in the ledger, and note how it ended; True when there was any.

    Raises RemoteError when that cannot be read.
    """
    ctx = running.ctx
    with ctx.database.session() as session:
        opens = [one for one in ledger.open_intents(session) if is_charge(one.intent.change_id)]
        last = _last_sign(session, opens)
        names = {portal.name: portal.id for portal in portal_store.all_portals(session)} if opens else {}
    if not opens:
        return False
    let_land(running, last, lambda: _all_there(target, opens))
    works = [(one, ChargeWork(intended_charge(one.intent))) for one in opens]
    sent = [work for one, work in works if one.may_have_happened]
    there = look_up(target, [work.change for work in sent]) if sent else {}
    for work in sent:
        judge(work, there[work.change.id])
    facts = [
        fact(
            Event.SETTLED if one.may_have_happened else Event.SKIPPED, work.change, one.intent.run_id,
            applied=work.end is End.VERIFIED, by_run=running.id, **seen_json(work.found),
        )
        for one, work in works
    ]  # fmt: skip
    done = [work for work in sent if work.end is End.VERIFIED]
    text = T("{count} charges were interrupted; {done} of them had reached Autotask.", count=len(works), done=len(done))

    def note(session: Session) -> None:
        running.fence(session)
        keep(session, done, names, running.id, ctx.clock.now())
        # An approval was worth for this write alone.
        decisions.withdraw(session, [work.change.id for work in done])
        runlog.append(session, [running.line(text, event="charges.settled")])
        ledger.append(session, ctx.clock.now(), facts)

    ctx.database.run(note)
    return True


def _all_there(target: ChargeTarget, opens: Sequence[OpenIntent]) -> bool:
    sent = [ChargeWork(intended_charge(one.intent)) for one in opens if one.may_have_happened]
    there = look_up(target, [work.change for work in sent]) if sent else {}
    for work in sent:
        judge(work, there[work.change.id])
    return all(work.end is End.VERIFIED for work in sent)


def keep(session: Session, done: Sequence[ChargeWork], portal_ids: dict[str, int], run_id: int, at: datetime) -> None:
    """Remember what was read back of these changes: key → Autotask's number, and what it comes to."""
    charges.forget(session, [work.change.key for work in done if work.change.after is None])
    verified = [
        _verified(work.change, work, portal_ids[work.change.portal], run_id)
        for work in done
        if work.found is not None and work.change.portal in portal_ids
    ]
    charges.remember(session, verified, at)


def _verified(change: ChargeChange, work: ChargeWork, portal_id: int, run_id: int) -> VerifiedCharge:
    assert work.found is not None
    return VerifiedCharge(
        key=change.key,
        portal_id=portal_id,
        customer_id=change.customer_id,
        contract_id=change.contract_id,
        period_start=change.period_start,
        charge_id=work.found.id,
        price=work.found.amount,
        change_id=change.id,
        run_id=run_id,
    )


def _last_sign(session: Session, opens: Sequence[OpenIntent]) -> datetime | None:
    """When the last of these writes can have been sent; None when none was."""
    runs = {one.intent.run_id for one in opens if one.may_have_happened and one.intent.run_id is not None}
    return max((entry.at for run_id in runs for entry in ledger.of_run(session, run_id)[-1:]), default=None)
