"""The charge plan: amounts to the cent, splits, keys, and the rule that a key's charges always add up to the source (M12, M15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.domain.charges.keys import FIELD_LENGTH, ChargeKey, key_of, owner_of
from core.domain.charges.plan import (
    ChargeChange,
    ChargeFacts,
    ChargePlan,
    Consumed,
    ExistingCharge,
    KnownCharge,
    PortalCharging,
)
from core.domain.charges.planner import plan_charges
from core.domain.charges.pricing import cents, in_cents
from core.domain.charges.settings import ChargeOverride, ChargeSettings, Split, settings_for
from core.domain.consumption import ConsumptionLine
from core.domain.contract import Contract, PeriodType
from core.domain.mapping import CustomerKey, CustomerMapping
from core.domain.plan import ChangeStatus, Decisions
from core.domain.policy import Mode
from tests.looking import tries

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
CONTRACT = Contract(7001, 1001, "Managed", date(2025, 1, 1), date(2027, 12, 31), PeriodType.MONTHLY)
BASE = ChargeSettings(billing_code_id=4, max_change_percent=None)
amounts = st.decimals(min_value=-50, max_value=500, places=6, allow_nan=False)


def line(resource: str, amount: Decimal | str, **more: object) -> ConsumptionLine:
    values: dict[str, object] = {
        "customer_id": "c", "customer": "Acme", "resource_key": resource, "resource": resource, "amount": Decimal(amount),
        "currency": "EUR", "period_start": OCTOBER[0], "period_end": OCTOBER[1],
    }  # fmt: skip
    return ConsumptionLine(**(values | more))  # type: ignore[arg-type]


def facts(
    lines: list[ConsumptionLine], settings: ChargeSettings, existing: tuple[ExistingCharge, ...] = (), **more: object
) -> ChargeFacts:
    consumed = Consumed(
        portal="Azure", identity="Azure", customer_id="c", customer="Acme", period_start=OCTOBER[0], period_end=OCTOBER[1],
        lines=tuple(lines),
    )  # fmt: skip
    key = CustomerKey("Azure", "c")
    charging = PortalCharging(settings=settings, mode=Mode.AUTOMATIC, hold_to_zero=False)
    values: dict[str, object] = {
        "consumed": (consumed,), "customers": {key: CustomerMapping(key, "Acme", 1001)}, "portals": {"Azure": charging},
        "existing": existing, "contracts": {7001: CONTRACT},
    }  # fmt: skip
    return ChargeFacts(**(values | more))  # type: ignore[arg-type]


@given(st.dictionaries(st.text(max_size=4), amounts, max_size=12))
@tries(200)
def test_m12_cents_add_up_to_the_rounded_total_and_no_part_is_off_by_a_cent(parts: dict[str, Decimal]) -> None:
    found = in_cents(parts)
    assert sum(found.values(), Decimal(0)) == sum(parts.values(), Decimal(0)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert all(abs(found[key] - amount) < Decimal("0.01") for key, amount in parts.items())


def test_half_a_cent_goes_up_away_from_zero() -> None:
    assert (cents(Decimal("0.005")), cents(Decimal("-0.005"))) == (Decimal("0.01"), Decimal("-0.01"))


@pytest.mark.parametrize(
    ("settings", "price"),
    [
        (BASE, "100.00"),
        (BASE.model_copy(update={"pricing": "markup", "percent": Decimal(15)}), "115.00"),
        (BASE.model_copy(update={"pricing": "margin", "percent": Decimal(20)}), "125.00"),
        (BASE.model_copy(update={"pricing": "source"}), "130.00"),
    ],
)
def test_s2_14_price_is_cost_mark_up_margin_or_the_sources(settings: ChargeSettings, price: str) -> None:
    settings = ChargeSettings.model_validate(settings.model_dump(warnings=False))
    [change] = plan_charges(facts([line("vm", "100", price=Decimal(130))], settings)).changes
    assert change.after is not None
    assert (change.after.price, change.after.cost) == (Decimal(price), Decimal("100.00"))


def test_a_source_without_a_price_is_a_finding_not_a_zero() -> None:
    settings = ChargeSettings(billing_code_id=4, pricing="source")
    plan = plan_charges(facts([line("vm", "100")], settings))
    assert plan.changes == ()
    assert [one.kind.value for one in plan.findings] == ["held"]


@pytest.mark.parametrize(
    ("split", "charges"),
    [
        ("bundled", 1),
        ("subscription", 2),
        ("resource_group", 3),
        ("tag", 2),
        ("meter_category", 2),
        ("service", 1),
        ("resource", 4),
    ],
)
def test_s1_66_every_split_adds_up(split: str, charges: int) -> None:
    lines = [
        line(
            "a",
            "1.111",
            dimensions={"subscription_id": "S1", "resource_group": "RG", "tag:env": "P", "meter_category": "VM"},
        ),
        line(
            "b",
            "2.222",
            dimensions={"subscription_id": "s1", "resource_group": "rg", "tag:env": "p", "meter_category": "Disk"},
        ),
        line("c", "3.333", dimensions={"subscription_id": "s2", "resource_group": "rg", "meter_category": "vm"}),
        line("d", "4.444", dimensions={"subscription_id": "s2", "resource_group": "other", "meter_category": "vm"}),
    ]
    plan = plan_charges(facts(lines, ChargeSettings(billing_code_id=4, split=split, tag="env")))
    assert len(plan.changes) == charges
    assert sum(change.amount for change in plan.changes) == Decimal("11.11")


def test_the_more_particular_override_wins() -> None:
    base = ChargeSettings(
        billing_code_id=4,
        overrides=(
            ChargeOverride(customer_id="c", split=Split.RESOURCE, percent=Decimal(1)),
            ChargeOverride(product="usage", percent=Decimal(2)),
            ChargeOverride(customer_id="c", product="usage", product_id=9),
        ),
    )
    found = settings_for(base, "c", "usage")
    assert (found.split, found.percent, found.billing_code_id, found.product_id) == (Split.RESOURCE, 2, None, 9)
    assert settings_for(base, "d").split is Split.BUNDLED


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 2**40), st.text(max_size=60), st.integers(0, 999))
@tries(100)
def test_keys_fit_the_field_and_read_back(portal: str, customer: str, contract: int, what: str, number: int) -> None:
    key = ChargeKey(key_of(portal, customer, OCTOBER[0], contract, what).base, number)
    assert len(key.text) <= FIELD_LENGTH
    assert ChargeKey.parse(key.text) == key
    assert key.owner == owner_of(portal, customer, OCTOBER[0])
    assert ChargeKey.parse("PO 2026") is None


def test_m9_a_key_that_stands_twice_is_left_alone() -> None:
    lines = [line("vm", "100")]
    [change] = plan_charges(facts(lines, BASE)).changes
    assert change.after is not None
    charge = ExistingCharge(id=1, contract_id=7001, key=change.key, values=change.after)
    plan = plan_charges(facts([line("vm", "120")], BASE, (charge, replace(charge, id=2))))
    assert plan.changes == ()
    assert [one.kind.value for one in plan.findings] == ["ambiguous"]


def test_a_charge_stays_on_its_contract_when_a_second_one_appears() -> None:
    other = replace(CONTRACT, id=7002)
    [change] = plan_charges(facts([line("vm", "100")], BASE)).changes
    assert change.after is not None
    charge = ExistingCharge(id=1, contract_id=7001, key=change.key, values=change.after)
    plan = plan_charges(facts([line("vm", "100")], BASE, (charge,), contracts={7001: CONTRACT, 7002: other}))
    assert (plan.changes, plan.unchanged) == ((), 1)


def test_changes_of_one_customer_stand_or_fall_together() -> None:
    settings = ChargeSettings(billing_code_id=4, split="resource", max_amount=Decimal(50))
    plan = plan_charges(facts([line("a", "10"), line("b", "45")], settings))
    assert {change.status for change in plan.changes} == {ChangeStatus.HELD}


class Charging(RuleBasedStateMachine):
    """Imports, postings, other splits, crashes and lost stores in any order: what is charged equals the source to the cent.

    Autotask is a list of charges. A crash is a write whose verification is never stored; sometimes it happened, sometimes not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.charges: dict[int, ExistingCharge] = {}
        self.known: dict[str, tuple[KnownCharge, ...]] = {}
        self.lines: list[ConsumptionLine] = [line("a", "1")]
        self.settings = BASE
        self.mapped = {7001: CONTRACT}
        self.next = 1

    @initialize(split=st.sampled_from(["bundled", "resource"]))
    def begin(self, split: str) -> None:
        self.settings = BASE.model_copy(update={"split": Split(split)})

    @rule(parts=st.dictionaries(st.sampled_from("abcd"), amounts, min_size=1, max_size=4))
    def another_import(self, parts: dict[str, Decimal]) -> None:
        self.lines = [line(name, amount) for name, amount in sorted(parts.items())]

    @rule(split=st.sampled_from(["bundled", "resource"]))
    def another_split(self, split: str) -> None:
        self.settings = self.settings.model_copy(update={"split": Split(split)})

    @rule(data=st.data())
    def some_are_billed(self, data: st.DataObject) -> None:
        for number, charge in list(self.charges.items()):
            if data.draw(st.booleans()):
                self.charges[number] = replace(charge, billed=True)

    @rule()
    def the_store_is_lost(self) -> None:
        self.known = {}

    @rule(data=st.data())
    def a_run_that_dies(self, data: st.DataObject) -> None:
        """It writes some, and what it wrote is settled by looking it up before anything else is written."""
        changes = self.plan().applicable()
        if changes:
            for change in changes[: data.draw(st.integers(0, len(changes)))]:
                self.write(change)
                # The next run looks up what is open by its key before it plans.
                self.settle(change)

    @rule()
    def a_run(self) -> None:
        for _ in range(3):
            for change in self.plan().applicable():
                self.write(change)
                self.settle(change)
        assert self.plan().changes == ()
        assert self.total() == sum((one.amount for one in self.lines), Decimal(0)).quantize(
            Decimal("0.01"), ROUND_HALF_UP
        )

    @invariant()
    def no_key_twice(self) -> None:
        keys = [charge.key for charge in self.charges.values()]
        assert len(set(keys)) == len(keys)

    def plan(self) -> ChargePlan:
        return plan_charges(facts(self.lines, self.settings, tuple(self.charges.values()), known=self.known))

    def total(self) -> Decimal:
        return sum((charge.amount for charge in self.charges.values()), Decimal(0))

    def write(self, change: ChargeChange) -> None:
        if change.charge_id is not None:
            assert not self.charges[change.charge_id].billed
        if change.after is None:
            assert change.charge_id is not None
            del self.charges[change.charge_id]
            return
        number = change.charge_id or self.next
        self.next += 1
        self.charges[number] = ExistingCharge(
            id=number, contract_id=change.contract_id, key=change.key, values=change.after
        )

    def settle(self, change: ChargeChange) -> None:
        others = tuple(one for one in self.known.get(change.key.base, ()) if one.key != change.key)
        there = [charge for charge in self.charges.values() if charge.key == change.key]
        mine = tuple(KnownCharge(key=change.key, charge_id=one.id, price=one.amount) for one in there)
        self.known = {**self.known, change.key.base: (*others, *mine)}


TestM15WhateverTheOrder = Charging.TestCase
TestM15WhateverTheOrder.settings = tries(40, stateful_step_count=12)


def told_by(portal: str, subscription: str, customer: str = "c", product: str = "usage") -> Consumed:
    one = line("vm", "100", customer_id=customer, dimensions={"subscription_id": subscription, "product_type": product})
    return Consumed(
        portal=portal, identity=portal, customer_id=customer, customer="Acme", period_start=OCTOBER[0],
        period_end=OCTOBER[1], lines=(one,),
    )  # fmt: skip


def plan_of(*told: Consumed, **more: object) -> ChargePlan:
    keys = [CustomerKey(one.portal, one.customer_id) for one in told]
    charging = PortalCharging(settings=BASE, mode=Mode.AUTOMATIC, hold_to_zero=False)
    values: dict[str, object] = {
        "consumed": told, "customers": {key: CustomerMapping(key, "Acme", 1001) for key in keys},
        "portals": {one.portal: charging for one in told},
    }  # fmt: skip
    return plan_charges(facts([], BASE, **(values | more)))


def test_m15_a_use_that_two_portals_tell_is_not_charged_twice_without_a_person() -> None:
    plan = plan_of(told_by("Azure", "SUB-1"), told_by("Distributor", "sub-1"))
    assert [one.status for one in plan.changes] == [ChangeStatus.HELD, ChangeStatus.HELD]
    assert "Distributor" in str(plan.changes[0].holds[0])
    approved = replace(Decisions(), approved={one.id: "anna" for one in plan.changes})
    again = plan_of(told_by("Azure", "SUB-1"), told_by("Distributor", "sub-1"), decisions=approved)
    assert [one.status for one in again.changes] == [ChangeStatus.APPROVED, ChangeStatus.APPROVED]


def test_m15_what_is_charged_stays_when_another_portal_tells_it_too() -> None:
    first = plan_of(told_by("Azure", "sub-1"))
    [made] = first.changes
    assert made.status is ChangeStatus.READY
    assert made.after is not None
    there = ExistingCharge(id=1, contract_id=7001, key=made.key, values=made.after, quantity=Decimal(1), billed=False)
    plan = plan_of(told_by("Azure", "sub-1"), told_by("Distributor", "sub-1"), existing=(there,))
    assert [(one.portal, one.status) for one in plan.changes] == [("Distributor", ChangeStatus.HELD)]


@pytest.mark.parametrize("other", [
    told_by("Distributor", "sub-2"), told_by("Distributor", "sub-1", product="reservation"),
    told_by("Distributor", "sub-1", product="licence"), told_by("Distributor", ""),
])  # fmt: skip
def test_other_uses_of_two_portals_go_ahead(other: Consumed) -> None:
    plan = plan_of(told_by("Azure", "sub-1"), other)
    assert {one.status for one in plan.changes} == {ChangeStatus.READY}
