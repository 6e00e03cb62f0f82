"""The charges' part of a run: settle what is open, plan against Autotask as it is, write what may be written (M1, M4, M15)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from core.domain.charges.keys import ChargeKey
from core.domain.charges.plan import (
    ChargeChange,
    ChargeFacts,
    ChargePlan,
    Consumed,
    ExistingCharge,
    KnownCharge,
    PortalCharging,
)
from core.domain.charges.planner import plan_charges
from core.domain.consumption_lines import final_from
from core.domain.errors import ContractBridgeError
from core.domain.plan import ChangeStatus
from core.domain.ports import Target
from core.domain.text import Money, T, Text
from core.services.amount_doubts import known_doubts
from core.services.applying import End
from core.services.charge_journal import ChargeJournal, is_charge
from core.services.charge_sources import final_day
from core.services.charging_apply import ChargeApplier, ChargeWork
from core.services.charging_settle import keep, settle_charges
from core.services.context import Context
from core.services.running import RunLost, Running, RunStopped
from core.store import charges, consumption, decisions, ledger, mappings, runlog
from core.store import portals as portal_store

PLANNED_DAYS = 400
"""Periods that began longer ago are closed: nothing of them is read, planned or written any more."""
COUNTS = ("planned", "applied", "held", "failed", "unchanged", "waiting", "dismissed", "provisional")


@dataclass(frozen=True, slots=True)
class Charged:
    """What came of it. `counts` has the names of `COUNTS`."""

    counts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    findings: Mapping[str, int] = field(default_factory=dict)

    def beside(self, changes: Mapping[str, int]) -> dict[str, int]:
        """Counts of contract lines and charges together."""
        return {name: changes.get(name, 0) + self.counts.get(name, 0) for name in changes.keys() | self.counts.keys()}

    def with_findings(self, others: Mapping[str, int]) -> dict[str, int]:
        """Findings of contract lines and charges together."""
        return dict(sorted((Counter(others) + Counter(self.findings)).items()))


def charge_in_run(
    running: Running,
    target: Target,
    *,
    apply: bool,
    portals: Sequence[str] = (),
    only: Sequence[str] | None = None,
) -> Charged:
    """The charges' part of a run. What goes wrong in it does not undo what the run did to contract lines. `only` are ids of
    changes, of contract lines too: without one of a charge among them nothing is charged.
    """
    if only is not None and not any(is_charge(one) for one in only):
        return Charged()
    try:
        return carry_out(running, target, apply=apply, portals=portals, only=only)
    except (RunLost, RunStopped):
        raise
    except ContractBridgeError as error:
        running.log(
            T("Charges could not be brought up to date: {why}", why=error.message),
            level="error",
            event="charges.failed",
        )
        return Charged({**dict.fromkeys(COUNTS, 0), "failed": 1})


def carry_out(
    running: Running, target: Target, *, apply: bool, portals: Sequence[str] = (), only: Collection[str] | None = None
) -> Charged:
    """Plan all charges and keep the plan; with `apply` write what policy and people allow (of these portals, or only these
    changes). The caller has the turn to write when `apply`. Asks Autotask nothing while there is no consumption.
    """
    ctx = running.ctx
    if not has_consumption(ctx):
        return Charged()
    if apply:
        settle_charges(running, target)
    running.go_on()
    plan = make_plan(ctx, target)
    works = [ChargeWork(change) for change in plan.applicable() if apply and _is_meant(change, portals, only)]
    ctx.database.run(lambda session: _keep_plan(session, plan))
    running.log(
        T("Charges: {count} changes, {unchanged} are right, {findings} findings.", count=len(plan.changes),
          unchanged=plan.unchanged, findings=len(plan.findings)),
        event="charges.planned",
    )  # fmt: skip
    if works:
        running.progress(0, 0, T("Writing {count} charges.", count=len(works)))
        _write(running, target, works)
        left = make_plan(ctx, target)
        ctx.database.run(lambda session: charges.save_plan(session, left))
    return Charged(_counts(plan, works), dict(Counter(one.kind.value for one in plan.findings)))


def _keep_plan(session: Session, plan: ChargePlan) -> None:
    """Make it the current one; reversals of what the source has changed since are over."""
    charges.save_plan(session, plan)
    prices = {row.key: row.price for row in plan.rows}
    over = [base for base, one in charges.reversals(session).items() if prices.get(base, one.source) != one.source]
    charges.drop_reversals(session, over)


def has_consumption(ctx: Context) -> bool:
    """Whether there is anything to charge, or to settle."""
    with ctx.database.session() as session:
        if consumption.portals_with_consumption(session) or known_doubts(session, date.min):
            return True
        return any(is_charge(one.intent.change_id) for one in ledger.open_intents(session))


def make_plan(ctx: Context, target: Target) -> ChargePlan:
    """The plan against Autotask as it is now. Raises RemoteError."""
    since = ctx.clock.today() - timedelta(days=PLANNED_DAYS)
    with ctx.database.session() as session:
        stored = consumption.current(session, since=since)
        known_ids = charges.charge_ids(session, since)
    existing = target.charges({one.period_start for one in stored}, known_ids) if stored else []
    with ctx.database.session() as session:
        return plan_charges(gather(session, ctx, stored, existing))


def gather(
    session: Session,
    ctx: Context,
    stored: Sequence[consumption.StoredConsumption],
    existing: Sequence[ExistingCharge],
) -> ChargeFacts:
    """All that the plan is made of, as it is stored at one moment."""
    settings = charges.all_settings(session)
    portals = {portal.id: portal for portal in portal_store.all_portals(session)}
    mapping = mappings.load_mapping(session)
    since = min((one.period_start for one in stored), default=ctx.clock.today()) - timedelta(days=35)
    known = charges.known_charges(session, since)
    return ChargeFacts(
        consumed=tuple(
            Consumed(
                portal=one.portal,
                identity=settings[one.portal_id].identity if one.portal_id in settings else one.portal,
                customer_id=one.customer_id,
                customer=one.customer,
                period_start=one.period_start,
                period_end=one.period_end,
                lines=one.lines,
                provisional=one.provisional,
                again_from=_told_too_early(one, portals.get(one.portal_id), ctx.clock.today()),
            )
            for one in stored
        ),
        customers=mapping.customers,
        portals={
            portal.name: PortalCharging(
                settings=settings[portal.id].settings if portal.id in settings else None,
                mode=portal.mode,
                drift=portal.policy.drift,
                hold_to_zero=portal.policy.hold_to_zero,
            )
            for portal in portals.values()
        },
        existing=_with_known_keys(existing, known),
        contracts=charges.contracts(session),
        known=known,
        decisions=decisions.load(session, ctx.clock.today()),
        previous=_previous(charges.totals_by_period(session, since), {one.id: one.name for one in portals.values()}),
        refused=charges.refused(session),
        reversals=charges.reversals(session),
        doubts=known_doubts(session, ctx.clock.today() - timedelta(days=PLANNED_DAYS)),
    )


def _told_too_early(one: consumption.StoredConsumption, portal: portal_store.Portal | None, today: date) -> date | None:
    """Since when a month is final that was told while it could still change; None where that is not so."""
    closed = final_day(portal, one.period_end) if portal is not None else final_from(one.period_end)
    early = one.provisional and one.taken_at.date() < closed <= today
    return closed if early else None


def _with_known_keys(
    existing: Sequence[ExistingCharge], known: Mapping[str, tuple[KnownCharge, ...]]
) -> tuple[ExistingCharge, ...]:
    """Charges whose key somebody removed in Autotask are still ours by their number."""
    by_id = {one.charge_id: one.key for ones in known.values() for one in ones}
    return tuple(
        charge if charge.key is not None else _keyed(charge, by_id[charge.id])
        for charge in existing
        if charge.key is not None or charge.id in by_id
    )


def _keyed(charge: ExistingCharge, key: ChargeKey) -> ExistingCharge:
    return replace(charge, key=key)


def _previous(
    totals: Mapping[tuple[int, str, date], Decimal], names: Mapping[int, str]
) -> dict[tuple[str, str, date], Decimal]:
    """By portal, customer and period: what the period before came to."""
    return {
        (names[portal_id], customer_id, _next_month(period)): amount
        for (portal_id, customer_id, period), amount in totals.items()
        if portal_id in names
    }


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, min(day.day, 28))


def _is_meant(change: ChargeChange, portals: Sequence[str], only: Collection[str] | None) -> bool:
    if only is not None:
        return change.id in only
    return not portals or change.portal in portals


def _write(running: Running, target: Target, works: Sequence[ChargeWork]) -> None:
    ctx = running.ctx
    with ctx.database.session() as session:
        portal_ids = {portal.name: portal.id for portal in portal_store.all_portals(session)}

    def ended(session: Session, closed: Sequence[ChargeWork]) -> None:
        running.must_be_mine(session)
        now = ctx.clock.now()
        done = [work for work in closed if work.end is End.VERIFIED]
        keep(session, done, portal_ids, running.id, now)
        decisions.withdraw(session, [work.change.id for work in done])
        said = {work.change.id: work.why for work in closed if work.end is End.REFUSED and work.why is not None}
        charges.note_refused(session, said, now)
        decisions.withdraw(session, list(said))
        runlog.append(session, [_line(running, work) for work in closed])

    journal = ChargeJournal(ctx, running.run, running.fence)
    ChargeApplier(ctx, target, journal, running.should_stop, running.may_send, ended).apply(works)


def _line(running: Running, work: ChargeWork) -> runlog.LogLine:
    level = "info" if work.end is End.VERIFIED else "warning" if work.end is End.WAITING else "error"
    return running.line(_sentence(work), level=level, event="charge.written", portal=work.change.portal)


def _sentence(work: ChargeWork) -> Text:
    change = work.change
    values: dict[str, object] = {
        "customer": change.customer, "title": change.title, "start": change.period_start,
        "before": Money(change.before.price if change.before else Decimal(0), change.currency),
        "after": Money(change.after.price if change.after else Decimal(0), change.currency),
    }  # fmt: skip
    if work.end is End.VERIFIED:
        return T("{customer}: {title} {start}: charge from {before} to {after}; read back.", **values)
    values["why"] = work.why or ""
    if work.end is End.WAITING:
        return T("{customer}: {title} {start}: charge from {before} to {after} was not sent: {why}", **values)
    return T("{customer}: {title} {start}: charge from {before} to {after} did not succeed: {why}", **values)


def _counts(plan: ChargePlan, works: Sequence[ChargeWork]) -> dict[str, int]:
    statuses = Counter(change.status for change in plan.changes)
    ends = Counter(work.end for work in works)
    return {
        "planned": len(plan.changes),
        "applied": ends[End.VERIFIED],
        "held": statuses[ChangeStatus.HELD],
        "failed": sum(ends.values()) - ends[End.VERIFIED],
        "unchanged": plan.unchanged,
        "waiting": statuses[ChangeStatus.NEEDS_APPROVAL],
        "dismissed": statuses[ChangeStatus.DISMISSED],
        "provisional": plan.waiting,
    }
