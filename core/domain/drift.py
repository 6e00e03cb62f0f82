"""Units that somebody else changed (M10): in force today, or booked ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core.domain.contract import ContractState, UnitRow, units_on
from core.domain.finding import Finding, FindingKind
from core.domain.plan import LineMemory
from core.domain.target import Target
from core.domain.text import T, Text
from core.domain.timeline import booked_steps


def drift_of(
    target: Target, rows: Sequence[UnitRow], memory: LineMemory, today: date, state: ContractState
) -> Finding | None:
    """The finding when somebody else changed this line away from its target; None when nobody did, or nobody can tell."""
    message = _changed(rows, memory, today) or _booked(target, rows, memory, today)
    if message is None or target.line is None:
        return None
    if _is_cancelled(target):
        message = T("{message} Nothing of it is in use any more: such units are billed for nothing.", message=message)
    company = state.companies.get(target.company_id)
    return Finding(
        kind=FindingKind.DRIFT,
        key=f"drift|{target.line.kind}|{target.line.id}",
        portal=", ".join(target.portals),
        subject=company.name if company else str(target.company_id),
        company_id=target.company_id,
        line=target.line,
        message=message,
        remedy=T("Find out who changed the line in Autotask; approve the change to overwrite it."),
    )


def _is_cancelled(target: Target) -> bool:
    """Whether everything that fed the line has ended."""
    return target.units == 0 and bool(target.sources) and not any(source.line.present for source in target.sources)


def _changed(rows: Sequence[UnitRow], memory: LineMemory, today: date) -> Text | None:
    """Units that were last verified, and are others now without a change of ours."""
    verified, day = memory.verified_units, memory.verified_on
    if verified is None or day is None:
        return None
    # Rows may begin later than what was verified: the first one then has the verified units, unless we changed them before it.
    seen_on = max(day, rows[0].start) if rows else day
    units = units_on(rows, seen_on)
    if units != verified and not any(day < ours <= seen_on for ours in memory.our_dates):
        return T(
            "Somebody else changed the units of {day} from {verified} to {units}.",
            day=seen_on,
            verified=verified,
            units=units,
        )
    for row in booked_steps(rows)[1:]:
        if day < row.start <= today and row.start not in memory.our_dates:
            return T("Somebody else changed the units to {units} from {day} on.", units=row.units, day=row.start)
    return None


def _booked(target: Target, rows: Sequence[UnitRow], memory: LineMemory, today: date) -> Text | None:
    """A change that is booked for a later day, not by us, and not to the target."""
    for row in booked_steps(rows)[1:]:
        if row.start > today and row.units != target.units and row.start not in memory.our_dates:
            return T("Somebody else booked {units} units from {day} on.", units=row.units, day=row.start)
    return None
