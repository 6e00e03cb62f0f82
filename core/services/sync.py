"""Runs that plan and write: `sync` reads the portals first, `apply` takes the plan that people looked at, `plan` only plans."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.domain.contract import ContractState
from core.domain.errors import ContractBridgeError
from core.domain.plan import Change, ChangeStatus, Plan
from core.domain.ports import Target
from core.domain.text import T, Text
from core.services import directory, plan_making, subscription_facts
from core.services.access import Actor, Role, require
from core.services.after_run import after_run
from core.services.applying import End, Work
from core.services.catching_up import caught_up, lines_written
from core.services.charging import Charged, charge_in_run
from core.services.consumption import read_amounts
from core.services.context import Context
from core.services.freshness import check_fresh
from core.services.journal import ledger_position
from core.services.making import anything_made, counted, keep_plan, make_missing, planned_with
from core.services.owners import new_owner
from core.services.plan_making import Facts, Planned
from core.services.portal_reading import read_portals
from core.services.portals import find
from core.services.recovery import settle
from core.services.running import Progress, RunLost, Running, RunStopped, begin
from core.services.still_wanted import close_unwanted
from core.services.storage import StorageTrouble, trouble_of
from core.services.summary import PortalOutcome, SyncSummary, count_changes, count_findings, status_of
from core.services.threads import Pool
from core.services.writing import Names, Writing, plan_left
from core.store import plans
from core.store.portals import Portal, all_portals
from core.store.runs import NewRun, Run

__all__ = ["PortalOutcome", "Progress", "SyncSummary", "apply_now", "carry_out", "run_sync"]

log = structlog.get_logger()
CHARGES_TOLD = ("applied", "held", "failed", "waiting")


def run_sync(
    ctx: Context,
    actor: Actor,
    portals: Sequence[str] | None = None,
    *,
    apply: bool = True,
    progress: Progress | None = None,
) -> SyncSummary:
    """One run here and now: all enabled portals, or those named. `apply=False` writes nothing to Autotask. For operators.

    Raises InputError for a portal that does not exist. What goes wrong later is in the summary.
    """
    require(actor, Role.OPERATOR)
    names = checked_names(ctx, portals)
    new = NewRun(kind="sync", portals=names, options={"apply": apply}, started_by=actor.name)
    return carry_out(ctx, begin(ctx, new, new_owner()), progress=progress)


def apply_now(
    ctx: Context, actor: Actor, change_ids: Sequence[str] | None = None, *, progress: Progress | None = None
) -> SyncSummary:
    """Apply what is approved (or needs no approval) of the current plan here and now: all, or these changes. For operators."""
    require(actor, Role.OPERATOR)
    options = {"changes": list(change_ids) if change_ids is not None else None}
    new = NewRun(kind="apply", options=options, started_by=actor.name)
    return carry_out(ctx, begin(ctx, new, new_owner()), progress=progress)


def checked_names(ctx: Context, names: Sequence[str] | None) -> tuple[str, ...]:
    """The portals asked for; none for all. Raises InputError for one that does not exist."""
    with ctx.database.session() as session:
        return tuple(dict.fromkeys(find(session, name).name for name in names or ()))


def carry_out(
    ctx: Context, run: Run, *, stop: threading.Event | None = None, progress: Progress | None = None
) -> SyncSummary:
    """Carry a claimed run out to its end. Only mistakes of our own are raised, after the run was marked as failed.

    Whatever is logged meanwhile, in whichever thread, carries the run's number.
    """
    with structlog.contextvars.bound_contextvars(run_id=run.id):
        return _carry_out(ctx, run, stop, progress)


def _carry_out(ctx: Context, run: Run, stop: threading.Event | None, progress: Progress | None) -> SyncSummary:
    running = Running(ctx, run, stop=stop, progress=progress)
    kinds: dict[str, Callable[[Running], SyncSummary]] = {"sync": _sync, "apply": _apply, "plan": _plan}
    started = time.monotonic()
    log.info("run.started", run_id=run.id, kind=run.kind, attempt=run.attempt)
    with running.breathing():
        try:
            summary = kinds[run.kind](running)
        except (RunLost, RunStopped) as error:
            running.leave()
            return SyncSummary(run_id=run.id, status="failed", changes=count_changes(None, ()), error=error.message)
        except ContractBridgeError as error:
            summary = SyncSummary(run_id=run.id, status="failed", changes=count_changes(None, ()), error=_words(error))
        except Exception as error:
            if (trouble := trouble_of(error, ctx.database)) is not None:
                return _put_off(running, trouble)
            number = uuid.uuid4().hex[:8]
            log.exception("run.broke", run_id=run.id, number=number)
            text = T("Something went wrong in the program itself; the log has it under number {number}.", number=number)
            running.log(text, level="error", event="run.broke")
            running.finish("failed", {}, text)
            raise error
        except BaseException:
            # Ctrl-C: whoever comes next need not wait for this run's lease to run out.
            running.leave()
            raise
        summary = replace(summary, duration_s=round(time.monotonic() - started, 3))
        _finish(running, summary)
    after_run(ctx, summary)
    return summary


def _put_off(running: Running, trouble: StorageTrouble) -> SyncSummary:
    """Nothing can be stored: no fault of the run's. It is taken up again by itself as soon as something can."""
    log.warning("run.put_off", run_id=running.id, trouble=trouble.kind)
    try:
        # Portals and Autotask are not to be read without end while the disk is nearly full.
        running.leave(running.ctx.pace.lease / 2)
        running.log(_words(trouble), level="warning", event="run.put_off")
    except SQLAlchemyError as error:
        # Then its lease runs out.
        log.warning("run.not_left", run_id=running.id, error=type(error).__name__)
    return SyncSummary(run_id=running.id, status="failed", changes=count_changes(None, ()), error=_words(trouble))


def _finish(running: Running, summary: SyncSummary) -> None:
    if summary.error is not None:
        running.log(summary.error, level="error", event="run.failed")
    if any(summary.charges.get(name) for name in CHARGES_TOLD):
        running.log(
            T(
                "Charges: {applied} written, {held} held, {failed} failed, {waiting} to approve.",
                **{name: summary.charges.get(name, 0) for name in CHARGES_TOLD},
            ),
            event="charges.ended",
        )
    running.log(
        T(
            "Ended: {planned} planned, {applied} applied, {held} held, {failed} failed, {unchanged} unchanged.",
            **{name: summary.changes.get(name, 0) for name in ("planned", "applied", "held", "failed", "unchanged")},
        ),
        event="run.ended",
    )
    running.finish(summary.status, summary.stored(), summary.error)
    log.info("run.ended", run_id=running.id, status=summary.status, requests=summary.autotask_requests)


def _words(error: ContractBridgeError) -> Text:
    return (
        error.message if error.remedy is None else T("{message} {remedy}", message=error.message, remedy=error.remedy)
    )


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Autotask as it was read: for which companies, and how far our own ledger was then."""

    state: ContractState
    companies: frozenset[int]
    position: int


def _refresh(ctx: Context, target: Target) -> _Fresh:
    with ctx.database.session() as session:
        position = ledger_position(session)
    companies = plan_making.mapped_companies(ctx)
    return _Fresh(directory.refresh(ctx, target, companies), companies, position)


def _caught_up(ctx: Context, target: Target, fresh: _Fresh) -> _Fresh:
    """Autotask as it is after what other runs wrote since it was read."""
    with ctx.database.session() as session:
        position = ledger_position(session)
        lines = lines_written(session, fresh.position) if position != fresh.position else frozenset()
    if lines is None:
        return _refresh(ctx, target)
    return replace(fresh, state=caught_up(ctx, target, fresh.state, lines), position=position)


def _sync(running: Running) -> SyncSummary:
    ctx, run = running.ctx, running.run
    running.wait_for_portals()
    portals = _portals(ctx, run.portals)
    total = len(portals)
    running.progress(0, total, T("Reading {count} portals.", count=total))
    with Pool(1, "refresh") as pool:
        connecting = pool.submit(_connect, running)
        outcomes = read_portals(running, portals, running.progress)
        read_amounts(running, portals)
        try:
            target, fresh = connecting.result()
        except ContractBridgeError as error:
            # What the portals told is kept; without Autotask there is nothing to compare it with.
            return SyncSummary(
                run_id=run.id,
                status="failed",
                portals=tuple(outcomes),
                changes=count_changes(None, ()),
                error=_words(error),
            )
    with closing(target):
        if run.options.get("apply", True):
            with running.turn():
                plan, works = _plan_and_write(running, target, fresh, (total, total))
                charged = charge_in_run(running, target, apply=True, portals=run.portals)
        else:
            plan, works = _planned(running, target, fresh)[1].plan, []
            charged = charge_in_run(running, target, apply=False)
        return _summary(running, target, outcomes, plan, works, charged)


def _opened(running: Running) -> Target:
    """Autotask, written to only while the run is ours."""
    target = running.ctx.autotask()
    target.only_while(running.may_write)
    return target


def _connect(running: Running) -> tuple[Target, _Fresh]:
    target = _opened(running)
    try:
        return target, _refresh(running.ctx, target)
    except BaseException:
        target.close()
        raise


def _portals(ctx: Context, names: Sequence[str]) -> list[Portal]:
    with ctx.database.session() as session:
        return all_portals(session, names=names) if names else all_portals(session, enabled=True)


def _summary(
    running: Running,
    target: Target,
    outcomes: Sequence[PortalOutcome],
    plan: Plan,
    works: Sequence[Work],
    charged: Charged,
) -> SyncSummary:
    with running.ctx.database.session() as session:
        left = plans.head(session)
    changes = count_changes(plan, works)
    return SyncSummary(
        run_id=running.id,
        status=status_of(outcomes, charged.beside(changes)),
        portals=tuple(outcomes),
        changes=changes,
        findings=charged.with_findings(left.by_finding if left else count_findings(plan.findings)),
        charges=charged.counts,
        autotask_requests=target.requests_made,
    )


def _planned(running: Running, target: Target, fresh: _Fresh) -> tuple[Facts, Planned]:
    """Make the plan and make it the current one."""
    ctx = running.ctx
    running.go_on()
    facts = plan_making.gather(ctx)
    if not plan_making.companies_of(facts.mapping) <= fresh.companies:
        fresh = _refresh(ctx, target)
    planned = plan_making.make(ctx, target, facts, fresh.state)

    def keep(session: Session) -> None:
        running.must_be_mine(session)
        plan_making.keep(session, ctx, planned, facts, running.id)

    ctx.database.run(keep)
    running.log(
        T(
            "Plan: {count} changes, {unchanged} lines are right, {findings} findings.",
            count=len(planned.plan.changes), unchanged=planned.plan.unchanged, findings=len(planned.plan.findings),
        ),
        event="plan.made",
    )  # fmt: skip
    return facts, planned


def _plan_and_write(
    running: Running, target: Target, fresh: _Fresh, portals: tuple[int, int]
) -> tuple[Plan, list[Work]]:
    """Settle what is open, plan, write what may be written, and plan once more what Autotask refused for its date."""
    running.progress(*portals, T("Comparing with Autotask."))
    settled = settle(running, target)
    fresh = _refresh(running.ctx, target) if settled else _caught_up(running.ctx, target, fresh)
    _, planned = _planned(running, target, fresh)
    made = make_missing(running, target, _to_write(planned.plan.applicable(), running.run.portals))
    if anything_made(made):
        _, planned = _planned(running, target, _refresh(running.ctx, target))
    planned = planned_with(planned, made)
    writable = [change for change in planned.plan.applicable() if change.step is None]
    works = [Work(change, change.line) for change in _to_write(writable, running.run.portals)]
    names = _names_of(planned, planned.plan.changes)
    prices = {line.ref: (line.unit_price, line.unit_cost) for line in planned.state.lines.values()}
    Writing(running, target, names, portals).write(works, prices)
    again = _plan_refused_again(running, target, planned, works)
    if again is not None:
        names |= _names_of(planned, again.changes)
        more = [Work(change, change.line) for change in again.changes if change.status is ChangeStatus.READY]
        Writing(running, target, names, portals).write(more, prices)
        instead = {work.change.line for work in more}
        works = [work for work in works if work.change.line not in instead or work.end is End.VERIFIED] + more
    _forget_ahead(running, works)
    _keep_left(running, planned.plan, works, names, again)
    if made and not works:
        keep_plan(running, planned.plan)
    return counted(planned.plan, made), [*made, *works]


def _to_write(changes: Sequence[Change], portals: Sequence[str]) -> list[Change]:
    """A run of some portals writes only what these have a part in."""
    wanted = set(portals)
    chosen = [change for change in changes if not wanted or not change.portals or wanted & set(change.portals)]
    pairs = {change.pair for change in chosen if change.pair}
    if not pairs:
        return chosen
    ids = {change.id for change in chosen}
    return [change for change in changes if change.id in ids or change.pair in pairs]


def _plan_refused_again(running: Running, target: Target, planned: Planned, works: Sequence[Work]) -> Plan | None:
    """Lines that already had a change on the day: the policy may allow the next day. Once a run."""
    refused = [work for work in works if work.end is End.REFUSED and work.reason == "same_day"]
    # What stands or falls together with another line is planned with it, by the next run (M6).
    lines = {work.line for work in refused if work.line and not work.change.pair}
    if not lines or running.should_stop():
        return None
    # As they are now: an earlier change of such a line went through, or somebody else made the one that is in the way (M1).
    state = plan_making.with_units(running.ctx, target, planned.state, lines)
    now = replace(planned, state=state)
    return plan_making.make_for_lines(running.ctx, plan_making.gather(running.ctx), now, lines)


def _forget_ahead(running: Running, works: Sequence[Work]) -> None:
    """Later rows of a line moved with what was written. Where something went wrong they stay, so that the next run looks again."""
    added = {
        work.line: (work.change.contract_id, work.change.item) for work in works if work.line and not work.change.line
    }
    directory.keep_new_lines(running.ctx, added)
    wrong = {work.line for work in works if work.end is not End.VERIFIED}
    directory.forget_ahead(running.ctx, {work.line for work in works if work.line is not None} - wrong)


def _keep_left(running: Running, plan: Plan, works: Sequence[Work], names: Names, again: Plan | None = None) -> None:
    if works:
        left, ctx = plan_left(plan, works, names, again), running.ctx

        def work(session: Session) -> None:
            running.must_be_mine(session)
            plans.save(session, left, ctx.clock.now(), run_id=running.id)
            subscription_facts.settle(session, left, works)

        ctx.database.run(work)


def _names_of(planned: Planned, changes: Sequence[Change]) -> dict[str, tuple[str, str]]:
    return {change.id: (planned.company(change.company_id), planned.item(change)) for change in changes}


def _plan(running: Running) -> SyncSummary:
    running.progress(0, 0, T("Reading Autotask."))
    target, fresh = _connect(running)
    with closing(target):
        _, planned = _planned(running, target, fresh)
        charged = charge_in_run(running, target, apply=False)
        return _summary(running, target, (), planned.plan, (), charged)


def _apply(running: Running) -> SyncSummary:
    """Write what was decided on the stored plan, after looking whether that still stands and the lines are as the plan saw them."""
    ctx = running.ctx
    target = _opened(running)
    with closing(target), running.turn():
        settle(running, target)
        with ctx.database.session() as session:
            plan = plans.load(session)
            stored = _stored(session, running.run.options.get("changes"))
        names = {one.change.id: (one.company, one.item) for one in stored}
        made = make_missing(running, target, [one.change for one in stored if _decided(one.change)])
        works = [Work(one.change, one.change.line) for one in stored if _decided(one.change) and not one.change.step]
        close_unwanted(ctx, works)
        fresh, prices = check_fresh(target, works)
        Writing(running, target, names, (0, 0)).write(fresh, prices)
        _forget_ahead(running, works)
        charged = charge_in_run(running, target, apply=True, only=running.run.options.get("changes"))
        if plan is None:
            return _summary(running, target, (), Plan(ctx.clock.today(), (), ()), (), charged)
        _keep_left(running, plan, works, names)
        if made:
            works += _after_making(running, target, made)
        elif len(fresh) < len(works):
            # Somebody else was there in between: what these lines need now is another change, to be looked at again.
            _planned(running, target, _refresh(ctx, target))
        chosen = replace(plan, changes=tuple(one.change for one in stored))
        return _summary(running, target, (), counted(chosen, works), [*made, *works], charged)


def _after_making(running: Running, target: Target, made: Sequence[Work]) -> list[Work]:
    """The plan once more, with what was made; the lines that were approved together with their contracts are written."""
    _, again = _planned(running, target, _refresh(running.ctx, target))
    planned = planned_with(again, made)
    before = {change.id: change.status for change in again.plan.changes}
    lines = [
        change for change in planned.plan.applicable() if change.step is None and before[change.id] != change.status
    ]
    works = [Work(change, change.line) for change in lines]
    names = _names_of(planned, planned.plan.changes)
    Writing(running, target, names, (0, 0)).write(works, {})
    _forget_ahead(running, works)
    _keep_left(running, planned.plan, works, names)
    if not works:
        keep_plan(running, planned.plan)
    return works


def _stored(session: Session, ids: Sequence[str] | None) -> list[plans.StoredChange]:
    if ids is not None:
        return plans.with_pairs(session, plans.find_changes(session, ids))
    decided = plans.load(session)
    wanted = [change.id for change in decided.changes if _decided(change)] if decided else []
    return plans.find_changes(session, wanted)


def _decided(change: Change) -> bool:
    return change.status in (ChangeStatus.READY, ChangeStatus.APPROVED)
