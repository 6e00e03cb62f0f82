"""What must be settled before a month is closed, each counted from what is stored."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from core.domain.consumption_lines import month_of
from core.domain.finding import FindingKind
from core.domain.month_end import Gate, GateName
from core.domain.plan import ChangeStatus
from core.domain.text import T, Text
from core.store import charges, plans, reporting, workspace

if TYPE_CHECKING:
    from core.services.context import Context

UNMAPPED = (FindingKind.UNMAPPED, FindingKind.AMBIGUOUS, FindingKind.NO_LINE)
STALE = (FindingKind.STALE, FindingKind.FAILED, FindingKind.MISSING_FILE, FindingKind.FORMULA)
WAITING = (ChangeStatus.READY, ChangeStatus.APPROVED, ChangeStatus.NEEDS_APPROVAL)
UNKNOWN = T("There is no plan yet: nothing can be said.")


def gates(ctx: Context, session: Session, month: date) -> tuple[Gate, ...]:
    """In the order in which they are settled. A count of None is not settled: it is not known (M2)."""
    return (*_of_plan(ctx, session), *_of_month(session, month))


def _of_plan(ctx: Context, session: Session) -> tuple[Gate, ...]:
    head = plans.head(session)
    if head is None:
        return tuple(_gate(name, None, UNKNOWN) for name in PAGES if name not in (GateName.CHARGES, GateName.INVOICES))
    kinds = head.by_finding
    unmapped = sum(kinds.get(kind, 0) for kind in UNMAPPED)
    stale = sum(kinds.get(kind, 0) for kind in STALE)
    held = reporting.open_changes(session, head.id, [ChangeStatus.HELD.value])
    drift = kinds.get(FindingKind.DRIFT, 0)
    waiting = reporting.open_changes(session, head.id, [status.value for status in WAITING])
    old = int(head.made_at.astimezone(workspace.time_zone(session)).date() < ctx.clock.today())
    return (
        _gate(GateName.PLAN, old, T("The plan was made on {moment}.", moment=head.made_at)),
        _gate(
            GateName.UNMAPPED,
            unmapped,
            T("{count} customers, products or lines have no place in Autotask.", count=unmapped),
        ),
        _gate(GateName.STALE, stale, T("{count} sources are stale, failing or give no number.", count=stale)),
        _gate(GateName.HELD, held, T("{count} changes are held.", count=held)),
        _gate(GateName.DRIFT, drift, T("{count} lines were changed by somebody else.", count=drift)),
        _gate(GateName.CHANGES, waiting, T("{count} changes are planned and not applied.", count=waiting)),
    )


def _of_month(session: Session, month: date) -> tuple[Gate, ...]:
    first, last = month_of(month)
    rows = [row for row in reporting.charges(session, open_only=True) if row.period_start <= last]
    stopped = len(rows) + len(charges.findings(session))
    vendors = reporting.portals_with_invoices(session)
    checks = reporting.last_checks(session, first, last)
    missing = [name for number, name in vendors.items() if number not in checks]
    open_checks = [number for number, (_, rows_open) in checks.items() if rows_open and number in vendors]
    return (
        _gate(GateName.CHARGES, stopped, T("{count} charges are not in Autotask as they should be.", count=stopped)),
        _gate(GateName.INVOICES, len(missing) + len(open_checks), _invoices_text(missing, len(open_checks))),
    )


def _invoices_text(missing: list[str], differing: int) -> Text:
    if missing:
        return T(
            "{count} invoice checks have open rows; not checked yet: {vendors}.",
            count=differing,
            vendors=tuple(sorted(missing)),
        )
    return T("{count} invoice checks have open rows.", count=differing)


PAGES = {
    GateName.PLAN: "Changes",
    GateName.UNMAPPED: "Products",
    GateName.STALE: "Portals",
    GateName.HELD: "Changes",
    GateName.DRIFT: "Changes",
    GateName.CHANGES: "Changes",
    GateName.CHARGES: "Consumption",
    GateName.INVOICES: "Reports",
}


def _gate(name: GateName, count: int | None, message: Text) -> Gate:
    return Gate(name=name, count=count, message=message, page=PAGES[name])
