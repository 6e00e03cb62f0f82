"""On which days a contract line can be changed: not inside posted periods (M8), not where Autotask refused a second change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from core.domain.contract import Contract, UnitRow
from core.domain.period import ONE_DAY, effective_date, next_period_start
from core.domain.plan import LineMemory
from core.domain.policy import Otherwise, Policy, When
from core.domain.text import T, Text
from core.domain.timeline import covering

REFUSALS: Mapping[str, Text] = {
    "negative": T("a later day would go below 0"),
    "outside_contract": T("outside the contract"),
    "posted": T("the period is posted"),
    "inactive_reference": T("something it needs is not active"),
    "permission": T("the API user may not"),
}
"""Autotask's reasons (`core.domain.errors.Refused`) in words."""


def posted_hold(day: date) -> Text:
    """What holds a change whose day is posted, where policy holds it."""
    return T("The period of {day} is already posted.", day=day)


class OpenDays:
    """The days of one line. `moves` tells, for a day that others were moved to, why."""

    def __init__(self, contract: Contract, rows: Sequence[UnitRow], memory: LineMemory, policy: Policy) -> None:
        self._contract = contract
        self._rows = rows
        self._refused = memory.refused
        self._policy = policy
        self.moves: dict[date, Text] = {}

    def effective(
        self, when: When, today: date, portal_date: date | None, changed_on: date | None = None
    ) -> date | None:
        """The first day on which the policy and the calendar let a change count; None: not before the contract ends."""
        day = effective_date(when, self._contract, today, portal_date, changed_on)
        return None if day is None else self.open_day(day)

    def open_day(self, day: date) -> date | None:
        """The day itself, or the next one that is open; None after the contract's end. Days that are to be held stay."""
        why: Text | None = None
        moved: date | None = day
        while moved is not None and moved <= self._contract.end:
            onward, reason = self._onward(moved)
            if onward == moved:
                if why is not None:
                    self.moves[moved] = why
                return moved
            why = why or reason
            moved = onward
        return None

    def holds(self, day: date) -> tuple[Text, ...]:
        """Why a change on this day is for a person."""
        held: list[Text] = []
        row = covering(self._rows, day)
        if row is not None and row.posted:
            held.append(posted_hold(day))
        match self._refused.get(day):
            case None | "zero":
                pass
            case "same_day":
                held.append(T("Autotask refused a second change on {day}.", day=day))
            case reason:
                why = REFUSALS.get(reason, T("another reason, see the log"))
                held.append(T("Autotask refused a change on {day} before: {reason}.", day=day, reason=why))
        return tuple(held)

    def refuses_zero(self) -> bool:
        """Whether Autotask has said of this line that it cannot go to 0 units."""
        return "zero" in self._refused.values()

    def _onward(self, day: date) -> tuple[date | None, Text | None]:
        """The day itself when it is open (or to be held), else the first one worth looking at next, and why."""
        row = covering(self._rows, day)
        refused = self._refused.get(day)
        posted = (row is not None and row.posted) or refused == "posted"
        if posted and self._policy.posted is not Otherwise.HOLD:
            return self._after_row(day), T("the period of {day} is already posted", day=day)
        if refused == "same_day" and self._policy.same_day is not Otherwise.HOLD:
            return day + ONE_DAY, T("Autotask takes no second change on {day}", day=day)
        return day, None

    def _after_row(self, day: date) -> date | None:
        """The start of the next row; without one, of the next period."""
        following = next((row.start for row in self._rows if row.start > day), None)
        return following or next_period_start(self._contract, day)
