"""Lines that change together: one product took the place of another, or one distributor that of another. Both or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.domain.contract import LineRef
from core.domain.plan import Change, ChangeStatus
from core.domain.target import Target
from core.domain.text import T

Where = tuple[LineRef | None, int, object]
"""What names a target: its line, its contract, its service."""


class Pair(NamedTuple):
    """The usage line `old` (its number in history) gave way to `new`. `certain`: the portal itself says so, by the subscription."""

    old: int
    new: int
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Bound:
    """What pairs mean for one set of targets.

    `group` names the targets that stand or fall together, `together` those that go down on the day on which another goes up;
    `alone` those that must wait, because their other half cannot be planned.
    """

    group: Mapping[Where, str]
    together: frozenset[Where]
    alone: frozenset[Where]


def where_of(target: Target) -> Where:
    return target.line, target.contract_id, target.item


def bind(pairs: Iterable[Pair], targets: Sequence[Target]) -> Bound:
    """Which targets belong together. A pair within one contract line needs nothing: it is one change."""
    by_line: dict[int, list[Target]] = defaultdict(list)
    wanted = {number for pair in pairs for number in (pair.old, pair.new)}
    if not wanted:
        return Bound({}, frozenset(), frozenset())
    for target in targets:
        for source in target.sources:
            if source.line.id in wanted:
                by_line[source.line.id].append(target)
    group: dict[Where, str] = {}
    together: set[Where] = set()
    alone: set[Where] = set()
    for pair in pairs:
        old, new = _only(by_line[pair.old]), _only(by_line[pair.new])
        if old is None or (new is not None and where_of(new) == where_of(old)):
            continue
        if new is None or new.units is None or old.units is None:
            alone |= {where_of(one) for one in (old, new) if one is not None and one.units is not None}
            continue
        _join(group, where_of(old), where_of(new), f"{pair.old}>{pair.new}")
        if pair.certain:
            together.add(where_of(old))
    return Bound(group, frozenset(together), frozenset(alone))


def settle_together(changes: Sequence[Change]) -> list[Change]:
    """The same changes, with none of a group going alone: what holds one of them holds all."""
    groups: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        if change.pair:
            groups[change.pair].append(change)
    status = {pair: _common(found) for pair, found in groups.items()}
    return [_with(change, status[change.pair]) if change.pair else change for change in changes]


def _with(change: Change, status: ChangeStatus | None) -> Change:
    if status is None or change.status in (status, ChangeStatus.HELD, ChangeStatus.DISMISSED):
        return change
    if status is ChangeStatus.NEEDS_APPROVAL:
        return replace(change, status=status)
    why = T("It belongs to another change that waits: both are made, or none.")
    return replace(change, status=ChangeStatus.HELD, holds=(*change.holds, why))


def _common(changes: Sequence[Change]) -> ChangeStatus | None:
    """What keeps the whole group waiting; None when all of it may go."""
    found = {change.status for change in changes}
    if found <= {ChangeStatus.READY, ChangeStatus.APPROVED}:
        return None
    if found & {ChangeStatus.HELD, ChangeStatus.DISMISSED}:
        return ChangeStatus.HELD
    return ChangeStatus.NEEDS_APPROVAL


def _only(targets: Sequence[Target]) -> Target | None:
    """The one target that a usage line feeds; None where it feeds none, or several."""
    places = {where_of(target) for target in targets}
    return targets[0] if len(places) == 1 else None


def _join(group: dict[Where, str], one: Where, other: Where, name: str) -> None:
    """Put both in one group, with all that were together with either of them."""
    names = {group.get(one, name), group.get(other, name)}
    for where, known in list(group.items()):
        if known in names:
            group[where] = name
    group[one] = group[other] = name
