"""Prices, pairs and badges of subscriptions in a plan, without Autotask."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.contract import ContractLine, ContractState, ItemRef, PeriodType
from core.domain.mapping import ProductKey, ProductRule, RuleSource
from core.domain.plan import ChangeKind, ChangeStatus, Decisions, LineMemory, Plan
from core.domain.planner import make_plan
from core.domain.policies import policy_for, strictest
from core.domain.policy import Mode, Policy, PolicyOverride, Prices, Suspended, When
from core.domain.subscription.badge import Badge, Standing, badge_of, standpoints
from core.domain.subscription.billing import marked_up
from core.domain.subscription.calendar import Subscribed, calendar, calendar_findings
from core.domain.subscription.pairs import Pair, settle_together
from core.domain.subscription.terms import term_findings
from core.domain.target import KnownLine, Targets, TargetSource
from core.domain.targets import compute_targets
from tests.looking import tries
from tests.unit.builders import (
    AT_ONCE,
    MFA,
    NOW,
    TODAY,
    contract,
    line,
    mapped,
    one_line,
    period_rows,
    portal,
    rule,
    target,
    used,
    world,
)

OTHER = ItemRef(MFA.kind, 501)
FOLLOW = AT_ONCE.model_copy(update={"prices": Prices.FOLLOW, "max_change_percent": None})


def priced(cost: str, quantity: int = 10, **fields: object) -> KnownLine:
    return used(quantity, unit_cost=Decimal(cost), currency="EUR", subscription_id="s1", **fields)


def targets_of(*lines: KnownLine, policy: Policy, state: ContractState | None = None, **more: object) -> Targets:
    return compute_targets(
        [portal(*lines, policy=policy, **more)],
        mapped(),
        state or one_line(),
        NOW,
        TODAY,  # type: ignore[arg-type]
    )


def planned(targets: Targets, memory: LineMemory | None = None, pairs: tuple[Pair, ...] = ()) -> Plan:
    return make_plan(targets, one_line(), {line(100): memory} if memory else {}, Decisions(), TODAY, pairs)


@pytest.mark.parametrize(
    ("cost", "percent", "price"),
    [("2.00", "20", "2.40"), ("1.115", "10", "1.23"), ("0.335", "50", "0.50"), ("3", "0", "3.00")],
)
def test_m12_a_mark_up_is_rounded_once(cost: str, percent: str, price: str) -> None:
    assert marked_up(Decimal(cost), Decimal(percent)) == Decimal(price)


def test_the_defaults_carry_no_price_and_change_nothing_of_suspended_lines() -> None:
    [one] = targets_of(priced("1.50", attributes={"status": "suspended"}), policy=AT_ONCE).targets
    assert (one.units, one.unit_price, one.unit_cost, one.price_when, one.suspended) == (10, None, None, None, False)


def test_a_price_change_below_the_minimum_stays() -> None:
    policy = FOLLOW.model_copy(update={"markup_percent": Decimal(100), "minimum_price_change": Decimal("0.10")})
    assert planned(targets_of(priced("1.22"), policy=policy)).changes[0].unit_price is None
    [change] = planned(targets_of(priced("1.30"), policy=policy)).changes
    assert (change.kind, change.unit_price) == (ChangeKind.PRICE, Decimal("2.60"))


def test_m6_a_price_that_moves_too_far_is_held() -> None:
    policy = FOLLOW.model_copy(update={"markup_percent": Decimal(400), "max_change_percent": 50})
    [change] = planned(targets_of(priced("1.10"), policy=policy)).changes
    assert change.status is ChangeStatus.HELD


def test_m6_a_suspended_price_of_nothing_is_held_where_zero_is() -> None:
    policy = AT_ONCE.model_copy(update={"suspended": Suspended.PRICE_ZERO, "hold_to_zero": True})
    [change] = planned(targets_of(priced("1.10", attributes={"status": "suspended"}), policy=policy)).changes
    assert (change.effective_date, change.unit_price, change.status) == (date(2026, 12, 1), 0, ChangeStatus.HELD)


def test_a_price_that_is_on_its_way_is_what_the_next_one_is_compared_with() -> None:
    """3.00 was written for 1 December; wanted is the present price again: it must follow, not before that day."""
    memory = LineMemory(10, TODAY, unit_price=Decimal("3.00"), price_from=date(2026, 12, 1))
    wanted = Targets((target(10, unit_price=Decimal("2.50")),), ())
    [change] = planned(wanted, memory).changes
    assert (change.unit_price, change.effective_date) == (Decimal("2.50"), date(2026, 12, 1))
    assert planned(Targets((target(10, unit_price=Decimal("3.00")),), ()), memory).changes == ()


def test_suspended_seats_beside_active_ones_do_not_count() -> None:
    """A line has one price: it cannot cost nothing for a part of its seats."""
    policy = AT_ONCE.model_copy(update={"suspended": Suspended.PRICE_ZERO})
    lines = [
        used(4, subscription_id="s1", attributes={"status": "suspended"}),
        used(6, subscription_id="s2", attributes={"status": "active"}),
    ]
    [one] = targets_of(*lines, policy=policy).targets
    assert (one.units, one.suspended, one.unit_price) == (6, False, None)


def test_policies_of_prices_lie_over_each_other_and_meet() -> None:
    own = PolicyOverride(product_key="p", markup_percent=Decimal(30), suspended=Suspended.UNITS_ZERO)
    laid = policy_for(FOLLOW, [own], "acme", ["p"])
    assert (laid.markup_percent, laid.suspended) == (30, Suspended.UNITS_ZERO)
    both = strictest([FOLLOW, laid])
    assert (both.prices, both.suspended) == (Prices.KEEP, Suspended.KEEP)
    assert strictest([laid, laid.model_copy(update={"prices_from": When.NEXT_PERIOD})]).prices is Prices.FOLLOW


# ---- pairs


def pair_world(premium_units: int = 0) -> ContractState:
    home = contract()
    entries = [ContractLine(line(100), 1, MFA, Decimal(2)), ContractLine(line(101), 1, OTHER, Decimal(3))]
    rows = {line(100): period_rows(home, {home.start: 10}), line(101): period_rows(home, {home.start: premium_units})}
    return world(entries, [home], rows)


def pair_rules() -> tuple[ProductRule, ...]:
    return (rule(1), rule(2, item=OTHER, sources=(RuleSource(ProductKey("Duo", "premium"), "q"),)))


def pair_targets(policy: Policy = AT_ONCE, mode: Mode = Mode.AUTOMATIC) -> Targets:
    old = replace(used(10, present=False, subscription_id="s1"), id=1)
    new = replace(used(10, product="premium", subscription_id="s1"), id=2)
    usage = portal(old, new, policy=policy, mode=mode)
    return compute_targets([usage], mapped(*pair_rules()), pair_world(), NOW, TODAY)


def pair_plan(
    policy: Policy = AT_ONCE, decisions: Decisions | None = None, pairs: tuple[Pair, ...] = (Pair(1, 2),)
) -> Plan:
    return make_plan(pair_targets(policy), pair_world(), {}, decisions or Decisions(), TODAY, pairs)


@pytest.mark.parametrize("certain", [True, False])
def test_s5_16_a_certain_pair_counts_from_one_day(certain: bool) -> None:
    policy = AT_ONCE.model_copy(update={"decrease": When.NEXT_PERIOD})
    plan = pair_plan(policy, pairs=(Pair(1, 2, certain),))
    dates = {change.unit_change: change.effective_date for change in plan.changes}
    assert dates == {-10: TODAY if certain else date(2026, 12, 1), 10: TODAY}
    assert len({change.pair for change in plan.changes}) == 1


def test_s5_16_dismissing_one_half_holds_the_other() -> None:
    down = next(change for change in pair_plan().changes if change.unit_change < 0)
    plan = pair_plan(decisions=Decisions(dismissed={down.dismissal_key: "no"}))
    assert {change.status for change in plan.changes} == {ChangeStatus.DISMISSED, ChangeStatus.HELD}
    assert plan.applicable() == ()


def test_s5_16_approving_the_half_that_is_held_lets_both_go() -> None:
    policy = AT_ONCE.model_copy(update={"hold_to_zero": True})
    down = next(change for change in pair_plan(policy).changes if change.unit_change < 0)
    held = pair_plan(policy)
    assert {change.status for change in held.changes} == {ChangeStatus.HELD}
    approved = pair_plan(policy, Decisions(approved={down.id: "ann"}))
    assert {change.status for change in approved.changes} <= {ChangeStatus.APPROVED, ChangeStatus.READY}


@given(st.lists(st.tuples(st.sampled_from(ChangeStatus), st.sampled_from(["", "a", "b"])), max_size=6))
@tries(80)
def test_m6_no_half_of_a_pair_is_ever_applicable_alone(found: list[tuple[ChangeStatus, str]]) -> None:
    template = pair_plan(pairs=()).changes[0]
    changes = [
        replace(template, status=status, pair=pair, to_units=place) for place, (status, pair) in enumerate(found)
    ]
    plan = Plan(TODAY, tuple(settle_together(changes)), ())
    applicable = {change.pair for change in plan.applicable()} - {""}
    waiting = {change.pair for change in plan.changes if change not in plan.applicable()} - {""}
    assert not applicable & waiting
    alone = [change for change in changes if not change.pair]
    assert [change for change in plan.changes if not change.pair] == alone


# ---- badge


def test_the_badge_follows_from_targets_and_plan() -> None:
    lines = [
        replace(used(12, subscription_id="s1"), id=1),
        replace(used(1, customer="nobody", subscription_id="s2"), id=2),
        replace(used(1, product="unknown", subscription_id="s3"), id=3),
        replace(used(5, present=False, product="unknown", subscription_id="s4"), id=4),
    ]
    usage = portal(*lines)
    targets = compute_targets([usage], mapped(), one_line(), NOW, TODAY)
    plan = make_plan(targets, one_line(), {}, Decisions(), TODAY)
    found = {one.usage_line: one for one in standpoints([usage], mapped(), targets, plan)}
    assert {number: one.standing for number, one in found.items()} == {
        1: Standing.OPEN, 2: Standing.UNMAPPED, 3: Standing.UNMAPPED,
    }  # fmt: skip
    assert found[1].problem is not None
    done = replace(plan, changes=())
    assert standpoints([usage], mapped(), targets, done)[0].standing is Standing.PLACED


def test_badges_of_all_standings() -> None:
    told = {standing: badge_of(standing) for standing in Standing}
    assert [standing for standing, badge in told.items() if badge is Badge.IN_SYNC] == [Standing.PLACED]
    assert told[Standing.BLOCKED] is told[Standing.NO_LINE] is told[Standing.OPEN] is Badge.OUT_OF_SYNC


# ---- calendar


def bound(end: date, quantity: int = 10, *, term: str = "P1Y", added: date | None = None, **told: str) -> Subscribed:
    attributes = {"commitment_end": end.isoformat(), **told}
    known = used(quantity, subscription_id="s1", term=term, attributes=attributes)
    return Subscribed(
        portal="Duo", line=known, company_id=10, company="Company 10", added_on=added, contract=contract()
    )


def told(*subscribed: Subscribed) -> list[tuple[str, date | None]]:
    return [(entry.kind.value, entry.day) for entry in calendar(subscribed, TODAY)]


def test_seats_are_bound_until_the_term_ends() -> None:
    assert told(bound(date(2027, 6, 30))) == [("locked", date(2027, 6, 30))]


@pytest.mark.parametrize(("days", "kind"), [(0, "window"), (6, "window"), (7, "locked")])
def test_the_window_is_seven_days_from_order_or_renewal(days: int, kind: str) -> None:
    start = TODAY - timedelta(days=days)
    end = start.replace(year=start.year + 1) - timedelta(days=1)
    assert told(bound(end))[0][0] == kind


def test_added_seats_have_a_window_of_their_own() -> None:
    assert told(bound(date(2027, 6, 30), added=date(2026, 11, 18))) == [
        ("window", date(2026, 11, 24)),
        ("locked", date(2027, 6, 30)),
    ]


@pytest.mark.parametrize(("days", "stage"), [(30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (1, 7)])
def test_renewals_are_told_30_14_and_7_days_before(days: int, stage: int) -> None:
    end = TODAY + timedelta(days=days - 1)
    [renewal] = [entry for entry in calendar([bound(end)], TODAY) if entry.kind.value == "renewal"]
    assert (renewal.days, renewal.stage) == (days, stage)
    [finding] = calendar_findings([renewal])
    assert finding.key.endswith(f"|{stage}")


def test_a_renewal_is_told_by_how_it_renews_and_monthly_ones_raise_nothing() -> None:
    words = {
        how: str(next(e for e in calendar([bound(date(2026, 11, 29), **more)], TODAY) if e.kind.value == "renewal").text)
        for how, more in {"yes": {"auto_renew": "true"}, "no": {"auto_renew": "false"}, "?": {}}.items()
    }  # fmt: skip
    assert "by itself" in words["yes"]
    assert "does not renew" in words["no"]
    assert "does not tell" in words["?"]
    assert calendar_findings(calendar([bound(date(2026, 11, 29), term="P1M")], TODAY)) == []


def test_what_is_paid_and_not_used_and_the_other_way_round() -> None:
    end = date(2027, 6, 30)
    seats = {entry.kind.value: entry.seats for entry in calendar([bound(end, assigned="7")], TODAY)}
    assert seats["unused"] == 3
    assert ("short", None) in told(bound(end, assigned="12"))
    owned, assigned = (
        Subscribed(portal="M365", line=used(quantity, product=f"graph:{kind}:sku"))
        for kind, quantity in (("owned", 25), ("assigned", 23))
    )
    [entry] = calendar([owned, assigned], TODAY)
    assert (entry.kind.value, entry.seats) == ("unused", 2)


def test_a_contract_that_ends_before_its_subscription() -> None:
    ends = replace(bound(date(2027, 6, 30)), contract=contract(end=date(2026, 12, 10)))
    entries = calendar([ends], TODAY)
    assert [entry.kind.value for entry in entries] == ["contract_end", "locked"]
    [finding] = calendar_findings(entries)
    assert "2027-06-30" in str(finding.remedy)


def test_a_subscription_of_which_no_term_is_told_has_no_entries() -> None:
    bare = Subscribed(portal="Duo", line=used(5, subscription_id="s1"), company_id=10, contract=contract())
    gone = replace(bound(date(2026, 11, 29)), line=replace(bound(date(2026, 11, 29)).line, present=False))
    assert calendar([bare, gone], TODAY) == ()


def test_a_decrease_inside_a_commitment_says_until_when() -> None:
    attributes = {"commitment_end": "2027-06-30"}
    # Term belongs to the product that is mapped: a rule of its own.
    products = (RuleSource(ProductKey("Duo", "mfa", "P1Y"), "users"),)
    usage = portal(used(6, subscription_id="s1", term="P1Y", attributes=attributes))
    wanted = compute_targets([usage], mapped(rule(sources=products)), one_line(), NOW, TODAY)
    [change] = planned(wanted).changes
    assert "2027-06-30" in " ".join(map(str, change.explanation))
    assert change.status is ChangeStatus.READY


def test_another_billing_period_is_a_question_with_the_lines_that_fit() -> None:
    monthly, yearly = contract(1), contract(2, period=PeriodType.YEARLY)
    entries = [ContractLine(line(100), 1, MFA), ContractLine(line(101), 2, MFA, description="Per year")]
    state = world(entries, [monthly, yearly], {})
    usage = used(5, subscription_id="s1", billing_frequency="yearly")
    one = target(5, sources=(source(usage),))
    [finding] = term_findings([(usage.id, "monthly", "yearly")], {usage.id: one}, state)
    assert finding.candidates == (("service:101", "Per year"),)
    assert term_findings([(usage.id, "a", "b")], {usage.id: replace(one, line=line(101), contract_id=2)}, state) == []


def source(known: KnownLine) -> TargetSource:
    return TargetSource("Duo", known, 1, "users")
