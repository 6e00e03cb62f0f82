"""Contracts a subscription, as pure values: never two for one, dates and grids, types, names, offers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.contract import CatalogueItem, Company, Contract, ContractState, ItemRef, LineKind, PeriodType
from core.domain.errors import InputError
from core.domain.mapping import CustomerKey, CustomerMapping, WorkspaceMapping
from core.domain.plan import ChangeKind
from core.domain.policy import Mode
from core.domain.ports import SubscriptionContract
from core.domain.provisioning.facts import Holdings, MadeContract, ProvisionPlan, SubscriptionKey, Wanted
from core.domain.provisioning.offers import fitting_contracts, fitting_services
from core.domain.provisioning.policy import ContractKind, ContractPolicy
from core.domain.provisioning.provision import provision
from core.domain.provisioning.steps import KEY_LENGTH, NAME_LENGTH, filled, short_key
from core.domain.provisioning.subscription import Dates, SubscriptionType, dates_of, period_of, type_of
from core.domain.target import KnownLine, PortalUsage
from core.domain.usage import UsageLine
from tests.looking import tries

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
PER = ContractPolicy(kind=ContractKind.PER_SUBSCRIPTION, service_billing_code=1, product_billing_code=2)


def usage(identity: str = "s", customer: str = "a", **more: Any) -> UsageLine:
    values: dict[str, Any] = {
        "customer_id": customer, "customer": customer, "product_key": "P", "product": "Premium", "quantity": Decimal(5),
        "term": "P1Y", "billing_frequency": "monthly", "subscription_id": identity,
        "period_start": date(2026, 6, 15), "period_end": date(2027, 6, 14),
    }  # fmt: skip
    return UsageLine(**(values | more))


def portal(*lines: UsageLine, present: bool = True, mode: Mode = Mode.AUTOMATIC) -> PortalUsage:
    known = tuple(KnownLine(line, present, NOW, NOW, number) for number, line in enumerate(lines))
    return PortalUsage(portal="Cloud", mode=mode, lines=known, read_at=NOW)


COMPANIES = {number: Company(number, f"C{number}", company_type=1) for number in (1, 2)}
MAPPING = WorkspaceMapping(
    customers={
        CustomerKey("Cloud", name): CustomerMapping(CustomerKey("Cloud", name), name, number)
        for name, number in (("a", 1), ("b", 2))
    }
)
EMPTY = ContractState(companies=COMPANIES, items={}, contracts={}, lines={})


def run(given_portal: PortalUsage, state: ContractState = EMPTY, made: Any = None, **held: Any) -> ProvisionPlan:
    wanted = Wanted({"Cloud": PER}, made or {})
    return provision([given_portal], MAPPING, state, wanted, Holdings(**held), NOW, TODAY)


def carried_out(
    plan: ProvisionPlan, state: ContractState, held: dict[str, Any]
) -> tuple[ContractState, dict[str, Any], Any]:
    """Autotask after everything planned was made, and what is remembered of it."""
    contracts, items = dict(state.contracts), dict(state.items)
    owned: list[SubscriptionContract] = list(held.get("owned", ()))
    products = set(held.get("products", ()))
    made = {}
    for change in plan.changes:
        step = change.step
        assert step is not None
        if change.kind is ChangeKind.ADD_CONTRACT:
            assert step.start
            assert step.end
            number = 100 + len(contracts)
            contract = Contract(number, change.company_id, step.name, step.start, step.end, step.period_type)
            contracts[number] = contract
            owned.append(SubscriptionContract(contract, step.key))
            made[SubscriptionKey("Cloud", step.key)] = MadeContract(number, step.name, step.start, step.end)
        elif change.kind is ChangeKind.ADD_SERVICE:
            ref = ItemRef(LineKind.SERVICE, 500 + len(items))
            items[ref] = CatalogueItem(
                ref, step.name, True, step.period_type, step.unit_price, step.unit_cost, step.key
            )
        elif change.kind is ChangeKind.ADD_PRODUCT:
            products.add(step.key)
    after = {"has_field": True, "owned": tuple(owned), "products": frozenset(products)}
    return replace(state, contracts=contracts, items=items), after, made


subscriptions = st.lists(
    st.builds(
        usage,
        st.sampled_from(["s1", "s2", "S1", "s3", "s4"]),
        st.sampled_from(["a", "b", "nobody"]),
        product=st.sampled_from(["Premium", "Azure plan", "Reserved VM", "Marketplace: X", "Perpetual Y"]),
        product_key=st.sampled_from(["P", "Q"]),
        billing_frequency=st.sampled_from(["monthly", "yearly", "once", ""]),
        unit_price=st.sampled_from([None, Decimal(3), Decimal(4)]),
    ),
    max_size=8,
    unique_by=lambda line: line.key,
)


@tries(60)
@given(subscriptions)
def test_m1_m4_made_once_and_never_again(lines: list[UsageLine]) -> None:
    first = run(portal(*lines))
    contracts = [
        change.step.key.casefold() for change in first.changes if change.kind is ChangeKind.ADD_CONTRACT and change.step
    ]
    assert len(contracts) == len(set(contracts)), "never two contracts for one subscription"
    state, held, made = carried_out(first, EMPTY, {})
    second = run(portal(*lines), state, made, **held)
    assert [change.kind for change in second.changes if change.kind is not ChangeKind.PRICE_SERVICE] == []
    lines_wanted = [(target.contract_id, target.item) for target in second.targets]
    assert len(lines_wanted) == len(set(lines_wanted)), "one target a line (M5)"


@tries(60)
@given(subscriptions, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(lines: list[UsageLine], random: Any) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)
    one, other = run(portal(*lines)), run(portal(*shuffled))
    assert sorted(change.kind for change in one.changes) == sorted(change.kind for change in other.changes)
    assert {change.step.key for change in one.changes if change.step} == {c.step.key for c in other.changes if c.step}


def test_without_the_policy_everything_is_left_as_it_is() -> None:
    mine = portal(usage())
    plan = provision([mine], MAPPING, EMPTY, Wanted(), Holdings(), NOW, TODAY)
    assert (plan.changes, plan.targets, plan.usage, plan.state) == ((), (), (mine,), EMPTY)


def test_m2_nothing_is_made_from_a_portal_that_was_not_read_lately() -> None:
    old = replace(portal(usage()), read_at=NOW - timedelta(days=9))
    plan = run(old)
    assert plan.changes == ()
    assert [finding.kind.value for finding in plan.findings] == ["stale"]


def test_s2_25_no_date_is_guessed() -> None:
    plan = run(portal(usage(period_start=None, period_end=None)))
    assert plan.changes == ()
    assert "does not tell when" in str(plan.findings[0].message)


def test_a_contract_of_another_company_is_never_written() -> None:
    contract = Contract(7, 2, "Theirs", date(2026, 1, 1), date(2027, 12, 31), PeriodType.MONTHLY)
    state = replace(EMPTY, contracts={7: contract})
    plan = run(portal(usage("s")), state, has_field=True, owned=(SubscriptionContract(contract, "s"),))
    assert (plan.changes, plan.targets) == ((), ())
    assert plan.findings[0].kind.value == "ambiguous"


def test_s2_19_a_contract_is_never_shortened() -> None:
    contract = Contract(7, 1, "Ours", date(2026, 6, 15), date(2030, 1, 1), PeriodType.MONTHLY)
    plan = run(
        portal(usage("s")),
        replace(EMPTY, contracts={7: contract}),
        has_field=True,
        owned=(SubscriptionContract(contract, "s"),),
    )
    assert ChangeKind.EXTEND_CONTRACT not in {change.kind for change in plan.changes}


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"product": "Azure plan"}, SubscriptionType.AZURE_PLAN),
        ({"product": "Microsoft Azure"}, SubscriptionType.AZURE_SUBSCRIPTION),
        ({"product": "Reserved VM Instance, Standard_D2s"}, SubscriptionType.RESERVED),
        ({"product": "Windows Server 2022 - perpetual"}, SubscriptionType.PERPETUAL),
        ({"product": "SUSE software subscription"}, SubscriptionType.SOFTWARE),
        ({"product": "Firewall", "attributes": {"subscription_type": "marketplace"}}, SubscriptionType.MARKETPLACE),
        ({"product": "Microsoft 365 Business Premium"}, SubscriptionType.LICENCE),
        ({"product": "Something paid once", "billing_frequency": "once"}, SubscriptionType.PERPETUAL),
    ],
)
def test_s2_07_types_of_subscriptions(more: dict[str, Any], kind: SubscriptionType) -> None:
    assert type_of(usage(**more)) is kind


@pytest.mark.parametrize(
    ("kind", "more", "dates", "period"),
    [
        (SubscriptionType.LICENCE, {}, (date(2026, 6, 15), date(2027, 6, 14)), "monthly"),
        (SubscriptionType.LICENCE, {"period_end": None}, (date(2026, 6, 15), date(2027, 6, 14)), "monthly"),
        (SubscriptionType.LICENCE, {"period_end": None, "term": "P1M"}, (date(2026, 6, 15), date(2026, 12, 14)), "monthly"),
        (SubscriptionType.LICENCE, {"period_end": None, "term": "P3Y", "period_start": date(2020, 2, 29)},
         (date(2020, 2, 29), date(2029, 2, 27)), "monthly"),
        (SubscriptionType.LICENCE, {"billing_frequency": "yearly"}, (date(2026, 6, 15), date(2027, 6, 14)), "yearly"),
        (SubscriptionType.AZURE_PLAN, {"period_start": date(2026, 11, 9)}, (date(2026, 11, 1), date(2099, 12, 31)), "monthly"),
        (SubscriptionType.PERPETUAL, {"billing_frequency": "once", "period_end": date(2026, 7, 14)},
         (date(2026, 6, 15), date(2026, 7, 14)), "monthly"),
        (SubscriptionType.PERPETUAL, {"billing_frequency": "once", "period_end": date(2029, 6, 14)},
         (date(2026, 6, 15), date(2027, 6, 14)), "yearly"),
        (SubscriptionType.LICENCE, {"billing_frequency": "triennial", "term": "P3Y", "period_end": date(2029, 6, 14)},
         (date(2026, 6, 15), date(2027, 6, 14)), "yearly"),
        (SubscriptionType.LICENCE, {"period_end": date(2026, 7, 14), "attributes": {
            "subscription_start": "2026-01-15", "subscription_end": "2027-01-14"}}, (date(2026, 1, 15), date(2027, 1, 14)), "monthly"),
    ],
)  # fmt: skip
def test_s2_04_s2_25_terms_become_dates_and_grids(
    kind: SubscriptionType, more: dict[str, Any], dates: tuple[date, date], period: str
) -> None:
    lines = [usage(**more)]
    found = dates_of(kind, lines, TODAY)
    assert found == Dates(*dates)
    assert period_of(lines, Dates(*dates)) == period


@given(st.dates(date(2015, 1, 1), date(2026, 11, 20)), st.sampled_from(["P1M", "P1Y", "P3Y", "P6M"]))
def test_s2_19_a_term_always_runs_today_and_ends_within_its_length(start: date, term: str) -> None:
    found = dates_of(SubscriptionType.LICENCE, [usage(period_start=start, period_end=None, term=term)], TODAY)
    assert found is not None
    assert found.start == start
    assert found.end >= TODAY
    months = int(term[1]) * (12 if term[2] == "Y" else 1)
    assert (found.end - TODAY).days <= months * 31


@given(st.text(max_size=120))
def test_keys_fit_and_stay_apart(text: str) -> None:
    assert len(short_key(text)) <= KEY_LENGTH
    assert short_key(text) != short_key(text + "x" * KEY_LENGTH)


def test_names_follow_the_template_and_fit() -> None:
    told = {
        "product": "Premium",
        "customer": "",
        "subscription": "s",
        "term": "",
        "period": "monthly",
        "portal": "Cloud",
    }
    assert filled("{product} - {customer}", **told) == "Premium"
    assert len(filled("{product}", **(told | {"product": "x" * 300}))) == NAME_LENGTH


@pytest.mark.parametrize("template", ["{product.__class__}", "{0}", "{", "", "{secret}"])
def test_a_template_reaches_nothing_but_its_words(template: str) -> None:
    with pytest.raises(InputError):
        PER.model_copy(update={"contract_name": template}).check()


def test_s4_12_s4_13_s4_23_what_is_offered() -> None:
    def contract(number: int, start: date, period: PeriodType, company: int = 1) -> Contract:
        return Contract(number, company, f"K{number}", start, date(2030, 1, 1), period)

    contracts = [
        contract(1, date(2026, 1, 1), PeriodType.MONTHLY), contract(2, date(2026, 8, 1), PeriodType.MONTHLY),
        contract(3, date(2026, 1, 1), PeriodType.YEARLY), contract(4, date(2026, 1, 1), PeriodType.MONTHLY, 2),
        contract(5, date(2026, 6, 15), PeriodType.MONTHLY),
    ]  # fmt: skip
    created = date(2026, 6, 15)
    fitting = fitting_contracts(contracts, 1, SubscriptionType.LICENCE, "monthly", created, TODAY)
    assert [one.id for one in fitting] == [5, 1]
    azure = fitting_contracts(contracts, 1, SubscriptionType.AZURE_PLAN, "monthly", created, TODAY)
    assert [one.id for one in azure] == [1]
    items = [
        CatalogueItem(ItemRef(LineKind.SERVICE, 1), "Monthly", True, PeriodType.MONTHLY, Decimal(1)),
        CatalogueItem(ItemRef(LineKind.SERVICE, 2), "Yearly", True, PeriodType.YEARLY, Decimal(1)),
        CatalogueItem(ItemRef(LineKind.SERVICE, 3), "Free", True, PeriodType.MONTHLY, Decimal(0), Decimal(0)),
    ]
    assert [one.name for one in fitting_services(items, SubscriptionType.LICENCE, "monthly")] == ["Free", "Monthly"]
    assert [one.name for one in fitting_services(items, SubscriptionType.AZURE_PLAN, "monthly")] == ["Free"]


def test_a_cancelled_subscription_gets_no_contract() -> None:
    plan = run(portal(usage(attributes={"status": "cancelled"})))
    assert (plan.changes, plan.findings) == ((), ())
