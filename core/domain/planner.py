"""The plan: what is to be written so that Autotask follows the targets. Pure: no clock, no database, no network.

For each line: when may it change (policy M7, posted periods M8) → which steps lead to the target (M1, M5) → did somebody
else touch it (M10) → is it too large to go by itself (M6): that is its draft (`core.domain.drafts`). Then all drafts
together: does a portal lose too much at once (M6), and what have people decided? The changes of one line stand or fall
together: applying only some of them would leave quantities that nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import reduce

from core.domain.contract import ContractState, LineRef
from core.domain.drafts import Draft, Drafter
from core.domain.finding import Finding, FindingKind
from core.domain.guard import landslides
from core.domain.plan import Change, ChangeStatus, Decisions, LineMemory, Plan
from core.domain.policy import Mode
from core.domain.subscription.pairs import Bound, Pair, bind, settle_together, where_of
from core.domain.target import Target, Targets
from core.domain.text import T, Text


def make_plan(
    targets: Targets,
    state: ContractState,
    memory: Mapping[LineRef, LineMemory],
    decisions: Decisions,
    today: date,
    pairs: Sequence[Pair] = (),
) -> Plan:
    """The changes that bring all lines to their targets, and what a person must look at.

    `today` is the plain date in the workspace's time zone. Unit rows in `state` must reach back to the start of the present
    period and forward to the last one. Lines without a target are never touched. `pairs` are usage lines of which one took the
    place of the other: the changes of their contract lines stand or fall together.
    """
    _refuse_two_targets(targets.targets)
    ordered = sorted(targets.targets, key=_order)
    drafter = Drafter(state, memory, today)
    bound = bind(pairs, ordered)
    drafts = [
        drafter.draft(target, together=where_of(target) in bound.together)
        for target in ordered
        if target.units is not None
    ]
    # A decrease that somebody has dismissed is not about to happen.
    moving = {place: draft.changes for place, draft in enumerate(drafts) if not _is_dismissed(draft, decisions)}
    slides = landslides([draft.target for draft in drafts], moving)
    changes: list[Change] = []
    findings = {finding.key: finding for finding in (*targets.findings, *slides.values())}
    for draft in drafts:
        findings |= {finding.key: finding for finding in draft.findings}
        if draft.changes:
            _keep_with_its_other_half(draft, bound)
            settled, held = _settle(draft, slides, decisions)
            changes += settled
            if held is not None:
                findings[held.key] = held
    return Plan(
        today=today,
        changes=tuple(settle_together(changes) if bound.group else changes),
        findings=tuple(findings[key] for key in sorted(findings)),
        unchanged=sum(draft.is_right for draft in drafts),
    )


def _refuse_two_targets(targets: Sequence[Target]) -> None:
    lines = [target.line for target in targets if target.line is not None]
    if len(lines) != len(set(lines)):
        raise ValueError("a contract line has two targets: merge them before planning (M5)")


def _order(target: Target) -> tuple[int, int, str, int, str, int]:
    kind, number = target.line or ("", 0)
    return (target.company_id, target.contract_id, kind, number, *target.item)


def _keep_with_its_other_half(draft: Draft, bound: Bound) -> None:
    where = where_of(draft.target)
    if where in bound.group:
        draft.changes = [replace(change, pair=bound.group[where]) for change in draft.changes]
    if where in bound.alone and any(change.unit_change for change in draft.changes):
        draft.holds.append(
            T("One subscription took the place of another, and one of the two has no contract line yet: both or none.")
        )


def _settle(draft: Draft, slides: Mapping[str, Finding], decisions: Decisions) -> tuple[list[Change], Finding | None]:
    """The changes of one line with their common status, and the finding if they are held."""
    guarded = tuple(dict.fromkeys(draft.holds))
    sliding = [portal for portal in draft.target.portals if portal in slides]
    landslide: tuple[Text, ...] = ()
    if any(change.unit_change < 0 for change in draft.changes):
        landslide = tuple(T("Too many lines of {portal} go down at once.", portal=portal) for portal in sliding)
    holds = guarded + landslide
    status = _status(draft, decisions, held=bool(holds))
    settled = [replace(change, status=status, holds=holds) for change in draft.changes]
    # A landslide and drift have findings of their own.
    drift_only = {finding.message for finding in draft.findings}
    own = [text for text in guarded if text not in drift_only]
    return settled, _held(draft, own) if status is ChangeStatus.HELD and own else None


def _status(draft: Draft, decisions: Decisions, *, held: bool) -> ChangeStatus:
    if _is_dismissed(draft, decisions):
        return ChangeStatus.DISMISSED
    if decisions.approved and all(change.id in decisions.approved for change in draft.changes):
        return ChangeStatus.APPROVED
    if held:
        return ChangeStatus.HELD
    return ChangeStatus.NEEDS_APPROVAL if draft.target.mode is Mode.REVIEW else ChangeStatus.READY


def _is_dismissed(draft: Draft, decisions: Decisions) -> bool:
    if draft.target.reason is not None or not decisions.dismissed:
        # A reversal is asked for anew: what was dismissed before it, be it by another reversal, is no answer to it.
        return False
    return any(change.dismissal_key in decisions.dismissed for change in draft.changes)


def _held(draft: Draft, holds: Sequence[Text]) -> Finding:
    change = draft.changes[0]
    where = f"{change.line.kind}|{change.line.id}" if change.line else f"{change.contract_id}|{change.item.id}"
    return Finding(
        kind=FindingKind.HELD,
        key=f"held|line|{where}",
        portal=", ".join(change.portals),
        company_id=change.company_id,
        line=change.line,
        message=T(
            "From {before} to {after} units is held: {why}",
            before=change.from_units,
            after=draft.target.units,
            why=reduce(lambda told, next_one: T("{first} {second}", first=told, second=next_one), holds),
        ),
        remedy=T("Approve the change if it is right."),
    )
