"""The billing grid and effective dates (M7)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.contract import Contract, PeriodType
from core.domain.period import add_months, effective_date, next_period_start, period_days, period_end, period_start
from core.domain.policy import When
from tests.unit.builders import contract

GRIDS = [PeriodType.MONTHLY, PeriodType.QUARTERLY, PeriodType.SEMIANNUAL, PeriodType.YEARLY]


def on_31st(period: PeriodType = PeriodType.MONTHLY) -> Contract:
    return contract(start=date(2026, 1, 31), end=date(2030, 1, 30), period=period)


@pytest.mark.parametrize(
    ("day", "start", "following"),
    [
        (date(2026, 1, 31), date(2026, 1, 31), date(2026, 2, 28)),
        (date(2026, 2, 27), date(2026, 1, 31), date(2026, 2, 28)),
        (date(2026, 2, 28), date(2026, 2, 28), date(2026, 3, 31)),
        (date(2026, 3, 30), date(2026, 2, 28), date(2026, 3, 31)),
        (date(2026, 3, 31), date(2026, 3, 31), date(2026, 4, 30)),
        (date(2028, 2, 29), date(2028, 2, 29), date(2028, 3, 31)),
    ],
)
def test_m7_a_contract_that_starts_on_the_31st_steps_over_short_months(day: date, start: date, following: date) -> None:
    assert period_start(on_31st(), day) == start
    assert next_period_start(on_31st(), day) == following


def test_m7_a_leap_day_comes_back_every_four_years() -> None:
    home = contract(start=date(2024, 2, 29), end=date(2034, 1, 1), period=PeriodType.YEARLY)
    assert next_period_start(home, date(2024, 2, 29)) == date(2025, 2, 28)
    assert next_period_start(home, date(2027, 6, 1)) == date(2028, 2, 29)


def test_m7_periods_step_from_the_start_of_the_contract_not_from_the_first_of_a_month() -> None:
    home = contract(start=date(2026, 1, 15), end=date(2027, 1, 14), period=PeriodType.QUARTERLY)
    assert period_start(home, date(2026, 11, 20)) == date(2026, 10, 15)
    assert next_period_start(home, date(2026, 11, 20)) == date(2027, 1, 15)
    assert period_end(home, date(2026, 11, 20)) == date(2027, 1, 14)
    assert period_days(home, date(2026, 11, 20)) == 92


def test_a_contract_without_a_grid_has_one_period() -> None:
    for period in (PeriodType.ONCE, PeriodType.UNKNOWN):
        home = contract(start=date(2026, 1, 1), end=date(2026, 12, 31), period=period)
        assert period_start(home, date(2026, 6, 1)) == date(2026, 1, 1)
        assert next_period_start(home, date(2026, 6, 1)) is None
        assert period_end(home, date(2026, 6, 1)) == date(2026, 12, 31)
        assert period_days(home, date(2026, 6, 1)) == 365


@given(
    st.dates(date(2020, 1, 1), date(2026, 12, 31)),
    st.sampled_from(GRIDS),
    st.integers(0, 3000),
)
def test_m7_every_day_lies_in_exactly_one_period(start: date, period: PeriodType, shift: int) -> None:
    home = contract(start=start, end=date(2040, 1, 1), period=period)
    day = start + timedelta(days=shift)
    begin, following = period_start(home, day), next_period_start(home, day)
    assert following is not None
    assert begin <= day < following
    assert period_start(home, begin) == begin
    assert next_period_start(home, begin) == following
    assert period_start(home, following) == following
    assert period_start(home, following - timedelta(days=1)) == begin
    months = (begin.year - start.year) * 12 + begin.month - start.month
    assert months % period.months == 0
    assert begin == add_months(start, months)


@pytest.mark.parametrize(
    ("when", "given_date", "expected"),
    [
        (When.TODAY, None, date(2026, 11, 20)),
        (When.THIS_PERIOD, None, date(2026, 11, 1)),
        (When.NEXT_PERIOD, None, date(2026, 12, 1)),
        (When.PORTAL, date(2026, 12, 14), date(2026, 12, 14)),
        (When.PORTAL, date(2026, 11, 3), date(2026, 11, 3)),
        (When.PORTAL, None, date(2026, 11, 20)),
        # Older periods are left as they were.
        (When.PORTAL, date(2026, 3, 3), date(2026, 11, 1)),
    ],
)
def test_m7_effective_dates(when: When, given_date: date | None, expected: date) -> None:
    assert effective_date(when, contract(), date(2026, 11, 20), given_date) == expected


def test_m7_nothing_counts_outside_the_contract() -> None:
    ending = contract(end=date(2026, 11, 30))
    assert effective_date(When.NEXT_PERIOD, ending, date(2026, 11, 20)) is None
    assert effective_date(When.PORTAL, ending, date(2026, 11, 20), date(2027, 1, 1)) is None
    assert effective_date(When.TODAY, ending, date(2026, 12, 1)) is None
    coming = contract(start=date(2026, 12, 15))
    for when in When:
        assert effective_date(when, coming, date(2026, 11, 20)) == date(2026, 12, 15)
