"""The opposite of a run (M14), as targets: they go through the same plan, guards and apply as everything else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.domain.contract import ContractState, LineRef, UnitRow, units_on
from core.domain.finding import Finding, FindingKind
from core.domain.policy import Mode, Otherwise, Policy, When
from core.domain.target import Target, Targets
from core.domain.text import T
from core.domain.timeline import booked_steps

REVERSAL_POLICY = Policy(
    increase=When.PORTAL,
    decrease=When.PORTAL,
    max_change=None,
    max_change_percent=None,
    hold_to_zero=False,
    max_lines_down_percent=None,
    drift=Otherwise.HOLD,
)
"""From the date of what is reversed. A reversal always waits for a person, so limits have nothing to add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedChange:
    """One verified write of a run, in the words of `Change`. `line` of an added line is the one that was made.

    `unit_price_before` and `unit_cost_before` are what the line had, where the write changed them.
    """

    line: LineRef
    contract_id: int
    effective_date: date
    from_units: int
    to_units: int
    unit_price_before: Decimal | None = None
    unit_cost_before: Decimal | None = None

    @property
    def unit_change(self) -> int:
        return self.to_units - self.from_units


def reversal_targets(applied: Sequence[AppliedChange], state: ContractState, run: str = "") -> Targets:
    """What each line had before the run, as targets; `applied` in the order in which it was written.

    A line that was changed again after the run is left alone, with a finding: reversing it would undo that change too.
    """
    by_line: dict[LineRef, list[AppliedChange]] = defaultdict(list)
    for change in applied:
        by_line[change.line].append(change)
    targets: list[Target] = []
    findings: list[Finding] = []
    for line, changes in sorted(by_line.items()):
        if line not in state.lines or line not in state.units_known:
            findings.append(_cannot_read(line))
        elif not _still_as_written(changes, state.units.get(line, ())):
            findings.append(_changed_since(line, state))
        else:
            targets.append(_before(line, changes, state, run))
    return Targets(tuple(targets), tuple(findings))


def _before(line: LineRef, changes: Sequence[AppliedChange], state: ContractState, run: str) -> Target:
    entry = state.lines[line]
    contract = state.contracts.get(entry.contract_id)
    original = _original(changes)
    first = min(original)
    return Target(
        company_id=contract.company_id if contract else 0,
        item=entry.item,
        line=line,
        contract_id=entry.contract_id,
        units=original[first],
        policy=REVERSAL_POLICY,
        mode=Mode.REVIEW,
        sources=(),
        portal_date=first,
        unit_price=next((c.unit_price_before for c in changes if c.unit_price_before is not None), None),
        unit_cost=next((c.unit_cost_before for c in changes if c.unit_cost_before is not None), None),
        reason=T("Back to what it was before run {run}.", run=run),
        later=tuple((day, original[day]) for day in sorted(original) if day != first),
    )


def _original(changes: Sequence[AppliedChange]) -> dict[date, int]:
    """Units in force before the run, on each date on which it changed them."""
    original: dict[date, int] = {}
    for place, change in enumerate(changes):
        done = sum(
            earlier.unit_change for earlier in changes[:place] if earlier.effective_date <= change.effective_date
        )
        original.setdefault(change.effective_date, change.from_units - done)
    return original


def _still_as_written(changes: Sequence[AppliedChange], rows: Sequence[UnitRow]) -> bool:
    """Whether the units are those that the run left, and nothing else changes them later."""
    original = _original(changes)
    for day, units in original.items():
        written = units + sum(change.unit_change for change in changes if change.effective_date <= day)
        if units_on(rows, day) != written:
            return False
    first = min(original)
    return all(row.start in original for row in booked_steps(rows) if row.start > first)


def _cannot_read(line: LineRef) -> Finding:
    return Finding(
        kind=FindingKind.FAILED,
        key=f"failed|{line.kind}|{line.id}",
        line=line,
        message=T("Contract line {line} cannot be reversed: its units could not be read.", line=line.text),
        remedy=T("Refresh the contracts from Autotask."),
    )


def _changed_since(line: LineRef, state: ContractState) -> Finding:
    contract = state.contracts.get(state.lines[line].contract_id)
    company = state.companies.get(contract.company_id) if contract else None
    name = company.name if company else line.text
    return Finding(
        kind=FindingKind.DRIFT,
        key=f"drift|{line.kind}|{line.id}",
        subject=name,
        company_id=company.id if company else None,
        line=line,
        message=T("{company}: contract line {line} has other changes since this run.", company=name, line=line.text),
        remedy=T("Reverse the later change first, or correct the line in Autotask."),
    )
