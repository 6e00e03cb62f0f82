"""What holds for all targets and plans made of random portals, mappings and contracts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from core.domain.contract import ContractLine, ContractState, ItemRef, LineKind, LineRef, PeriodType
from core.domain.mapping import (
    CustomerKey,
    CustomerMapping,
    ProductKey,
    ProductRule,
    Rounding,
    RuleSource,
    WorkspaceMapping,
)
from core.domain.plan import Plan
from core.domain.policy import Mode
from core.domain.target import PortalUsage
from core.domain.targets import compute_targets
from tests.looking import tries
from tests.unit.autotask_model import ModelLine, apply, observed
from tests.unit.builders import AT_ONCE, NOW, TODAY, contract, line, plan_of, used, world

PORTALS = ("Duo", "Pax8")
CUSTOMERS = ("a", "b", "c", "d")
PRODUCTS = ("p", "q", "r")
ITEMS = tuple(ItemRef(LineKind.SERVICE, number) for number in (500, 501, 502))
LONG_AGO = NOW - timedelta(days=30)


@dataclass(frozen=True)
class Case:
    portals: tuple[PortalUsage, ...]
    mapping: WorkspaceMapping
    state: ContractState
    models: dict[LineRef, ModelLine]

    def plan(self, portals: tuple[PortalUsage, ...] | None = None, state: ContractState | None = None) -> Plan:
        return plan_of(self.portals if portals is None else portals, self.mapping, state or self.state)


@st.composite
def portal_usages(draw: st.DrawFn, name: str) -> PortalUsage:
    """Lines are never fresher than the customer they belong to: nothing was named by itself."""
    keys = draw(st.sets(st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(PRODUCTS)), min_size=3, max_size=9))
    read_at = draw(st.sampled_from([*[NOW] * 8, LONG_AGO, None]))
    moments = {customer: draw(st.sampled_from([NOW, NOW, LONG_AGO])) for customer, _ in keys} if read_at else {}
    failed = draw(st.sampled_from([set(), set(), set(), {"a"}, {"b"}]))
    lines = tuple(
        used(
            draw(st.integers(0, 30)),
            customer,
            product,
            present=draw(st.booleans()) or draw(st.booleans()),
            confirmed=moments.get(customer, LONG_AGO),
        )
        for customer, product in sorted(keys)
    )
    return PortalUsage(
        portal=name,
        mode=draw(st.sampled_from(Mode)),
        policy=AT_ONCE,
        lines=lines,
        read_at=read_at,
        confirmed_at=moments,
        failed_customers=frozenset(failed),
    )


@st.composite
def rules(draw: st.DrawFn, number: int) -> ProductRule:
    products = draw(st.sets(st.tuples(st.sampled_from(PORTALS), st.sampled_from(PRODUCTS)), min_size=1, max_size=3))
    return ProductRule(
        id=number,
        item=draw(st.sampled_from(ITEMS)),
        sources=tuple(
            RuleSource(ProductKey(portal, product), f"n{index}")
            for index, (portal, product) in enumerate(sorted(products))
        ),
        formula=draw(
            st.sampled_from(["quantity", "n0", "max(0, ceil(quantity * 1.1) - 5)", "quantity / 2", "n0 * 2 + 1"])
        ),
        minimum=draw(st.none() | st.just(Decimal(3))),
        rounding=draw(st.sampled_from(Rounding)),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    contracts = []
    entries = []
    models = {}
    for company in (10, 11, 12):
        for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
            home = contract(
                len(contracts) + 1, company, period=draw(st.sampled_from([PeriodType.MONTHLY, PeriodType.YEARLY]))
            )
            contracts.append(home)
            for item in ITEMS if draw(st.integers(0, 3)) else ITEMS[:1]:
                entry = ContractLine(line(100 + len(entries)), home.id, item, unit_price=Decimal(2))
                entries.append(entry)
                models[entry.ref] = ModelLine(home, {home.start: draw(st.integers(0, 30))})
    customers = {}
    for portal in PORTALS:
        for customer in CUSTOMERS:
            company_id = draw(st.sampled_from([10, 10, 10, 11, 11, 12, None]))
            ignored = draw(st.sampled_from([*[None] * 6, "test tenant"]))
            key = CustomerKey(portal, customer)
            if draw(st.integers(0, 9)):
                customers[key] = CustomerMapping(key, customer.upper(), company_id, ignored)
    mapping = WorkspaceMapping(
        customers=customers, rules=tuple(draw(rules(number)) for number in range(1, draw(st.integers(1, 4)) + 1))
    )
    state = world(entries, contracts, {ref: model.rows() for ref, model in models.items()})
    return Case(tuple(draw(portal_usages(name)) for name in PORTALS), mapping, state, models)


def companies_of(case: Case, portal: str) -> set[int]:
    return {
        known.company_id
        for key, known in case.mapping.customers.items()
        if key.portal == portal and known.company_id is not None and known.ignored is None
    }


@given(cases())
def test_m1_after_one_plan_there_is_nothing_left_to_do(case: Case) -> None:
    plan = case.plan()
    apply(plan.changes, case.models)
    assert case.plan(state=observed(case.state, case.models)).changes == ()


@given(cases())
def test_only_lines_of_mapped_customers_and_products_are_touched(case: Case) -> None:
    managed = {
        (known.company_id, rule.item)
        for rule in case.mapping.rules
        for known in case.mapping.customers.values()
        if known.company_id is not None and known.ignored is None
    }
    for change in case.plan().changes:
        assert (change.company_id, change.item) in managed
        for source in change.sources:
            known = case.mapping.customers[CustomerKey(source.portal, source.line.usage.customer_id)]
            assert known.company_id == change.company_id
            assert known.ignored is None


@given(cases(), st.sampled_from(PORTALS))
def test_m2_a_portal_that_is_unknown_lowers_nothing(case: Case, lost: str) -> None:
    """Whatever was there before: when nothing is known of a portal, no line that it feeds changes."""
    fed = {rule.item for rule in case.mapping.rules if any(source.product.portal == lost for source in rule.sources)}
    blank = tuple(
        replace(portal, lines=(), read_at=None, confirmed_at={}) if portal.portal == lost else portal
        for portal in case.portals
    )
    only_lost = {
        rule.id for rule in case.mapping.rules if any(source.product.portal == lost for source in rule.sources)
    }
    for change in case.plan(blank).changes:
        assert change.item not in fed or not {source.rule_id for source in change.sources} & only_lost


@given(cases())
def test_m3_every_changed_line_knows_all_of_its_sources(case: Case) -> None:
    portals = {portal.portal: portal for portal in case.portals}
    by_id = {rule.id: rule for rule in case.mapping.rules}
    for change in case.plan().changes:
        for rule_id in {source.rule_id for source in change.sources}:
            for name in {source.product.portal for source in by_id[rule_id].sources}:
                portal = portals[name]
                for key, known in case.mapping.customers.items():
                    if key.portal != name or known.company_id != change.company_id or known.ignored is not None:
                        continue
                    whole = portal.read_at if key.customer_id not in portal.failed_customers else None
                    moments = [m for m in (portal.confirmed_at.get(key.customer_id), whole) if m is not None]
                    assert moments, f"{key} was never read"
                    assert NOW - max(moments) <= timedelta(days=3), f"{key} is stale"


@given(cases())
def test_m9_no_line_is_written_where_several_fit(case: Case) -> None:
    plan = case.plan()
    contested = {
        reference for finding in plan.findings if finding.kind == "ambiguous" for reference, _ in finding.candidates
    }
    assert not contested & {change.line.text for change in plan.changes if change.line}


@given(cases())
def test_m12_units_are_whole_and_never_negative(case: Case) -> None:
    for change in case.plan().changes:
        assert isinstance(change.to_units, int)
        assert change.to_units >= 0
        assert change.money_per_period == Decimal(2) * change.unit_change


@given(cases())
def test_m13_each_change_tells_where_its_number_comes_from(case: Case) -> None:
    for change in case.plan().changes:
        assert change.sources
        assert change.explanation
        assert change.portals == tuple(sorted({source.portal for source in change.sources}))
        item_rules = {rule.id for rule in case.mapping.rules if rule.item == change.item}
        assert {source.rule_id for source in change.sources} <= item_rules


@tries(60)
@given(cases(), st.integers(0, 1000))
def test_the_order_of_what_goes_in_does_not_matter(case: Case, seed: int) -> None:
    random = Random(seed)

    def shuffled(values: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(random.sample(values, len(values)))

    portals = tuple(
        replace(portal, lines=shuffled(portal.lines))
        for portal in shuffled(case.portals)  # type: ignore[type-var, arg-type]
    )
    mapping = replace(
        case.mapping,
        rules=shuffled(case.mapping.rules),
        customers=dict(shuffled(tuple(case.mapping.customers.items()))),  # type: ignore[arg-type]
    )
    lines = dict(shuffled(tuple(case.state.lines.items())))  # type: ignore[arg-type]
    state = replace(case.state, lines=lines, contracts=dict(reversed(case.state.contracts.items())))
    assert compute_targets(portals, mapping, state, NOW, TODAY) == compute_targets(
        case.portals, case.mapping, case.state, NOW, TODAY
    )
    assert plan_of(portals, mapping, state) == case.plan()


@given(cases(), st.sampled_from(PORTALS), st.sampled_from(CUSTOMERS))
def test_m2_a_reading_that_missed_a_customer_changes_nothing_of_it(case: Case, portal_name: str, customer: str) -> None:
    """A customer that the last reading could not get, and that no earlier one got, is not zero."""
    portals = tuple(
        replace(
            portal,
            lines=tuple(known for known in portal.lines if known.usage.customer_id != customer),
            confirmed_at={key: moment for key, moment in portal.confirmed_at.items() if key != customer},
            failed_customers=frozenset({customer}),
        )
        if portal.portal == portal_name
        else portal
        for portal in case.portals
    )
    known = case.mapping.customers.get(CustomerKey(portal_name, customer))
    if known is None or known.company_id is None or known.ignored is not None:
        return
    for change in case.plan(portals).changes:
        if change.company_id == known.company_id:
            fed_by = {
                source.product.portal
                for rule in case.mapping.rules
                if rule.id in {s.rule_id for s in change.sources}
                for source in rule.sources
            }
            assert portal_name not in fed_by


def test_these_cases_are_not_empty() -> None:
    """Guards the tests above against proving nothing: many of their worlds have changes to make, and much that blocks them."""
    seen: Counter[str] = Counter()

    @tries(150)
    @given(cases())
    def look(case: Case) -> None:
        plan = case.plan()
        seen.update({"changes": bool(plan.changes), **{finding.kind.value: 1 for finding in plan.findings}})

    look()
    assert seen["changes"] >= 30
    assert {"stale", "ambiguous", "unmapped", "no_line", "orphan_line"} <= seen.keys()
