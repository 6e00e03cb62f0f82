"""The billing grid of a contract, and the effective dates that a policy asks for (M7). Plain dates only.

Periods step from the day the contract starts, not from the first of a month (Autotask reference §7.2).
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

from core.domain.contract import Contract
from core.domain.policy import When

ONE_DAY = timedelta(days=1)


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last day of a month that is too short: 31 January + 1 = 28 February."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def period_start(contract: Contract, day: date) -> date:
    """First day of the billing period that holds `day`; the contract's first day for an earlier day or without a grid."""
    months = contract.period_type.months
    if not months or day <= contract.start:
        return contract.start
    return _grid(contract.start, months, day)


def next_period_start(contract: Contract, day: date) -> date | None:
    """First day of the period after the one that holds `day`; None where the contract has no grid.

    Before the contract starts that is its first day. The day may lie after the contract's end: the caller looks.
    """
    if day < contract.start:
        return contract.start
    months = contract.period_type.months
    if not months:
        return None
    # Counted from the contract's start each time: stepping from 28 February would lose a start on the 31st.
    passed = _months_between(contract.start, _grid(contract.start, months, day))
    return add_months(contract.start, passed + months)


def period_end(contract: Contract, day: date) -> date:
    """Last day of the period that holds `day`, never after the contract's end."""
    following = next_period_start(contract, max(day, contract.start))
    return contract.end if following is None else min(following - ONE_DAY, contract.end)


def period_days(contract: Contract, day: date) -> int:
    """Number of days in the period that holds `day`."""
    return (period_end(contract, day) - period_start(contract, day)).days + 1


def effective_date(
    when: When, contract: Contract, today: date, portal_date: date | None = None, changed_on: date | None = None
) -> date | None:
    """The day from which a change counts, before posted periods and refusals are looked at; None: it cannot be made.

    A contract that starts later counts from its start. A date that the portal gives reaches back to the start
    of the present period at most, and so does the day of a change (`changed_on`): older periods are left as they were. Nothing
    counts after the contract's end.
    """
    this_period = period_start(contract, today)
    match when:
        case When.TODAY:
            day: date | None = today
        case When.THIS_PERIOD:
            day = this_period
        case When.NEXT_PERIOD:
            day = next_period_start(contract, today)
        case When.PORTAL:
            day = max(portal_date or today, this_period)
        case When.CHANGE:
            day = max(changed_on or portal_date or today, this_period)
    if day is None or day > contract.end:
        return None
    return max(day, contract.start)


@lru_cache(maxsize=4096)
def _grid(start: date, months: int, day: date) -> date:
    """The last step of the grid on or before `day` (which is not before `start`)."""
    steps = _months_between(start, day) // months
    candidate = add_months(start, steps * months)
    return candidate if candidate <= day else add_months(start, (steps - 1) * months)


def _months_between(start: date, day: date) -> int:
    return (day.year - start.year) * 12 + day.month - start.month
