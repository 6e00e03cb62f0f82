"""The making part of a run: what is missing in Autotask comes first, then the plan is made again with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from core.domain.plan import Change, Plan
from core.domain.ports import Target
from core.services.applying import End, Work
from core.services.plan_making import Planned
from core.services.provisioning import Maker
from core.services.provisioning_plan import first_lines, with_failures
from core.services.running import Running
from core.store import plans


def make_missing(running: Running, target: Target, changes: Sequence[Change]) -> list[Work]:
    """Carry out the steps among these changes, in their order; each `Work` tells how it ended."""
    return Maker(running, target).make([change for change in changes if change.step is not None])


def anything_made(works: Sequence[Work]) -> bool:
    """Whether Autotask is not as the plan saw it any more."""
    return any(work.end in (End.VERIFIED, End.OPEN) for work in works)


def planned_with(planned: Planned, works: Sequence[Work]) -> Planned:
    """The plan after the making: what a person approved with a contract is approved, what failed is told."""
    made = [work.change for work in works if work.end is End.VERIFIED]
    return replace(planned, plan=with_failures(first_lines(planned.plan, made), works))


def counted(plan: Plan, works: Sequence[Work]) -> Plan:
    """The plan as a run did it: with the steps that were made, which a plan that is made afterwards has no more."""
    known = {change.id for change in plan.changes}
    return replace(plan, changes=(*(work.change for work in works if work.change.id not in known), *plan.changes))


def keep_plan(running: Running, plan: Plan) -> None:
    """Make this the plan that pages show."""
    ctx = running.ctx

    def work(session: Session) -> None:
        running.must_be_mine(session)
        plans.save(session, plan, ctx.clock.now(), run_id=running.id)

    ctx.database.run(work)
