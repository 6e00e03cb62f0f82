"""Quantities from billing reports, each of which names only what was billed in its period: what still runs besides. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from core.domain.period import add_months
from core.domain.target import KnownLine
from core.domain.usage import LineKey, Reading, Scope, UsageLine

__all__ = ["Reported", "whole_reading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What reports after a watermark name. A line's own period is the one that was billed.

    `watermark` is that of the newest report, `since` the first day of its period (None: there is no report), `named` are the
    customers in it.
    """

    reading: Reading
    watermark: str
    since: date | None
    named: frozenset[str] = frozenset()


def whole_reading(reported: Reported, known: Iterable[KnownLine]) -> Reading:
    """The reading of everything that is billed now: what the new reports name, and what earlier ones did and is still paid.

    A subscription that is billed by the year stands on one report in twelve: absence alone proves nothing (M2). It has ended once
    what was billed of it ended before the newest report's period, and that report names its customer, but not it; of a customer
    whom the report does not name at all, a month later.
    """
    if reported.since is None or not reported.reading.complete:
        return reported.reading
    lines: dict[LineKey, UsageLine] = {line.usage.key: line.usage for line in known if line.present}
    lines |= {line.key: line for line in reported.reading.lines}
    running = tuple(line for line in lines.values() if _runs(line, reported.since, reported.named))
    return replace(reported.reading, lines=running, scope=Scope.PORTAL)


def _runs(line: UsageLine, since: date, named: frozenset[str]) -> bool:
    judged = since if line.customer_id in named else add_months(since, -1)
    return line.period_end is None or line.period_end >= judged
