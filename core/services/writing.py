"""Writes the changes of a run, with everything that follows from how they end: log, approvals, reversals, the plan that is left."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from core.domain.contract import LineRef
from core.domain.finding import Finding, FindingKind
from core.domain.plan import Change, Plan
from core.domain.ports import Target
from core.domain.text import T, Text
from core.services import reversals
from core.services.applying import Applier, End, Work
from core.services.journal import Journal, Prices
from core.services.running import Running
from core.store import runlog
from core.store.runlog import LogLine

Names = Mapping[str, tuple[str, str]]
"""Change → names of its company and its service."""
TELL_EVERY = 1.0
"""Seconds between two looks at how far the writing is."""


@dataclass(slots=True)
class Writing:
    """The writing part of one run. `names` are what the log calls companies and services."""

    running: Running
    target: Target
    names: Names
    portals: tuple[int, int]
    """Portals read, and portals in all: progress keeps showing them."""
    _told: float = 0.0

    def write(self, works: Sequence[Work], prices: Mapping[LineRef, Prices]) -> None:
        """Bring every work to an end. Raises RunLost when another process took over."""
        running = self.running
        journal = Journal(running.ctx, running.run, running.fence)
        applier = Applier(
            running.ctx, self.target, journal, running.should_stop, running.may_send, self._ended, self._progress
        )
        applier.apply(works, prices)

    def _ended(self, session: Session, works: Sequence[Work]) -> None:
        self.running.must_be_mine(session)
        verified = [work for work in works if work.end is End.VERIFIED]
        done = [(work.change, work.line) for work in verified]
        reversals.written(session, done, self.running.run.started_by, self.running.ctx.clock.now())
        runlog.append(session, [self._line(work) for work in works])

    def _line(self, work: Work) -> LogLine:
        level = "info" if work.end is End.VERIFIED else "warning" if work.end is End.WAITING else "error"
        portal = ", ".join(work.change.portals)
        return self.running.line(
            sentence(work, self.names.get(work.change.id, ("", ""))), level=level, event="line.written", portal=portal
        )

    def _progress(self, done: int, total: int) -> None:
        if time.monotonic() - self._told < TELL_EVERY and done < total:
            return
        self._told = time.monotonic()
        self.running.progress(*self.portals, T("Writing change {done} of {total}.", done=min(done, total), total=total))


def sentence(work: Work, names: tuple[str, str]) -> Text:
    """How one change ended, with the value before and after (S1-43, S1-44)."""
    company, service = names
    change = work.change
    values = {
        "company": company, "service": service, "before": change.from_units, "after": change.to_units,
        "day": change.effective_date,
    }  # fmt: skip
    match work.end:
        case End.VERIFIED if change.unit_price is not None or change.unit_cost is not None:
            return T(
                "{company}: {service} from {before} to {after} units as of {day}, with a new price or cost; read back.",
                **values,
            )
        case End.VERIFIED:
            return T("{company}: {service} from {before} to {after} units as of {day}; read back.", **values)
        case End.WAITING:
            return T(
                "{company}: {service} from {before} to {after} units as of {day} was not sent: {why}",
                **values, why=work.why or "",
            )  # fmt: skip
    return T(
        "{company}: {service} from {before} to {after} units as of {day} did not succeed: {why}",
        **values, why=work.why or "",
    )  # fmt: skip


def plan_left(plan: Plan, works: Collection[Work], names: Names, instead: Plan | None = None) -> Plan:
    """What is still to be done after the writing. `instead` replaces the changes of the lines that it plans again."""
    done = {work.change.id for work in works if work.end is End.VERIFIED}
    failed = [work for work in works if work.end is not End.VERIFIED]
    again = {change.line for change in instead.changes} if instead else set()
    changes = [change for change in plan.changes if change.id not in done and change.line not in again]
    open_lines = {change.line for change in changes} | again
    right = {work.line for work in works if work.end is End.VERIFIED} - open_lines
    fresh = list(instead.changes) if instead else []
    fresh = [change for change in fresh if change.id not in done]
    findings = {finding.key: finding for finding in plan.findings if finding.line is None or finding.line not in right}
    findings |= {finding.key: finding for work in failed for finding in [_finding(work, names)]}
    if instead:
        findings |= {finding.key: finding for finding in instead.findings}
    return replace(
        plan,
        changes=(*changes, *fresh),
        findings=tuple(findings[key] for key in sorted(findings)),
        unchanged=plan.unchanged + len(right),
    )


def _finding(work: Work, names: Names) -> Finding:
    change = work.change
    company, service = names.get(change.id, ("", ""))
    kind = FindingKind.REFUSED if work.end is End.REFUSED else FindingKind.FAILED
    return Finding(
        kind=kind,
        key=f"{kind.value}|{_where(change)}",
        portal=", ".join(change.portals),
        subject=company,
        company_id=change.company_id,
        line=work.line,
        message=T(
            "{company}: {service} could not be set to {units} units: {why}",
            company=company, service=service, units=change.to_units, why=work.why or "",
        ),
        remedy=T("Try this change again on the Changes page, or look at the line in Autotask."),
    )  # fmt: skip


def _where(change: Change) -> str:
    return change.line.text if change.line else f"{change.contract_id}|{change.item.kind}|{change.item.id}"
