"""Whether lines are still as a plan of some time ago saw them. What is not is never written: it needs another plan (M1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from core.domain.contract import LineRef
from core.domain.open_days import posted_hold
from core.domain.ports import Target
from core.domain.text import T
from core.services.applying import End, Work
from core.services.journal import Prices
from core.services.readback import Place, Seen, find_lines, read_back


def check_fresh(target: Target, works: Sequence[Work]) -> tuple[list[Work], Mapping[LineRef, Prices]]:
    """The works that may be written, and the prices that their lines have now; the others are closed, saying why.

    Reads in bulk. A line that was added in the meantime is taken for the one that is to be added if it has no units yet.
    """
    if not works:
        return [], {}
    _find_added(target, [work for work in works if work.line is None])
    seen = read_back(target, [(work.change, work.line) for work in works if work.line is not None])
    by_line: dict[object, list[Work]] = defaultdict(list)
    for work in works:
        by_line[work.change.line or (work.change.contract_id, work.change.item)].append(work)
    for of_line in by_line.values():
        # The changes of a line stand or fall together.
        if any(work.end is not None or not _as_planned(of_line, place, seen) for place, work in enumerate(of_line)):
            for work in of_line:
                work.close(
                    End.WAITING, work.why or T("The line has changed since the plan was made; it is planned again.")
                )
    _both_or_none(works)
    lines = sorted({work.line for work in works if work.line is not None and work.end is None})
    return [work for work in works if work.end is None], target.prices(lines) if lines else {}


def _both_or_none(works: Sequence[Work]) -> None:
    """Nothing of a pair goes alone."""
    closed = {work.change.pair for work in works if work.change.pair and work.end is not None}
    for work in works:
        if work.change.pair in closed and work.end is None:
            work.close(End.WAITING, T("The change that it goes together with did not go through: both or none."))


def _find_added(target: Target, works: Sequence[Work]) -> None:
    if not works:
        return
    found = find_lines(target, {work.change.contract_id for work in works})
    for work in works:
        there = found.get((work.change.contract_id, work.change.item), [])
        if len(there) == 1:
            work.line = there[0].ref
        elif there:
            work.close(End.WAITING, T("The contract has several lines of this service now."))


def _as_planned(of_line: Sequence[Work], place: int, seen: Mapping[Place, Seen]) -> bool:
    """Whether the units on the day are those that the change starts from, but for what the line's changes before it will do."""
    work, change = of_line[place], of_line[place].change
    if work.line is None:
        return True
    found = seen[Place(work.line, change.effective_date)]
    if found.posted and posted_hold(change.effective_date) not in change.holds:
        # Whoever approved it knew of no posted period (M8).
        return False
    ahead = sum(one.change.unit_change for one in of_line[:place] if one.change.effective_date <= change.effective_date)
    return found.units == change.from_units - ahead
