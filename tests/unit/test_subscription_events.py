"""What happened between two readings of subscriptions: each kind once, and for any two readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.contract import ContractLine, LineRef
from core.domain.mapping import ProductKey, ProductRule, RuleSource
from core.domain.policy import Suspended
from core.domain.subscription.events import EventKind, Seen, apply_events, events_between, explained
from core.domain.subscription.words import Status, commitment_end, reducible_until, status_of, term_start
from core.domain.target import KnownLine
from core.domain.targets import compute_targets
from core.domain.usage import LineKey, UsageLine
from tests.looking import tries
from tests.unit.autotask_model import ModelLine, apply
from tests.unit.builders import AT_ONCE, MFA, NOW, TODAY, contract, line, mapped, plan_of, portal, rule, world

DAY = date(2026, 11, 21)


def sub(product: str = "basic", quantity: int | str = 10, subscription: str = "s1", **fields: object) -> UsageLine:
    known = UsageLine.__dataclass_fields__
    values = {name: value for name, value in fields.items() if name in known}
    attributes = {name: str(value) for name, value in fields.items() if name not in known}
    return UsageLine(
        customer_id=str(values.pop("customer_id", "acme")),
        customer="Acme",
        product_key=product,
        product=product,
        quantity=Decimal(quantity),
        subscription_id=subscription,
        attributes=attributes,
        **values,  # type: ignore[arg-type]
    )


def seen(*lines: UsageLine, gone: tuple[UsageLine, ...] = ()) -> dict[LineKey, Seen]:
    return {one.key: Seen(one) for one in lines} | {one.key: Seen(one, False) for one in gone}


def found(before: Mapping[LineKey, Seen], after: Mapping[LineKey, Seen]) -> list[str]:
    return [event.kind.value for event in events_between(before, after, DAY)]


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        (sub(), sub(), []),
        (sub(), sub(quantity=12), ["quantity"]),
        (sub(unit_cost=Decimal(2)), sub(unit_cost=Decimal(3)), ["price"]),
        (sub(margin=10), sub(margin=12), ["margin"]),
        (sub(), sub(promotion="spring"), ["promotion_start"]),
        (sub(promotion="spring"), sub(), ["promotion_end"]),
        (sub(promotion="spring"), sub(promotion="summer"), ["promotion_end", "promotion_start"]),
        (sub(status="active"), sub(status="Suspended"), ["suspended"]),
        (sub(status="hold"), sub(status="Active"), ["reactivated"]),
        (sub(), sub(status="deleted"), ["cancelled"]),
        (sub(partner="a"), sub(partner="b"), ["reseller"]),
        (sub(), sub(partner="b"), []),
        (sub(auto_renew="true"), sub(auto_renew="false"), ["auto_renew"]),
        (sub(label="a"), sub(label="b"), ["name"]),
        (sub(), sub(label="b", auto_renew="true", margin=5), []),
        (sub(term="P1Y", commitment_end="2026-11-30"), sub(term="P1Y", commitment_end="2027-11-30"), ["renewed"]),
        (sub(), sub("premium"), ["upgraded"]),
        (sub(term="P1M"), sub(term="P1Y"), ["term"]),
        (sub(billing_frequency="monthly"), sub(quantity=5, billing_frequency="yearly"), ["term", "quantity"]),
        (sub(), sub("premium", subscription="s2"), ["upgraded"]),
        (sub(), sub(subscription="s2"), ["cancelled", "added"]),
    ],
)
def test_each_kind_of_event(was: UsageLine, now: UsageLine, expected: list[str]) -> None:
    assert found(seen(was), seen(now)) == expected


def test_m9_two_that_ended_and_one_that_began_are_no_upgrade() -> None:
    before = seen(sub(), sub("plus", subscription="s2"))
    assert found(before, seen(sub("premium", subscription="s3"))) == ["cancelled", "cancelled", "added"]


def test_what_comes_back_is_reactivated_not_new() -> None:
    assert found(seen(gone=(sub(),)), seen(sub())) == ["reactivated"]


def test_the_portals_own_date_counts_while_it_is_new() -> None:
    dated = sub(quantity=12, effective_date=date(2026, 11, 18))
    assert events_between(seen(sub()), seen(dated), DAY)[0].effective_date == date(2026, 11, 18)
    later = replace(dated, quantity=Decimal(13))
    assert events_between(seen(dated), seen(later), DAY)[0].effective_date == DAY


def test_every_event_tells_values_and_what_it_means() -> None:
    [event] = events_between(seen(sub()), seen(sub(quantity="12.50")), DAY)
    assert (event.before, event.after) == ({"quantity": "10"}, {"quantity": "12.50"})
    assert all(str(explained(kind)) for kind in EventKind)


@pytest.mark.parametrize("word", ["Suspended", "on hold", "ON_HOLD"])
def test_words_of_a_suspended_subscription(word: str) -> None:
    assert status_of(sub(status=word)) is Status.SUSPENDED


@pytest.mark.parametrize("word", ["", "Active", "PendingCancel", "something new"])
def test_a_status_nobody_knows_is_what_the_connector_counted(word: str) -> None:
    assert status_of(sub(status=word)) is Status.ACTIVE


def test_a_commitment_is_told_or_follows_from_a_period_as_long_as_the_term() -> None:
    start, end = date(2026, 3, 1), date(2027, 2, 28)
    assert commitment_end(sub(term="P1Y", period_start=start, period_end=end)) == end
    assert commitment_end(sub(term="P1Y", period_start=date(2026, 11, 1), period_end=date(2026, 11, 30))) is None
    told = sub(term="P1Y", commitment_end="2027-03-14T23:59:59Z")
    assert (commitment_end(told), term_start(told)) == (date(2027, 3, 14), date(2026, 3, 15))
    assert reducible_until(told) == date(2026, 3, 21)
    assert commitment_end(sub(term="P1Y", commitment_end="soon")) is None


# ---- any two readings

PRODUCTS, SUBSCRIPTIONS, CUSTOMERS = ("p", "q"), ("s1", "s2", "s3"), ("acme", "beta")
ITEMS = {"p": MFA, "q": MFA._replace(id=501)}


@st.composite
def lines(draw: st.DrawFn) -> dict[LineKey, UsageLine]:
    made = [
        sub(
            draw(st.sampled_from(PRODUCTS)),
            draw(st.integers(0, 9)),
            draw(st.sampled_from(SUBSCRIPTIONS)),
            customer_id=draw(st.sampled_from(CUSTOMERS)),
            unit_cost=draw(st.sampled_from([None, Decimal(2), Decimal(3)])),
            currency="EUR",
            status=draw(st.sampled_from(["active", "suspended", "cancelled"])),
        )
        for _ in range(draw(st.integers(0, 5)))
    ]
    return {one.key: one for one in made}


def known(now: Mapping[LineKey, UsageLine], ever: Mapping[LineKey, UsageLine]) -> tuple[KnownLine, ...]:
    """As history holds them: lines that were seen once stay, as gone."""
    return tuple(
        KnownLine(now.get(key, ever[key]), key in now, NOW, NOW, place) for place, key in enumerate(sorted(ever), 1)
    )


def rules_of_both() -> tuple[ProductRule, ...]:
    return tuple(
        rule(place, item=ITEMS[product], sources=(RuleSource(ProductKey("Duo", product), "q"),))
        for place, product in enumerate(PRODUCTS, 1)
    )


MAPPING = mapped(*rules_of_both(), customers={"acme": 10, "beta": 11})
HOMES = [contract(1, 10), contract(2, 11)]
LINES = [ContractLine(line(100 + place), 1 + place // 2, ITEMS[PRODUCTS[place % 2]]) for place in range(4)]


@given(lines(), lines(), st.sampled_from(Suspended))
@tries(60)
def test_events_of_any_two_readings_lead_to_the_same_targets_as_planning_from_scratch(
    before: dict[LineKey, UsageLine], after: dict[LineKey, UsageLine], suspended: Suspended
) -> None:
    events = events_between(seen(*before.values()), seen(*after.values()), DAY)
    replayed = apply_events(before, events)
    ever = {**before, **after}
    policy = AT_ONCE.model_copy(update={"suspended": suspended})
    state = world(LINES, HOMES, {})
    results = [
        compute_targets([portal(*known(one, ever), policy=policy)], MAPPING, state, NOW, TODAY)
        for one in (replayed, after)
    ]
    told = [
        [(target.line, target.units, target.unit_price, target.suspended) for target in result.targets]
        for result in results
    ]
    assert told[0] == told[1]


@given(lines(), lines())
@tries(60)
def test_m1_after_the_changes_of_any_two_readings_a_second_plan_is_empty(
    before: dict[LineKey, UsageLine], after: dict[LineKey, UsageLine]
) -> None:
    ever = {**before, **after}
    models: dict[LineRef, ModelLine] = {entry.ref: ModelLine(HOMES[entry.contract_id - 1], {}) for entry in LINES}

    def state_now() -> object:
        return world(LINES, HOMES, {ref: model.rows() for ref, model in models.items()})

    for place, reading in enumerate((before, after)):
        for model in models.values():
            model.written.clear()
        today = date(2026, 11, 20 + place)
        usage = [portal(*known(reading, ever), policy=AT_ONCE)]
        plan = plan_of(usage, MAPPING, state_now(), today=today)  # type: ignore[arg-type]
        apply(plan.changes, models)
        assert plan_of(usage, MAPPING, state_now(), today=today).changes == ()  # type: ignore[arg-type]
