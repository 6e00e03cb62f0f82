"""The next invoice equals adding up every single day, prorated by days of the period and rounded once a row (reference §7.3)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.domain.contract import Contract, ContractLine, ContractState, LineRef, PeriodType
from core.domain.month_end import NextKind, NextLine
from core.domain.next_invoice import company_invoices, next_lines
from core.domain.period import ONE_DAY, next_period_start, period_start
from core.domain.ports import RowAmount
from tests.unit.builders import MFA, contract, line, period_rows, world

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
CENT = Decimal("0.01")
PRICE = Decimal("12.34")

starts = st.dates(date(2025, 10, 1), date(2026, 11, 30))
booked = st.dictionaries(st.dates(date(2026, 8, 1), date(2027, 2, 1)), st.integers(0, 30), max_size=6)
grids = st.sampled_from([PeriodType.MONTHLY, PeriodType.QUARTERLY, PeriodType.SEMIANNUAL, PeriodType.YEARLY])


def state_of(home: Contract, price: Decimal | None = PRICE) -> ContractState:
    return world([ContractLine(line(100), home.id, MFA, price)], [home], {})


def rows_of(home: Contract, units: dict[date, int]) -> dict[LineRef, list[RowAmount]]:
    """Rows that touch the month and the next one, without amounts: Autotask says none."""
    found = [RowAmount(row.start, row.end, row.units, None, None) for row in period_rows(home, units)]
    return {line(100): [row for row in found if row.start <= LAST + timedelta(days=31) and row.end >= FIRST]}


def by_the_day(home: Contract, units: dict[date, int], price: Decimal) -> Decimal:
    """Every day of each row that begins in the month, one after the other."""
    buckets: dict[date, Decimal] = defaultdict(Decimal)
    day, current, row = home.start, 0, home.start
    while day <= home.end:
        begins = period_start(home, day)
        if day == begins or day in units:
            row = day
        current = units.get(day, current)
        following = next_period_start(home, day)
        assert following is not None
        if FIRST <= row <= LAST:
            buckets[row] += current * price / (following - begins).days
        day += timedelta(days=1)
        if day > LAST and period_start(home, day) > LAST:
            break
    return sum((amount.quantize(CENT, ROUND_HALF_UP) for amount in map(_clean, buckets.values())), Decimal(0))


def _clean(amount: Decimal) -> Decimal:
    """Adding up thirds of a cent loses the last of 28 digits; that must not decide about a half cent."""
    return amount.quantize(Decimal("1e-12"))


@given(starts, booked, grids)
def test_the_next_invoice_equals_a_day_by_day_recomputation(
    start: date, units: dict[date, int], period: PeriodType
) -> None:
    home = contract(start=start, period=period)
    units = {day: count for day, count in units.items() if day >= start} | {start: 5}
    lines = next_lines(state_of(home), rows_of(home, units), FIRST, LAST)
    assert sum((made.amount or 0 for made in lines), Decimal(0)) == by_the_day(home, units, PRICE)
    assert all(FIRST <= made.first <= LAST for made in lines)
    assert all(made.kind is (NextKind.PERIOD if made.days == made.period_days else NextKind.PART) for made in lines)


def made(*rows: RowAmount, home: Contract | None = None, price: Decimal | None = Decimal(1)) -> list[NextLine]:
    return next_lines(state_of(home or contract(), price), {line(100): list(rows)}, FIRST, LAST)


def row(start: int, units: int, price: str | None = None, *, posted: bool = False) -> RowAmount:
    return RowAmount(date(2026, 11, start), LAST, units, None if price is None else Decimal(price), None, posted=posted)


def test_what_autotask_says_of_a_row_counts_more_than_our_own_sum() -> None:
    [one] = made(row(1, 10, "9.99"))
    assert (one.amount, one.unit_price) == (Decimal("9.99"), None)


def test_a_change_inside_the_month_gives_two_parts() -> None:
    first, second = made(row(1, 10), row(16, 15))
    assert (first.last, first.days, first.amount) == (date(2026, 11, 15), 15, Decimal("5.00"))
    assert (second.kind, second.days, second.amount) == (NextKind.PART, 15, Decimal("7.50"))


def test_m8_a_change_inside_a_posted_period_bills_only_the_difference() -> None:
    posted, change = made(row(1, 10, "5.00", posted=True), row(16, 15, "7.50"))
    assert (posted.posted, posted.amount, posted.last) == (True, Decimal("10.00"), LAST)
    assert (change.posted, change.units, change.amount) == (False, 5, Decimal("2.50"))
    posted, change = made(row(1, 10, "5.00", posted=True), row(16, 4, "2.00"))
    assert (change.units, change.amount) == (-6, Decimal("-3.00"))


def test_m8_two_changes_inside_a_posted_period_add_up() -> None:
    lines = made(row(1, 10, "3.33", posted=True), row(11, 12, "4.00"), row(21, 9, "3.00"))
    assert [(one.units, one.amount) for one in lines if not one.posted] == [
        (2, Decimal("0.67")),
        (-1, Decimal("-0.33")),
    ]


def test_posted_and_to_bill_are_apart_and_the_sum_stays() -> None:
    [invoice] = company_invoices(made(row(1, 10, "5.00", posted=True), row(16, 15, "7.50")))
    assert (invoice.posted, invoice.to_bill, invoice.company) == (Decimal("10.00"), Decimal("2.50"), "Company 10")


def test_m2_a_line_without_a_price_is_counted_and_in_no_sum() -> None:
    [invoice] = company_invoices(made(row(1, 10), price=None))
    assert (invoice.unknown, invoice.to_bill, invoice.lines[0].amount) == (1, 0, None)


def test_a_yearly_period_is_billed_when_it_begins() -> None:
    home = contract(start=date(2025, 11, 15), period=PeriodType.YEARLY)
    lines = next_lines(state_of(home, Decimal(100)), rows_of(home, {home.start: 3}), FIRST, LAST)
    assert [(one.first, one.last, one.amount) for one in lines] == [
        (date(2026, 11, 15), date(2027, 11, 15) - ONE_DAY, Decimal("300.00"))
    ]


def test_lines_without_units_are_left_out() -> None:
    assert made(row(1, 0)) == []
