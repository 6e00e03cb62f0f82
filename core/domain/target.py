"""The quantity a contract line should have, and everything it was computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from core.domain.contract import ItemRef, LineRef
from core.domain.finding import Finding
from core.domain.policy import Mode, Policy, PolicyOverride, When
from core.domain.text import Text
from core.domain.usage import UsageLine

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the instant of a confirmation that has not happened yet: only readings that broke off have named the line."""


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A usage line as history knows it now.

    `present` is False when a complete reading proved that it is gone (quantity 0). `since` is when this quantity began,
    `confirmed_at` when a reading that ended as it should last said so (or NEVER); both UTC instants. `id` is the
    history's key of the line. `changed_on` is the plain day, in the workspace's time zone, from which the quantity counts: the
    portal's own date, else the day of `since`.
    """

    usage: UsageLine
    present: bool
    since: datetime
    confirmed_at: datetime
    id: int = 0
    changed_on: date | None = None

    @property
    def quantity(self) -> Decimal:
        return self.usage.quantity if self.present else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalUsage:
    """What is known of one portal when a plan is made.

    `confirmed_at` tells per customer when its data was last read wholly, `read_at` when the portal was; None: never.
    Lines of a customer older than the policy allows are stale (M2). `failing` is the reason of the last failed reading.
    `failed_customers` are the ids of customers whose data the last whole reading could not get: `read_at` says nothing of them.
    """

    portal: str
    mode: Mode = Mode.REVIEW
    policy: Policy = Policy()
    overrides: tuple[PolicyOverride, ...] = ()
    lines: tuple[KnownLine, ...] = ()
    read_at: datetime | None = None
    confirmed_at: Mapping[str, datetime] = field(default_factory=dict)
    failing: Text | None = None
    failed_customers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TargetSource:
    """One usage line that went into a target, with the rule and the name it had in the formula (M13)."""

    portal: str
    line: KnownLine
    rule_id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The units one contract line should have.

    `line` is None when the company has no such line yet and policy allows to add it on `contract_id`. `units` is None
    when it cannot be computed now; `blocked` then says why (stale, missing source, formula error), and the line is
    left as it is (M2, M3). `explanation` is the formula with its inputs, for people. `portal_date` is the latest
    effective date the portal gave. `reason` says why the units are wanted, where no portal says so (a reversal);
    `later` are then other units from later dates on: what was booked ahead before the run. `changed_on` is the latest day on which
    one of the sources changed. `price_when` is the day from which a new price counts, where it has one of its own, and
    `price_reason` why there is one; `suspended` says that the line costs nothing as long as its subscriptions are suspended.
    """

    company_id: int
    item: ItemRef
    line: LineRef | None
    contract_id: int
    units: int | None
    policy: Policy
    mode: Mode
    sources: tuple[TargetSource, ...]
    explanation: tuple[Text, ...] = ()
    blocked: tuple[Finding, ...] = ()
    portal_date: date | None = None
    unit_price: Decimal | None = None
    unit_cost: Decimal | None = None
    reason: Text | None = None
    later: tuple[tuple[date, int], ...] = ()
    changed_on: date | None = None
    price_when: When | None = None
    price_reason: Text | None = None
    suspended: bool = False

    @property
    def portals(self) -> tuple[str, ...]:
        return tuple(sorted({source.portal for source in self.sources}))


@dataclass(frozen=True, slots=True)
class Targets:
    """All targets of one moment, and what stands in the way of others."""

    targets: tuple[Target, ...]
    findings: tuple[Finding, ...]
