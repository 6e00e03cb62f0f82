"""From matters and rules to alerts: which are new, which came to an end, which are told, and when one is told again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from core.domain.alerts.rules import AlertRule, RuleKind, Telling, governing
from core.domain.alerts.signals import Signal
from core.domain.notice import Severity

MARKEDLY = 2
"""So many times as large as when it was told, a matter is told again."""
QUIET = timedelta(hours=24)
"""A matter that comes and goes is told once in this time, unless its rule calls it critical."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A matter that a rule raises."""

    rule: AlertRule
    signal: Signal

    @property
    def cause(self) -> str:
        """The same as long as it is the same matter under the same rule: raised once until it is resolved."""
        return f"{self.rule.id}|{self.signal.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An alert that is open. `told_at` is None until it was told, `told_size` how large it was then."""

    cause: str
    kind: RuleKind
    told_at: datetime | None = None
    told_size: Decimal | None = None
    muted_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Causes: `opened` are new, `resolved` are over, `told` are told now, `again` are those of them that were told before.

    `quiet` are new ones that are not told because they were a short while ago; then it was at the instant beside them.
    """

    opened: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    again: frozenset[str] = frozenset()
    quiet: Mapping[str, datetime]


def raised_by(rules: Iterable[AlertRule], signals: Iterable[Signal]) -> dict[str, Raised]:
    """What the rules raise, by cause. Jumps of usage are not among these: their rules look for themselves."""
    of_kind: dict[RuleKind, list[AlertRule]] = defaultdict(list)
    for rule in rules:
        of_kind[rule.kind].append(rule)
    found: dict[str, Raised] = {}
    for signal in signals:
        for rule in governing(of_kind[signal.kind], signal.portals, signal.products):
            if _counts(rule, signal):
                one = Raised(rule, signal)
                found.setdefault(one.cause, one)
    return found


def _counts(rule: AlertRule, signal: Signal) -> bool:
    if signal.kind is RuleKind.LEAKAGE:
        return signal.size is not None and signal.size > rule.amount
    return signal.days is None or signal.days <= rule.days


def settle(
    known: Iterable[Known],
    raised: Mapping[str, Raised],
    now: datetime,
    *,
    looked_at: Collection[RuleKind] = frozenset(RuleKind),
    told_before: Mapping[str, datetime] | None = None,
) -> Verdict:
    """Compare the open alerts with what is raised now.

    Only kinds that were `looked_at` come to an end: what could not be looked at stays as it is (M2). `told_before` tells when
    causes that are not open any more were last told.
    """
    have = {one.cause: one for one in known}
    before = told_before or {}
    opened = tuple(cause for cause in raised if cause not in have)
    resolved = tuple(cause for cause, one in have.items() if cause not in raised and one.kind in looked_at)
    quiet = {
        cause: before[cause] for cause in opened if cause in before and _stays_quiet(raised[cause], before[cause], now)
    }
    told = tuple(cause for cause, one in raised.items() if cause not in quiet and _is_told(one, have.get(cause), now))
    again = frozenset(cause for cause in told if cause in have and have[cause].told_at is not None)
    return Verdict(opened=opened, resolved=resolved, told=told, again=again, quiet=quiet)


def _stays_quiet(one: Raised, told_at: datetime, now: datetime) -> bool:
    """A digest names a matter once anyway."""
    told_at_once = one.rule.telling is Telling.NOW and one.rule.severity is not Severity.CRITICAL
    return told_at_once and now - told_at < QUIET


def _is_told(one: Raised, known: Known | None, now: datetime) -> bool:
    if one.rule.is_muted(now):
        return False
    if known is None:
        return True
    if known.muted_until is not None and now < known.muted_until:
        return False
    return known.told_at is None or is_worse(known.told_size, one.signal.size)


def is_worse(then: Decimal | None, now: Decimal | None) -> bool:
    """Whether a matter got so much larger that it is told again."""
    return then is not None and now is not None and then > 0 and now >= MARKEDLY * then
