"""What holds a change for a person (M6). A guard never alters a change: it gives reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.domain.contract import ContractLine
from core.domain.finding import Finding, FindingKind
from core.domain.plan import Change, ChangeKind
from core.domain.policy import Policy
from core.domain.target import Target
from core.domain.text import Money, T, Text

WHOLE_PLAN_FROM_LINES = 10
"""A portal with fewer lines is not judged as a whole: one of three lines is no landslide."""


def holds_of(change: Change, policy: Policy) -> tuple[Text, ...]:
    """Why this one change is too large to go by itself; empty when it may."""
    if change.kind is ChangeKind.PRICE:
        return ()
    size = abs(change.unit_change)
    held: list[Text] = []
    if policy.max_change is not None and size > policy.max_change:
        held.append(T("{size} units at once; the limit is {limit}.", size=size, limit=policy.max_change))
    if (
        policy.max_change_percent is not None
        and change.from_units > 0
        and max(change.from_units, change.to_units) >= policy.percent_from_units
        and size * 100 > policy.max_change_percent * change.from_units
    ):
        held.append(
            T(
                "{size} units is more than {limit} percent of {units}.",
                size=size,
                limit=policy.max_change_percent,
                units=change.from_units,
            )
        )
    if policy.hold_to_zero and change.to_units == 0 and change.from_units > 0:
        held.append(T("The line goes to 0 units."))
    return tuple(held)


def price_holds(change: Change, line: ContractLine, policy: Policy) -> tuple[Text, ...]:
    """Why a new price or cost is for a person: it differs by a larger part than units may, or there is nothing left of it."""
    held: list[Text] = []
    for before, after in ((line.unit_price, change.unit_price), (line.unit_cost, change.unit_cost)):
        if after is None:
            continue
        limit = policy.max_change_percent
        if before and limit is not None and abs(after - before) * 100 > limit * abs(before):
            held.append(
                T(
                    "From {before} to {after} a unit is more than {limit} percent.",
                    before=Money(before),
                    after=Money(after),
                    limit=limit,
                )
            )
        if policy.hold_to_zero and before and after <= 0:
            held.append(T("The price or cost goes to {amount}.", amount=Money(after)))
    return tuple(held)


@dataclass(slots=True)
class _Tally:
    lines: int = 0
    down: int = 0
    limit: int | None = None


def landslides(targets: Iterable[Target], changes: Mapping[int, list[Change]]) -> dict[str, Finding]:
    """Portals of which one plan would lower too many lines: all their decreases are to be held. By portal name.

    `changes` are those of the target at each position of `targets`.
    """
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    for position, target in enumerate(targets):
        if target.units is None:
            continue
        down = any(change.unit_change < 0 for change in changes.get(position, ()))
        limit = target.policy.max_lines_down_percent
        for portal in target.portals:
            tally = tallies[portal]
            tally.lines += 1
            tally.down += down
            if limit is not None:
                tally.limit = limit if tally.limit is None else min(limit, tally.limit)
    return {portal: _landslide(portal, tally) for portal, tally in sorted(tallies.items()) if _too_many(tally)}


def _too_many(tally: _Tally) -> bool:
    return (
        tally.limit is not None
        and tally.lines >= WHOLE_PLAN_FROM_LINES
        and tally.down * 100 > tally.limit * tally.lines
    )


def _landslide(portal: str, tally: _Tally) -> Finding:
    return Finding(
        kind=FindingKind.HELD,
        key=f"held|{portal}",
        portal=portal,
        subject=portal,
        message=T(
            "{down} of the {lines} lines of {portal} would go down at once; more than {limit} percent is held.",
            down=tally.down,
            lines=tally.lines,
            portal=portal,
            limit=tally.limit,
        ),
        remedy=T("Check the portal's last reading. If it is right, approve the changes."),
    )
