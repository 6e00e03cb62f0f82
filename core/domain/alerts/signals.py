"""Matters that rules may raise, made of what is known: findings, changes, readings, runs, dates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from core.domain.alerts.rules import RuleKind
from core.domain.finding import Finding, FindingKind
from core.domain.freshness import GRACE
from core.domain.leakage import Direction, Leak
from core.domain.plan import Change, ChangeStatus
from core.domain.text import Money, T, Text

FROM_FINDING: Mapping[FindingKind, RuleKind] = {
    FindingKind.STALE: RuleKind.STALE,
    FindingKind.MISSING_FILE: RuleKind.MISSING_FILE,
    FindingKind.UNMAPPED: RuleKind.UNMAPPED,
    FindingKind.AMBIGUOUS: RuleKind.AMBIGUOUS,
    FindingKind.DRIFT: RuleKind.DRIFT,
    FindingKind.NO_LINE: RuleKind.NO_LINE,
    FindingKind.FAILED: RuleKind.CHANGE_FAILED,
    FindingKind.REFUSED: RuleKind.CHANGE_FAILED,
    FindingKind.RENEWAL: RuleKind.RENEWAL,
    FindingKind.SUBSCRIPTION: RuleKind.SUBSCRIPTION,
    FindingKind.DUPLICATE: RuleKind.SUBSCRIPTION,
}
"""Held changes are told change by change, not by their finding."""
MOST_DETAILS = 10
BACKUP_AGE = timedelta(days=7)
"""An older back-up is too old."""
BACKUP_FAILED = T(
    "The audit on the Activity page says why. Make one by hand with `backup` to see whether it works again."
)
BACKUP_OLD = T(
    "Use `backup --into DIRECTORY` every night, or back up the database in your own way, and keep the key apart."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One matter. `subject` names it the same way as long as it is the same one; `size` tells how bad it is, for comparing.

    `page` and `filters` lead to where it is dealt with; `portals` and `products` (keys) say which rules may be about it.
    """

    kind: RuleKind
    subject: str
    title: Text
    details: tuple[Text, ...] = ()
    portals: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    size: Decimal | None = None
    days: int | None = None
    page: str = "alerts"
    filters: Mapping[str, str] = field(default_factory=dict)


def of_findings(findings: Iterable[Finding], companies: Mapping[int, str]) -> Iterator[Signal]:
    """The findings of the plan that are worth telling."""
    for finding in findings:
        kind = FROM_FINDING.get(finding.kind)
        if kind is None:
            continue
        company = companies.get(finding.company_id or -1, "")
        yield Signal(
            kind=kind,
            subject=finding.key,
            title=finding.message
            if not company or company in str(finding.message)
            else T("{company}: {message}", company=company, message=finding.message),
            details=(finding.remedy,) if finding.remedy else (),
            portals=(finding.portal,) if finding.portal else (),
            page="changes",
            filters={"changes_view": "findings", "findings_status": finding.kind.value},
        )


@dataclass(frozen=True, slots=True)
class NamedChange:
    """A change of the plan with the names that people know."""

    change: Change
    company: str
    item: str


def of_held(changes: Iterable[NamedChange]) -> Iterator[Signal]:
    """Changes that a limit or a rule stopped (M6): nothing of them is applied by a schedule."""
    for one in changes:
        change = one.change
        if change.status is not ChangeStatus.HELD:
            continue
        yield Signal(
            kind=RuleKind.HELD,
            subject=f"held|{change.dismissal_key}",
            title=T(
                "{company}: {item} from {before} to {after} is held.",
                company=one.company, item=one.item, before=change.from_units, after=change.to_units,
            ),
            details=change.holds,
            portals=change.portals,
            products=tuple(dict.fromkeys(source.line.usage.product_key for source in change.sources)),
            size=Decimal(abs(change.unit_change)),
            page="changes",
            filters={"changes_status": "held"},
        )  # fmt: skip


def of_leaks(leaks: Iterable[Leak]) -> Iterator[Signal]:
    """Per company, what is used and not invoiced: per month, consumption per period. Leaks without a known price are in no sum."""
    worth: dict[tuple[int | None, str], Decimal] = defaultdict(Decimal)
    portals: dict[tuple[int | None, str], dict[str, None]] = defaultdict(dict)
    details: dict[tuple[int | None, str], list[Text]] = defaultdict(list)
    for leak in leaks:
        if leak.direction is Direction.LOST and leak.per_month:
            company = leak.company_id, leak.company
            worth[company] += leak.per_month
            portals[company].update(dict.fromkeys(leak.portals))
            text = (
                T("{product}: {message}", product=leak.product, message=leak.message) if leak.product else leak.message
            )
            details[company].append(text)
    for (number, name), amount in worth.items():
        yield Signal(
            kind=RuleKind.LEAKAGE,
            subject=f"leakage|{number or name}",
            title=T(
                "{company}: {amount} is used and not invoiced.",
                company=name,
                amount=Money(round(amount, 2)),
            ),
            details=tuple(dict.fromkeys(details[number, name]))[:MOST_DETAILS],
            portals=tuple(portals[number, name]),
            size=amount,
            page="reports",
        )


@dataclass(frozen=True, slots=True)
class PortalState:
    """One enabled portal. `failed` is why its last reading could not be used, `customers` how many of it could not be read."""

    name: str
    failed: Text | None
    customers: int
    read_at: datetime | None
    stale_after_days: int | None


def of_portals(portals: Iterable[PortalState], now: datetime) -> Iterator[Signal]:
    """Readings that failed, and sources that are too old whether or not anybody made a plan since."""
    for portal in portals:
        where = {"portals": (portal.name,), "page": "portals", "filters": {"portal": portal.name}}
        if portal.failed is not None:
            yield Signal(
                kind=RuleKind.READING_FAILED,
                subject=f"reading|{portal.name}",
                title=T("{portal} could not be read.", portal=portal.name),
                details=(portal.failed,),
                **where,  # type: ignore[arg-type]
            )
        elif portal.customers:
            yield Signal(
                kind=RuleKind.READING_FAILED,
                subject=f"customers|{portal.name}",
                title=T("{count} customers of {portal} could not be read.", count=portal.customers, portal=portal.name),
                size=Decimal(portal.customers),
                **where,  # type: ignore[arg-type]
            )
        limit = portal.stale_after_days
        if limit is None or portal.read_at is None:
            continue
        if now - portal.read_at > max(timedelta(days=limit), GRACE):
            yield Signal(
                kind=RuleKind.STALE,
                subject=f"stale|{portal.name}",
                title=T(
                    "{portal} was last read wholly on {moment}: its lines are left as they are.",
                    portal=portal.name, moment=portal.read_at,
                ),
                **where,  # type: ignore[arg-type]
            )  # fmt: skip


def of_run(run_id: int, status: str, error: Text | None) -> Iterator[Signal]:
    """The last run, when it failed."""
    if status == "failed":
        yield Signal(
            kind=RuleKind.RUN_FAILED,
            subject="run",
            title=T("Run {run} failed.", run=str(run_id)),
            details=(error,) if error else (),
            page="activity",
        )


def of_contracts(ending: Sequence[tuple[int, str, str, date]], today: date) -> Iterator[Signal]:
    """Contracts that end: number, name, company and last day of each."""
    for number, name, company, end in ending:
        yield Signal(
            kind=RuleKind.CONTRACT_END,
            subject=f"contract_end|{number}|{end}",
            title=T("{company}: contract {contract} ends on {day}.", company=company, contract=name, day=end),
            days=(end - today).days,
            page="changes",
        )


def of_credentials(ending: Mapping[str, date], today: date) -> Iterator[Signal]:
    """Secrets of portals that end: name of the portal and the last day it is good."""
    for portal, end in sorted(ending.items()):
        left = (end - today).days
        yield Signal(
            kind=RuleKind.CREDENTIAL,
            subject=f"credential|{portal}|{end}",
            title=T("The credentials of {portal} end on {day}.", portal=portal, day=end)
            if left >= 0
            else T("The credentials of {portal} ended on {day}.", portal=portal, day=end),
            details=(T("Make new ones at the vendor and enter them on the Portals page."),),
            portals=(portal,),
            days=left,
            page="portals",
            filters={"portal": portal},
        )


def of_channels(off: Mapping[int, tuple[str, Text | None]]) -> Iterator[Signal]:
    """Channels that were switched off because they kept failing: number → name and why."""
    for number, (name, reason) in sorted(off.items()):
        yield Signal(
            kind=RuleKind.CHANNEL,
            subject=f"channel|{number}",
            title=T("The channel {name} does not work and was switched off.", name=name),
            details=(reason,) if reason else (),
            filters={"alerts_view": "channels"},
        )


def of_backups(made: datetime | None, failed: datetime | None, now: datetime) -> Iterator[Signal]:
    """Back-ups with our own command: the last one failed, or it is of long ago. Nothing where none was ever tried."""
    if failed is not None and (made is None or failed > made):
        title, remedy = T("The back-up of {moment} failed.", moment=failed), BACKUP_FAILED
    elif made is not None and now - made >= BACKUP_AGE:
        title, remedy = T("The last back-up is of {moment}.", moment=made), BACKUP_OLD
    else:
        return
    yield Signal(kind=RuleKind.BACKUP, subject="backup", title=title, details=(remedy,), page="activity")
