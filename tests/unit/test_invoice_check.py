"""An invoice's units explained to the day: the explanation is what looking at every single day finds."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.invoice.check import check, together
from core.domain.invoice.explain import AROUND, counted, counting_day, explain, units_on
from core.domain.invoice.model import (
    EVERYBODY,
    BilledUnits,
    CheckFacts,
    CheckSettings,
    Count,
    InvoiceItem,
    Mute,
    OwnRecord,
    Period,
    Place,
    State,
    Why,
)
from core.domain.invoice.names import names_of, placed
from core.domain.invoice.records import Piece, records_of

OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))
TODAY = date(2026, 11, 20)
PLACE = Place(EVERYBODY, "x")
DAYS = [OCTOBER.first - AROUND + timedelta(days=n) for n in range((TODAY - OCTOBER.first + AROUND).days + 1)]

days = st.dates(OCTOBER.first - timedelta(days=60), TODAY)
settings = st.builds(CheckSettings, count=st.sampled_from(Count), day=st.integers(1, 31))


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    """Quantities of up to three customers, each a row of stretches that follow each other."""
    found: list[Piece] = []
    for customer in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        edges = sorted(draw(st.sets(days, min_size=1, max_size=4)))
        for first, after in zip(edges, [*edges[1:], None], strict=True):
            last = after - timedelta(days=1) if after else None
            if draw(st.booleans()) or after is None:
                found.append(Piece(customer, customer, "x", Decimal(draw(st.integers(0, 6))), first, last))
    return found


def by_day(found: list[Piece], day: date) -> Decimal:
    return sum((p.quantity for p in found if p.first <= day and (p.last is None or p.last >= day)), Decimal(0))


def record(found: list[Piece], known_from: date) -> OwnRecord:
    return records_of(found, {}, known_from, OCTOBER.last, by_customer=False)[PLACE]


@given(pieces(), days, days)
def test_units_of_a_day_are_what_was_in_use_at_its_end(found: list[Piece], known_from: date, day: date) -> None:
    units = units_on(record(found, known_from).levels, day)
    assert units == (by_day(found, day) if day >= known_from else None)


@given(pieces(), settings)
def test_counting_is_what_adding_up_each_day_gives(found: list[Piece], how: CheckSettings) -> None:
    every = [by_day(found, OCTOBER.first + timedelta(days=n)) for n in range(31)]
    wanted = {
        Count.DAY: every[how.day - 1],
        Count.END: every[-1],
        Count.MAXIMUM: max(every),
        Count.AVERAGE: (sum(every) / 31).quantize(Decimal("0.01"), ROUND_HALF_UP),
    }[how.count]
    assert counted(record(found, OCTOBER.first - AROUND * 2).levels, how, OCTOBER, TODAY) == wanted


@given(pieces(), settings, st.integers(0, 12))
def test_s1_79_the_explanation_equals_brute_force_over_all_days(
    found: list[Piece], how: CheckSettings, invoice: int
) -> None:
    own = record(found, OCTOBER.first - AROUND * 2)
    explained = explain(own, Decimal(invoice), how, OCTOBER, TODAY)
    if counted(own.levels, how, OCTOBER, TODAY) == invoice:
        assert explained.why is Why.EQUAL
        return
    same = [day for day in DAYS if by_day(found, day) == invoice]
    if not same:
        assert explained.why in (Why.AVERAGE, Why.UNEXPLAINED)
        if explained.first is not None:
            apart = {day: abs(by_day(found, day) - invoice) for day in DAYS}
            assert apart[explained.first] == min(apart.values())
        return
    assert explained.why is Why.ANOTHER_DAY
    assert explained.first is not None
    assert explained.last is not None
    told = [day for day in DAYS if explained.first <= day <= explained.last]
    assert set(told) <= set(same)
    assert told[0] - timedelta(days=1) not in same
    assert told[-1] + timedelta(days=1) not in same
    inside = [day for day in same if OCTOBER.first <= day <= OCTOBER.last]
    day = counting_day(how, OCTOBER)
    assert min(abs((one - day).days) for one in told) == min(abs((one - day).days) for one in told if one in same)
    if inside:
        assert set(told) & set(inside)
    else:
        assert min(abs((one - day).days) for one in same) == min(abs((one - day).days) for one in told)


@given(pieces(), st.integers(1, 31), st.integers(0, 12))
def test_what_happened_between_is_exactly_the_difference(found: list[Piece], day: int, invoice: int) -> None:
    how = CheckSettings(day=day)
    explained = explain(record(found, OCTOBER.first - AROUND * 2), Decimal(invoice), how, OCTOBER, TODAY)
    if explained.why is Why.ANOTHER_DAY:
        assert explained.last is not None
        moved = sum((move.change for move in explained.moves), Decimal(0))
        own = by_day(found, counting_day(how, OCTOBER))
        assert moved == (own - invoice if explained.last < counting_day(how, OCTOBER) else invoice - own)


def test_s1_79_seats_were_removed_and_the_invoice_counts_the_first() -> None:
    own = record([Piece("a", "Acme", "x", Decimal(347), date(2026, 9, 1), date(2026, 10, 13)),
                  Piece("a", "Acme", "x", Decimal(340), date(2026, 10, 14), None)], date(2026, 9, 1))  # fmt: skip
    explained = explain(own, Decimal(347), CheckSettings(count=Count.END), OCTOBER, TODAY)
    assert [str(text) for text in explained.texts] == [
        "Own records have 347 from 2026-09-01 to 2026-10-13, and 340 on 2026-10-31.",
        "7 removed on 2026-10-14 (Acme).",
        "The invoice counts the first day of the period.",
        "It is the highest number of the period.",
    ]


def test_an_invoice_of_the_average_says_so() -> None:
    own = record([Piece("a", "Acme", "x", Decimal(10), date(2026, 9, 1), date(2026, 10, 15)),
                  Piece("a", "Acme", "x", Decimal(20), date(2026, 10, 16), None)], date(2026, 8, 1))  # fmt: skip
    assert explain(own, Decimal("15.16"), CheckSettings(), OCTOBER, TODAY).why is Why.AVERAGE
    assert explain(own, Decimal(15), CheckSettings(), OCTOBER, TODAY).why is Why.AVERAGE


def test_m2_a_day_that_is_still_to_come_is_not_known() -> None:
    own = record([Piece("a", "Acme", "x", Decimal(10), date(2026, 9, 1), None)], date(2026, 9, 1))
    november = Period(date(2026, 11, 1), date(2026, 11, 30))
    for how in (Count.END, Count.MAXIMUM, Count.AVERAGE):
        assert explain(own, Decimal(10), CheckSettings(count=how), november, TODAY).why is Why.NOT_KNOWN
    assert explain(own, Decimal(10), CheckSettings(), november, TODAY).why is Why.EQUAL


def item(units: int, amount: str | None = None, product: str = "x", customer: str = EVERYBODY) -> InvoiceItem:
    return InvoiceItem(
        place=Place(customer, product), customer=customer, product=product, units=Decimal(units),
        amount=None if amount is None else Decimal(amount), currency="EUR",
    )  # fmt: skip


def facts(*items: InvoiceItem, cost: str | None = "2.00", **more: object) -> CheckFacts:
    piece = Piece("a", "Acme", "x", Decimal(10), date(2026, 9, 1), None, None if cost is None else Decimal(cost), "EUR")
    own = records_of([piece], {}, date(2026, 9, 1), OCTOBER.last, by_customer=False)
    return CheckFacts(period=OCTOBER, items=items, own=own, known_from=date(2026, 9, 1),
                      **{"settings": CheckSettings(), **more})  # type: ignore[arg-type]  # fmt: skip


def test_units_and_price_share_the_difference_in_money() -> None:
    [row] = check(facts(item(12, "30.00")), TODAY)
    assert (row.own_amount, row.money_difference) == (Decimal("20.00"), Decimal("10.00"))
    assert (row.by_units, row.by_price) == (Decimal("4.00"), Decimal("6.00"))


def test_m2_without_a_known_cost_money_is_not_known() -> None:
    [row] = check(facts(item(10, "30.00"), cost=None), TODAY)
    assert (row.own_amount, row.money_difference, row.by_units, row.by_price) == (None, None, None, None)
    assert row.state is State.EQUAL


def test_an_amount_in_another_currency_is_not_compared() -> None:
    from dataclasses import replace

    [row] = check(facts(replace(item(10, "20.00"), currency="USD")), TODAY)
    assert row.own_amount is None


def test_lines_of_a_part_of_the_period_are_one_place() -> None:
    [one] = together([item(6, "12.00"), item(4, "8.00")])
    assert (one.units, one.amount) == (10, Decimal("20.00"))
    assert together([item(6, "12.00"), item(4)])[0].amount is None


def test_contract_lines_that_other_products_feed_too_are_shown_and_not_compared() -> None:
    shared = {PLACE: BilledUnits(units=Decimal(99), shared=True)}
    [row] = check(facts(item(10, "20.00"), billed=shared), TODAY)
    assert (row.autotask, row.autotask_difference, row.state) == (99, None, State.EQUAL)
    [row] = check(facts(item(10, "20.00"), billed={PLACE: BilledUnits(units=Decimal(9))}), TODAY)
    assert (row.autotask_difference, row.state) == (-1, State.DIFFERENT)


@pytest.mark.parametrize(("units", "state"), [(12, State.MUTED), (13, State.DIFFERENT)])
def test_a_mute_is_for_one_difference_alone(units: int, state: State) -> None:
    [row] = check(facts(item(12)), TODAY)
    mutes = {PLACE: Mute(row.fingerprint, "agreed")}
    assert check(facts(item(units), mutes=mutes), TODAY)[0].state is state


def test_m9_names_are_found_exactly_and_words_for_two_for_none() -> None:
    names = names_of(
        [("1", "Acme  B.V."), ("2", "Twin"), ("3", "Twin")], [("x", "Mail")], CheckSettings(customers={"Old": "1"})
    )
    found = [placed(item(1, customer=who, product="MAIL"), names).place for who in ("acme b.v.", "Twin", "OLD", "2")]
    assert found == [Place("1", "x"), Place("Twin", "x"), Place("1", "x"), Place("2", "x")]
