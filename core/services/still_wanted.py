"""Whether what was planned and decided some time ago is still what is wanted (M1, M2, M7): people and portals went on.

A plan that waits for a person is written as it was shown. Between the two somebody may have linked a customer to another company,
ignored it, changed a formula or put the portal into review, a portal may have told another quantity, and a period may have ended.
What such a change was computed from is worked out again with what is known; what comes to something else is planned again instead.
Nothing is asked of Autotask here: whether the lines are as they were is for `core.services.freshness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from core.domain.contract import ContractState, ItemRef, LineRef
from core.domain.drafts import on_a_line
from core.domain.guard import holds_of
from core.domain.period import period_start
from core.domain.plan import Change, ChangeStatus
from core.domain.policy import Mode
from core.domain.provisioning.facts import Wanted
from core.domain.provisioning.policy import ContractKind
from core.domain.target import Target
from core.domain.targets import compute_targets
from core.domain.text import T
from core.services import plan_making
from core.services.applying import End, Work
from core.services.context import Context
from core.services.plan_making import Facts
from core.store import directory

Place = LineRef | tuple[int, ItemRef]
OWN_WAY = (ContractKind.PER_SUBSCRIPTION, ContractKind.AZURE_PLAN)
"""Contracts of their own: what they are to have is worked out with what only Autotask knows."""


def close_unwanted(ctx: Context, works: Sequence[Work]) -> None:
    """Close the works that nobody would plan any more, saying why; the others stay as they are."""
    if not works:
        return
    facts, today = plan_making.gather(ctx), ctx.clock.today()
    with ctx.database.session() as session:
        state = directory.load_state(session)
    special = frozenset[str]().union(*(facts.wanted.portals(kind) for kind in OWN_WAY))
    targets = _targets(ctx, facts, state)
    for work in works:
        change = work.change
        place = (change.contract_id, change.item)
        # A line that is to be added may be there by now.
        target = targets.get(change.line) if change.line is not None else targets.get(place)
        if special.isdisjoint(change.portals) and not _still(change, target, state, today):
            text = T("What it was computed from has changed since the plan was made; it is planned again.")
            work.close(End.WAITING, text)


def _targets(ctx: Context, facts: Facts, state: ContractState) -> dict[Place, Target]:
    """The targets as they are now, by their lines, and by contract and service."""
    usage = [one for one in facts.usage if one.portal not in facts.wanted.portals(ContractKind.PER_SUBSCRIPTION)]
    left = _without_made(state, facts.wanted)
    found = compute_targets(
        usage, facts.mapping, left, ctx.clock.now(), ctx.clock.today(), facts.subscriptions.remembered
    )
    by_place: dict[Place, Target] = {(one.contract_id, one.item): one for one in found.targets}
    return by_place | {one.line: one for one in found.targets if one.line is not None}


def _without_made(state: ContractState, wanted: Wanted) -> ContractState:
    made = {one.contract_id for one in wanted.made.values()}
    if not made:
        return state
    lines = {ref: line for ref, line in state.lines.items() if line.contract_id not in made}
    return replace(state, lines=lines)


def _still(change: Change, target: Target | None, state: ContractState, today: date) -> bool:
    contract = state.contracts.get(change.contract_id)
    if contract is not None and change.effective_date < period_start(contract, today):
        # Planned in a period that is over: nothing reaches back so far (M7).
        return False
    if not change.sources:
        return True
    if target is None or target.units is None or target.company_id != change.company_id:
        return False
    told = [str(text) for text in target.explanation]
    if told != [str(text) for text in change.explanation[: len(told)]]:
        return False
    amounts = ((change.unit_price, target.unit_price), (change.unit_cost, target.unit_cost))
    if any(planned is not None and (wanted is None or planned != on_a_line(wanted)) for planned, wanted in amounts):
        return False
    by_itself = target.mode is Mode.AUTOMATIC and not holds_of(change, target.policy)
    return change.status is not ChangeStatus.READY or by_itself
