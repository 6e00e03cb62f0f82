"""What people want to be told of: one rule a kind of matter, for everything, for a portal, or for one product of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.domain.notice import Severity
from core.domain.text import T


class RuleKind(StrEnum):
    """What a rule looks at."""

    USAGE = "usage"
    """A quantity jumped or dropped."""
    READING_FAILED = "reading_failed"
    RUN_FAILED = "run_failed"
    STALE = "stale"
    MISSING_FILE = "missing_file"
    UNMAPPED = "unmapped"
    AMBIGUOUS = "ambiguous"
    HELD = "held"
    """A change that nobody has released (M6)."""
    DRIFT = "drift"
    CHANGE_FAILED = "change_failed"
    NO_LINE = "no_line"
    """Usage that is on no contract."""
    LEAKAGE = "leakage"
    """What is used and not invoiced, by what it is worth in a month."""
    RENEWAL = "renewal"
    SUBSCRIPTION = "subscription"
    CONTRACT_END = "contract_end"
    CREDENTIAL = "credential"
    CHANNEL = "channel"
    """A way to tell people that was switched off because it does not work."""
    BACKUP = "backup"
    """A back-up that failed, or that was made every now and then and is not any more."""


class Baseline(StrEnum):
    """What a quantity is compared with."""

    LAST_READING = "last_reading"
    """The reading before; where a portal is read often, the one of a day before."""
    LAST_MONTH = "last_month"
    """The same day of the month before."""
    USUAL = "usual"
    """Its own last twelve weeks: their median, with the spread they have (median absolute deviation)."""


class Direction(StrEnum):
    BOTH = "both"
    UP = "up"
    DOWN = "down"


class Per(StrEnum):
    CUSTOMER = "customer"
    """Each product of each customer."""
    PRODUCT = "product"
    """Each product over all customers."""


class Telling(StrEnum):
    """When it is told."""

    NOW = "now"
    DAILY = "daily"
    WEEKLY = "weekly"


WITH_PRODUCT = frozenset({RuleKind.USAGE, RuleKind.HELD})
"""Kinds whose matters are about a product of a portal."""
WITH_PORTAL = frozenset(RuleKind) - {RuleKind.RUN_FAILED, RuleKind.CONTRACT_END, RuleKind.CHANNEL, RuleKind.BACKUP}


class AlertRule(BaseModel):
    """One rule. `id` is 0 until it is stored; `portal_id` and `product` (a product key) narrow it, None and empty mean all.

    `channels` are numbers of channels, empty for all. `days` is how long ahead ends are told, `amount` a sum in the contracts'
    currency; `units` and `percent` are what a quantity must have moved, both where both are given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = 0
    kind: RuleKind
    portal_id: int | None = None
    portal: str = ""
    product: str = ""
    severity: Severity = Severity.WARNING
    enabled: bool = True
    telling: Telling = Telling.NOW
    channels: tuple[int, ...] = ()
    baseline: Baseline = Baseline.LAST_READING
    direction: Direction = Direction.BOTH
    per: Per = Per.CUSTOMER
    units: Decimal | None = Field(None, ge=0)
    percent: Decimal | None = Field(None, ge=0)
    band: Decimal = Field(Decimal(5), gt=0)
    days: int = Field(30, ge=0, le=730)
    amount: Decimal = Field(Decimal(100), ge=0)
    muted_until: datetime | None = None
    mute_reason: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.product and self.portal_id is None:
            raise ValueError(T("A rule for a product names its portal too."))
        if self.product and self.kind not in WITH_PRODUCT:
            raise ValueError(T("This kind of rule is not about products."))
        if self.portal_id is not None and self.kind not in WITH_PORTAL:
            raise ValueError(T("This kind of rule is not about portals."))
        if self.kind is RuleKind.USAGE and not self.units and not self.percent:
            raise ValueError(T("Say how many units or percent a quantity must move."))
        return self

    @property
    def reach(self) -> int:
        """How narrow it is: 0 for everything, 1 for a portal, 2 for a product."""
        return 2 if self.product else int(self.portal_id is not None)

    def is_muted(self, now: datetime) -> bool:
        return self.muted_until is not None and now < self.muted_until


def governing(rules: Iterable[AlertRule], portals: Iterable[str], products: Iterable[str]) -> list[AlertRule]:
    """The rules of one kind that decide about a matter: the narrowest that fit it. Of those, the enabled ones raise it.

    So a rule of a portal or product takes the place of the wider ones, and a disabled one is an exception to them.
    """
    among, of = set(portals), set(products)
    fitting = [
        rule
        for rule in rules
        if (rule.portal_id is None or rule.portal in among) and (not rule.product or rule.product in of)
    ]
    narrowest = max((rule.reach for rule in fitting), default=0)
    return [rule for rule in fitting if rule.reach == narrowest and rule.enabled]


DEFAULTS: dict[str, AlertRule] = {
    "usage": AlertRule(kind=RuleKind.USAGE, units=Decimal(10), percent=Decimal(50)),
    "usage_product": AlertRule(kind=RuleKind.USAGE, per=Per.PRODUCT, units=Decimal(20), percent=Decimal(20)),
    "usage_month": AlertRule(
        kind=RuleKind.USAGE,
        baseline=Baseline.LAST_MONTH,
        units=Decimal(25),
        percent=Decimal(100),
        telling=Telling.DAILY,
    ),
    "reading_failed": AlertRule(kind=RuleKind.READING_FAILED),
    "run_failed": AlertRule(kind=RuleKind.RUN_FAILED, severity=Severity.CRITICAL),
    "stale": AlertRule(kind=RuleKind.STALE),
    "missing_file": AlertRule(kind=RuleKind.MISSING_FILE),
    "unmapped": AlertRule(kind=RuleKind.UNMAPPED, severity=Severity.INFO, telling=Telling.DAILY),
    "ambiguous": AlertRule(kind=RuleKind.AMBIGUOUS, severity=Severity.INFO, telling=Telling.DAILY),
    "held": AlertRule(kind=RuleKind.HELD),
    "drift": AlertRule(kind=RuleKind.DRIFT),
    "change_failed": AlertRule(kind=RuleKind.CHANGE_FAILED, severity=Severity.CRITICAL),
    "no_line": AlertRule(kind=RuleKind.NO_LINE, telling=Telling.DAILY),
    "leakage": AlertRule(kind=RuleKind.LEAKAGE, telling=Telling.DAILY),
    "renewal": AlertRule(kind=RuleKind.RENEWAL, severity=Severity.INFO, telling=Telling.DAILY),
    "subscription": AlertRule(kind=RuleKind.SUBSCRIPTION, telling=Telling.DAILY),
    "contract_end": AlertRule(kind=RuleKind.CONTRACT_END, telling=Telling.DAILY),
    "credential": AlertRule(kind=RuleKind.CREDENTIAL, telling=Telling.DAILY),
    "channel": AlertRule(kind=RuleKind.CHANNEL, severity=Severity.CRITICAL),
    "backup": AlertRule(kind=RuleKind.BACKUP, severity=Severity.CRITICAL),
}
"""The rules every workspace begins with, by a name of their own."""
