"""Leakage both ways in money: each leak once, exact, and never 0 for a price that nobody knows."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.domain.contract import CatalogueItem, ContractLine, ContractState, PeriodType
from core.domain.leakage import Direction, LeakKind, totals
from core.domain.leaks import LeakFacts, expiring, find_leaks, margins
from core.domain.mapping import WorkspaceMapping
from core.domain.target import PortalUsage
from tests.unit.builders import MFA, NOW, TODAY, contract, line, mapped, one_line, period_rows, portal, used, world

PERIODS = st.sampled_from([PeriodType.MONTHLY, PeriodType.QUARTERLY, PeriodType.YEARLY])


def leaks(state: ContractState, *usage: PortalUsage, known: WorkspaceMapping | None = None):  # type: ignore[no-untyped-def]
    return find_leaks(LeakFacts(usage or (portal(),), known or mapped(), state, NOW, TODAY)).leaks


def state_with(
    units: int, price: str | None, cost: str | None, period: PeriodType = PeriodType.MONTHLY
) -> ContractState:
    home = contract(period=period)
    entry = ContractLine(
        line(100), 1, MFA, None if price is None else Decimal(price), None if cost is None else Decimal(cost)
    )
    return world([entry], [home], {entry.ref: period_rows(home, {home.start: units})})


@given(st.integers(0, 50), st.integers(1, 50), st.decimals("0.01", "500", places=2), PERIODS)
def test_too_few_and_too_many_are_the_difference_at_the_lines_price_a_month(
    billed: int, wanted: int, price: Decimal, period: PeriodType
) -> None:
    found = leaks(state_with(billed, str(price), None, period), portal(used(wanted)))
    if billed == wanted:
        assert found == ()
        return
    [leak] = found
    assert leak.kind is (LeakKind.TOO_FEW if billed < wanted else LeakKind.TOO_MANY)
    exact = abs(billed - wanted) * price / period.months
    assert leak.per_month == exact.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert leak.units == abs(billed - wanted)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.decimals("0", "99", places=2)), max_size=8))
def test_sums_are_those_of_the_leaks_each_company_once(companies: list[tuple[int, int, Decimal]]) -> None:
    homes = [contract(number, number) for number in range(1, len(companies) + 1)]
    entries = [
        ContractLine(line(100 + home.id), home.id, MFA, price, Decimal(0))
        for home, (_, _, price) in zip(homes, companies, strict=True)
    ]
    units = {
        entry.ref: period_rows(home, {home.start: billed})
        for entry, home, (billed, _, _) in zip(entries, homes, companies, strict=True)
    }
    state = world(entries, homes, units)
    usage = portal(*(used(wanted, f"c{home.id}") for home, (_, wanted, _) in zip(homes, companies, strict=True)))
    found = leaks(state, usage, known=mapped(customers={f"c{home.id}": home.id for home in homes}))
    lost = sum((max(wanted - billed, 0) * price for billed, wanted, price in companies), Decimal(0))
    over = sum((max(billed - wanted, 0) * price for billed, wanted, price in companies), Decimal(0))
    assert totals(found) == {Direction.LOST: lost, Direction.OVERBILLED: over}
    assert len(found) == sum(billed != wanted for billed, wanted, _ in companies)


def test_usage_without_a_contract_line_at_the_catalogues_price() -> None:
    state = world(
        [], [contract()], {}, items=[CatalogueItem(MFA, "MFA", unit_price=Decimal(36), period_type=PeriodType.YEARLY)]
    )
    [leak] = leaks(state, portal(used(7)))
    assert (leak.kind, leak.direction, leak.units, leak.per_month) == (
        LeakKind.NO_LINE,
        Direction.LOST,
        7,
        Decimal("21.00"),
    )


def test_usage_of_a_company_whose_contract_has_ended() -> None:
    home = contract(end=date(2026, 10, 31))
    entry = ContractLine(line(100), 1, MFA, Decimal("2.50"))
    [leak] = leaks(world([entry], [home], {}), portal(used(4)))
    assert (leak.kind, leak.contract, leak.per_month) == (LeakKind.EXPIRED_CONTRACT, "Contract 1", Decimal("10.00"))
    assert str(leak.message) == "4 are used, and contract Contract 1 ended on 2026-10-31."


def test_cancelled_and_still_billed_and_never_in_use() -> None:
    [leak] = leaks(one_line(10), portal(used(10, present=False)))
    assert (leak.kind, leak.direction, leak.per_month) == (LeakKind.CANCELLED, Direction.OVERBILLED, Decimal("25.00"))
    [leak] = leaks(one_line(10), portal())
    assert (leak.kind, leak.direction, leak.per_month) == (LeakKind.NO_USAGE, Direction.OVERBILLED, Decimal("25.00"))


def test_a_price_under_cost_loses_the_difference() -> None:
    [leak] = leaks(state_with(10, "2.00", "2.35"), portal(used(10)))
    assert (leak.kind, leak.per_month) == (LeakKind.UNDER_COST, Decimal("3.50"))


def test_m2_an_unknown_price_is_said_and_in_no_sum() -> None:
    [leak] = leaks(state_with(10, None, None), portal(used(12)))
    assert (leak.per_month, leak.units) == (None, 2)
    assert totals([leak])[Direction.LOST] == 0
    [row] = margins(state_with(10, None, "1.00"), TODAY)
    assert (row.revenue, row.cost, row.margin, row.part) == (None, Decimal("10.00"), None, None)


def test_m2_what_is_stale_is_not_judged_rather_than_leaking() -> None:
    stale = portal(used(3), read_at=None, confirmed_at={})
    found = find_leaks(LeakFacts((stale,), mapped(), one_line(10), NOW, TODAY))
    assert (found.leaks, found.not_judged) == ((), 1)


def test_units_that_were_not_read_do_not_leak() -> None:
    home = contract()
    entry = ContractLine(line(100), 1, MFA, Decimal(1), Decimal(5))
    state = world([entry], [home], {}, unread=frozenset({entry.ref}))
    assert leaks(state, portal(used(4))) == ()
    assert margins(state, TODAY) == ()


def test_usage_that_is_not_mapped_is_named() -> None:
    found = leaks(one_line(10), portal(used(10), used(5, "stranger")))
    [leak] = [leak for leak in found if leak.kind is LeakKind.UNMAPPED]
    assert (leak.company, leak.units, leak.per_month) == ("Stranger", 5, None)


def test_margin_per_company_and_product_a_month() -> None:
    [row] = margins(state_with(12, "120.00", "90.00", PeriodType.YEARLY), TODAY)
    assert (row.units, row.revenue, row.cost) == (12, Decimal("120.00"), Decimal("90.00"))
    assert (row.margin, row.part) == (Decimal("30.00"), Decimal("0.25"))


def test_contracts_that_end_soon_with_what_they_bill() -> None:
    home = contract(end=date(2026, 12, 31))
    entry = ContractLine(line(100), 1, MFA, Decimal("2.50"))
    [one] = expiring(world([entry], [home], {entry.ref: period_rows(home, {home.start: 4})}), TODAY)
    assert (one.days, one.per_month, one.end) == (41, Decimal("10.00"), date(2026, 12, 31))
    assert expiring(one_line(10), TODAY) == ()


def test_m2_a_company_whose_lines_were_never_read_is_not_judged() -> None:
    state = world([], [contract()], {})
    found = find_leaks(LeakFacts((portal(used(7)),), mapped(), state, NOW, TODAY, unread=frozenset({10})))
    assert (found.leaks, found.not_judged) == ((), 1)
